//! `FOR SYSTEM_TIME AS OF`: a table as it was at some time of the other side of a join.
//!
//! * [`VersionNode`] stands above the table: filters stay above it, as they ask about a version and do not
//!   make another history.
//! * [`as_of`] is a condition of the join that names the time, so that the join stays an ordinary one for
//!   the optimizer. It is always true; whoever translates the join takes it out.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::{Column, DFSchemaRef, Result, internal_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    UserDefinedLogicalNodeCore, Volatility,
};

/// A table whose versions are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionNode {
    /// The table.
    pub input: LogicalPlan,
    /// The time: a column of the other side.
    pub time: Column,
}

/// The condition of a join that names the time; `right` is any column of the table.
pub fn as_of(time: Column, right: Column) -> Expr {
    let function = ScalarUDF::from(AsOf {
        signature: Signature::any(2, Volatility::Immutable),
    });
    let args = vec![Expr::Column(time), Expr::Column(right)];
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), args))
}

/// The time such a condition names.
pub fn time_of(expr: &Expr) -> Option<&Expr> {
    let Expr::ScalarFunction(call) = expr else {
        return None;
    };
    let function = call.func.inner().as_ref() as &dyn std::any::Any;
    function.downcast_ref::<AsOf>()?;
    call.args.first()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AsOf {
    signature: Signature,
}

impl ScalarUDFImpl for AsOf {
    fn name(&self) -> &str {
        "as_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("FOR SYSTEM_TIME AS OF is no function")
    }
}

impl PartialOrd for VersionNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for VersionNode {
    fn name(&self) -> &str {
        "Version"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let fields = self.schema().fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version: as of {}", self.time)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Ok([input]) = <[LogicalPlan; 1]>::try_from(inputs) else {
            return internal_err!("a version is of one table");
        };
        Ok(VersionNode {
            input,
            time: self.time.clone(),
        })
    }

    /// Every column may be needed: the key and the time of the table are, whoever asks.
    fn necessary_children_exprs(&self, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![(0..self.schema().fields().len()).collect()])
    }
}
