use std::sync::Arc;

use arrow::array::{
    BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array,
    StringArray,
};
use arrow::datatypes::{Field, Fields};
use arrow::util::display::array_value_to_string;

use super::*;

fn ints(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn call(function: AggregateFunction, result: DataType) -> AggregateCall {
    AggregateCall {
        field: Arc::new(Field::new("r", result, true)),
        function,
        args: vec![0],
        distinct: false,
        filter: None,
    }
}

fn accumulators(call: &AggregateCall, column: &ArrayRef, retracts: bool) -> Accumulators {
    let input = Schema::new(vec![Field::new("c", column.data_type().clone(), true)]);
    Accumulators::new(std::slice::from_ref(call), &input, retracts, true).unwrap()
}

fn update(target: &mut Accumulators, column: &ArrayRef, groups: &[u32], signs: Option<&[i8]>) {
    target.resize(1 + *groups.iter().max().unwrap() as usize);
    target
        .update(Batch {
            columns: std::slice::from_ref(column),
            groups,
            signs,
        })
        .unwrap();
}

fn shown(target: &Accumulators, groups: &[u32]) -> Vec<String> {
    let results = target.evaluate(groups).unwrap();
    let column = &results[0];
    (0..groups.len())
        .map(|row| match column.is_null(row) {
            true => "null".into(),
            false => array_value_to_string(column, row).unwrap(),
        })
        .collect()
}

/// The results of groups 0 and 1, which get the rows in turn, and of group 2, which gets none.
/// However the rows are cut, merged or combined, they must be the same.
fn results(call: &AggregateCall, column: &ArrayRef) -> Vec<String> {
    let groups: Vec<u32> = (0..column.len() as u32).map(|row| row % 2).collect();
    let mut whole = accumulators(call, column, false);
    whole.resize(3);
    update(&mut whole, column, &groups, None);
    let wanted = shown(&whole, &[0, 1, 2]);

    let half = column.len() / 2;
    let (first, second) = (
        column.slice(0, half),
        column.slice(half, column.len() - half),
    );
    let mut left = accumulators(call, column, false);
    left.resize(3);
    let mut right = accumulators(call, column, false);
    if half > 0 {
        update(&mut left, &first, &groups[..half], None);
    }
    let swapped: Vec<u32> = groups[half..].iter().map(|group| 1 - group).collect();
    update(&mut right, &second, &swapped, None);
    left.merge(&right, &[1, 0]).unwrap();
    assert_eq!(shown(&left, &[0, 1, 2]), wanted, "merged");

    let mut apart = accumulators(call, column, false);
    let own: Vec<u32> = (0..column.len() as u32).collect();
    update(&mut apart, column, &own, None);
    apart.resize(3);
    for row in 2..column.len() as u32 {
        apart.combine(row % 2, row).unwrap();
    }
    assert_eq!(shown(&apart, &[0, 1]), wanted[..2], "combined");

    whole.reset(&[0, 1]).unwrap();
    update(&mut whole, column, &groups, None);
    assert_eq!(shown(&whole, &[0, 1, 2]), wanted, "after a reset");
    assert!(whole.bytes() > 0);
    whole.clear();
    whole.resize(3);
    update(&mut whole, column, &groups, None);
    assert_eq!(shown(&whole, &[0, 1, 2]), wanted, "after clear");
    wanted
}

fn check(function: AggregateFunction, result: DataType, column: ArrayRef, wanted: [&str; 3]) {
    assert_eq!(results(&call(function, result), &column), wanted);
}

#[test]
fn count_counts_values_that_are_not_null() {
    let column = ints(&[Some(1), None, Some(1), None]);
    check(
        AggregateFunction::Count,
        DataType::Int64,
        column,
        ["2", "0", "0"],
    );
}

#[test]
fn sum_keeps_the_type_and_wraps_around() {
    let column = ints(&[Some(i32::MAX), None, Some(2), None]);
    check(
        AggregateFunction::Sum,
        DataType::Int32,
        column,
        ["-2147483647", "null", "null"],
    );
    let column: ArrayRef = Arc::new(Int8Array::from(vec![100, 1, 100, 2]));
    check(
        AggregateFunction::Sum,
        DataType::Int8,
        column,
        ["-56", "3", "null"],
    );
    let column: ArrayRef = Arc::new(Float32Array::from(vec![0.5, 1.0, 0.25, -1.0]));
    check(
        AggregateFunction::Sum,
        DataType::Float32,
        column,
        ["0.75", "0.0", "null"],
    );
}

fn decimals(values: &[i128], precision: u8, scale: i8) -> ArrayRef {
    let array = Decimal128Array::from_iter_values(values.iter().copied());
    Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
}

#[test]
fn a_decimal_sum_that_does_not_fit_is_null() {
    let nines = 10i128.pow(38) - 1;
    check(
        AggregateFunction::Sum,
        DataType::Decimal128(38, 2),
        decimals(&[nines, 150, 1, 250], 38, 2),
        ["null", "4.00", "null"],
    );
    check(
        AggregateFunction::Sum,
        DataType::Decimal128(38, 0),
        decimals(&[nines, nines, nines, -nines, nines, 5], 38, 0),
        ["null", "5", "null"],
    );
}

#[test]
fn averages_of_whole_numbers_truncate_towards_zero() {
    let column = ints(&[Some(7), Some(-7), Some(0), Some(0), None, None]);
    check(
        AggregateFunction::Avg,
        DataType::Int32,
        column,
        ["3", "-3", "null"],
    );
    let column: ArrayRef = Arc::new(Float64Array::from(vec![7.0, -7.0, 0.0, 0.0]));
    check(
        AggregateFunction::Avg,
        DataType::Float64,
        column,
        ["3.5", "-3.5", "null"],
    );
}

#[test]
fn averages_of_decimals_round_half_away_from_zero() {
    // 0.01 / 2 = 0.005; −0.000001 / 2 at scale 6.
    check(
        AggregateFunction::Avg,
        DataType::Decimal128(38, 6),
        decimals(&[100, -100, 101, -101, 101, -101], 10, 2),
        ["1.006667", "-1.006667", "null"],
    );
    check(
        AggregateFunction::Avg,
        DataType::Decimal128(38, 6),
        decimals(&[1, -1, 0, 0], 10, 6),
        ["0.000001", "-0.000001", "null"],
    );
    // The scaled sum leaves 128 bits.
    let large = 4 * 10i128.pow(33);
    check(
        AggregateFunction::Avg,
        DataType::Decimal128(38, 6),
        decimals(&[large, -large, large + 1, -large], 38, 0),
        ["null", "null", "null"],
    );
    let fits = 4 * 10i128.pow(31);
    check(
        AggregateFunction::Avg,
        DataType::Decimal128(38, 6),
        decimals(&[fits; 64], 38, 0),
        [&format!("{fits}.000000"), &format!("{fits}.000000"), "null"],
    );
}

#[test]
fn min_and_max_compare_by_type() {
    let column = ints(&[Some(3), None, Some(-4), None]);
    check(
        AggregateFunction::Min,
        DataType::Int32,
        Arc::clone(&column),
        ["-4", "null", "null"],
    );
    check(
        AggregateFunction::Max,
        DataType::Int32,
        column,
        ["3", "null", "null"],
    );
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["b", "é", "ab", "z"]));
    check(
        AggregateFunction::Min,
        DataType::Utf8,
        Arc::clone(&texts),
        ["ab", "z", "null"],
    );
    check(
        AggregateFunction::Max,
        DataType::Utf8,
        texts,
        ["b", "é", "null"],
    );
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, -0.0, 1.0, 0.0]));
    check(
        AggregateFunction::Max,
        DataType::Float64,
        Arc::clone(&floats),
        ["NaN", "0.0", "null"],
    );
    check(
        AggregateFunction::Min,
        DataType::Float64,
        floats,
        ["1.0", "-0.0", "null"],
    );
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![
        Some(true),
        None,
        Some(false),
        None,
    ]));
    check(
        AggregateFunction::BoolAnd,
        DataType::Boolean,
        Arc::clone(&truths),
        ["false", "null", "null"],
    );
    check(
        AggregateFunction::BoolOr,
        DataType::Boolean,
        truths,
        ["true", "null", "null"],
    );
}

