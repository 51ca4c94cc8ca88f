//! The aggregate functions as DataFusion's planner sees them, with Flink's result types.
//!
//! | function | result |
//! |---|---|
//! | COUNT | BIGINT NOT NULL |
//! | SUM | the type of the argument; DECIMAL(p, s) gives DECIMAL(38, s) |
//! | AVG, STDDEV, VAR families | the type of the argument; DECIMAL gives DECIMAL(38, max(6, s)) |
//! | MIN, MAX, FIRST_VALUE, LAST_VALUE | the type of the argument |
//! | LISTAGG | STRING |
//! | ARRAY_AGG, COLLECT | ARRAY and MULTISET of the argument |
//!
//! They only describe: the running accumulators are the operators'.
//! Source: Flink's `LogicalTypeMerging` (`findSumAggType`, `findAvgAggType`).

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion_common::{Result, ScalarValue, internal_err, plan_err};
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_core::types::{ColumnType, SqlType};

use crate::spec::AggregateFunction;

/// One aggregate function, as a description.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Aggregate {
    name: &'static str,
    aliases: Vec<String>,
    function: AggregateFunction,
    signature: Signature,
}

impl Aggregate {
    /// What it computes; the separator of LISTAGG is an argument of the call.
    pub fn function(&self) -> &AggregateFunction {
        &self.function
    }
}

/// Every aggregate function, under the names of Flink.
pub fn functions() -> Vec<Arc<AggregateUDF>> {
    use AggregateFunction as F;
    let all: [(&'static str, &[&str], F); 16] = [
        ("count", &[], F::Count),
        ("sum", &[], F::Sum),
        ("min", &[], F::Min),
        ("max", &[], F::Max),
        ("avg", &[], F::Avg),
        ("first_value", &[], F::FirstValue),
        ("last_value", &[], F::LastValue),
        (
            "listagg",
            &[],
            F::ListAgg {
                separator: ",".into(),
            },
        ),
        ("stddev_pop", &[], F::StddevPop),
        ("stddev_samp", &["stddev"], F::StddevSamp),
        ("var_pop", &[], F::VarPop),
        ("var_samp", &["variance"], F::VarSamp),
        ("array_agg", &[], F::ArrayAgg),
        ("collect", &[], F::Collect),
        ("every", &[], F::BoolAnd),
        ("some", &[], F::BoolOr),
    ];
    all.into_iter()
        .map(|(name, aliases, function)| {
            Arc::new(AggregateUDF::from(Aggregate {
                name,
                aliases: aliases.iter().map(ToString::to_string).collect(),
                function,
                signature: Signature::user_defined(Volatility::Immutable),
            }))
        })
        .collect()
}

/// What an argument must be: in words, and as a check.
type Wish = (&'static str, fn(&DataType) -> bool);

impl Aggregate {
    fn wants(&self) -> Option<Wish> {
        use AggregateFunction as F;
        match self.function {
            F::Sum | F::Avg | F::StddevPop | F::StddevSamp | F::VarPop | F::VarSamp => {
                Some(("a number", |ty| ty.is_numeric() || ty.is_null()))
            }
            F::BoolAnd | F::BoolOr => Some(("a BOOLEAN", |ty| {
                matches!(ty, DataType::Boolean | DataType::Null)
            })),
            F::Min | F::Max => Some(("a comparable value", |ty| !ty.is_nested())),
            _ => None,
        }
    }

    fn result_type(&self, argument: &FieldRef) -> DataType {
        use AggregateFunction as F;
        let argument_type = argument.data_type();
        match (&self.function, argument_type) {
            (F::Count, _) => DataType::Int64,
            (F::Sum, DataType::Decimal128(_, scale)) => DataType::Decimal128(38, *scale),
            (
                F::Avg | F::StddevPop | F::StddevSamp | F::VarPop | F::VarSamp,
                DataType::Decimal128(_, scale),
            ) => DataType::Decimal128(38, (*scale).max(6)),
            (F::ListAgg { .. }, _) => DataType::Utf8,
            (F::ArrayAgg, _) => SqlType::Array(Box::new(ColumnType::of(argument))).to_arrow(),
            (F::Collect, _) => SqlType::Multiset(Box::new(ColumnType::of(argument))).to_arrow(),
            _ => argument_type.clone(),
        }
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let most = if matches!(self.function, AggregateFunction::ListAgg { .. }) {
            2
        } else {
            1
        };
        if arguments.is_empty() || arguments.len() > most {
            return plan_err!(
                "{} takes {most} argument(s), found {}",
                self.function.name(),
                arguments.len()
            );
        }
        if let Some((wanted, fits)) = self.wants()
            && !fits(&arguments[0])
        {
            return plan_err!(
                "{} wants {wanted}, found {}",
                self.function.name(),
                SqlType::of_arrow(&arguments[0])
            );
        }
        let mut coerced = arguments.to_vec();
        if matches!(self.function, AggregateFunction::ListAgg { .. }) {
            coerced.fill(DataType::Utf8);
        }
        Ok(coerced)
    }

    /// COUNT of no rows is 0, also where a correlated subquery finds none.
    fn default_value(&self, ty: &DataType) -> Result<ScalarValue> {
        match self.function {
            AggregateFunction::Count => Ok(ScalarValue::Int64(Some(0))),
            _ => ScalarValue::try_from(ty),
        }
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        internal_err!(
            "the result of {} depends on the argument's field",
            self.name
        )
    }

    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef> {
        let Some(argument) = arguments.first() else {
            return plan_err!("{} wants an argument", self.function.name());
        };
        let nullable = self.is_nullable();
        let ty = ColumnType {
            sql: SqlType::of_arrow(&self.result_type(argument)),
            nullable,
        };
        let ty = match self.function {
            AggregateFunction::Collect => ColumnType {
                sql: SqlType::Multiset(Box::new(ColumnType::of(argument))),
                nullable,
            },
            _ => ty,
        };
        Ok(Arc::new(ty.field(self.name)))
    }

    fn is_nullable(&self) -> bool {
        self.function != AggregateFunction::Count
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        internal_err!("{} is computed by a streaming operator", self.name)
    }
}
