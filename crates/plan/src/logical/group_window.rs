//! The older group windows: `GROUP BY TUMBLE(ts, INTERVAL '1' HOUR)`.
//!
//! In the logical plan such a call is a scalar function that returns a row (window_start,
//! window_end, window_time), so that grouping by it and taking its fields is ordinary SQL:
//! `TUMBLE_START(ts, i)` is written as `TUMBLE(ts, i).window_start` by the binder. It never runs as
//! a function: the translation turns the group key into a window operator.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion_common::{Result, ScalarValue, internal_err, plan_err};
use datafusion_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use millstream_core::{Code, Error};

use super::window::window_fields;
use crate::spec::Window;

/// TUMBLE, HOP or SESSION as a group key.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct GroupWindow {
    name: &'static str,
    intervals: usize,
    signature: Signature,
}

/// The group window functions: `tumble`, `hop`, `session`.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    [("tumble", 1), ("hop", 2), ("session", 1)]
        .into_iter()
        .map(|(name, intervals)| {
            Arc::new(ScalarUDF::from(GroupWindow {
                name,
                intervals,
                // Volatile, so that the optimizer neither folds nor duplicates it.
                signature: Signature::user_defined(Volatility::Volatile),
            }))
        })
        .collect()
}

/// The time attribute and the window of a group key; `None` if it is not a group window.
pub fn of_expr(expr: &Expr) -> Option<Result<(&Expr, Window), Error>> {
    let Expr::ScalarFunction(call) = expr else {
        return None;
    };
    let function =
        (call.func.inner().as_ref() as &dyn std::any::Any).downcast_ref::<GroupWindow>()?;
    let (time, lengths) = call.args.split_first()?;
    Some(window_of(function.name, lengths).map(|window| (time, window)))
}

fn window_of(name: &str, lengths: &[Expr]) -> Result<Window, Error> {
    let lengths: Vec<i64> = lengths
        .iter()
        .map(|e| millis_of(name, e))
        .collect::<Result<_, _>>()?;
    let window = match (name, lengths.as_slice()) {
        ("tumble", &[size]) => Window::Tumble { size, offset: 0 },
        ("hop", &[slide, size]) => Window::Hop {
            slide,
            size,
            offset: 0,
        },
        (_, &[gap]) => Window::Session { gap },
        _ => return Err(Error::internal("a group window has one or two lengths")),
    };
    window.check()?;
    Ok(window)
}

fn millis_of(name: &str, expr: &Expr) -> Result<i64, Error> {
    let wanted = || {
        Error::new(
            Code::TypeMismatch,
            format!(
                "{} wants interval literals of days to seconds, found '{expr}'",
                name.to_uppercase()
            ),
        )
    };
    match expr {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(v)), _) if v.months == 0 => {
            Ok(i64::from(v.days) * 86_400_000 + v.nanoseconds / 1_000_000)
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(v)), _) => {
            Ok(i64::from(v.days) * 86_400_000 + i64::from(v.milliseconds))
        }
        _ => Err(wanted()),
    }
}

impl ScalarUDFImpl for GroupWindow {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name.to_uppercase();
        if arguments.len() != self.intervals + 1 {
            return plan_err!(
                "{name} wants a time attribute and {} interval(s), found {} argument(s)",
                self.intervals,
                arguments.len()
            );
        }
        if !matches!(arguments[0], DataType::Timestamp(_, _)) {
            return plan_err!("{name} wants a time attribute as its first argument");
        }
        Ok(arguments.to_vec())
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let Some(time) = arguments.first() else {
            return plan_err!("{} wants a time attribute", self.name.to_uppercase());
        };
        let fields: Vec<FieldRef> = window_fields(time.clone()).to_vec();
        Ok(DataType::Struct(Fields::from(fields)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} is a window, not a function", self.name)
    }
}
