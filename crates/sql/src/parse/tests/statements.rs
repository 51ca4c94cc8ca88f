use expect_test::expect;

use super::{check, check_lines};

#[test]
fn a_table_has_physical_computed_and_metadata_columns_a_watermark_and_a_key() {
    check(
        "CREATE TEMPORARY TABLE IF NOT EXISTS cat.db.bid (
            `auction` BIGINT NOT NULL COMMENT 'which ''one''',
            price DECIMAL(23, 3), -- the price
            extra ROW<a INT, b STRING NOT NULL 'inner'>,
            pt AS PROCTIME(),
            `dateTime` TIMESTAMP(3),
            local_price AS price * 0.908 COMMENT 'in euro',
            `offset` BIGINT METADATA VIRTUAL,
            rowtime TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' COMMENT 'from the log',
            CONSTRAINT pk PRIMARY KEY (auction, price) NOT ENFORCED,
            WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
        ) COMMENT 'bids' PARTITIONED BY (auction, price) WITH (
            'connector' = 'nexmark', 'fields.#.min' = '1'
        );",
        expect![[""]],
    );
}

#[test]
fn a_key_may_stand_at_its_column() {
    check_lines(
        "
        CREATE TABLE t (id INT PRIMARY KEY NOT ENFORCED COMMENT 'x', b STRING)
        CREATE TABLE t (id INT NOT NULL CONSTRAINT c PRIMARY KEY NOT ENFORCED)
        CREATE TABLE t (id INT PRIMARY KEY)
        CREATE TABLE t (id INT, PRIMARY KEY (id) ENFORCED)
        CREATE TABLE t (id INT, UNIQUE (id) NOT ENFORCED)
        CREATE TABLE t (id INT PRIMARY KEY NOT ENFORCED, PRIMARY KEY (id) NOT ENFORCED)
        ",
        expect![[""]],
    );
}

#[test]
fn a_table_may_be_like_another_or_come_from_a_query() {
    check_lines(
        "
        CREATE TABLE t LIKE s
        CREATE TABLE t (a INT) WITH ('k' = 'v') LIKE db.s (INCLUDING ALL EXCLUDING CONSTRAINTS OVERWRITING OPTIONS)
        CREATE TABLE t WITH ('connector' = 'print') AS SELECT a, b FROM s
        CREATE TABLE t (b, a) WITH ('connector' = 'print') AS SELECT a, b FROM s
        CREATE TABLE t (WATERMARK FOR ts AS ts, c AS a + 1) AS WITH x AS (SELECT 1 AS a) SELECT * FROM x
        CREATE TABLE t ()
        CREATE TABLE t (a, b INT)
        CREATE TABLE t LIKE s AS SELECT 1
        CREATE TABLE t LIKE s (OVERWRITING CONSTRAINTS)
        CREATE TABLE t LIKE s (INCLUDING OPTIONS EXCLUDING OPTIONS)
        ",
        expect![[""]],
    );
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    check_lines(
        "
        CREATE TABLE t (a INT, a STRING)
        CREATE TABLE t (a INT) WITH ('k' = '1', 'k' = '2')
        CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS a, WATERMARK FOR a AS a)
        CREATE TABLE t (a INT, b AS (SELECT 1))
        CREATE TABLE t (a INT) DISTRIBUTED BY HASH(a) INTO 4 BUCKETS
        CREATE TABLE t (a INT) WITH (connector = 'print')
        CREATE TABLE t (a INT,)
        CREATE TABLE t (order INT)
        CREATE TABLE t (a ROW<x INT, x INT>)
        CREATE TABLE a.b.c.d (x INT)
        ",
        expect![[""]],
    );
}

#[test]
fn views_keep_the_text_of_their_query() {
    check(
        "CREATE TEMPORARY VIEW IF NOT EXISTS v (x, y COMMENT 'why') COMMENT 'c' AS
            SELECT a, -- first
                   b FROM t  ;
         CREATE VIEW db.v AS (SELECT 1) UNION ALL SELECT 2;
         ALTER VIEW v RENAME TO w;
         ALTER VIEW v AS SELECT 2;
         CREATE VIEW v (a, a) AS SELECT 1, 2",
        expect![[""]],
    );
}

#[test]
fn databases_and_functions() {
    check_lines(
        "
        CREATE DATABASE IF NOT EXISTS c.d COMMENT 'x' WITH ('k' = 'v')
        CREATE DATABASE a.b.c
        CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f AS 'a.B' LANGUAGE JAVA USING JAR '/x.jar', JAR '/y.jar'
        CREATE FUNCTION db.f AS 'x'
        CREATE OR REPLACE TABLE t AS SELECT 1
        CREATE CATALOG c WITH ('type' = 'x')
        CREATE TEMPORARY DATABASE d
        CREATE INDEX i
        ",
        expect![[""]],
    );
}

