//! UNNEST: the elements of a collection as rows, as a node of the logical plan.
//!
//! Its schema is the input's, followed by the columns of an element, qualified by the alias of UNNEST:
//!
//! | collection | columns |
//! |---|---|
//! | ARRAY\<ROW\<..\>\>, MULTISET\<ROW\<..\>\> | the fields of the row |
//! | any other ARRAY or MULTISET | the element; named as the alias |
//! | MAP | KEY, VALUE |
//! | WITH ORDINALITY | one more: ORDINALITY, INT, from 1 |
//!
//! The SQL planner makes it over a single empty row, with a collection that refers to the other side of
//! its join; [`UnnestNode::over`] puts it on top of that side.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{
    Column, DFSchema, DFSchemaRef, DataFusionError, Result, TableReference, internal_err,
};
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, UserDefinedLogicalNodeCore};
use millstream_core::types::SqlType;
use millstream_core::{Code, Error};

/// Name of the column of WITH ORDINALITY.
pub const ORDINALITY: &str = "ORDINALITY";

/// How UNNEST is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnnestOptions {
    /// The alias of its columns.
    pub alias: TableReference,
    /// Names of the columns; none keeps their own.
    pub names: Vec<String>,
    /// WITH ORDINALITY.
    pub with_ordinality: bool,
    /// A row without elements stays, with NULLs (LEFT JOIN).
    pub is_outer: bool,
}

/// The elements of a collection as rows.
#[derive(Clone, Debug)]
pub struct UnnestNode {
    /// The rows with the collections.
    pub input: LogicalPlan,
    /// The collection.
    pub collection: Expr,
    /// How it is written.
    pub options: UnnestOptions,
    schema: DFSchemaRef,
}

impl UnnestNode {
    /// The elements of `collection` for each row of `input`; fails if it is no collection.
    pub fn new(input: LogicalPlan, collection: Expr, options: UnnestOptions) -> Result<Self> {
        let (_, field) = collection.to_field(input.schema())?;
        let elements = elements(&field, &options)?;
        let own = input.schema().iter();
        let own = own.map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)));
        let added = elements
            .into_iter()
            .map(|field| (Some(options.alias.clone()), field));
        let schema = DFSchema::new_with_metadata(own.chain(added).collect(), Default::default())?;
        Ok(UnnestNode {
            input,
            collection,
            options,
            schema: Arc::new(schema),
        })
    }

    /// The same over the rows its collection refers to.
    pub fn over(&self, input: LogicalPlan, is_outer: bool) -> Result<Self> {
        let schema = Arc::clone(input.schema());
        let inner = |e: Expr| match &e {
            Expr::OuterReferenceColumn(_, column) if schema.has_column(column) => {
                Ok(Transformed::yes(Expr::Column(column.clone())))
            }
            _ => Ok(Transformed::no(e)),
        };
        let collection = self.collection.clone().transform_up(inner)?.data;
        let options = UnnestOptions {
            is_outer,
            ..self.options.clone()
        };
        UnnestNode::new(input, collection, options)
    }

    /// The columns of an element.
    pub fn elements(&self) -> impl Iterator<Item = &FieldRef> {
        let width = self.input.schema().fields().len();
        self.schema.fields().iter().skip(width)
    }
}

fn elements(field: &FieldRef, options: &UnnestOptions) -> Result<Vec<FieldRef>> {
    let wrong = |error: Error| DataFusionError::External(Box::new(error));
    let single = |element: &Field| {
        Field::new(options.alias.table(), element.data_type().clone(), true)
            .with_metadata(element.metadata().clone())
    };
    let of_element = |element: &Field| match element.data_type() {
        DataType::Struct(fields) => fields.iter().map(|f| f.as_ref().clone()).collect(),
        _ => vec![single(element)],
    };
    let mut fields: Vec<Field> = match field.data_type() {
        DataType::List(element) => of_element(element),
        DataType::Map(entries, _) => {
            let DataType::Struct(pair) = entries.data_type() else {
                return internal_err!("the entries of a map are pairs");
            };
            match SqlType::of(field) {
                SqlType::Multiset(_) => of_element(&pair[0]),
                _ => vec![
                    pair[0].as_ref().clone().with_name("KEY"),
                    pair[1].as_ref().clone().with_name("VALUE"),
                ],
            }
        }
        _ => {
            let found = SqlType::of(field);
            return Err(wrong(Error::new(
                Code::TypeMismatch,
                format!("UNNEST wants an ARRAY, MAP or MULTISET, found {found}"),
            )));
        }
    };
    if options.with_ordinality {
        fields.push(Field::new(ORDINALITY, DataType::Int32, true));
    }
    if !options.names.is_empty() {
        if options.names.len() != fields.len() {
            return Err(wrong(Error::new(
                Code::InvalidPlan,
                format!(
                    "UNNEST AS {}(..) names {} columns, but an element has {}",
                    options.alias,
                    options.names.len(),
                    fields.len()
                ),
            )));
        }
        let named = fields.into_iter().zip(&options.names);
        fields = named.map(|(field, name)| field.with_name(name)).collect();
    }
    let nullable = fields.into_iter().map(|field| field.with_nullable(true));
    Ok(nullable.map(Arc::new).collect())
}

impl PartialEq for UnnestNode {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options
            && self.collection == other.collection
            && self.input == other.input
    }
}

impl Eq for UnnestNode {}

impl Hash for UnnestNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.options.hash(state);
        self.collection.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for UnnestNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for UnnestNode {
    fn name(&self) -> &str {
        "Unnest"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.collection.clone()]
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.elements().map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unnest: {}", self.collection)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let (Ok([collection]), Ok([input])) = (
            <[Expr; 1]>::try_from(exprs),
            <[LogicalPlan; 1]>::try_from(inputs),
        ) else {
            return internal_err!("UNNEST has one collection and one input");
        };
        UnnestNode::new(input, collection, self.options.clone())
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let width = schema.fields().len();
        let columns = output_columns.iter().copied();
        let mut needed: Vec<usize> = columns.filter(|column| *column < width).collect();
        let read: Vec<&Column> = self.collection.column_refs().into_iter().collect();
        for column in read {
            needed.push(schema.maybe_index_of_column(column)?);
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}
