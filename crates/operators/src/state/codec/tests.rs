use std::sync::Arc;

use arrow::array::{
    Array, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray,
    IntervalYearMonthArray, ListArray, MapArray, NullArray, RecordBatch, StringArray, StructArray,
    Time32MillisecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Fields, IntervalMonthDayNano};
use millstream_core::Code;

use super::*;
use crate::state::bytes::Reader;

/// Two rows of every type: a value and NULL.
fn every_type() -> Vec<ArrayRef> {
    let list = ListArray::new(
        Arc::new(Field::new("element", DataType::Utf8, true)),
        OffsetBuffer::from_lengths([3, 0]),
        Arc::new(StringArray::from(vec![Some("a"), None, Some("é")])),
        Some(NullBuffer::from(vec![true, false])),
    );
    let fields = Fields::from(vec![
        Field::new("x", DataType::Int32, true),
        Field::new("y", list.data_type().clone(), true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![None, Some(1)])),
        Arc::new(list.clone()),
    ];
    let row = StructArray::new(fields, columns, Some(NullBuffer::from(vec![true, false])));
    let pair = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Int32, true),
    ]);
    let entries = StructArray::new(
        pair.clone(),
        vec![
            Arc::new(StringArray::from(vec!["k", ""])),
            Arc::new(Int32Array::from(vec![Some(7), None])),
        ],
        None,
    );
    let map = MapArray::new(
        Arc::new(Field::new("entries", DataType::Struct(pair), false)),
        OffsetBuffer::from_lengths([2, 0]),
        entries,
        Some(NullBuffer::from(vec![true, false])),
        false,
    );
    let decimal = Decimal128Array::from(vec![Some(-12345), None]);
    let interval = IntervalMonthDayNano::new(1, -2, 3);
    vec![
        Arc::new(NullArray::new(2)),
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(Int8Array::from(vec![Some(-1), None])),
        Arc::new(Int16Array::from(vec![Some(258), None])),
        Arc::new(Int32Array::from(vec![Some(-2), None])),
        Arc::new(Int64Array::from(vec![Some(i64::MIN), None])),
        Arc::new(Float32Array::from(vec![Some(1.5), None])),
        Arc::new(Float64Array::from(vec![Some(-0.0), None])),
        Arc::new(decimal.with_precision_and_scale(10, 2).unwrap()),
        Arc::new(StringArray::from(vec![Some("déjà"), None])),
        Arc::new(BinaryArray::from(vec![Some(&[0u8, 255][..]), None])),
        Arc::new(Date32Array::from(vec![Some(20_000), None])),
        Arc::new(Time32MillisecondArray::from(vec![Some(1), None])),
        Arc::new(TimestampMillisecondArray::from(vec![Some(-1), None]).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(2), None])),
        Arc::new(TimestampNanosecondArray::from(vec![Some(3), None])),
        Arc::new(IntervalYearMonthArray::from(vec![Some(13), None])),
        Arc::new(IntervalMonthDayNanoArray::from(vec![Some(interval), None])),
        Arc::new(list),
        Arc::new(row),
        Arc::new(map),
    ]
}

/// The bytes of the first row of `every_type`, as version 1 of the format writes them.
const FIRST_ROW: &str = "feff1f\
    01\
    ff\
    0201\
    feffffff\
    0000000000000080\
    0000c03f\
    0000000000000080\
    c7cfffffffffffffffffffffffffffff\
    0664c3a96ac3a0\
    0200ff\
    204e0000\
    01000000\
    ffffffffffffffff\
    0200000000000000\
    0300000000000000\
    0d000000\
    01000000feffffff0300000000000000\
    0305016102c3a9\
    020305016102c3a9\
    0203016b070000000100";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

fn decode(bytes: &[u8], types: &[DataType]) -> Result<Vec<ArrayRef>> {
    let mut decoder = Decoder::new(types)?;
    let mut reader = Reader::new(bytes);
    decoder.read(&mut reader)?;
    reader.end()?;
    decoder.finish()
}

fn types_of(columns: &[ArrayRef]) -> Vec<DataType> {
    columns.iter().map(|c| c.data_type().clone()).collect()
}

#[test]
fn the_bytes_of_this_format_are_those_on_disk() {
    let columns = every_type();
    let mut encoded = Encoded::default();
    encoded.encode(&columns, 2).unwrap();
    assert_eq!(hex(encoded.row(0)), FIRST_ROW);
    assert_eq!(hex(encoded.row(1)), "000000");
    let first = decode(&unhex(FIRST_ROW), &types_of(&columns)).unwrap();
    for (found, wanted) in first.iter().zip(&columns) {
        assert_eq!(found.as_ref(), wanted.slice(0, 1).as_ref());
    }
}

#[test]
fn rows_come_back_as_they_were_also_from_slices() {
    let columns = every_type();
    for (from, length) in [(0, 2), (1, 1), (0, 0)] {
        let wanted: Vec<ArrayRef> = columns.iter().map(|c| c.slice(from, length)).collect();
        let mut encoded = Encoded::default();
        encoded.encode(&wanted, length).unwrap();
        let mut decoder = Decoder::new(&types_of(&columns)).unwrap();
        for row in 0..length {
            let mut reader = Reader::new(encoded.row(row));
            decoder.read(&mut reader).unwrap();
            reader.end().unwrap();
        }
        let found = decoder.finish().unwrap();
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found.as_ref(), wanted.as_ref());
        }
    }
}

#[test]
fn damaged_rows_are_an_error_and_nothing_else() {
    let columns = every_type();
    let types = types_of(&columns);
    let bytes = unhex(FIRST_ROW);
    for length in 0..bytes.len() {
        let error = decode(&bytes[..length], &types).unwrap_err();
        assert_eq!(error.code(), Code::CheckpointDamaged);
    }
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match decode(&damaged, &types) {
            Err(error) => assert_eq!(error.code(), Code::CheckpointDamaged),
            // Another value; the checksums of the file are there to notice.
            Ok(columns) => {
                let fields = columns.iter().enumerate();
                let fields =
                    fields.map(|(i, c)| Field::new(format!("c{i}"), c.data_type().clone(), true));
                let schema = arrow::datatypes::Schema::new(fields.collect::<Vec<_>>());
                RecordBatch::try_new(Arc::new(schema), columns).unwrap();
            }
        }
    }
}

#[test]
fn a_length_that_lies_allocates_nothing() {
    let list = DataType::new_list(DataType::Int64, true);
    // One column, valid; 2^40 elements.
    let bytes = [1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    for ty in [list, DataType::Utf8] {
        let error = decode(&bytes, &[ty]).unwrap_err();
        assert_eq!(error.code(), Code::CheckpointDamaged);
    }
}

#[test]
fn every_type_has_a_name_of_its_own() {
    let names = every_type();
    let names: Vec<String> = names
        .iter()
        .map(|c| type_text(c.data_type()).unwrap())
        .collect();
    assert_eq!(
        names.join(" "),
        "null bool i8 i16 i32 i64 f32 f64 decimal(10,2) text bytes date time_ms instant_ms \
         local_us local_ns months interval array(text) row(i32,array(text)) map(text,i32)"
    );
    assert!(type_text(&DataType::LargeUtf8).is_err());
}
