use expect_test::expect;

use super::*;
use crate::generator::Plan;

#[test]
fn an_injected_loss_duplicate_and_change_are_found_and_named() {
    let rows: Vec<String> = Plan::small(1, 100)
        .rows()
        .map(|row| row.to_json())
        .collect();
    let wanted: Multiset = rows.iter().cloned().collect();
    let mut found = rows.clone();
    let lost = found.remove(17);
    let twice = found[42].clone();
    found.push(twice.clone());
    let changed = std::mem::replace(&mut found[99], "something else".into());

    let difference = compare(&wanted, &found.into_iter().collect());
    assert_eq!(difference.lost_rows(), 2);
    assert_eq!(difference.duplicated_rows(), 1);
    assert!(difference.lost.contains_key(&lost) && difference.lost.contains_key(&changed));
    assert!(difference.duplicated.contains_key(&twice));
    assert!(difference.wrong.contains_key("something else"));
    assert!(difference.into_result().is_err());
    assert!(compare(&wanted, &wanted).into_result().is_ok());
}

#[test]
fn a_difference_is_short_however_many_rows_differ() {
    let wanted: Multiset = (0..12).map(|i| format!("row {i:02}")).collect();
    let found: Multiset = ["row 00", "row 00", "row 00", "new"].into_iter().collect();
    expect![[r#"
        wanted 12 rows, found 4
          lost: 11
            1 x row 01
            1 x row 02
            1 x row 03
            1 x row 04
            1 x row 05
            1 x row 06
            1 x row 07
            1 x row 08
            1 x row 09
            1 x row 10
            and 1 more different rows
          duplicated: 2
            2 x row 00
          wrong: 1
            1 x new"#]]
    .assert_eq(&compare(&wanted, &found).to_string());
}

#[test]
fn json_becomes_a_line_in_the_order_of_the_columns() {
    let object = br#"{"b":1,"a":"x","t":"2026-01-01T00:00:00.5Z","n":null}"#;
    assert_eq!(
        json_line(object, &["a", "b", "t", "n"]).unwrap(),
        "x|1|2026-01-01 00:00:00.500|NULL"
    );
    assert_eq!(line([&"x", &1]), "x|1");
}

#[test]
fn a_missing_or_unexpected_column_or_broken_json_is_an_error() {
    for object in [
        &b"{\"a\":1}"[..],
        b"{\"a\":1,\"b\":2,\"c\":3}",
        b"[1]",
        b"{\"a\":1",
        b"\xff",
    ] {
        assert!(json_line(object, &["a", "b"]).is_err());
    }
    assert_eq!(
        Multiset::of_json_lines(b"{\"a\":1}\n\n{\"a\":1}\n", &["a"])
            .unwrap()
            .count("1"),
        2
    );
}

#[test]
fn a_row_that_comes_again_or_too_early_is_out_of_order() {
    let mut good = OrderCheck::default();
    [(0, 0, 1), (0, 1, 1), (0, 0, 5), (1, 0, 2), (0, 1, 2)]
        .into_iter()
        .for_each(|(output, source, seq)| good.see(output, source, seq));
    good.finish().unwrap();

    let mut bad = OrderCheck::default();
    [(0, 0, 1), (0, 0, 3), (0, 0, 2), (0, 0, 2)]
        .into_iter()
        .for_each(|(output, source, seq)| bad.see(output, source, seq));
    let error = bad.finish().unwrap_err();
    assert!(
        error.message().starts_with("2 rows are out of order"),
        "{error}"
    );
}
