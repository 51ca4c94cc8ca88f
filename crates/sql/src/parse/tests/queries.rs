use expect_test::expect;

use super::{check, check_lines};

#[test]
fn a_query_has_its_clauses_in_order() {
    check(
        "WITH a AS (SELECT 1 AS x), b (y) AS (SELECT x FROM a)
         SELECT DISTINCT t.*, b.y AS `select`, COUNT(*) AS n, u.z last_one
         FROM db.t AS t, b
           JOIN u ON t.id = u.id LEFT OUTER JOIN v USING (id, k) RIGHT JOIN w ON TRUE
           FULL OUTER JOIN x ON t.a = x.a CROSS JOIN y NATURAL JOIN z NATURAL LEFT JOIN q
         WHERE t.a > 1 AND NOT b.y IS NULL
         GROUP BY t.id, b.y HAVING COUNT(*) > 1
         WINDOW w1 AS (PARTITION BY a ORDER BY b)
         ORDER BY 1 ASC, n DESC NULLS LAST LIMIT 10 OFFSET 5 ROWS",
        expect![[""]],
    );
}

#[test]
fn set_operations_bind_as_in_the_standard() {
    check_lines(
        "
        SELECT 1 UNION ALL SELECT 2 UNION SELECT 3
        SELECT 1 UNION SELECT 2 INTERSECT ALL SELECT 3 EXCEPT SELECT 4
        (SELECT 1 ORDER BY 1 LIMIT 1) UNION ALL (SELECT 2) ORDER BY 1
        ((SELECT 1) UNION (SELECT 2)) INTERSECT SELECT 3
        VALUES (1, 'a'), (2, 'b')
        TABLE t
        SELECT 1 MINUS SELECT 2
        ",
        expect![[""]],
    );
}

#[test]
fn parentheses_in_from_are_queries_or_joins() {
    check_lines(
        "
        SELECT * FROM (SELECT 1) AS t (a)
        SELECT * FROM ((SELECT 1))
        SELECT * FROM ((SELECT 1) UNION ALL SELECT 2 ORDER BY 1) t
        SELECT * FROM (((SELECT 1) UNION SELECT 2) INTERSECT SELECT 3)
        SELECT * FROM ((SELECT 1) AS a JOIN b ON TRUE)
        SELECT * FROM (a JOIN b ON a.x = b.x) JOIN c ON TRUE
        SELECT * FROM ((a CROSS JOIN b) CROSS JOIN c)
        SELECT * FROM (t)
        SELECT * FROM (VALUES (1, 2), (3, 4)) AS t (a, b)
        SELECT * FROM (TABLE t) x
        SELECT * FROM (TABLE(f(1)) CROSS JOIN b)
        ",
        expect![[""]],
    );
}

#[test]
fn table_functions_and_lateral() {
    check_lines(
        "
        SELECT * FROM t, LATERAL TABLE(split(t.a, ',')) AS s (word)
        SELECT * FROM t LEFT JOIN LATERAL TABLE(split(a)) s ON TRUE
        SELECT * FROM t CROSS JOIN UNNEST(t.tags) WITH ORDINALITY AS x (tag, i)
        SELECT * FROM t CROSS JOIN LATERAL (SELECT t.a + 1) AS l
        SELECT * FROM TABLE(db.f(x => 1))
        SELECT * FROM f(1, 2) AS g
        SELECT * FROM ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a))
        SELECT * FROM TABLE(f(DESCRIPTOR(a)))
        SELECT * FROM t CROSS APPLY f(1)
        SELECT * FROM LATERAL t
        ",
        expect![[""]],
    );
}

#[test]
fn hints_stay_with_their_table() {
    check_lines(
        "
        SELECT * FROM bid /*+ OPTIONS('scan.rows' = '5', 'k'='v') */ AS b JOIN ask /*+ OPTIONS('a'='b') */ ON TRUE
        SELECT /*+ BROADCAST(a, b), STATE_TTL('a' = '1d', b = '2d'), LOOKUP('table'='c') */ * FROM a
        SELECT * FROM (SELECT /*+ ALIAS(x) */ 1 FROM t /*+ OPTIONS('i'='j') */ ) q
        SELECT /*+ */ 1
        SELECT 1 /*+ OPTIONS('a'='b') */
        SELECT * FROM t /*+ OPTIONS('a'='b')
        SELECT * FROM t /*+ OPTIONS('a' 'b') */
        SELECT /* + not a hint */ 1 /* ' */
        ",
        expect![[""]],
    );
}

#[test]
fn system_time_stands_between_name_and_alias() {
    check(
        "SELECT * FROM o JOIN rates FOR SYSTEM_TIME AS OF o.proctime AS r ON o.c = r.c",
        expect![[""]],
    );
}

#[test]
fn groupings_of_every_kind() {
    check_lines(
        "
        SELECT a FROM t GROUP BY a, b + 1
        SELECT a FROM t GROUP BY GROUPING SETS ((a, b), a, ())
        SELECT a FROM t GROUP BY ROLLUP (a, (b, c)), CUBE (d)
        SELECT COUNT(*) FROM t GROUP BY ()
        SELECT a FROM t GROUP BY ALL HAVING TRUE
        SELECT a FROM t GROUP BY (a, b)
        SELECT a FROM t GROUP BY GROUPING SETS (ROLLUP (a))
        ",
        expect![[""]],
    );
}

#[test]
fn limits_in_their_spellings() {
    check_lines(
        "
        SELECT 1 LIMIT ALL
        SELECT 1 OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY
        SELECT 1 FETCH FIRST 1 ROW ONLY
        SELECT 1 LIMIT 1 LIMIT 2
        SELECT 1 LIMIT a
        SELECT 1 LIMIT -1
        ",
        expect![[""]],
    );
}

#[test]
fn what_flink_has_and_we_do_not_is_named() {
    check_lines(
        "
        SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY a)
        SELECT * FROM t AS u MATCH_RECOGNIZE (PARTITION BY a)
        SELECT * FROM t TABLESAMPLE BERNOULLI (10)
        SELECT * FROM t PIVOT (SUM(a) FOR b IN (1))
        WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a
        SELECT STREAM * FROM t
        SELECT a FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a) = 1
        DELETE FROM t
        UPDATE t SET a = 1
        CALL p()
        ",
        expect![[""]],
    );
}
