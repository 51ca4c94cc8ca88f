use expect_test::expect;
use millstream_core::types::ColumnType;

use crate::parse::{cast_type, parse_type};

/// Each type as it is understood.
fn check(types: &str, wanted: expect_test::Expect) {
    let shown: String = types
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| match parse_type(line) {
            Ok(ty) => format!("{line:40} {ty}\n"),
            Err(error) => format!("{line:40} {:?} {error}\n", error.code()),
        })
        .collect();
    wanted.assert_eq(&shown);
}

#[test]
fn every_type_has_its_defaults() {
    check(
        "
        BOOLEAN
        tinyint
        SMALLINT
        INT
        INTEGER NOT NULL
        BIGINT NULL
        FLOAT
        REAL
        DOUBLE
        DOUBLE PRECISION NOT NULL
        DECIMAL
        DEC(5)
        NUMERIC(38, 38)
        CHAR
        CHARACTER(3)
        CHARACTER VARYING(3)
        VARCHAR
        VARCHAR(2147483647)
        STRING
        BINARY(4)
        VARBINARY
        VARBINARY(7)
        BYTES
        DATE
        TIME
        TIME(3) WITHOUT TIME ZONE
        TIMESTAMP
        TIMESTAMP(3) WITHOUT TIME ZONE NOT NULL
        TIMESTAMP(3) WITH LOCAL TIME ZONE
        TIMESTAMP_LTZ
        TIMESTAMP_LTZ(9)
        INTERVAL YEAR
        INTERVAL YEAR(4) TO MONTH
        INTERVAL DAY(3) TO SECOND(3)
        INTERVAL SECOND(9)
        INTERVAL HOUR TO MINUTE
        NULL
        ",
        expect![[r#"
            BOOLEAN                                  BOOLEAN
            tinyint                                  TINYINT
            SMALLINT                                 SMALLINT
            INT                                      INT
            INTEGER NOT NULL                         INT NOT NULL
            BIGINT NULL                              BIGINT
            FLOAT                                    FLOAT
            REAL                                     FLOAT
            DOUBLE                                   DOUBLE
            DOUBLE PRECISION NOT NULL                DOUBLE NOT NULL
            DECIMAL                                  DECIMAL(10, 0)
            DEC(5)                                   DECIMAL(5, 0)
            NUMERIC(38, 38)                          DECIMAL(38, 38)
            CHAR                                     CHAR(1)
            CHARACTER(3)                             CHAR(3)
            CHARACTER VARYING(3)                     VARCHAR(3)
            VARCHAR                                  STRING
            VARCHAR(2147483647)                      STRING
            STRING                                   STRING
            BINARY(4)                                BINARY(4)
            VARBINARY                                BYTES
            VARBINARY(7)                             VARBINARY(7)
            BYTES                                    BYTES
            DATE                                     DATE
            TIME                                     TIME(0)
            TIME(3) WITHOUT TIME ZONE                TIME(3)
            TIMESTAMP                                TIMESTAMP(6)
            TIMESTAMP(3) WITHOUT TIME ZONE NOT NULL  TIMESTAMP(3) NOT NULL
            TIMESTAMP(3) WITH LOCAL TIME ZONE        TIMESTAMP_LTZ(3)
            TIMESTAMP_LTZ                            TIMESTAMP_LTZ(6)
            TIMESTAMP_LTZ(9)                         TIMESTAMP_LTZ(9)
            INTERVAL YEAR                            INTERVAL MONTH
            INTERVAL YEAR(4) TO MONTH                INTERVAL MONTH
            INTERVAL DAY(3) TO SECOND(3)             INTERVAL SECOND(3)
            INTERVAL SECOND(9)                       INTERVAL SECOND(3)
            INTERVAL HOUR TO MINUTE                  INTERVAL SECOND(3)
            NULL                                     NULL
        "#]],
    );
}

#[test]
fn types_nest_in_every_spelling() {
    check(
        "
        ARRAY<INT>
        INT ARRAY
        INT NOT NULL ARRAY NOT NULL
        ARRAY<ARRAY<INT>>
        INT ARRAY ARRAY
        MULTISET<VARCHAR(5)>
        STRING MULTISET
        MAP<STRING NOT NULL, ARRAY<ROW<a INT>>>
        ROW<a INT, `b c` STRING NOT NULL 'a comment', c ROW<d DATE>>
        ROW(a INT, b TIMESTAMP(3))
        ROW<a INT> NOT NULL
        ",
        expect![[r#"
            ARRAY<INT>                               ARRAY<INT>
            INT ARRAY                                ARRAY<INT>
            INT NOT NULL ARRAY NOT NULL              ARRAY<INT NOT NULL> NOT NULL
            ARRAY<ARRAY<INT>>                        ARRAY<ARRAY<INT>>
            INT ARRAY ARRAY                          ARRAY<ARRAY<INT>>
            MULTISET<VARCHAR(5)>                     MULTISET<VARCHAR(5)>
            STRING MULTISET                          MULTISET<STRING>
            MAP<STRING NOT NULL, ARRAY<ROW<a INT>>>  MAP<STRING NOT NULL, ARRAY<ROW<`a` INT>>>
            ROW<a INT, `b c` STRING NOT NULL 'a comment', c ROW<d DATE>> ROW<`a` INT, `b c` STRING NOT NULL, `c` ROW<`d` DATE>>
            ROW(a INT, b TIMESTAMP(3))               ROW<`a` INT, `b` TIMESTAMP(3)>
            ROW<a INT> NOT NULL                      ROW<`a` INT> NOT NULL
        "#]],
    );
}

#[test]
fn wrong_types_are_refused_with_their_range() {
    check(
        "
        DECIMAL(0)
        DECIMAL(39)
        DECIMAL(5, 6)
        DECIMAL(x)
        DECIMAL(99999999999999999999)
        TIMESTAMP(10)
        TIMESTAMP(3
        TIMESTAMP WITH TIME ZONE
        TIME(-1)
        CHAR(0)
        VARCHAR(2147483648)
        STRNG
        RAW('a', 'b')
        STRUCTURED<'a'>
        ARRAY
        ARRAY<>
        MAP<INT>
        ROW<>
        ROW<INT>
        ROW<a INT, a INT>
        INTERVAL
        INTERVAL DAY TO MONTH
        INTERVAL SECOND TO DAY
        INT INT
        `INT`
        'INT'
        ",
        expect![[r#"
            DECIMAL(0)                               Syntax wanted a precision from 1 to 38, found '0' (line 1, column 9)
            DECIMAL(39)                              Syntax wanted a precision from 1 to 38, found '39' (line 1, column 9)
            DECIMAL(5, 6)                            Syntax wanted a scale from 0 to 5, found '6' (line 1, column 12)
            DECIMAL(x)                               Syntax wanted a precision, found 'x' (line 1, column 9)
            DECIMAL(99999999999999999999)            Syntax wanted a precision from 1 to 38, found '99999999999999999999' (line 1, column 9)
            TIMESTAMP(10)                            Syntax wanted a precision from 0 to 9, found '10' (line 1, column 11)
            TIMESTAMP(3                              Syntax wanted ')', found the end of the text (line 1, column 12)
            TIMESTAMP WITH TIME ZONE                 Unsupported TIMESTAMP WITH TIME ZONE is not supported yet (line 1, column 11)
            TIME(-1)                                 Syntax wanted a precision, found '-' (line 1, column 6)
            CHAR(0)                                  Syntax wanted a length from 1 to 2147483647, found '0' (line 1, column 6)
            VARCHAR(2147483648)                      Syntax wanted a length from 1 to 2147483647, found '2147483648' (line 1, column 9)
            STRNG                                    Syntax unknown type 'STRNG' (line 1, column 1)
            RAW('a', 'b')                            Unsupported the type RAW is not supported yet (line 1, column 1)
            STRUCTURED<'a'>                          Unsupported the type STRUCTURED is not supported yet (line 1, column 1)
            ARRAY                                    Syntax wanted '<', found the end of the text (line 1, column 6)
            ARRAY<>                                  Syntax wanted '<', found '<>' (line 1, column 6)
            MAP<INT>                                 Syntax wanted ',', found '>' (line 1, column 8)
            ROW<>                                    Syntax wanted '<', found '<>' (line 1, column 4)
            ROW<INT>                                 Syntax wanted the name of a field, but 'INT' is a reserved word: write `INT` (line 1, column 5)
            ROW<a INT, a INT>                        InvalidSchema the field 'a' is defined twice (line 1, column 1)
            INTERVAL                                 Syntax wanted YEAR, MONTH, DAY, HOUR, MINUTE or SECOND, found the end of the text (line 1, column 9)
            INTERVAL DAY TO MONTH                    Syntax wanted a smaller unit of the same kind of interval, found 'MONTH' (line 1, column 17)
            INTERVAL SECOND TO DAY                   Syntax wanted a smaller unit of the same kind of interval, found 'DAY' (line 1, column 20)
            INT INT                                  Syntax wanted the end of the type, found 'INT' (line 1, column 5)
            `INT`                                    Syntax wanted a type, found '`INT`' (line 1, column 1)
            'INT'                                    Syntax wanted a type, found a text (line 1, column 1)
        "#]],
    );
}

#[test]
fn a_deep_type_is_refused_however_it_is_written() {
    let prefix = "ARRAY<".repeat(10_000) + "INT" + &">".repeat(10_000);
    let postfix = "INT".to_string() + &" ARRAY".repeat(10_000);
    let mixed = "ROW<a ".repeat(20) + "INT" + &" ARRAY ARRAY ARRAY>".repeat(20);
    for text in [prefix, postfix, mixed] {
        let error = parse_type(&text).unwrap_err();
        assert_eq!(error.code(), millstream_core::Code::TooComplex);
    }
}

#[test]
fn the_type_of_a_cast_is_read_from_the_tree() {
    let wanted = "ROW<a ARRAY<TIMESTAMP(3) NOT NULL>, b MAP<INT, STRING> 'c'>";
    let mark = super::super::types::type_mark(wanted);
    assert_eq!(cast_type(&mark).unwrap(), parse_type(wanted).unwrap());
}

#[test]
fn a_plain_type_of_the_tree_is_read_too() {
    use datafusion_sql::sqlparser::ast::{DataType, ExactNumberInfo};
    let decimal = DataType::Decimal(ExactNumberInfo::PrecisionAndScale(10, 2));
    let wanted: ColumnType = parse_type("DECIMAL(10, 2)").unwrap();
    assert_eq!(cast_type(&decimal).unwrap(), wanted);
}

#[test]
fn a_type_that_was_printed_is_read_again() {
    for text in [
        "INT NOT NULL",
        "ARRAY<STRING NOT NULL>",
        "ROW<`a b` INT, `c` BYTES>",
        "CHAR(3)",
    ] {
        let ty = parse_type(text).unwrap();
        assert_eq!(parse_type(&ty.to_string()).unwrap(), ty);
    }
}