#[test]
fn drop_alter_and_use() {
    check_lines(
        "
        DROP TABLE t
        DROP TEMPORARY TABLE IF EXISTS c.d.t
        DROP TEMPORARY VIEW v
        DROP DATABASE IF EXISTS d CASCADE
        DROP DATABASE d RESTRICT
        DROP TEMPORARY SYSTEM FUNCTION f
        DROP TABLE t CASCADE
        ALTER TABLE IF EXISTS t SET ('k' = 'v', 'k2' = 'v2')
        ALTER TABLE t RESET ('k', 'k2')
        ALTER TABLE t RENAME TO d.u
        ALTER TABLE t RENAME a TO b
        ALTER TABLE t ADD c INT
        ALTER TABLE t MODIFY (c INT)
        ALTER DATABASE d SET ('k' = 'v')
        USE d
        USE c.d
        USE CATALOG c
        USE MODULES m
        ",
        expect![[""]],
    );
}

#[test]
fn show_and_describe() {
    check_lines(
        "
        SHOW TABLES
        SHOW TABLES FROM c.d NOT LIKE 'a%'
        SHOW VIEWS IN d LIKE '%x'
        SHOW DATABASES FROM c ILIKE 'A_'
        SHOW CATALOGS
        SHOW FUNCTIONS
        SHOW USER FUNCTIONS LIKE 'f%'
        SHOW COLUMNS FROM c.d.t LIKE 'a'
        SHOW COLUMNS t
        SHOW CREATE TABLE d.t
        SHOW CREATE VIEW v
        SHOW CURRENT DATABASE
        SHOW CURRENT CATALOG
        SHOW JOBS
        SHOW JARS
        SHOW TABELS
        DESCRIBE t
        DESC EXTENDED c.d.t
        DESCRIBE DATABASE d
        DESCRIBE DATABASE EXTENDED d
        DESCRIBE database
        DESCRIBE FUNCTION f
        ",
        expect![[""]],
    );
}

#[test]
fn insert_with_its_parts() {
    check_lines(
        "
        INSERT INTO t SELECT * FROM s
        INSERT INTO c.d.t (a, `order`) VALUES (1, 'x'), (2, NULL)
        INSERT OVERWRITE t PARTITION (day_ = '2024-01-01', h = 3) SELECT a FROM s
        INSERT INTO t /*+ OPTIONS('sink.parallelism' = '2') */ (a) SELECT a FROM s /*+ OPTIONS('k'='v') */
        INSERT INTO t (SELECT 1)
        INSERT INTO t (a) (SELECT 1)
        INSERT INTO t WITH x AS (SELECT 1 AS a) SELECT a FROM x
        INSERT INTO t SELECT a, COUNT(*) FROM s GROUP BY a ON CONFLICT DO DEDUPLICATE
        INSERT INTO t VALUES 1, 2
        EXECUTE INSERT INTO t SELECT 1
        INSERT t SELECT 1
        INSERT INTO t (a, a) SELECT 1, 2
        INSERT INTO t PARTITION (a = b + 1) SELECT 1
        INSERT INTO t
        ",
        expect![[""]],
    );
}

#[test]
fn statement_sets_come_in_two_forms() {
    check(
        "EXECUTE STATEMENT SET BEGIN
           INSERT INTO a SELECT CASE WHEN x THEN 1 ELSE 2 END FROM s;
           INSERT INTO b SELECT 2;
         END;
         BEGIN STATEMENT SET;
           INSERT INTO c SELECT 3;
         END;
         EXPLAIN STATEMENT SET BEGIN INSERT INTO d SELECT 4; END;
         EXECUTE SELECT 5;",
        expect![[""]],
    );
    check_lines(
        "
        EXECUTE STATEMENT SET BEGIN END
        EXECUTE STATEMENT SET BEGIN SELECT 1; END
        EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;
        BEGIN STATEMENT SET INSERT INTO a SELECT 1; END
        END
        EXECUTE PLAN 'x'
        ",
        expect![[""]],
    );
}

#[test]
fn explain_takes_details_and_a_statement() {
    check_lines(
        "
        EXPLAIN SELECT 1
        EXPLAIN PLAN FOR INSERT INTO t SELECT 1
        EXPLAIN ESTIMATED_COST, CHANGELOG_MODE, CHANGELOG_MODE SELECT 1
        EXPLAIN JSON_EXECUTION_PLAN, PLAN_ADVICE SELECT 1
        EXPLAIN CREATE TABLE t AS SELECT 1
        EXPLAIN CHANGELOG_MODE, SELECT 1
        EXPLAIN CHANGELOG_MOD SELECT 1
        EXPLAIN DROP TABLE t
        EXPLAIN EXPLAIN SELECT 1
        ",
        expect![[""]],
    );
}

#[test]
fn settings_are_quoted_or_not() {
    check_lines(
        "
        SET
        SET 'table.local-time-zone' = 'Europe/Zürich'
        SET table.exec.mini-batch.allow-latency = 5 s
        SET 'parallelism.default' = 4
        SET a.b=
        SET a
        SET path = file:///tmp
        RESET
        RESET 'a.b'
        RESET a.b-c
        QUIT
        EXIT
        CLEAR
        HELP
        HELP me
        ",
        expect![[""]],
    );
}

#[test]
fn empty_statements_and_comments_are_nothing() {
    check(" ; ;; -- only\n /* this */ // and that\n ;", expect![[""]]);
    check("\u{feff}SELECT 1;;SELECT/**/2--\n", expect![[""]]);
}

#[test]
fn statements_need_a_semicolon_between_them() {
    check("SELECT 1 SELECT 2", expect![[""]]);
    check("USE a USE b", expect![[""]]);
}
