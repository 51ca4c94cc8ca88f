//! The words of Flink SQL: what a name may look like and which words are taken.
//!
//! A reserved word is a name only within backticks. The list is Calcite's grammar with Flink 2.3's
//! additions and without the words Flink releases. Reserved words that are also functions (`COUNT`,
//! `YEAR`, `LEFT`) may be called.
//!
//! Some calls have a syntax of their own. They leave the parser as:
//!
//! | written | parsed as |
//! |---|---|
//! | `EXTRACT(u FROM x)`, `POSITION(a IN b)`, `SUBSTRING(s FROM a FOR n)`, `OVERLAY(..)`, `TRIM(..)` | the expression of that name |
//! | `ROW(a, b)`, `(a, b)` | `Expr::Struct` without field names |
//! | `ARRAY[a, b]`, `MAP[k, v]` | `Expr::Array`, `Expr::Map` |
//! | `TIMESTAMPADD(u, n, t)`, `TIMESTAMPDIFF(u, a, b)` | `timestampadd('U', n, t)`, `timestampdiff('U', a, b)` |
//! | `FLOOR(t TO u)`, `CEIL(t TO u)` | `floor_to(t, 'U')`, `ceil_to(t, 'U')` |
//! | `x IS NOT JSON ARRAY` | `NOT is_json(x, 'ARRAY')` |
//! | `JSON_OBJECT(k VALUE v ABSENT ON NULL)`, `JSON_ARRAY(a)` | `json_object('ABSENT', k, v)`, `json_array('ABSENT', a)` |
//! | `JSON_VALUE(j, p RETURNING t)` | `TRY_CAST(json_value(j, p) AS t)` |
//! | `CURRENT_TIMESTAMP`, `LOCALTIME`, .. | a call without an argument list |
//! | `1e3` and integers beyond BIGINT | typed literals `DOUBLE '1e3'`, `DECIMAL(20, 0) '..'` |
//!
//! Units are in upper case and singular.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

/// True if `c` may begin a name outside backticks.
pub fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

/// True if `c` may continue a name outside backticks.
pub fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_numeric()
}

/// True if `word` must stand in backticks to be a name.
pub fn is_reserved(word: &str) -> bool {
    holds(&RESERVED, word)
}

/// True if `word`, although reserved, is the name of a function.
pub(crate) fn is_callable(word: &str) -> bool {
    holds(&CALLABLE, word)
}

/// True if `word` gives a query its shape, so that meeting it means something before it is missing.
pub(crate) fn is_structural(word: &str) -> bool {
    holds(&STRUCTURAL, word)
}

/// `name` as it must be written: in backticks if it is reserved or has unusual characters.
pub fn quoted(name: &str) -> Cow<'_, str> {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(is_name_start) && chars.all(is_name_part);
    if plain && !is_reserved(name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("`{}`", name.replace('`', "``")))
    }
}

/// Looks `word` up in any case.
fn holds(words: &Words, word: &str) -> bool {
    const LONGEST: usize = 40;
    word.len() <= LONGEST && words.contains(&*word.to_ascii_uppercase())
}

/// The words a statement begins with, for hints.
pub(crate) const STATEMENTS: &[&str] = &[
    "ALTER", "BEGIN", "CLEAR", "CREATE", "DESC", "DESCRIBE", "DROP", "EXECUTE", "EXIT", "EXPLAIN",
    "HELP", "INSERT", "QUIT", "RESET", "SELECT", "SET", "SHOW", "USE", "VALUES", "WITH",
];

type Words = LazyLock<HashSet<&'static str>>;

