//! How one line of a family's list becomes a DataFusion function.
//!
//! A [`Spec`] says what a function is called, which arguments it takes, what it returns, and which
//! Rust function computes a batch. [`udf`] wraps it: it checks and converts the argument types as
//! Flink does (numbers widen, NULL fits everywhere, nothing becomes a string by itself), names the
//! argument that does not fit, and turns a call with constants only into a constant.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, FieldRef};
use datafusion_common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result};

use crate::FunctionContext;
use crate::args::{Arguments, Call, JSON_KEY, Kind};
use crate::chance::Chance;

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
        if self.paired {
            self.unify(&mut coerced, 0, 2)?;
            self.unify(&mut coerced, 1, 2)?;
        } else {
            self.unify(&mut coerced, self.unified, 1)?;
        }
        Ok(coerced)
    }

    /// Gives every `step`th type from `first` on the type they have in common.
    fn unify(&self, types: &mut [DataType], first: usize, step: usize) -> Result<()> {
        let some: Vec<DataType> = types.iter().skip(first).step_by(step).cloned().collect();
        if some.len() < 2 {
            return Ok(());
        }
        let common = crate::args::common_type(&some)
            .ok_or_else(|| self.mismatch("arguments of one type", &types_text(&some)))?;
        for ty in types.iter_mut().skip(first).step_by(step) {
            ty.clone_from(&common);
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
        let name = self.name.to_uppercase();
        Error::new(
            Code::TypeMismatch,
            format!("function '{name}' wants {wanted}, found {found}"),
        )
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

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> DfResult<ExprSimplifyResult> {
        match self.spec.rewrite {
            Some(rewrite) => rewrite(args).map(ExprSimplifyResult::Simplified),
            None => Ok(ExprSimplifyResult::Original(args)),
        }
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
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &array, 0,
            )?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

fn is_scalar(value: &ColumnarValue) -> bool {
    matches!(value, ColumnarValue::Scalar(_))
}
