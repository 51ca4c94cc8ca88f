//! How one line of a family's list becomes a DataFusion function.
//!
//! A [`Spec`] says what a function is called, which arguments it takes, what it returns, and which
//! Rust function computes a batch. [`udf`] wraps it: it checks and converts the argument types as
//! Flink does (numbers widen, NULL fits everywhere, nothing becomes a string by itself), names the
//! argument that does not fit, and turns a call with constants only into a constant.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion_common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use millstream_core::types::{ColumnType, SqlType, TYPE_KEY};
use millstream_core::{Code, Error, Result};

use crate::FunctionContext;
use crate::args::{Arguments, Call, JSON_KEY, Kind};
use crate::chance::Chance;
use crate::common::Rule;

/// A built-in function, as a line of its family's list.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) args: &'static [Kind],
    optional: usize,
    variadic: bool,
    volatile: bool,
    unified: usize,
    paired: bool,
    cases: Option<usize>,
    rule: Rule,
    json: bool,
    rewrite: Option<fn(Vec<Expr>) -> DfResult<Expr>>,
    returns: fn(&Arguments) -> Result<ColumnType>,
    eval: fn(&Call) -> Result<ArrayRef>,
}

/// A function that takes `args`, returns `returns` and is computed by `eval`.
pub(crate) const fn function(
    name: &'static str,
    args: &'static [Kind],
    returns: fn(&Arguments) -> Result<ColumnType>,
    eval: fn(&Call) -> Result<ArrayRef>,
) -> Spec {
    Spec {
        name,
        aliases: &[],
        args,
        optional: 0,
        variadic: false,
        volatile: false,
        unified: usize::MAX,
        paired: false,
        cases: None,
        rule: Rule::Widest,
        json: false,
        rewrite: None,
        returns,
        eval,
    }
}

impl Spec {
    /// Other names of the same function.
    pub(crate) const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// The last `count` arguments may be left out.
    pub(crate) const fn optional(mut self, count: usize) -> Self {
        self.optional = count;
        self
    }

    /// The last argument may be repeated.
    pub(crate) const fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }

    /// Two calls with the same arguments may differ: never computed while planning.
    pub(crate) const fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// The arguments from `first` on are converted to the type they have in common.
    pub(crate) const fn unified_from(mut self, first: usize) -> Self {
        self.unified = first;
        self
    }

    /// The arguments are pairs: all keys get a common type, and all values.
    pub(crate) const fn paired(mut self) -> Self {
        self.paired = true;
        self
    }

    /// The arguments are those of a CASE: behind the first `operands` a condition and a result in
    /// turn, then the last result. All results get a common type; the conditions are BOOLEAN, or get
    /// a common type with the operand.
    pub(crate) const fn cases(mut self, operands: usize) -> Self {
        self.cases = Some(operands);
        self
    }

    /// How the common type is found.
    pub(crate) const fn by_rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    /// The result is JSON.
    pub(crate) const fn json(mut self) -> Self {
        self.json = true;
        self
    }

    /// The optimiser puts this expression in place of a call, because it evaluates arguments only
    /// where they are needed.
    pub(crate) const fn rewritten(mut self, rewrite: fn(Vec<Expr>) -> DfResult<Expr>) -> Self {
        self.rewrite = Some(rewrite);
        self
    }

    /// The kind of argument `index` of a call.
    fn kind(&self, index: usize) -> Kind {
        self.args[index.min(self.args.len() - 1)]
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.check_count(types.len())?;
        let mut coerced = Vec::with_capacity(types.len());
        for (index, ty) in types.iter().enumerate() {
            coerced.push(self.coerce_one(index, ty)?);
        }
        if let Some(operands) = self.cases {
            self.unify_cases(&mut coerced, operands)?;
        } else if self.paired {
            self.unify(&mut coerced, 0, 2)?;
            self.unify(&mut coerced, 1, 2)?;
        } else {
            self.unify(&mut coerced, self.unified, 1)?;
        }
        Ok(coerced)
    }

    fn unify_cases(&self, types: &mut [DataType], operands: usize) -> Result<()> {
        let last = types.len() - 1;
        let results: Vec<usize> = (operands + 1..last).step_by(2).chain([last]).collect();
        self.unify_at(types, &results)?;
        let conditions: Vec<usize> = (operands..last).step_by(2).collect();
        if operands > 0 {
            let with_operand: Vec<usize> = [0].into_iter().chain(conditions).collect();
            return self.unify_at(types, &with_operand);
        }
        for index in conditions {
            types[index] = Kind::Bool.coerce(&types[index]).ok_or_else(|| {
                let found = SqlType::of_arrow(&types[index]).to_string();
                self.mismatch("conditions that are BOOLEAN", &found)
            })?;
        }
        Ok(())
    }

    /// Gives every `step`th type from `first` on the type they have in common.
    fn unify(&self, types: &mut [DataType], first: usize, step: usize) -> Result<()> {
        let indexes: Vec<usize> = (first..types.len()).step_by(step).collect();
        self.unify_at(types, &indexes)
    }

    /// Gives some types the type they have in common.
    fn unify_at(&self, types: &mut [DataType], indexes: &[usize]) -> Result<()> {
        if indexes.len() < 2 {
            return Ok(());
        }
        let some: Vec<DataType> = indexes.iter().map(|index| types[*index].clone()).collect();
        let common = crate::common::common_type(&some, self.rule).ok_or_else(|| {
            let wanted = match self.cases {
                Some(_) => "values of one type",
                None => "arguments of one type",
            };
            self.mismatch(wanted, &types_text(&some))
        })?;
        for index in indexes {
            types[*index].clone_from(&common);
        }
        Ok(())
    }

    fn coerce_one(&self, index: usize, ty: &DataType) -> Result<DataType> {
        let kind = self.kind(index);
        kind.coerce(ty).ok_or_else(|| {
            let wanted = format!("{} as argument {}", kind.words(), index + 1);
            self.mismatch(&wanted, &SqlType::of_arrow(ty).to_string())
        })
    }

    fn check_count(&self, found: usize) -> Result<()> {
        let most = self.args.len();
        let least = most - self.optional;
        if found >= least && (found <= most || self.variadic) {
            return Ok(());
        }
        let wanted = match (least, most) {
            (least, _) if self.variadic => format!("at least {least} arguments"),
            (least, most) if least == most => format!("{most} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        Err(self.mismatch(&wanted, &found.to_string()))
    }

    fn mismatch(&self, wanted: &str, found: &str) -> Error {
        let message = match self.cases {
            Some(_) => format!("CASE wants {wanted}, found {found}"),
            None => {
                let name = self.name.to_uppercase();
                format!("function '{name}' wants {wanted}, found {found}")
            }
        };
        Error::new(Code::TypeMismatch, message)
    }
}

fn types_text(types: &[DataType]) -> String {
    let names: Vec<String> = types
        .iter()
        .map(|ty| SqlType::of_arrow(ty).to_string())
        .collect();
    names.join(", ")
}

/// The DataFusion function of `spec`.
pub(crate) fn udf(spec: &'static Spec, context: &FunctionContext) -> Arc<ScalarUDF> {
    let volatility = if spec.volatile {
        Volatility::Volatile
    } else {
        Volatility::Immutable
    };
    Arc::new(ScalarUDF::new_from_impl(Builtin {
        spec,
        aliases: spec.aliases.iter().map(ToString::to_string).collect(),
        signature: Signature::user_defined(volatility),
        context: context.clone(),
        chance: Chance::new(context.seed),
    }))
}

/// Carries an error of ours through DataFusion; `find_root` gives it back.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

struct Builtin {
    spec: &'static Spec,
    aliases: Vec<String>,
    signature: Signature,
    context: FunctionContext,
    chance: Chance,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.spec.name)
    }
}

