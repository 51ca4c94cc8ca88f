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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::datatypes::DataType;
    use datafusion_expr::col;

    use super::*;

    fn function_of<T>(planned: Result<PlannerResult<T>>) -> String {
        match planned.unwrap() {
            PlannerResult::Planned(Expr::ScalarFunction(call)) => call.name().to_string(),
            PlannerResult::Planned(other) => other.to_string(),
            PlannerResult::Original(_) => "nothing".to_string(),
        }
    }

    #[test]
    fn every_syntax_finds_its_function() {
        let context = FunctionContext::default();
        let planner = FlinkPlanner { context };
        let schema = DFSchema::empty();
        let two = || vec![lit(1), lit(2)];
        for (planned, wanted) in [
            (planner.plan_array_literal(two(), &schema), "array"),
            (planner.plan_position(two()), "instr"),
            (planner.plan_extract(two()), "extract"),
            (planner.plan_substring(two()), "substring"),
            (planner.plan_struct_literal(two(), false), "row"),
            (
                planner.plan_struct_literal(vec![lit("a"), lit(1)], true),
                "named_struct",
            ),
            (planner.plan_overlay(two()), "overlay"),
            (planner.plan_make_map(two()), "map"),
        ] {
            assert_eq!(function_of(planned), wanted);
        }
    }

    #[test]
    fn an_access_in_brackets_depends_on_the_type() {
        let row = DataType::Struct(vec![Field::new("a", DataType::Int32, true)].into());
        let list = DataType::new_list(DataType::Int32, true);
        let fields = vec![Field::new("r", row, true), Field::new("l", list, true)];
        let schema = DFSchema::from_unqualified_fields(fields.into(), HashMap::new()).unwrap();
        let planner = FlinkPlanner {
            context: FunctionContext::default(),
        };
        let access = |column: &str, field_access| {
            let expr = col(column);
            function_of(
                planner.plan_field_access(RawFieldAccessExpr { expr, field_access }, &schema),
            )
        };
        let named = |name: &str| GetFieldAccess::NamedStructField { name: name.into() };
        assert_eq!(access("r", named("a")), "get_field");
        assert_eq!(
            access(
                "l",
                GetFieldAccess::ListIndex {
                    key: Box::new(lit(1))
                }
            ),
            "item"
        );
    }
}
