use super::*;
use crate::testing::{formats, table};
use millstream_core::types::SqlType;

fn check(name: &str, pairs: &[(&str, &str)]) -> Result<()> {
    let table = table("t", &[("line", SqlType::STRING)], pairs);
    check_options(crate::connector(name)?, &table, &formats())
}

#[test]
fn options_of_the_connector_the_format_and_every_table_are_known() {
    check(
        "print",
        &[
            ("connector", "print"),
            ("print-identifier", "x"),
            ("sink.parallelism", "2"),
        ],
    )
    .unwrap();
    check(
        "filesystem",
        &[
            ("connector", "filesystem"),
            ("path", "/tmp"),
            ("format", "lines"),
            ("lines.comment", "#"),
            ("on-error", "skip"),
            ("scan.watermark.idle-timeout", "1 s"),
            ("sink.parallelism", "1"),
        ],
    )
    .unwrap();
}

#[test]
fn a_misspelt_option_names_its_nearest_neighbour() {
    let cases = [
        (
            "print",
            "print-identifer",
            "did you mean 'print-identifier'?",
        ),
        (
            "datagen",
            "fields.line.lenght",
            "did you mean 'fields.line.length'?",
        ),
        (
            "datagen",
            "scan.parallelsm",
            "did you mean 'scan.parallelism'?",
        ),
    ];
    for (connector, key, hint) in cases {
        let error = check(connector, &[("connector", connector), (key, "1")]).unwrap_err();
        assert_eq!(error.code(), Code::UnknownOption);
        assert_eq!(error.message(), format!("table 't' has no option '{key}'"));
        assert_eq!(error.hint_text(), Some(hint));
    }
    let error = check("filesystem", &[("format", "lines"), ("lines.coment", "#")]).unwrap_err();
    assert_eq!(error.hint_text(), Some("did you mean 'lines.comment'?"));
}

#[test]
fn an_option_of_another_kind_of_table_is_refused() {
    let error = check("print", &[("format", "lines")]).unwrap_err();
    assert_eq!(error.code(), Code::UnknownOption);
    let error = check("blackhole", &[("on-error", "skip")]).unwrap_err();
    assert_eq!(error.code(), Code::UnknownOption);
}

#[test]
fn watermark_alignment_is_refused_by_name() {
    let error = check("datagen", &[("scan.watermark.alignment.group", "g")]).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.message().contains("watermark alignment"), "{error}");
}

#[test]
fn the_format_gets_its_options_without_its_name() {
    let pairs = [
        ("format", "lines"),
        ("lines.comment", "#"),
        ("linesman", "x"),
    ];
    let table = table("t", &[("line", SqlType::STRING)], &pairs);
    let (format, options) = format_of(&table, &formats()).unwrap();
    assert_eq!(format.name(), "lines");
    assert_eq!(options.iter().collect::<Vec<_>>(), [("comment", "#")]);
    assert_eq!(options.owner(), "format 'lines' of table 't'");
}

#[test]
fn a_missing_or_unknown_format_is_the_users_mistake() {
    let error = check("filesystem", &[("path", "/tmp")]).unwrap_err();
    assert_eq!(error.message(), "table 't' needs the option 'format'");
    let error = check("filesystem", &[("format", "linse")]).unwrap_err();
    assert_eq!(error.code(), Code::InvalidOption);
    assert!(error.message().starts_with("table 't': "), "{error}");
}
