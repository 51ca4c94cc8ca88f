//! Each function: usual values, NULL, edges; constants and columns agree (see `testing`).

use datafusion_common::ScalarValue;
use datafusion_expr::ScalarFunctionArgs;
use std::sync::Arc;

use crate::FunctionContext;
use crate::testing::{
    NO_INT, b, call_in, check, check_error, check_null, d, dec, i, l, named, s, type_of,
};

#[test]
fn mod_has_the_sign_of_the_dividend_and_the_type_of_the_divisor() {
    check("mod", &[l(7), i(3)], i(1));
    check("mod", &[l(-7), i(3)], i(-1));
    check("mod", &[i(7), l(-3)], l(1));
    check("mod", &[l(i64::MIN), l(-1)], l(0));
    check("mod", &[dec(75, 3, 1), dec(200, 3, 2)], dec(150, 3, 2));
    check("mod", &[d(7.5), d(2.0)], d(1.5));
    check_null("mod", &[NO_INT, i(3)]);
    check_null("mod", &[i(3), NO_INT]);
    check_error("mod", &[i(3), i(0)], "division by zero");
    check_error("mod", &[dec(1, 3, 1), i(0)], "division by zero");
    assert_eq!(type_of("mod", &[l(7), i(3)]), "INT NOT NULL");
    check_error(
        "mod",
        &[s("7"), i(3)],
        "wants a number as argument 1, found STRING",
    );
}

#[test]
fn abs_and_sign_keep_the_type() {
    check("abs", &[i(-5)], i(5));
    check("abs", &[i(i32::MIN)], i(i32::MIN));
    check("abs", &[dec(-15, 3, 1)], dec(15, 3, 1));
    check("abs", &[d(-0.5)], d(0.5));
    check("sign", &[d(-2.5)], d(-1.0));
    check("sign", &[l(0)], l(0));
    check("sign", &[dec(-25, 3, 1)], dec(-10, 3, 1));
    check_null("abs", &[NO_INT]);
    assert_eq!(type_of("abs", &[dec(1, 7, 2)]), "DECIMAL(7, 2) NOT NULL");
}

#[test]
fn ceil_and_floor_go_the_right_way() {
    check("ceil", &[d(-1.5)], d(-1.0));
    check("floor", &[d(-1.5)], d(-2.0));
    check("ceil", &[dec(-15, 3, 1)], dec(-1, 3, 0));
    check("floor", &[dec(-15, 3, 1)], dec(-2, 3, 0));
    check("ceiling", &[dec(11, 3, 1)], dec(2, 3, 0));
    check("ceil", &[i(5)], i(5));
    assert_eq!(type_of("floor", &[dec(1, 7, 2)]), "DECIMAL(7, 0) NOT NULL");
}

#[test]
fn rounding_is_half_away_from_zero() {
    check("round", &[dec(2345, 4, 3), i(2)], dec(235, 4, 2));
    check("round", &[dec(-2345, 4, 3), i(2)], dec(-235, 4, 2));
    check("round", &[dec(995, 3, 1)], dec(100, 3, 0));
    check("round", &[dec(15_555, 5, 2), i(-2)], dec(200, 4, 0));
    check("round", &[d(2.675), i(2)], d(2.68));
    check("round", &[d(-0.5)], d(-1.0));
    check("round", &[d(1e300), i(2)], d(1e300));
    check("round", &[d(1e-300), i(2)], d(0.0));
    check("round", &[i(1250), i(-2)], i(1300));
    check("round", &[i(1250), i(-99)], i(0));
    check("round", &[d(f64::INFINITY), i(2)], d(f64::INFINITY));
    check("truncate", &[dec(42_345, 5, 3), i(2)], dec(4234, 5, 2));
    check("truncate", &[d(-42.345), i(2)], d(-42.34));
    check("truncate", &[i(1259), i(-2)], i(1200));
    check_null("round", &[d(1.0), NO_INT]);
    check_error("round", &[i(i32::MAX), i(-1)], "overflow");
    assert_eq!(
        type_of("round", &[dec(1, 10, 4), i(2)]),
        "DECIMAL(9, 2) NOT NULL"
    );
    assert_eq!(
        type_of("round", &[dec(1, 10, 4), i(9)]),
        "DECIMAL(10, 4) NOT NULL"
    );
}

