//! SQL syntax that is a function call: EXTRACT, POSITION, SUBSTRING, OVERLAY, `a[1]`, `row.field`,
//! `ARRAY[..]`, `MAP[..]`, `ROW(..)`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion_common::{Column, DFSchema, Result, ScalarValue, TableReference};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawDictionaryExpr, RawFieldAccessExpr};
use datafusion_expr::{Expr, ExprSchemable, GetFieldAccess, ScalarUDF, lit};
use millstream_core::Error;

use crate::function::{self, external};
use crate::{FunctionContext, builtin};

/// The planners for a session with this context.
pub fn expr_planners(context: &FunctionContext) -> Vec<Arc<dyn ExprPlanner>> {
    vec![Arc::new(FlinkPlanner {
        context: context.clone(),
    })]
}

/// `EXTRACT(unit FROM value)` from its two arguments.
pub(crate) fn extract(args: Vec<Expr>, context: &FunctionContext) -> Expr {
    call("extract", args, context)
}

fn call(name: &str, args: Vec<Expr>, context: &FunctionContext) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(named(name, context), args))
}

fn named(name: &str, context: &FunctionContext) -> Arc<ScalarUDF> {
    let spec = builtin::FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .find(|spec| spec.name == name)
        .expect("the planner only names functions of the lists; a test calls each");
    function::udf(spec, context)
}

#[derive(Debug)]
struct FlinkPlanner {
    context: FunctionContext,
}

impl FlinkPlanner {
    fn planned<T>(&self, name: &str, args: Vec<Expr>) -> Result<PlannerResult<T>> {
        Ok(PlannerResult::Planned(call(name, args, &self.context)))
    }
}

impl ExprPlanner for FlinkPlanner {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let RawFieldAccessExpr { expr, field_access } = access;
        match field_access {
            GetFieldAccess::NamedStructField { name } => {
                if matches!(expr.get_type(schema)?, DataType::Struct(_)) {
                    let get_field = datafusion_functions::core::get_field();
                    return Ok(PlannerResult::Planned(
                        get_field.call(vec![expr, lit(name)]),
                    ));
                }
                self.planned("item", vec![expr, lit(name)])
            }
            GetFieldAccess::ListIndex { key } => self.planned("item", vec![expr, *key]),
            GetFieldAccess::ListRange { .. } => Err(external(
                Error::unsupported("a range of an array in brackets")
                    .hint("ARRAY_SLICE(array, first, last)"),
            )),
        }
    }

    fn plan_array_literal(
        &self,
        exprs: Vec<Expr>,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        self.planned("array", exprs)
    }

    fn plan_position(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        self.planned("instr", args)
    }

    fn plan_dictionary_literal(
        &self,
        expr: RawDictionaryExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawDictionaryExpr>> {
        let pairs = expr.keys.into_iter().zip(expr.values);
        self.planned("map", pairs.flat_map(|(key, value)| [key, value]).collect())
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        self.planned("extract", args)
    }

    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        self.planned("substring", args)
    }

    fn plan_struct_literal(
        &self,
        args: Vec<Expr>,
        is_named_struct: bool,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        if is_named_struct {
            let function = datafusion_functions::core::named_struct();
            return Ok(PlannerResult::Planned(function.call(args)));
        }
        self.planned("row", args)
    }

    fn plan_overlay(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        self.planned("overlay", args)
    }

    fn plan_make_map(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        self.planned("map", args)
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let column = Expr::Column(Column::from((qualifier, field)));
        let get_field = datafusion_functions::core::get_field();
        let nested = nested_names.iter().fold(column, |expr, name| {
            get_field.call(vec![expr, lit(ScalarValue::from(name.clone()))])
        });
        Ok(PlannerResult::Planned(nested))
    }
}
