//! Multisets of rows against a plain model.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::datatypes::Int64Type;

use super::*;

fn rows(texts: &[&str]) -> (KeyedRows, usize) {
    let mut rows = KeyedRows::new(vec![DataType::Utf8]);
    let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    rows.take_in_hand(&[column], texts.len()).unwrap();
    (rows, texts.len())
}

fn texts(rows: &KeyedRows, key: u32) -> Vec<String> {
    let slots: Vec<u32> = rows.slots(key).collect();
    let columns = rows.columns(&slots).unwrap();
    let column = columns[0].as_string::<i32>();
    let texts = slots.iter().enumerate();
    let texts = texts.map(|(at, &slot)| format!("{}*{}", column.value(at), rows.count(slot)));
    texts.collect()
}

#[test]
fn rows_come_back_in_the_order_of_their_arrival() {
    let (mut rows, _) = rows(&["ann", "bob", "ann", "cid"]);
    for row in 0..4 {
        rows.add(row, 7).unwrap();
    }
    assert_eq!(texts(&rows, 7), ["ann*2", "bob*1", "cid*1"]);
    assert!(rows.is_empty_at(6) && rows.is_empty_at(8) && !rows.is_empty_at(7));
}

#[test]
fn a_row_goes_from_the_front_the_middle_and_the_end() {
    let (mut rows, _) = rows(&["a", "b", "c", "d"]);
    for row in 0..4 {
        rows.add(row, 0).unwrap();
    }
    for (row, left) in [
        (2, &["a*1", "b*1", "d*1"][..]),
        (0, &["b*1", "d*1"]),
        (3, &["b*1"]),
    ] {
        let slot = rows.find(row, 0).unwrap();
        assert!(rows.remove(slot));
        assert_eq!(texts(&rows, 0), left);
    }
    rows.add(3, 0).unwrap();
    assert_eq!(texts(&rows, 0), ["b*1", "d*1"]);
    for row in [1, 3] {
        let slot = rows.find(row, 0).unwrap();
        rows.remove(slot);
    }
    assert!(rows.is_empty_at(0));
    assert_eq!(rows.find(1, 0), None);
}

#[test]
fn the_same_row_under_two_keys_is_two_rows() {
    let (mut rows, _) = rows(&["a"]);
    let one = rows.add(0, 1).unwrap();
    let two = rows.add(0, 2).unwrap();
    assert_ne!(one, two);
    assert_eq!(rows.find(0, 3), None);
}

#[test]
fn no_slot_is_a_row_of_nulls() {
    let (mut rows, _) = rows(&["a"]);
    let slot = rows.add(0, 0).unwrap();
    let columns = rows.columns(&[NONE, slot, NONE]).unwrap();
    assert_eq!(columns[0].null_count(), 2);
    assert_eq!(columns[0].as_string::<i32>().value(1), "a");
}

#[test]
fn many_random_changes_agree_with_a_plain_map() {
    let mut random = 12345_u64;
    let mut next = |bound: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % bound
    };
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..50));
    let mut rows = KeyedRows::new(vec![DataType::Int64]);
    rows.take_in_hand(&[values], 50).unwrap();
    let mut model: BTreeMap<(u32, i64), u32> = BTreeMap::new();
    for _ in 0..20_000 {
        let (key, row) = (next(9) as u32, next(50) as usize);
        if next(2) == 0 {
            rows.add(row, key).unwrap();
            *model.entry((key, row as i64)).or_default() += 1;
        } else if let Some(slot) = rows.find(row, key) {
            let count = model.get_mut(&(key, row as i64)).unwrap();
            *count -= 1;
            assert_eq!(rows.remove(slot), *count == 0);
            if *count == 0 {
                model.remove(&(key, row as i64));
            }
        } else {
            assert!(!model.contains_key(&(key, row as i64)));
        }
        rows.compact();
    }
    let mut found = BTreeMap::new();
    for key in 0..9 {
        let slots: Vec<u32> = rows.slots(key).collect();
        let columns = rows.columns(&slots).unwrap();
        let column = columns[0].as_primitive::<Int64Type>();
        for (at, &slot) in slots.iter().enumerate() {
            found.insert((key, column.value(at)), rows.count(slot));
        }
    }
    assert_eq!(found, model);
}
