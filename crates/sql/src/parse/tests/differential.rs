//! Where Flink's grammar and `sqlparser`'s agree, both parsers must give the same tree.

use datafusion_sql::sqlparser::ast::{Spanned as _, Statement as SqlStatement};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;

use crate::ast::Statement;
use crate::parse::parse_script;

const QUERIES: &[&str] = &[
    "SELECT 1",
    "SELECT a, b AS c, t.* FROM t",
    "SELECT DISTINCT a FROM x.y.t AS u WHERE a > 1 AND b < 2 OR NOT c",
    "SELECT * FROM a, b AS bb (x, y), c",
    "SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (x, y) CROSS JOIN d NATURAL JOIN e",
    "SELECT * FROM a INNER JOIN b ON TRUE RIGHT JOIN c ON a.x = c.x FULL JOIN d ON a.x = d.x",
    "SELECT * FROM (SELECT a FROM t) AS s WHERE EXISTS (SELECT 1 FROM u WHERE u.a = s.a)",
    "SELECT * FROM (a JOIN b ON TRUE) JOIN c ON TRUE",
    "SELECT a FROM t GROUP BY a HAVING COUNT(*) > 1 ORDER BY a DESC NULLS FIRST, b LIMIT 5 OFFSET 2",
    "SELECT a FROM t GROUP BY ROLLUP (a, (b, c)), GROUPING SETS ((a), (b, c), ()), CUBE (a)",
    "WITH x AS (SELECT 1), y (a) AS (SELECT 2) SELECT * FROM x, y",
    "SELECT 1 UNION ALL SELECT 2 UNION SELECT 3 INTERSECT SELECT 4 EXCEPT SELECT 5",
    "(SELECT 1) UNION (SELECT 2 LIMIT 1) ORDER BY 1",
    "VALUES (1, 'a'), (2, NULL)",
    "SELECT a + b * c - d / e % f, -a, - (a + b), +a, a || b || c",
    "SELECT a = b, a <> b, a < b, a <= b, a > b, a >= b",
    "SELECT a IS NULL, a IS NOT NULL, a IS TRUE, a IS NOT FALSE, a IS UNKNOWN",
    "SELECT a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b",
    "SELECT a BETWEEN 1 AND 2 AND c, a NOT BETWEEN b + 1 AND c * 2",
    "SELECT a IN (1, 2), a NOT IN (SELECT b FROM t), a IN (b)",
    "SELECT a LIKE 'x%', a NOT LIKE b ESCAPE '!', a SIMILAR TO 'b' ESCAPE '!'",
    "SELECT CASE WHEN a THEN b WHEN c THEN d ELSE e END, CASE a WHEN 1 THEN 2 END",
    "SELECT COUNT(*), COUNT(DISTINCT a), SUM(a) FILTER (WHERE b), f(x => 1), g()",
    "SELECT SUM(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
    "SELECT RANK() OVER w FROM t WINDOW w AS (PARTITION BY a ORDER BY b)",
    "SELECT EXTRACT(YEAR FROM a), POSITION('a' IN b), TRIM(BOTH 'x' FROM s), TRIM(s)",
    "SELECT SUBSTRING(s FROM 1 FOR 2), SUBSTRING(s FROM 2), OVERLAY(s PLACING 'x' FROM 2 FOR 3)",
    "SELECT (SELECT 1), a > ANY (SELECT 1), a = ALL (SELECT 2), NOT EXISTS (SELECT 1)",
    "SELECT CURRENT_TIMESTAMP, CURRENT_DATE, LOCALTIMESTAMP",
    "SELECT 'it''s', 1.5, 42, TRUE, NULL, X'0aFF'",
    "SELECT ARRAY[1, 2], a[1], a.b[2], `q``x`.`y`",
    "SELECT * FROM t CROSS JOIN UNNEST(t.a) WITH ORDINALITY AS x (y, z)",
    "SELECT NOT a AND b OR c, NOT (a OR b), NOT a = b",
    "SELECT LISTAGG(a) WITHIN GROUP (ORDER BY b), FIRST_VALUE(a) IGNORE NULLS OVER (ORDER BY b)",
];

#[test]
fn both_parsers_agree_on_common_queries() {
    for sql in QUERIES {
        let statements = parse_script(sql).unwrap();
        let Statement::Query(ours) = &statements[0].node else {
            panic!("not a query: {sql}");
        };
        let theirs = Parser::parse_sql(&GenericDialect, sql).unwrap();
        let [SqlStatement::Query(theirs)] = theirs.as_slice() else {
            panic!("not a query for sqlparser: {sql}");
        };
        assert_eq!(ours.query, *theirs, "{sql}");
        assert_eq!(ours.query.span(), theirs.span(), "places in {sql}");
    }
}