fn words(text: &'static str) -> HashSet<&'static str> {
    text.split(' ').collect()
}

static STRUCTURAL: Words = LazyLock::new(|| words(STRUCTURAL_WORDS));
static CALLABLE: Words = LazyLock::new(|| words(CALLABLE_WORDS));
static RESERVED: Words = LazyLock::new(|| words(RESERVED_WORDS));

const STRUCTURAL_WORDS: &str = "AND AS BETWEEN CROSS ELSE EXCEPT FETCH FROM FULL HAVING IN INNER INTERSECT INTO IS JOIN LIKE \
     LIMIT NATURAL OFFSET ON OR SELECT SET THEN UNION USING VALUES WHEN WHERE WINDOW WITH";

const CALLABLE_WORDS: &str = "ABS AVG CARDINALITY CEIL CEILING CHAR CHARACTER_LENGTH CHAR_LENGTH CLASSIFIER COALESCE COLLECT CONVERT \
     CORR COUNT COVAR_POP COVAR_SAMP CUME_DIST CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATE \
     DENSE_RANK ELEMENT EVERY EXP FIRST_VALUE FLOOR FUSION GROUPING HASH HOUR INTERSECTION \
     JSON_ARRAY JSON_ARRAYAGG JSON_EXISTS JSON_OBJECT JSON_OBJECTAGG JSON_QUERY JSON_VALUE LAG \
     LAST_VALUE LEAD LEFT LN LOCALTIME LOCALTIMESTAMP LOWER MATCH_NUMBER MAX MIN MINUTE MOD MONTH NEXT NTH_VALUE \
     NTILE NULLIF OCTET_LENGTH PERCENTILE_CONT PERCENTILE_DISC PERCENT_RANK POWER PREV RANK REGR_AVGX \
     REGR_AVGY REGR_COUNT REGR_INTERCEPT REGR_R2 REGR_SLOPE REGR_SXX REGR_SXY REGR_SYY RIGHT \
     ROW_NUMBER SECOND SOME SQRT STDDEV_POP STDDEV_SAMP SUBSTRING SUM TRANSLATE TRUNCATE UPPER \
     USER VAR_POP VAR_SAMP YEAR";

const RESERVED_WORDS: &str = "ABS ALL ALLOCATE ALLOW ALTER AND ANY ARE ARRAY ARRAY_MAX_CARDINALITY AS ASENSITIVE \
     ASYMMETRIC AT ATOMIC AUTHORIZATION AVG BEGIN BEGIN_FRAME BEGIN_PARTITION BETWEEN BIGINT \
     BINARY BIT BLOB BOOLEAN BOTH BUCKETS BY BYTES CALL CALLED CARDINALITY CASCADED CASE CAST \
     CATALOGS CEIL CEILING CHAR CHARACTER CHARACTER_LENGTH CHAR_LENGTH CHECK CLASSIFIER CLOB \
     CLOSE COALESCE COLLATE COLLECT COLUMN COMMENT COMMIT CONDITION CONNECT CONNECTIONS \
     CONSTRAINT CONTAINS CONTINUOUS CONVERT CORR CORRESPONDING COUNT COVAR_POP COVAR_SAMP CREATE \
     CROSS CUBE CUME_DIST CURRENT CURRENT_CATALOG CURRENT_DATE CURRENT_DEFAULT_TRANSFORM_GROUP \
     CURRENT_PATH CURRENT_ROLE CURRENT_ROW CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP \
     CURRENT_TRANSFORM_GROUP_FOR_TYPE CURRENT_USER CURSOR CYCLE DATABASES DATE DATETIME DAY \
     DEALLOCATE DEC DECIMAL DECLARE DEFAULT DEFINE DELETE DENSE_RANK DEREF DESCRIBE DETERMINISTIC \
     DISALLOW DISCONNECT DISTINCT DISTRIBUTED DISTRIBUTION DOUBLE DROP DYNAMIC EACH ELEMENT ELSE \
     EMPTY END END_FRAME END_PARTITION EQUALS ESCAPE EVERY EXCEPT EXEC EXECUTE EXISTS EXP EXPLAIN \
     EXTEND EXTENDED EXTERNAL EXTRACT FALSE FETCH FILTER FIRST_VALUE FLOAT FLOOR FOR FOREIGN \
     FRAME_ROW FREE FRESHNESS FRIDAY FROM FULL FUNCTION FUNCTIONS FUSION GET GLOBAL GRANT GROUP \
     GROUPING GROUPS HASH HAVING HOLD HOUR IDENTITY ILIKE IMPORT IN INDICATOR INITIAL INNER INOUT \
     INSENSITIVE INSERT INT INTEGER INTERSECT INTERSECTION INTERVAL INTO IS JOIN JSON_ARRAY \
     JSON_ARRAYAGG JSON_EXISTS JSON_OBJECT JSON_OBJECTAGG JSON_QUERY JSON_SCOPE JSON_VALUE LAG \
     LANGUAGE LARGE LAST_VALUE LATERAL LEAD LEADING LEFT LIKE LIKE_REGEX LIMIT LN LOCAL LOCALTIME \
     LOCALTIMESTAMP LOWER MATCH MATCHES MATCH_NUMBER MATCH_RECOGNIZE MATERIALIZED MAX MEASURES \
     MEMBER MERGE METHOD MIN MINUS MINUTE MOD MODELS MODIFIES MODIFY MODULE MODULES MONDAY MONTH \
     MULTISET NATIONAL NATURAL NCHAR NCLOB NEW NEXT NO NONE NORMALIZE NOT NTH_VALUE NTILE NULL \
     NULLIF NUMERIC OCCURRENCES_REGEX OCTET_LENGTH OF OFFSET OLD OMIT ON ONE ONLY OPEN OR ORDER \
     ORDINAL OUT OUTER OVER OVERLAPS OVERLAY PARAMETER PARTITION PATTERN PER PERCENT \
     PERCENTILE_CONT PERCENTILE_DISC PERCENT_RANK PERIOD PERMUTE PIVOT PORTION POSITION \
     POSITION_REGEX POWER PRECEDES PRECISION PREPARE PREV PRIMARY PROCEDURE PROCEDURES QUALIFY \
     RANGE RANK RAW READS REAL RECURSIVE REF REFERENCES REFERENCING REFRESH REFRESH_MODE \
     REGR_AVGX REGR_AVGY REGR_COUNT REGR_INTERCEPT REGR_R2 REGR_SLOPE REGR_SXX REGR_SXY REGR_SYY \
     RELEASE RENAME RESET RESULT RESUME RETURN RETURNS REVOKE RIGHT RLIKE ROLLBACK ROLLUP ROW \
     ROWS ROW_NUMBER RUNNING SAFE_CAST SAFE_OFFSET SAFE_ORDINAL SATURDAY SAVEPOINT SCALA SCOPE \
     SCROLL SEARCH SECOND SEEK SELECT SENSITIVE SESSION_USER SET SHOW SIMILAR SKIP SMALLINT SOME \
     SPECIFIC SPECIFICTYPE SQL SQLEXCEPTION SQLSTATE SQLWARNING SQRT START STATIC STDDEV_POP \
     STDDEV_SAMP STREAM STRING STRUCTURED SUBMULTISET SUBSET SUBSTRING SUBSTRING_REGEX SUCCEEDS \
     SUM SUNDAY SUSPEND SYMMETRIC SYSTEM SYSTEM_TIME SYSTEM_USER TABLE TABLES TABLESAMPLE THEN \
     THURSDAY TIME TIMESTAMP TIMESTAMP_LTZ TIMEZONE_HOUR TIMEZONE_MINUTE TINYINT TO TRAILING \
     TRANSLATE TRANSLATE_REGEX TRANSLATION TREAT TRIGGER TRIM TRIM_ARRAY TRUE TRUNCATE TRY_CAST \
     TUESDAY UESCAPE UNION UNIQUE UNKNOWN UNNEST UNPIVOT UPDATE UPPER UPSERT USE USER USING VALUE \
     VALUES VALUE_OF VARBINARY VARCHAR VARYING VAR_POP VAR_SAMP VERSIONING VIEWS WATERMARK \
     WATERMARKS WEDNESDAY WHEN WHENEVER WHERE WIDTH_BUCKET WINDOW WITH WITHIN WITHOUT YEAR";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_listed_once() {
        for text in [RESERVED_WORDS, CALLABLE_WORDS, STRUCTURAL_WORDS] {
            assert_eq!(words(text).len(), text.split(' ').count());
        }
    }

    #[test]
    fn a_callable_or_structural_word_is_reserved() {
        for word in CALLABLE.iter().chain(STRUCTURAL.iter()) {
            assert!(is_reserved(word), "{word}");
        }
    }

    #[test]
    fn words_flink_releases_are_names() {
        for word in [
            "metadata", "options", "data", "size", "hop", "key", "type", "quarter", "if",
        ] {
            assert!(!is_reserved(word), "{word}");
        }
        for word in [
            "timestamp",
            "value",
            "Date",
            "user",
            "ORDER",
            "end",
            "start",
            "count",
        ] {
            assert!(is_reserved(word), "{word}");
        }
    }

    #[test]
    fn a_name_is_quoted_when_it_has_to_be() {
        assert_eq!(quoted("bidTime"), "bidTime");
        assert_eq!(quoted("order"), "`order`");
        assert_eq!(quoted("a b"), "`a b`");
        assert_eq!(quoted("1a"), "`1a`");
        assert_eq!(quoted("a`b"), "`a``b`");
        assert_eq!(quoted(""), "``");
    }
}