#[test]
fn first_and_last_ignore_nulls() {
    let column = ints(&[None, Some(1), Some(2), None, Some(3), None]);
    check(
        AggregateFunction::FirstValue,
        DataType::Int32,
        Arc::clone(&column),
        ["2", "1", "null"],
    );
    check(
        AggregateFunction::LastValue,
        DataType::Int32,
        column,
        ["3", "1", "null"],
    );
    let fields = Fields::from(vec![Field::new("x", DataType::Int32, true)]);
    let rows = ints(&[Some(1), Some(2), Some(3), Some(4)]);
    let rows = arrow::array::StructArray::new(fields.clone(), vec![rows], None);
    check(
        AggregateFunction::LastValue,
        DataType::Struct(fields),
        Arc::new(rows),
        ["{x: 3}", "{x: 4}", "null"],
    );
}

#[test]
fn lists_keep_the_order_of_rows() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![
        Some("a"),
        None,
        Some(""),
        Some("b"),
    ]));
    let separator = "; ".into();
    check(
        AggregateFunction::ListAgg { separator },
        DataType::Utf8,
        texts,
        ["a; ", "b", "null"],
    );
    let list = DataType::List(Arc::new(Field::new("element", DataType::Int32, true)));
    let column = ints(&[Some(1), None, Some(1), Some(2)]);
    check(
        AggregateFunction::ArrayAgg,
        list,
        column,
        ["[1, 1]", "[, 2]", "null"],
    );
}

