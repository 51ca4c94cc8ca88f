//! Functions that stand only before OVER, as DataFusion's planner sees them, with Flink's types.
//!
//! They only describe: what runs them are the operators. Those no stream can compute, as they look
//! at rows to come, are here so that the translator can say so.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::{Result, internal_err, plan_err};
use datafusion_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion_expr::{PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl};

/// What a function before OVER computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OverKind {
    /// Number of the row, from 1.
    RowNumber,
    /// 1 + number of rows before it that are not its peers.
    Rank,
    /// Number of different sort keys up to its own.
    DenseRank,
    /// A value of the row some rows before.
    Lag,
    /// A value of the row some rows behind.
    Lead,
    /// (RANK − 1) / (rows − 1).
    PercentRank,
    /// Share of the rows up to it.
    CumeDist,
    /// Number of its bucket.
    Ntile,
}

/// One function before OVER, as a description.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct OverFunction {
    name: &'static str,
    kind: OverKind,
    signature: Signature,
}

impl OverFunction {
    /// What it computes.
    pub fn kind(&self) -> OverKind {
        self.kind
    }

    /// What a function of a plan computes, if it is one of these.
    pub fn of(function: &WindowUDF) -> Option<OverKind> {
        let known = (function.inner().as_ref() as &dyn std::any::Any).downcast_ref::<Self>();
        known.map(OverFunction::kind)
    }
}

/// Every function that stands only before OVER.
pub fn functions() -> Vec<Arc<WindowUDF>> {
    let all = [
        ("row_number", OverKind::RowNumber),
        ("rank", OverKind::Rank),
        ("dense_rank", OverKind::DenseRank),
        ("lag", OverKind::Lag),
        ("lead", OverKind::Lead),
        ("percent_rank", OverKind::PercentRank),
        ("cume_dist", OverKind::CumeDist),
        ("ntile", OverKind::Ntile),
    ];
    let function = |(name, kind)| {
        let signature = match kind {
            OverKind::Lag | OverKind::Lead | OverKind::Ntile => {
                Signature::user_defined(Volatility::Immutable)
            }
            _ => Signature::nullary(Volatility::Immutable),
        };
        Arc::new(WindowUDF::from(OverFunction {
            name,
            kind,
            signature,
        }))
    };
    all.into_iter().map(function).collect()
}

impl WindowUDFImpl for OverFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match (self.kind, arguments) {
            (OverKind::Ntile, [_]) => Ok(vec![DataType::Int64]),
            (OverKind::Lag | OverKind::Lead, [value]) => Ok(vec![value.clone()]),
            (OverKind::Lag | OverKind::Lead, [value, _]) => {
                Ok(vec![value.clone(), DataType::Int64])
            }
            (OverKind::Lag | OverKind::Lead, [value, _, _]) => {
                Ok(vec![value.clone(), DataType::Int64, value.clone()])
            }
            (OverKind::Ntile, others) => {
                plan_err!("NTILE takes 1 argument, found {}", others.len())
            }
            (_, others) => plan_err!(
                "{} takes 1 to 3 arguments, found {}",
                self.name.to_uppercase(),
                others.len()
            ),
        }
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let field = match (self.kind, args.get_input_field(0)) {
            (OverKind::Lag | OverKind::Lead, Some(value)) => value
                .as_ref()
                .clone()
                .with_name(args.name())
                .with_nullable(true),
            (OverKind::Lag | OverKind::Lead, None) => {
                return plan_err!("{} wants an argument", self.name.to_uppercase());
            }
            (OverKind::PercentRank | OverKind::CumeDist, _) => {
                Field::new(args.name(), DataType::Float64, false)
            }
            _ => Field::new(args.name(), DataType::Int64, false),
        };
        Ok(Arc::new(field))
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        internal_err!("{} is computed by a streaming operator", self.name)
    }
}