impl PartialEq for Builtin {
    fn eq(&self, other: &Self) -> bool {
        self.spec.name == other.spec.name && self.context == other.context
    }
}

impl Eq for Builtin {}

impl Hash for Builtin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.name.hash(state);
        self.context.hash(state);
    }
}

impl ScalarUDFImpl for Builtin {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        self.spec.coerce(types).map_err(external)
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Err(external(Error::internal(
            "the result type of a built-in function comes from its argument fields",
        )))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        let arguments = Arguments {
            name: self.spec.name,
            fields: args.arg_fields,
            constants: args.scalar_arguments,
        };
        let ty = (self.spec.returns)(&arguments).map_err(external)?;
        let field = ty.field(self.spec.name);
        if !self.spec.json {
            return Ok(Arc::new(field));
        }
        let mut metadata = field.metadata().clone();
        metadata.insert(JSON_KEY.to_string(), "true".to_string());
        Ok(Arc::new(field.with_metadata(metadata)))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> DfResult<ExprSimplifyResult> {
        let Some(rewrite) = self.spec.rewrite else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        // What is put in the place of a call has Arrow's type: a finer one is said again.
        let fields = args
            .iter()
            .map(|arg| Ok(arg.to_field(info.schema().as_ref())?.1))
            .collect::<DfResult<Vec<FieldRef>>>()?;
        let constants = vec![None; args.len()];
        let field = self.return_field_from_args(ReturnFieldArgs {
            arg_fields: &fields,
            scalar_arguments: &constants,
        })?;
        let rewritten = rewrite(args)?;
        Ok(ExprSimplifyResult::Simplified(
            match field.metadata().contains_key(TYPE_KEY) {
                true => crate::flink_cast(rewritten, ColumnType::of(&field), false, &self.context),
                false => rewritten,
            },
        ))
    }

    fn short_circuits(&self) -> bool {
        self.spec.rewrite.is_some()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let constant = !args.args.is_empty() && args.args.iter().all(is_scalar);
        let once = constant && !self.spec.volatile;
        let rows = if once { 1 } else { args.number_rows };
        let call = Call::new(self.spec.name, &args, rows, &self.context, &self.chance)?;
        let array = (self.spec.eval)(&call).map_err(external)?;
        if once && array.len() == 1 {
            return Ok(ColumnarValue::Scalar(scalar_of(&array)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

/// The value of a column of one row; unlike DataFusion's own it keeps the metadata of what is nested.
pub(crate) fn scalar_of(array: &ArrayRef) -> DfResult<ScalarValue> {
    Ok(match array.data_type() {
        DataType::List(_) => ScalarValue::List(Arc::new(array.as_list().clone())),
        DataType::Map(..) => ScalarValue::Map(Arc::new(array.as_map().clone())),
        DataType::Struct(_) => ScalarValue::Struct(Arc::new(array.as_struct().clone())),
        _ => ScalarValue::try_from_array(array, 0)?,
    })
}

fn is_scalar(value: &ColumnarValue) -> bool {
    matches!(value, ColumnarValue::Scalar(_))
}
