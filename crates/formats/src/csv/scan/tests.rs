use super::*;

const DIALECT: Dialect = Dialect {
    delimiter: b',',
    quote: Some(b'"'),
    escape: None,
    trim: false,
};

fn fields(dialect: Dialect, input: &str, last: bool) -> Result<Vec<&str>, Found> {
    let mut scanner = Scanner::new(dialect);
    match scanner.scan(input.as_bytes(), last) {
        Found::Record { .. } => Ok(scanner
            .spans
            .iter()
            .map(|s| &input[s.start..s.end])
            .collect()),
        found => Err(found),
    }
}

#[test]
fn fields_are_spans_without_their_quotes() {
    assert_eq!(
        fields(DIALECT, "a,\"b,\"\"c\",\nrest", false),
        Ok(vec!["a", "b,\"\"c", ""])
    );
    assert_eq!(fields(DIALECT, "\n", false), Ok(vec![""]));
    assert_eq!(fields(DIALECT, "a", true), Ok(vec!["a"]));
}

#[test]
fn a_record_ends_only_where_it_is_sure_to() {
    for input in [
        "", "a", "a,", "a\r", "\"a", "\"a\"", "\"a\nb", "\"a\"\r", "\"a\" ",
    ] {
        assert_eq!(
            fields(DIALECT, input, false),
            Err(Found::Incomplete),
            "{input:?}"
        );
    }
    let mut scanner = Scanner::new(DIALECT);
    assert_eq!(
        scanner.scan(b"a\rb", false),
        Found::Record {
            length: 2,
            lines: 1
        }
    );
    assert_eq!(
        scanner.scan(b"a\r\nb", false),
        Found::Record {
            length: 3,
            lines: 1
        }
    );
    assert_eq!(
        scanner.scan(b"\"\n\n\"\n", false),
        Found::Record {
            length: 5,
            lines: 3
        }
    );
}

#[test]
fn what_is_no_record_is_told_with_its_place() {
    let broken = |input, last| match fields(DIALECT, input, last) {
        Err(Found::Broken { at, .. }) => at,
        other => panic!("{other:?}"),
    };
    assert_eq!(broken("\"a\"b\n", false), 3);
    assert_eq!(broken("x,\"abc", true), 6);
    let escape = Dialect {
        escape: Some(b'\\'),
        ..DIALECT
    };
    assert!(matches!(
        fields(escape, "ab\\", true),
        Err(Found::Broken { at: 2, .. })
    ));
    assert_eq!(fields(escape, "ab\\", false), Err(Found::Incomplete));
}

#[test]
fn a_tab_that_divides_is_no_space() {
    let tabs = Dialect {
        delimiter: b'\t',
        trim: true,
        ..DIALECT
    };
    assert_eq!(
        fields(tabs, "\t \"a\" \t b \n", true),
        Ok(vec!["", "a", "b"])
    );
}
