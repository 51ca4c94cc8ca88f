use expect_test::expect;

use super::{last, table, types};

#[test]
fn describe_shows_types_keys_and_the_watermark() {
    expect![[r#"
        auction | BIGINT | TRUE | NULL | NULL | NULL | NULL
        bidder | BIGINT | TRUE | NULL | NULL | NULL | NULL
        price | BIGINT | TRUE | NULL | NULL | NULL | NULL
        channel | STRING | TRUE | NULL | NULL | NULL | NULL
        ts | TIMESTAMP(3) | TRUE | NULL | NULL | ts - INTERVAL '4' SECOND | NULL
        amount | DECIMAL(10, 2) | TRUE | NULL | NULL | NULL | NULL
        small | INT | TRUE | NULL | NULL | NULL | NULL
        p | TIMESTAMP_LTZ(3) | FALSE | NULL | AS PROCTIME() | NULL | NULL
    "#]]
    .assert_eq(&table("DESCRIBE bid"));
}

#[test]
fn show_create_table_can_be_read_again() {
    let sql = table("SHOW CREATE TABLE bid");
    let again = sql.replace("`bid`", "`bid2`");
    assert_eq!(table(&format!("{again}; SHOW CREATE TABLE bid2")), again);
}

#[test]
fn views_databases_and_like_work_together() {
    expect![[r#"
        bid
        endless
        files
        sink
        v
    "#]]
    .assert_eq(&table(
        "CREATE VIEW v AS SELECT k FROM endless; SHOW TABLES",
    ));
    expect![[r#"
        default_database
        shop
    "#]]
    .assert_eq(&table("CREATE DATABASE shop; SHOW DATABASES"));
    expect![[r#"
        k | INT | TRUE | NULL | NULL | NULL | NULL
        v | BIGINT | TRUE | NULL | NULL | NULL | NULL
        w | DOUBLE | TRUE | NULL | NULL | NULL | NULL
    "#]]
    .assert_eq(&table(
        "CREATE TABLE copy (w DOUBLE) LIKE endless; DESCRIBE copy",
    ));
}

#[test]
fn result_types_are_those_of_flink() {
    expect!["a: BIGINT, b: DECIMAL(24, 3), c: INT, d: DECIMAL(13, 2), e: INT NOT NULL, f: DOUBLE"]
        .assert_eq(&types(
            "SELECT price + 1 AS a, 0.908 * price AS b, small / 2 AS c, amount + 1 AS d, 1 AS e, \
             price * 1e0 AS f FROM bid",
        ));
    expect![
        "s: BIGINT, a: BIGINT, d: DECIMAL(38, 2), e: DECIMAL(38, 6), m: INT, n: BIGINT NOT NULL"
    ]
    .assert_eq(&types(
        "SELECT SUM(price) s, AVG(price) a, SUM(amount) d, AVG(amount) e, SUM(small) m, \
             COUNT(*) n FROM bid",
    ));
    expect!["EXPR$0: BIGINT, price: BIGINT, price0: BIGINT"]
        .assert_eq(&types("SELECT price + price, price, price FROM bid"));
}

#[test]
fn a_setting_changes_later_statements_only() {
    assert!(last("SET 'execution.runtime-mode' = 'batch'; SELECT * FROM endless").is_err());
    assert!(last("SELECT * FROM endless; SET 'execution.runtime-mode' = 'batch'").is_ok());
}

#[test]
fn an_insert_goes_by_position_or_by_name() {
    for insert in [
        "INSERT INTO sink SELECT auction, price FROM bid",
        "INSERT INTO sink (n, k) SELECT auction, small FROM bid",
        "INSERT INTO sink (n) VALUES (1), (2)",
        "INSERT INTO sink SELECT small, COUNT(*) FROM bid GROUP BY small",
        "EXECUTE STATEMENT SET BEGIN INSERT INTO sink SELECT 1, 2; INSERT INTO sink SELECT 3, 4; END",
    ] {
        assert!(
            last(insert).is_ok(),
            "{insert}: {:?}",
            last(insert).unwrap_err()
        );
    }
}
