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
        expect![[r#"
            create table cat.db.bid temporary if_not_exists
              auction: BIGINT NOT NULL comment=which 'one'
              price: DECIMAL(23, 3)
              extra: ROW<`a` INT, `b` STRING NOT NULL>
              pt: = PROCTIME() «PROCTIME()»
              dateTime: TIMESTAMP(3)
              local_price: = price * 0.908 «price * 0.908» comment=in euro
              offset: BIGINT metadata virtual
              rowtime: TIMESTAMP_LTZ(3) metadata from=timestamp comment=from the log
              watermark (dateTime) `dateTime` - INTERVAL '4 SECONDS'
              key name=pk (auction, price)
              comment=bids partitioned(auction, price) with(connector=nexmark, fields.#.min=1)
        "#]],
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
        expect![[r#"
            create table t
              id: INT comment=x
              b: STRING
              key (id)
            create table t
              id: INT NOT NULL
              key name=c (id)
            error[MS1012]: a PRIMARY KEY cannot be enforced: the data belongs to somebody else
              --> line 1, column 24
               |
             1 | CREATE TABLE t (id INT PRIMARY KEY)
               |                        ^^^^^^^^^^^
              hint: write PRIMARY KEY (..) NOT ENFORCED
            error[MS1012]: a PRIMARY KEY cannot be enforced: the data belongs to somebody else
              --> line 1, column 25
               |
             1 | CREATE TABLE t (id INT, PRIMARY KEY (id) ENFORCED)
               |                         ^^^^^^^^^^^^^^^^^^^^^^^^^
              hint: write PRIMARY KEY (..) NOT ENFORCED
            error[MS1002]: UNIQUE is not supported yet
              --> line 1, column 25
               |
             1 | CREATE TABLE t (id INT, UNIQUE (id) NOT ENFORCED)
               |                         ^^^^^^
            error[MS1012]: the table has more than one PRIMARY KEY
              --> line 1, column 50
               |
             1 | CREATE TABLE t (id INT PRIMARY KEY NOT ENFORCED, PRIMARY KEY (id) NOT ENFORCED)
               |                                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        "#]],
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
        expect![[r#"
            create table t
              like s
            create table t
              a: INT
              with(k=v) like db.s options(Including All, Excluding Constraints, Overwriting Options)
            create table t
              with(connector=print)
              as SELECT a, b FROM s
            create table t
              b: listed
              a: listed
              with(connector=print)
              as SELECT a, b FROM s
            create table t
              c: = a + 1 «a + 1»
              watermark (ts) ts
              as WITH x AS (SELECT 1 AS a) SELECT * FROM x
            create table t
            error[MS1001]: the column 'a' has no type
              --> line 1, column 17
               |
             1 | CREATE TABLE t (a, b INT)
               |                 ^
            error[MS1001]: a table is made either LIKE another or AS a query
              --> line 1, column 21
               |
             1 | CREATE TABLE t LIKE s AS SELECT 1
               |                     ^
            error[MS1001]: OVERWRITING goes with OPTIONS, GENERATED, METADATA and WATERMARKS only
              --> line 1, column 24
               |
             1 | CREATE TABLE t LIKE s (OVERWRITING CONSTRAINTS)
               |                        ^^^^^^^^^^^^^^^^^^^^^^^
            error[MS1001]: this feature of LIKE is given twice
              --> line 1, column 42
               |
             1 | CREATE TABLE t LIKE s (INCLUDING OPTIONS EXCLUDING OPTIONS)
               |                                          ^^^^^^^^^^^^^^^^^
        "#]],
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
        expect![[r#"
            error[MS1012]: the column 'a' is given twice
              --> line 1, column 24
               |
             1 | CREATE TABLE t (a INT, a STRING)
               |                        ^
            error[MS1012]: the option 'k' is given twice
              --> line 1, column 41
               |
             1 | CREATE TABLE t (a INT) WITH ('k' = '1', 'k' = '2')
               |                                         ^^^
            error[MS1012]: the table has more than one WATERMARK
              --> line 1, column 55
               |
             1 | CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS a, WATERMARK FOR a AS a)
               |                                                       ^^^^^^^^^^^^^^^^^^^^
            error[MS1001]: a computed column cannot hold a subquery
              --> line 1, column 30
               |
             1 | CREATE TABLE t (a INT, b AS (SELECT 1))
               |                              ^^^^^^
            error[MS1002]: DISTRIBUTED BY is not supported yet
              --> line 1, column 24
               |
             1 | CREATE TABLE t (a INT) DISTRIBUTED BY HASH(a) INTO 4 BUCKETS
               |                        ^^^^^^^^^^^
            error[MS1001]: wanted an option's key in quotes, such as 'connector', found 'connector'
              --> line 1, column 30
               |
             1 | CREATE TABLE t (a INT) WITH (connector = 'print')
               |                              ^^^^^^^^^
              hint: options are texts in single quotes: 'connector' = 'print'
            error[MS1001]: wanted a column, found ')'
              --> line 1, column 23
               |
             1 | CREATE TABLE t (a INT,)
               |                       ^
            error[MS1001]: wanted a column, but 'order' is a reserved word: write `order`
              --> line 1, column 17
               |
             1 | CREATE TABLE t (order INT)
               |                 ^^^^^
            error[MS1012]: the field 'x' is defined twice
              --> line 1, column 19
               |
             1 | CREATE TABLE t (a ROW<x INT, x INT>)
               |                   ^^^^^^^^^^^^^^^^^
            error[MS1001]: a table has more than three parts; wanted catalog.database.object
              --> line 1, column 19
               |
             1 | CREATE TABLE a.b.c.d (x INT)
               |                   ^
        "#]],
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
         ALTER VIEW v AS SELECT 2",
        expect![[r#"
            create view v temporary if_not_exists columns(x, y) comment=c
            SELECT a, b FROM t
            «SELECT a, -- first
                               b FROM t»
            ---
            create view db.v
            (SELECT 1) UNION ALL SELECT 2
            «(SELECT 1) UNION ALL SELECT 2»
            ---
            alter view v rename to w
            ---
            alter view v as SELECT 2
        "#]],
    );
    check(
        "CREATE VIEW v (a, a) AS SELECT 1, 2",
        expect![[r#"
        error[MS1012]: the column 'a' is given twice
          --> line 1, column 19
           |
         1 | CREATE VIEW v (a, a) AS SELECT 1, 2
           |                   ^
    "#]],
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
        expect![[r#"
            create database c.d if_not_exists comment=x with(k=v)
            error[MS1001]: a database has at most two parts: catalog.database
              --> line 1, column 17
               |
             1 | CREATE DATABASE a.b.c
               |                 ^^^^^
            create function f temporary system if_not_exists as a.B language=JAVA using(/x.jar, /y.jar)
            create function db.f as x
            error[MS1002]: CREATE OR REPLACE is not supported yet
              --> line 1, column 1
               |
             1 | CREATE OR REPLACE TABLE t AS SELECT 1
               | ^^^^^^^^^^^^^^^^^
            error[MS1002]: CREATE CATALOG is not supported yet
              --> line 1, column 1
               |
             1 | CREATE CATALOG c WITH ('type' = 'x')
               | ^^^^^^^^^^^^^^
            error[MS1001]: wanted TABLE, VIEW, DATABASE or FUNCTION, found 'DATABASE'
              --> line 1, column 18
               |
             1 | CREATE TEMPORARY DATABASE d
               |                  ^^^^^^^^
            error[MS1001]: wanted TABLE, VIEW, DATABASE or FUNCTION, found 'INDEX'
              --> line 1, column 8
               |
             1 | CREATE INDEX i
               |        ^^^^^
        "#]],
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
        expect![[r#"
            drop Table t
            drop Table c.d.t temporary if_exists
            drop View v temporary
            drop Database d if_exists cascade
            drop Database d
            drop Function f temporary
            error[MS1001]: wanted the end of the statement, found 'CASCADE'
              --> line 1, column 14
               |
             1 | DROP TABLE t CASCADE
               |              ^^^^^^^
            alter table t if_exists set(k=v, k2=v2)
            alter table t reset(k, k2)
            alter table t rename to d.u
            alter table t rename a to b
            error[MS1002]: ALTER TABLE .. ADD is not supported yet
              --> line 1, column 1
               |
             1 | ALTER TABLE t ADD c INT
               | ^^^^^^^^^^^^^^^^^
            error[MS1002]: ALTER TABLE .. MODIFY is not supported yet
              --> line 1, column 1
               |
             1 | ALTER TABLE t MODIFY (c INT)
               | ^^^^^^^^^^^^^^^^^^^^
            error[MS1002]: ALTER DATABASE is not supported yet
              --> line 1, column 1
               |
             1 | ALTER DATABASE d SET ('k' = 'v')
               | ^^^^^^^^^^^^^^
            use database d
            use database c.d
            use catalog c
            error[MS1002]: USE MODULES is not supported yet
              --> line 1, column 1
               |
             1 | USE MODULES m
               | ^^^^^^^^^^^
        "#]],
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
        expect![[r#"
            show tables
            show tables in=c.d filter=not like a%
            show views in=d filter=like %x
            show databases in=c filter=ilike A_
            show catalogs
            show functions
            show functions user filter=like f%
            show columns in=c.d.t filter=like a
            error[MS1001]: wanted FROM and a table, found 't'
              --> line 1, column 14
               |
             1 | SHOW COLUMNS t
               |              ^
            show create table d.t
            show create view v
            show CurrentDatabase
            show CurrentCatalog
            show Jobs
            error[MS1002]: SHOW JARS is not supported yet
              --> line 1, column 1
               |
             1 | SHOW JARS
               | ^^^^^^^^^
            error[MS1001]: wanted TABLES, VIEWS, DATABASES, FUNCTIONS or another word of SHOW, found 'TABELS'
              --> line 1, column 6
               |
             1 | SHOW TABELS
               |      ^^^^^^
              hint: did you mean 'TABLES'?
            describe Table t
            describe Table c.d.t extended
            describe Database d
            describe Database d extended
            describe Table database
            describe Function f
        "#]],
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
        expect![[r#"
            insert t
            SELECT * FROM s
            insert c.d.t columns(a, order)
            VALUES (1, 'x'), (2, NULL)
            insert t overwrite partition(day_='2024-01-01', h=3)
            SELECT a FROM s
            insert t hint OPTIONS options(sink.parallelism=2) columns(a)
            SELECT a FROM s WITH (hints 0)
            hints 0: hint OPTIONS options(k=v)
            insert t
            (SELECT 1)
            insert t columns(a)
            (SELECT 1)
            insert t
            WITH x AS (SELECT 1 AS a) SELECT a FROM x
            insert t on_conflict=Deduplicate
            SELECT a, COUNT(*) FROM s GROUP BY a
            insert t
            VALUES (1), (2)
            insert t
            SELECT 1
            error[MS1001]: wanted INTO, found 't'
              --> line 1, column 8
               |
             1 | INSERT t SELECT 1
               |        ^
            error[MS1012]: the column 'a' is given twice
              --> line 1, column 19
               |
             1 | INSERT INTO t (a, a) SELECT 1, 2
               |                   ^
            error[MS1001]: the value of a partition must be a literal
              --> line 1, column 30
               |
             1 | INSERT INTO t PARTITION (a = b + 1) SELECT 1
               |                              ^
            error[MS1001]: wanted SELECT or VALUES, found the end of the text
              --> line 1, column 14
               |
             1 | INSERT INTO t
               |              ^
        "#]],
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
        expect![[r#"
            set of 2
            insert a
            SELECT CASE WHEN x THEN 1 ELSE 2 END FROM s
            insert b
            SELECT 2
            ---
            set of 1
            insert c
            SELECT 3
            ---
            explain
            set of 1
            insert d
            SELECT 4
            ---
            SELECT 5
        "#]],
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
        expect![[r#"
            error[MS1001]: the statement set holds no INSERT
              --> line 1, column 29
               |
             1 | EXECUTE STATEMENT SET BEGIN END
               |                             ^^^
            error[MS1001]: wanted INSERT or END of the statement set, found 'SELECT'
              --> line 1, column 29
               |
             1 | EXECUTE STATEMENT SET BEGIN SELECT 1; END
               |                             ^^^^^^
            error[MS1001]: wanted INSERT or END of the statement set, found the end of the text
              --> line 1, column 52
               |
             1 | EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;
               |                                                    ^
            error[MS1001]: wanted ';', found 'INSERT'
              --> line 1, column 21
               |
             1 | BEGIN STATEMENT SET INSERT INTO a SELECT 1; END
               |                     ^^^^^^
            error[MS1001]: END without BEGIN STATEMENT SET
              --> line 1, column 1
               |
             1 | END
               | ^^^
            error[MS1002]: EXECUTE PLAN is not supported yet
              --> line 1, column 1
               |
             1 | EXECUTE PLAN 'x'
               | ^^^^^^^^^^^^
        "#]],
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
        expect![[r#"
            explain
            SELECT 1
            explain
            insert t
            SELECT 1
            explain (EstimatedCost, ChangelogMode)
            SELECT 1
            explain (JsonExecutionPlan, PlanAdvice)
            SELECT 1
            explain
            create table t
              as SELECT 1
            error[MS1001]: wanted a detail such as CHANGELOG_MODE, found 'SELECT'
              --> line 1, column 25
               |
             1 | EXPLAIN CHANGELOG_MODE, SELECT 1
               |                         ^^^^^^
            error[MS1001]: wanted a query, INSERT or STATEMENT SET, found 'CHANGELOG_MOD'
              --> line 1, column 9
               |
             1 | EXPLAIN CHANGELOG_MOD SELECT 1
               |         ^^^^^^^^^^^^^
              hint: did you mean 'CHANGELOG_MODE'?
            error[MS1001]: wanted a query, INSERT or STATEMENT SET, found 'DROP'
              --> line 1, column 9
               |
             1 | EXPLAIN DROP TABLE t
               |         ^^^^
            error[MS1001]: wanted a query, INSERT or STATEMENT SET, found 'EXPLAIN'
              --> line 1, column 9
               |
             1 | EXPLAIN EXPLAIN SELECT 1
               |         ^^^^^^^
        "#]],
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
        expect![[r#"
            Set(None)
            set «table.local-time-zone» = «Europe/Zürich»
            set «table.exec.mini-batch.allow-latency» = «5 s»
            set «parallelism.default» = «4»
            error[MS1001]: wanted a value in quotes, found the end of the text
              --> line 1, column 9
               |
             1 | SET a.b=
               |         ^
            error[MS1001]: wanted '=', found the end of the text
              --> line 1, column 6
               |
             1 | SET a
               |      ^
            error[MS1001]: '//' begins a comment
              --> line 1, column 12
               |
             1 | SET path = file:///tmp
               |            ^^^^^
              hint: put the value in quotes
            Reset(None)
            reset «a.b»
            reset «a.b-c»
            Quit
            Quit
            Clear
            Help
            error[MS1001]: wanted the end of the statement, found 'me'
              --> line 1, column 6
               |
             1 | HELP me
               |      ^^
        "#]],
    );
}

#[test]
fn empty_statements_and_comments_are_nothing() {
    let nothing = " ; ;; -- only\n /* this */ // and that\n ;";
    assert_eq!(super::parse_script(nothing).unwrap(), []);
    check(
        "\u{feff}SELECT 1;;SELECT/**/2--\n",
        expect![[r#"
        SELECT 1
        ---
        SELECT 2
    "#]],
    );
}

#[test]
fn statements_need_a_semicolon_between_them() {
    check(
        "SELECT 1 SELECT 2",
        expect![[r#"
        error[MS1001]: wanted the end of the statement, found 'SELECT'
          --> line 1, column 10
           |
         1 | SELECT 1 SELECT 2
           |          ^^^^^^
    "#]],
    );
    check(
        "USE a USE b",
        expect![[r#"
        error[MS1001]: wanted the end of the statement, found 'USE'
          --> line 1, column 7
           |
         1 | USE a USE b
           |       ^^^
    "#]],
    );
}