#[test]
fn functions_of_doubles() {
    check("power", &[i(2), i(10)], d(1024.0));
    check("pow", &[d(4.0), d(0.5)], d(2.0));
    check("sqrt", &[i(9)], d(3.0));
    check("ln", &[d(1.0)], d(0.0));
    check("log", &[i(2), i(8)], d(3.0));
    check("log", &[d(1.0)], d(0.0));
    check("log10", &[i(1000)], d(1000_f64.log10()));
    check("log2", &[i(8)], d(3.0));
    check("exp", &[i(0)], d(1.0));
    check("degrees", &[d(std::f64::consts::PI)], d(180.0));
    check("radians", &[i(180)], d(std::f64::consts::PI));
    check("atan2", &[i(0), i(1)], d(0.0));
    check("pi", &[], d(std::f64::consts::PI));
    check("e", &[], d(std::f64::consts::E));
    for name in ["sin", "tan", "sinh", "tanh", "asin", "atan"] {
        check(name, &[i(0)], d(0.0));
    }
    for name in ["cos", "cosh"] {
        check(name, &[i(0)], d(1.0));
    }
    check("acos", &[i(1)], d(0.0));
    check(
        "cot",
        &[d(std::f64::consts::FRAC_PI_2)],
        d(1.0 / std::f64::consts::FRAC_PI_2.tan()),
    );
    check("sqrt", &[dec(2500, 4, 2)], d(5.0));
    check_null("power", &[i(2), NO_INT]);
    assert_eq!(type_of("sqrt", &[i(1)]), "DOUBLE NOT NULL");
}

#[test]
fn texts_of_numbers() {
    check("bin", &[i(4)], s("100"));
    check("bin", &[i(-1)], s(&"1".repeat(64)));
    check("hex", &[i(255)], s("FF"));
    check("hex", &[l(-1)], s("FFFFFFFFFFFFFFFF"));
    check("hex", &[s("hi")], s("6869"));
    check_null("hex", &[NO_INT]);
}

#[test]
fn greatest_least_and_their_kin() {
    check("greatest", &[i(1), i(3), i(2)], i(3));
    check("least", &[i(2), l(1), d(3.0)], d(1.0));
    check("greatest", &[s("a"), s("b")], s("b"));
    check_null("greatest", &[i(1), NO_INT, i(3)]);
    check_null("least", &[NO_INT, i(1)]);
    check_error("greatest", &[i(1), s("a")], "arguments of one type");
    check("if", &[b(true), i(1), l(2)], l(1));
    check("if", &[ScalarValue::Boolean(None), s("a"), s("b")], s("b"));
    check("ifnull", &[NO_INT, i(5)], i(5));
    check("nvl", &[i(1), i(5)], i(1));
    check_null("nullif", &[i(5), i(5)]);
    check("nullif", &[i(5), NO_INT], i(5));
    check_null("nullif", &[ScalarValue::Null, ScalarValue::Null]);
    check("is_decimal", &[s("1.5")], b(true));
    check("is_decimal", &[s("x")], b(false));
    check("is_digit", &[s("12")], b(true));
    check("is_digit", &[s("")], b(false));
    check("is_alpha", &[s("aé")], b(true));
    check("is_alpha", &[crate::testing::NO_STR], b(false));
    check("is_digit", &[i(12)], b(true));
    check("typeof", &[i(1)], s("INT NOT NULL"));
    assert_eq!(type_of("ifnull", &[NO_INT, i(1)]), "INT NOT NULL");
    assert_eq!(type_of("if", &[b(true), i(1), i(1)]), "INT NOT NULL");
    // As in Flink, although it is one of the two in any case.
    let unknown = ScalarValue::Boolean(None);
    assert_eq!(type_of("if", &[unknown, i(1), i(1)]), "INT");
}

fn two_rows(name: &str, context: &FunctionContext) -> Vec<String> {
    let function = named(name, context);
    let field = function
        .return_field_from_args(datafusion_expr::ReturnFieldArgs {
            arg_fields: &[],
            scalar_arguments: &[],
        })
        .unwrap();
    let args = ScalarFunctionArgs {
        args: vec![],
        arg_fields: vec![],
        number_rows: 2,
        return_field: field,
        config_options: Arc::default(),
    };
    let array = function
        .invoke_with_args(args)
        .unwrap()
        .into_array(2)
        .unwrap();
    (0..2)
        .map(|row| {
            ScalarValue::try_from_array(&array, row)
                .unwrap()
                .to_string()
        })
        .collect()
}

#[test]
fn chance_differs_by_row_and_repeats_by_seed() {
    for name in ["rand", "uuid"] {
        let context = FunctionContext::default().with_seed(7);
        let first = two_rows(name, &context);
        assert_ne!(first[0], first[1], "{name}");
        assert_eq!(first, two_rows(name, &context), "{name}");
        assert_ne!(
            first,
            two_rows(name, &context.clone().with_seed(8)),
            "{name}"
        );
    }
    let uuid = &two_rows("uuid", &FunctionContext::default())[0];
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
    assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    let draw = |args: &[ScalarValue]| call_in("rand_integer", args, &FunctionContext::default());
    // `call` reads the second row.
    assert_eq!(draw(&[i(42), i(10)]).unwrap(), i(3));
    assert!(
        draw(&[i(0)])
            .unwrap_err()
            .to_string()
            .contains("positive bound")
    );
    assert!(draw(&[i(1), NO_INT]).unwrap().is_null());
}