#[test]
fn collect_counts_values() {
    let pair = Fields::from(vec![
        Field::new("key", DataType::Int32, false),
        Field::new("value", DataType::Int32, false),
    ]);
    let entries = Field::new("entries", DataType::Struct(pair), false);
    let column = ints(&[Some(1), None, Some(2), None, Some(1), None]);
    check(
        AggregateFunction::Collect,
        DataType::Map(Arc::new(entries), false),
        column,
        ["{1: 2, 2: 1}", "{}", "{}"],
    );
}

#[test]
fn variances_survive_large_offsets() {
    let values = [4.0, 1.0, 7.0, f64::NAN, 13.0, 1.0, 16.0, 1.0];
    let column: ArrayRef = Arc::new(Float64Array::from_iter(
        values.map(|v| (!v.is_nan()).then_some(v + 1e9)),
    ));
    for (function, wanted) in [
        (AggregateFunction::VarPop, ["22.5", "0.0", "null"]),
        (AggregateFunction::VarSamp, ["30.0", "0.0", "null"]),
    ] {
        check(function, DataType::Float64, Arc::clone(&column), wanted);
    }
    check(
        AggregateFunction::StddevPop,
        DataType::Int32,
        column,
        ["4", "0", "null"],
    );
    let single = ints(&[Some(5), None]);
    let mut one = accumulators(
        &call(AggregateFunction::StddevSamp, DataType::Float64),
        &single,
        false,
    );
    update(&mut one, &single, &[0, 0], None);
    assert_eq!(shown(&one, &[0]), ["null"]);
}

#[test]
fn distinct_aggregates_take_each_value_once() {
    let column = ints(&[Some(5), Some(1), Some(5), None, Some(6), Some(1)]);
    let distinct = |function, result| AggregateCall {
        distinct: true,
        ..call(function, result)
    };
    let sum = distinct(AggregateFunction::Sum, DataType::Int32);
    assert_eq!(results(&sum, &column), ["11", "1", "null"]);
    let count = distinct(AggregateFunction::Count, DataType::Int64);
    assert_eq!(results(&count, &column), ["2", "1", "0"]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a", "b", "c", "d"]));
    let separator = ",".into();
    let list = distinct(AggregateFunction::ListAgg { separator }, DataType::Utf8);
    assert_eq!(results(&list, &texts), ["a,c", "b,d", "null"]);
    let element = Arc::new(Field::new("element", DataType::Int32, true));
    let array = distinct(AggregateFunction::ArrayAgg, DataType::List(element));
    let column = ints(&[Some(5), None, Some(5), None]);
    assert_eq!(results(&array, &column), ["[5]", "[]", "null"]);
}

#[test]
fn rows_can_be_taken_back() {
    let column = ints(&[Some(5), Some(7), Some(5), None]);
    for (function, result, wanted) in [
        (AggregateFunction::Count, DataType::Int64, ["3", "2", "0"]),
        (
            AggregateFunction::Sum,
            DataType::Int32,
            ["17", "10", "null"],
        ),
        (AggregateFunction::Avg, DataType::Int32, ["5", "5", "null"]),
    ] {
        let mut target = accumulators(&call(function, result), &column, true);
        let groups = [0; 4];
        update(&mut target, &column, &groups, None);
        assert_eq!(shown(&target, &[0])[0], wanted[0]);
        update(&mut target, &column.slice(1, 1), &[0], Some(&[-1]));
        assert_eq!(shown(&target, &[0])[0], wanted[1]);
        update(&mut target, &column, &groups, Some(&[-1, 1, -1, -1]));
        update(&mut target, &column.slice(1, 1), &[0], Some(&[-1]));
        assert_eq!(shown(&target, &[0])[0], wanted[2]);
    }
}

#[test]
fn distinct_counts_of_two_tables_add_up_also_when_rows_can_go() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 2]));
    let distinct = AggregateCall {
        distinct: true,
        ..call(AggregateFunction::Count, DataType::Int64)
    };
    let mut left = accumulators(&distinct, &column, true);
    update(&mut left, &column, &[0, 0, 0], None);
    let mut right = accumulators(&distinct, &column, true);
    update(&mut right, &column, &[0, 0, 0], Some(&[1, -1, -1]));
    left.merge(&right, &[0]).unwrap();
    assert_eq!(shown(&left, &[0]), ["1"]);
}

