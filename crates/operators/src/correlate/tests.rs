//! UNNEST of lists, maps and multisets.

use arrow::array::{Int32Builder, MapFieldNames};
use arrow::array::{ListBuilder, MapBuilder, StringBuilder, UInt8Array};
use arrow::datatypes::{Field, Schema};
use millstream_core::operator::Emission;
use millstream_sim::values::row_text;

use super::*;

fn names(lists: &[Option<&[Option<&str>]>]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in lists {
        match list {
            Some(list) => builder.append_value(list.iter().copied()),
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

fn counts(maps: &[&[(&str, i32)]]) -> ArrayRef {
    let fields = MapFieldNames {
        entry: "entries".into(),
        key: "key".into(),
        value: "value".into(),
    };
    let mut builder = MapBuilder::new(Some(fields), StringBuilder::new(), Int32Builder::new());
    for map in maps {
        for (key, value) in *map {
            builder.keys().append_value(key);
            builder.values().append_value(*value);
        }
        builder.append(true).unwrap();
    }
    Arc::new(builder.finish())
}

fn spec() -> UnnestSpec {
    UnnestSpec {
        column: 1,
        is_multiset: false,
        with_ordinality: true,
        is_outer: false,
    }
}

/// Unnests rows numbered from 0; shows what comes out without the collection itself.
fn run(
    spec: &UnnestSpec,
    collections: ArrayRef,
    types: &[DataType],
    kinds: Option<&[u8]>,
) -> String {
    let id = Field::new("id", DataType::Int32, true);
    let fields = [
        id.clone(),
        Field::new("c", collections.data_type().clone(), true),
    ];
    let input: SchemaRef = Arc::new(Schema::new(fields.to_vec()));
    let added = types.iter().enumerate();
    let added = added.map(|(i, ty)| Field::new(format!("e{i}"), ty.clone(), true));
    let output: SchemaRef = Arc::new(Schema::new(
        fields.into_iter().chain(added).collect::<Vec<_>>(),
    ));
    let ids = Int32Array::from_iter_values(0..collections.len() as i32);
    let rows = RecordBatch::try_new(Arc::clone(&input), vec![Arc::new(ids), collections]).unwrap();
    let mut text = String::new();
    for batch_rows in [1, 2, 100] {
        let context = OperatorContext {
            node: "test".into(),
            batch_rows,
            key_groups: 128,
            subtask: 0,
            parallelism: 1,
        };
        let mut operator = Unnest::new(spec, &input, &output, &context).unwrap();
        let batch = match kinds {
            Some(kinds) => ChangeBatch::with_kinds(rows.clone(), UInt8Array::from(kinds.to_vec())),
            None => ChangeBatch::inserts(rows.clone()),
        };
        let mut out = Output::new(0);
        operator.on_rows(Port(0), batch, &mut out).unwrap();
        let mut found = String::new();
        for emission in out.take() {
            let Emission::Rows(batch) = emission else {
                panic!("only rows come out");
            };
            assert!(batch.num_rows() <= batch_rows);
            let columns: Vec<usize> = std::iter::once(0).chain(2..output.fields().len()).collect();
            let shown = batch.rows().project(&columns).unwrap();
            for row in 0..batch.num_rows() {
                let kind = batch.kind(row).as_str();
                found += &format!("{kind} {}\n", row_text(&shown, row));
            }
        }
        assert!(text.is_empty() || text == found);
        text = found;
    }
    text
}

#[test]
fn a_list_gives_its_elements_in_order() {
    let lists = || {
        names(&[
            Some(&[Some("x"), None]),
            Some(&[]),
            None,
            Some(&[Some("y")]),
        ])
    };
    let types = [DataType::Utf8, DataType::Int32];
    assert_eq!(
        run(&spec(), lists(), &types, None),
        "+I 0 x 1\n+I 0 null 2\n+I 3 y 1\n"
    );
    let outer = UnnestSpec {
        is_outer: true,
        ..spec()
    };
    assert_eq!(
        run(&outer, lists(), &types, None),
        "+I 0 x 1\n+I 0 null 2\n+I 1 null null\n+I 2 null null\n+I 3 y 1\n"
    );
}

#[test]
fn elements_have_the_kind_of_their_row() {
    let lists = names(&[Some(&[Some("x"), Some("y")]), Some(&[Some("z")])]);
    let types = [DataType::Utf8, DataType::Int32];
    assert_eq!(
        run(&spec(), lists, &types, Some(&[1, 2])),
        "-U 0 x 1\n-U 0 y 2\n+U 1 z 1\n"
    );
}

#[test]
fn a_map_gives_pairs_and_a_multiset_repeats() {
    let maps = || counts(&[&[("a", 2), ("b", 1)], &[], &[("c", 1)]]);
    let without = UnnestSpec {
        with_ordinality: false,
        ..spec()
    };
    assert_eq!(
        run(&without, maps(), &[DataType::Utf8, DataType::Int32], None),
        "+I 0 a 2\n+I 0 b 1\n+I 2 c 1\n"
    );
    let multiset = UnnestSpec {
        is_multiset: true,
        ..spec()
    };
    assert_eq!(
        run(&multiset, maps(), &[DataType::Utf8, DataType::Int32], None),
        "+I 0 a 1\n+I 0 a 2\n+I 0 b 3\n+I 2 c 1\n"
    );
}
