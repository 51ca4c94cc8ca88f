use std::sync::Arc;

use arrow::array::{BooleanArray, Date32Array, Int64Array, TimestampMillisecondArray};

use super::*;

fn ints(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn intern(table: &mut KeyTable, columns: &[ArrayRef]) -> Vec<u32> {
    let mut ids = Vec::new();
    table.intern(columns, columns[0].len(), &mut ids).unwrap();
    ids
}

fn table(columns: &[ArrayRef]) -> KeyTable {
    let types: Vec<DataType> = columns.iter().map(|c| c.data_type().clone()).collect();
    KeyTable::new(&types).unwrap()
}

/// Interns, and checks that equal rows and only those share an id and that keys come back.
fn check(columns: &[ArrayRef], wanted: &[u32]) {
    let mut table = table(columns);
    let ids = intern(&mut table, columns);
    assert_eq!(ids, wanted);
    assert_eq!(intern(&mut table, columns), wanted, "a second time");
    let keys = table.keys(&ids).unwrap();
    for (key, column) in keys.iter().zip(columns) {
        assert_eq!(key, column);
    }
    let mut other = table.like().unwrap();
    let mut mapping = Vec::new();
    other.intern_table(&table, &mut mapping).unwrap();
    assert_eq!(mapping, table.ids());
    assert_eq!(other.keys(&ids).unwrap(), keys);
}

#[test]
fn equal_rows_share_an_id_in_every_representation() {
    check(
        &[ints(&[Some(7), None, Some(7), Some(-1), None])],
        &[0, 1, 0, 2, 1],
    );
    check(
        &[texts(&[Some("a"), Some(""), None, Some("a"), None])],
        &[0, 1, 2, 0, 2],
    );
    check(
        &[
            ints(&[Some(1), Some(1), None, Some(1)]),
            texts(&[Some("a"), None, Some("a"), Some("a")]),
        ],
        &[0, 1, 2, 0],
    );
    check(&[Arc::new(Date32Array::from(vec![3, 4, 3]))], &[0, 1, 0]);
    let instants = TimestampMillisecondArray::from(vec![5, 5, 6]).with_timezone("UTC");
    check(&[Arc::new(instants)], &[0, 0, 1]);
    check(
        &[Arc::new(BooleanArray::from(vec![true, false, true]))],
        &[0, 1, 0],
    );
}

#[test]
fn zeros_and_nans_are_equal() {
    let odd = f64::from_bits(f64::NAN.to_bits() | 1);
    let column: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, odd, 1.0]));
    let mut table = table(std::slice::from_ref(&column));
    assert_eq!(intern(&mut table, &[column]), [0, 0, 1, 1, 2]);
}

#[test]
fn without_key_columns_all_rows_are_one_key() {
    let mut table = KeyTable::new(&[]).unwrap();
    let mut ids = Vec::new();
    table.intern(&[], 3, &mut ids).unwrap();
    assert_eq!((ids.as_slice(), table.len()), ([0, 0, 0].as_slice(), 1));
    assert!(table.keys(&ids).unwrap().is_empty());
}

#[test]
fn the_same_key_in_two_spaces_has_two_ids() {
    for column in [
        ints(&[Some(1), Some(1), None, None]),
        texts(&[Some("x"), Some("x"), None, None]),
    ] {
        let mut table = table(std::slice::from_ref(&column));
        let mut ids = Vec::new();
        table.intern_in(&[column], &[0, 5, 0, 5], &mut ids).unwrap();
        assert_eq!(ids, [0, 1, 2, 3]);
        assert_eq!(table.space(1), Some(5));
    }
}

#[test]
fn removed_ids_are_given_out_again() {
    for (first, second) in [
        (
            ints(&[Some(1), None, Some(3)]),
            ints(&[Some(3), Some(4), None]),
        ),
        (
            texts(&[Some("one"), None, Some("three")]),
            texts(&[Some("three"), Some("four"), None]),
        ),
    ] {
        let mut table = table(std::slice::from_ref(&first));
        intern(&mut table, &[first]);
        table.remove(&[0, 1, 1]);
        assert_eq!((table.len(), table.ids()), (1, vec![2]));
        assert_eq!(table.space(0), None);
        let ids = intern(&mut table, &[Arc::clone(&second)]);
        assert_eq!(ids, [2, 1, 0]);
        assert_eq!(table.keys(&ids).unwrap(), [second]);
        assert_eq!(table.id_bound(), 3);
    }
}

#[test]
fn the_memory_of_removed_texts_is_used_again() {
    let mut table = KeyTable::new(&[DataType::Utf8]).unwrap();
    for round in 0..200 {
        let values: Vec<String> = (0..100)
            .map(|i| format!("{round}-{i}-{}", "x".repeat(100)))
            .collect();
        let column: ArrayRef = Arc::new(StringArray::from(values));
        let ids = intern(&mut table, &[Arc::clone(&column)]);
        assert_eq!(table.keys(&ids).unwrap(), [column]);
        table.remove(&ids);
    }
    assert!(table.is_empty());
    assert!(table.bytes() < 1 << 20, "{} bytes", table.bytes());
}

#[test]
fn a_table_grows_beyond_its_first_size() {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..100_000).map(|i| i * 8)));
    let mut table = table(std::slice::from_ref(&column));
    let ids = intern(&mut table, std::slice::from_ref(&column));
    assert!(ids.iter().enumerate().all(|(row, &id)| row == id as usize));
    table.clear();
    assert!(table.is_empty());
    assert_eq!(intern(&mut table, &[column])[99_999], 99_999);
}

/// Against a map, with enough removals that slots move.
#[test]
fn keys_are_found_after_any_number_of_removals() {
    let mut state = 88_172_645_463_325_252u64;
    let mut table = KeyTable::new(&[DataType::Int64]).unwrap();
    let mut known = hashbrown::HashMap::new();
    for _ in 0..300 {
        let values: Vec<i64> = (0..100)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state % 500) as i64
            })
            .collect();
        let column: ArrayRef = Arc::new(Int64Array::from(values.clone()));
        let ids = intern(&mut table, &[column]);
        for (&value, &id) in values.iter().zip(&ids) {
            assert_eq!(*known.entry(value).or_insert(id), id);
        }
        let removed: Vec<i64> = known
            .keys()
            .filter(|v| *v % 3 == (state % 3) as i64)
            .copied()
            .collect();
        for value in removed {
            table.remove(&[known.remove(&value).unwrap()]);
        }
        assert_eq!(table.len(), known.len());
    }
}