#[test]
fn arguments_of_the_wrong_type_are_refused() {
    let input = Schema::new(vec![Field::new("c", DataType::Utf8, true)]);
    let sum = call(AggregateFunction::Sum, DataType::Int32);
    let error = Accumulators::new(&[sum], &input, false, false)
        .err()
        .unwrap();
    assert_eq!(error.message(), "SUM: wants a number, found Utf8");
}

/// Every function over INT and STRING with the type of its result.
fn every_function() -> Vec<(AggregateCall, bool)> {
    let list = DataType::List(Arc::new(Field::new("element", DataType::Int32, true)));
    let pair = Fields::from(vec![
        Field::new("key", DataType::Int32, false),
        Field::new("value", DataType::Int32, false),
    ]);
    let multiset = DataType::Map(
        Arc::new(Field::new("entries", DataType::Struct(pair), false)),
        false,
    );
    let int = |function| (call(function, DataType::Int32), false);
    let text = |function| (call(function, DataType::Utf8), true);
    let separator = Arc::from("+");
    vec![
        (call(AggregateFunction::Count, DataType::Int64), false),
        int(AggregateFunction::Sum),
        int(AggregateFunction::Avg),
        int(AggregateFunction::Min),
        int(AggregateFunction::Max),
        int(AggregateFunction::FirstValue),
        int(AggregateFunction::LastValue),
        int(AggregateFunction::StddevPop),
        int(AggregateFunction::VarSamp),
        (call(AggregateFunction::ArrayAgg, list), false),
        (call(AggregateFunction::Collect, multiset), false),
        text(AggregateFunction::Min),
        text(AggregateFunction::Max),
        text(AggregateFunction::FirstValue),
        text(AggregateFunction::LastValue),
        text(AggregateFunction::ListAgg { separator }),
    ]
}

#[test]
fn what_is_taken_back_never_was() {
    let mut random = 7_u64;
    let mut next = |bound: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % bound
    };
    let as_text = |values: &[Option<i32>]| -> ArrayRef {
        let texts = values
            .iter()
            .map(|value| value.map(|value| format!("t{value}")));
        Arc::new(StringArray::from_iter(texts))
    };
    for (call, of_text) in every_function() {
        for distinct in [false, true] {
            let call = AggregateCall {
                distinct,
                ..call.clone()
            };
            let column = |values: &[Option<i32>]| match of_text {
                true => as_text(values),
                false => ints(values),
            };
            for _ in 0..20 {
                // What is there, in the order it came; what goes takes the first that equals it.
                let mut there: Vec<Option<i32>> = Vec::new();
                let mut target = accumulators(&call, &column(&[Some(0)]), true);
                target.resize(1);
                for _ in 0..6 {
                    let (mut values, mut signs) = (Vec::new(), Vec::new());
                    for _ in 0..1 + next(8) {
                        let goes = !there.is_empty() && next(3) == 0;
                        let value = match goes {
                            true => there[next(there.len() as u64) as usize],
                            false => Some(next(5) as i32).filter(|value| *value > 0),
                        };
                        match goes {
                            true => {
                                let first = there.iter().position(|v| *v == value).unwrap();
                                there.remove(first);
                            }
                            false => there.push(value),
                        }
                        values.push(value);
                        signs.push(if goes { -1 } else { 1 });
                    }
                    let groups = vec![0; values.len()];
                    update(&mut target, &column(&values), &groups, Some(&signs));
                }
                let found = shown(&target, &[0]);
                let mut fresh = accumulators(&call, &column(&[Some(0)]), false);
                fresh.resize(1);
                if !there.is_empty() {
                    update(&mut fresh, &column(&there), &vec![0; there.len()], None);
                }
                let wanted = shown(&fresh, &[0]);
                // Values that come back after all equal ones had gone are listed at another place.
                let is_listed = matches!(
                    call.function,
                    AggregateFunction::ArrayAgg
                        | AggregateFunction::Collect
                        | AggregateFunction::ListAgg { .. }
                        | AggregateFunction::FirstValue
                        | AggregateFunction::LastValue
                );
                if (distinct && is_listed) || call.function == AggregateFunction::Collect {
                    let sorted = |texts: &[String]| {
                        let mut letters: Vec<char> = texts.concat().chars().collect();
                        letters.sort_unstable();
                        letters.len()
                    };
                    let ends = matches!(
                        call.function,
                        AggregateFunction::FirstValue | AggregateFunction::LastValue
                    );
                    assert!(
                        ends || sorted(&found) == sorted(&wanted),
                        "{call:?} {there:?}"
                    );
                } else {
                    assert_eq!(found, wanted, "{call:?} {there:?}");
                }
            }
        }
    }
}
