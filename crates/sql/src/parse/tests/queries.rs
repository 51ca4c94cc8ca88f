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
        expect![[r#"
            WITH a AS (SELECT 1 AS x), b (y) AS (SELECT x FROM a) SELECT DISTINCT t.*, b.y AS `select`, COUNT(*) AS n, u.z AS last_one FROM db.t AS t, b JOIN u ON t.id = u.id LEFT JOIN v USING(id, k) RIGHT JOIN w ON true FULL JOIN x ON t.a = x.a CROSS JOIN y NATURAL JOIN z NATURAL LEFT JOIN q WHERE t.a > 1 AND NOT b.y IS NULL GROUP BY t.id, b.y HAVING COUNT(*) > 1 WINDOW w1 AS (PARTITION BY a ORDER BY b) ORDER BY 1 ASC, n DESC NULLS LAST LIMIT 10 OFFSET 5
        "#]],
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
        expect![[r#"
            SELECT 1 UNION ALL SELECT 2 UNION SELECT 3
            SELECT 1 UNION SELECT 2 INTERSECT ALL SELECT 3 EXCEPT SELECT 4
            (SELECT 1 ORDER BY 1 LIMIT 1) UNION ALL (SELECT 2) ORDER BY 1
            ((SELECT 1) UNION (SELECT 2)) INTERSECT SELECT 3
            VALUES (1, 'a'), (2, 'b')
            SELECT * FROM t
            error[MS1002]: MINUS between queries is not supported yet
              --> line 1, column 10
               |
             1 | SELECT 1 MINUS SELECT 2
               |          ^^^^^
              hint: write EXCEPT
        "#]],
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
        expect![[r#"
            SELECT * FROM (SELECT 1) AS t (a)
            SELECT * FROM (SELECT 1)
            SELECT * FROM ((SELECT 1) UNION ALL SELECT 2 ORDER BY 1) t
            SELECT * FROM (((SELECT 1) UNION SELECT 2) INTERSECT SELECT 3)
            SELECT * FROM ((SELECT 1) AS a JOIN b ON true)
            SELECT * FROM (a JOIN b ON a.x = b.x) JOIN c ON true
            SELECT * FROM ((a CROSS JOIN b) CROSS JOIN c)
            SELECT * FROM (t)
            SELECT * FROM (VALUES (1, 2), (3, 4)) AS t (a, b)
            SELECT * FROM (SELECT * FROM t) x
            SELECT * FROM (f(1) CROSS JOIN b)
        "#]],
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
        expect![[r#"
            SELECT * FROM t, LATERAL split(t.a, ',') AS s (word)
            SELECT * FROM t LEFT JOIN LATERAL split(a) s ON true
            SELECT * FROM t CROSS JOIN UNNEST(t.tags) WITH ORDINALITY AS x (tag, i)
            SELECT * FROM t CROSS JOIN LATERAL (SELECT t.a + 1) AS l
            SELECT * FROM db.f(x => 1)
            SELECT * FROM f(1, 2) AS g
            error[MS1002]: a function with a table as its argument is not supported yet
              --> line 1, column 26
               |
             1 | SELECT * FROM ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a))
               |                          ^^^^^
            error[MS1002]: a function with a table as its argument is not supported yet
              --> line 1, column 23
               |
             1 | SELECT * FROM TABLE(f(DESCRIPTOR(a)))
               |                       ^^^^^^^^^^
            error[MS1002]: APPLY is not supported yet
              --> line 1, column 17
               |
             1 | SELECT * FROM t CROSS APPLY f(1)
               |                 ^^^^^^^^^^^
              hint: write CROSS JOIN LATERAL TABLE(..)
            error[MS1001]: wanted TABLE(..) or a query in parentheses, found 't'
              --> line 1, column 23
               |
             1 | SELECT * FROM LATERAL t
               |                       ^
        "#]],
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
        expect![[r#"
            SELECT * FROM bid AS b WITH (hints 0) JOIN ask WITH (hints 1) ON true
            hints 0: hint OPTIONS options(scan.rows=5, k=v)
            hints 1: hint OPTIONS options(a=b)
            SELECT * FROM a
            select: hint BROADCAST arguments(a, b) hint STATE_TTL options(a=1d, b=2d) hint LOOKUP options(table=c)
            SELECT * FROM (SELECT 1 FROM t WITH (hints 0)) q
            hints 0: hint OPTIONS options(i=j)
            select: hint ALIAS arguments(x)
            error[MS1001]: wanted the name of a hint, such as OPTIONS, found '*/'
              --> line 1, column 12
               |
             1 | SELECT /*+ */ 1
               |            ^^
            error[MS1001]: wanted the end of the statement, found '/*+'
              --> line 1, column 10
               |
             1 | SELECT 1 /*+ OPTIONS('a'='b') */
               |          ^^^
              hint: a hint stands after SELECT or after a table's name
            error[MS1001]: the hint '/*+' is not closed by '*/'
              --> line 1, column 17
               |
             1 | SELECT * FROM t /*+ OPTIONS('a'='b')
               |                 ^
            error[MS1001]: wanted an operator or a comma, found a text
              --> line 1, column 33
               |
             1 | SELECT * FROM t /*+ OPTIONS('a' 'b') */
               |                                 ^^^
              hint: a quote within a text is written twice: 'it''s'
            SELECT 1
        "#]],
    );
}

#[test]
fn system_time_stands_between_name_and_alias() {
    check(
        "SELECT * FROM o JOIN rates FOR SYSTEM_TIME AS OF o.proctime AS r ON o.c = r.c",
        expect![[r#"
            SELECT * FROM o JOIN rates AS r FOR SYSTEM_TIME AS OF o.proctime ON o.c = r.c
        "#]],
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
        expect![[r#"
            SELECT a FROM t GROUP BY a, b + 1
            SELECT a FROM t GROUP BY GROUPING SETS ((a, b), (a), ())
            SELECT a FROM t GROUP BY ROLLUP (a, (b, c)), CUBE (d)
            SELECT COUNT(*) FROM t GROUP BY GROUPING SETS (())
            SELECT a FROM t GROUP BY ALL HAVING true
            SELECT a FROM t GROUP BY STRUCT(a, b)
            error[MS1002]: a grouping set within a grouping set is not supported yet
              --> line 1, column 41
               |
             1 | SELECT a FROM t GROUP BY GROUPING SETS (ROLLUP (a))
               |                                         ^^^^^^
        "#]],
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
        expect![[r#"
            SELECT 1
            SELECT 1 LIMIT 3 OFFSET 2
            SELECT 1 LIMIT 1
            error[MS1001]: wanted the end of the statement, found 'LIMIT'
              --> line 1, column 18
               |
             1 | SELECT 1 LIMIT 1 LIMIT 2
               |                  ^^^^^
            error[MS1001]: wanted a number of rows, found 'a'
              --> line 1, column 16
               |
             1 | SELECT 1 LIMIT a
               |                ^
            error[MS1001]: wanted a number of rows, found '-'
              --> line 1, column 16
               |
             1 | SELECT 1 LIMIT -1
               |                ^
        "#]],
    );
}

#[test]
fn what_flink_has_and_we_do_not_is_named() {
    check_lines(
        "
        SELECT * FROM t TABLESAMPLE BERNOULLI (10)
        SELECT * FROM t PIVOT (SUM(a) FOR b IN (1))
        WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a
        SELECT STREAM * FROM t
        SELECT a FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a) = 1
        DELETE FROM t
        UPDATE t SET a = 1
        CALL p()
        ",
        expect![[r#"
            error[MS1002]: TABLESAMPLE is not supported yet
              --> line 1, column 17
               |
             1 | SELECT * FROM t TABLESAMPLE BERNOULLI (10)
               |                 ^^^^^^^^^^^
            error[MS1002]: PIVOT is not supported yet
              --> line 1, column 17
               |
             1 | SELECT * FROM t PIVOT (SUM(a) FOR b IN (1))
               |                 ^^^^^
            error[MS1002]: WITH RECURSIVE is not supported yet
              --> line 1, column 6
               |
             1 | WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a
               |      ^^^^^^^^^
            error[MS1002]: SELECT STREAM is not supported yet
              --> line 1, column 8
               |
             1 | SELECT STREAM * FROM t
               |        ^^^^^^
            error[MS1002]: QUALIFY is not supported yet
              --> line 1, column 17
               |
             1 | SELECT a FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a) = 1
               |                 ^^^^^^^
            error[MS1002]: DELETE is not supported yet
              --> line 1, column 1
               |
             1 | DELETE FROM t
               | ^^^^^^
            error[MS1002]: UPDATE is not supported yet
              --> line 1, column 1
               |
             1 | UPDATE t SET a = 1
               | ^^^^^^
            error[MS1002]: CALL is not supported yet
              --> line 1, column 1
               |
             1 | CALL p()
               | ^^^^
        "#]],
    );
}
