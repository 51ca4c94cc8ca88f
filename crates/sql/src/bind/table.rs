//! A table's definition as a plan: scan, computed columns, watermark.
//!
//! ```text
//! scan(physical, metadata) ─▶ one projection per computed column ─▶ columns in order ─▶ watermark
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion_common::{Column, DFSchema, DataFusionError};
use datafusion_expr::logical_plan::EmptyRelation;
use datafusion_expr::{
    Expr, ExprSchemable, Extension, LogicalPlan, LogicalPlanBuilder, TableSource, TableType,
};
use millstream_core::connector::{JobIdentity, SinkAccepts, SourceContext};
use millstream_core::options::Options;
use millstream_core::table::{MetadataColumn, TableSpec};
use millstream_core::types::{ColumnType, SqlType};
use millstream_core::{Code, Error, Result};
use millstream_plan::OnError;
use millstream_plan::logical::{ScanSource, SideTable, WatermarkNode, WatermarkOptions};
use millstream_plan::translate::{ConflictRules, InsertTarget};

use super::errors::{self, Place};
use super::{BindResult, Scope, external, finalise};
use crate::ast::{ColumnKind, Span, Watermark};
use crate::catalog::{Object, ObjectPath, TableDef, ViewDef};

/// Options given by a hint, which win over the table's own.
pub(crate) type OptionOverrides = BTreeMap<String, String>;

/// Deepest nesting of views.
const VIEW_DEPTH_MAX: usize = 64;

/// A source without rows for this long is idle, if it never ends and nobody says otherwise.
const IDLE_TIMEOUT_DEFAULT_MS: i64 = 15_000;

/// An event time this far ahead of the clock is a unit mix-up or a sentinel, not a time: 10 years.
const MAX_FUTURE_DEFAULT_MS: i64 = 3_650 * 86_400_000;

/// A plan in place of a table; DataFusion's builder puts it where the table's name stood.
#[derive(Debug)]
pub(super) struct Inlined {
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl Inlined {
    pub(super) fn new(plan: LogicalPlan) -> Self {
        let schema = Arc::clone(plan.schema().inner());
        Inlined { plan, schema }
    }
}

impl TableSource for Inlined {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }
}

impl Scope {
    /// The plan of a table or view.
    pub(super) fn relation(
        self: &Arc<Self>,
        path: &ObjectPath,
        overrides: &OptionOverrides,
        script: &str,
    ) -> BindResult {
        match self.catalog.get(path).map_err(external)? {
            Object::Table(table) => self.table(path, table, overrides),
            Object::View(view) => self.view(path, view, overrides, script),
        }
    }

    fn view(
        self: &Arc<Self>,
        path: &ObjectPath,
        view: &ViewDef,
        overrides: &OptionOverrides,
        script: &str,
    ) -> BindResult {
        if !overrides.is_empty() {
            return Err(external(Error::new(
                Code::InvalidOption,
                format!("OPTIONS wants a table, but '{}' is a view", path.short()),
            )));
        }
        if self.depth >= VIEW_DEPTH_MAX {
            return Err(external(Error::new(
                Code::TooComplex,
                format!(
                    "view '{}' is nested in more than {VIEW_DEPTH_MAX} views",
                    path.short()
                ),
            )));
        }
        let inner = Arc::new(Scope {
            catalog: Arc::clone(&self.catalog),
            settings: self.settings.clone(),
            registry: Arc::clone(&self.registry),
            clock: Arc::clone(&self.clock),
            functions: self.functions.clone(),
            depth: self.depth + 1,
        });
        let plan = inner.bind(&view.query, script)?;
        renamed(plan, &view.columns, &path.short())
    }

    /// The plan of a table.
    pub(crate) fn table(
        self: &Arc<Self>,
        path: &ObjectPath,
        table: &TableDef,
        overrides: &OptionOverrides,
    ) -> BindResult {
        let source = self.source(path, table, overrides).map_err(external)?;
        let spec = &source.table;
        let options = self
            .watermark_options(&spec.options, source.bounded)
            .map_err(external)?;
        let scan = LogicalPlanBuilder::scan(path.name.as_str(), Arc::new(source), None)?.build()?;
        self.defined(path, table, scan, options)
    }

    /// Checks a definition without its connector: computed columns and the watermark.
    pub(crate) fn check_definition(
        self: &Arc<Self>,
        path: &ObjectPath,
        table: &TableDef,
    ) -> Result<()> {
        let place = Place {
            script: "",
            span: Span::default(),
        };
        let plan = self.without_connector(path, table);
        plan.map(drop)
            .map_err(|error| errors::convert(error, &place, self))
    }

    /// A plan with the columns of a table or view, for those who only look at its schema.
    pub(super) fn described(self: &Arc<Self>, path: &ObjectPath) -> BindResult {
        match self.catalog.get(path).map_err(external)? {
            Object::Table(table) => self.without_connector(path, table),
            Object::View(view) => self.view(path, view, &OptionOverrides::default(), ""),
        }
    }

    fn without_connector(self: &Arc<Self>, path: &ObjectPath, table: &TableDef) -> BindResult {
        let spec = self
            .spec(path, table, &OptionOverrides::default())
            .map_err(external)?;
        let options = self
            .watermark_options(&spec.options, true)
            .map_err(external)?;
        let schema = DFSchema::try_from_qualified_schema(path.name.as_str(), &readable(&spec))?;
        let columns = EmptyRelation {
            produce_one_row: false,
            schema: Arc::new(schema),
        };
        self.defined(path, table, LogicalPlan::EmptyRelation(columns), options)
    }

    /// Computed columns, their order and the watermark over `plan`, the physical columns.
    fn defined(
        self: &Arc<Self>,
        path: &ObjectPath,
        table: &TableDef,
        mut plan: LogicalPlan,
        options: WatermarkOptions,
    ) -> BindResult {
        for column in &table.columns {
            let ColumnKind::Computed(expr) = &column.kind else {
                continue;
            };
            let bound = self.expr(&expr.node, plan.schema()).map_err(|error| {
                let place = Place {
                    script: "",
                    span: Span::default(),
                };
                let what = format!("computed column '{}'", column.name);
                external(errors::convert(error, &place, self).context(what))
            })?;
            let bound = finalise::expr(bound, plan.schema(), &self.functions.context)?;
            let mut columns: Vec<Expr> = plan
                .schema()
                .columns()
                .into_iter()
                .map(Expr::Column)
                .collect();
            columns.push(bound.alias(&column.name.value));
            plan = LogicalPlanBuilder::new(plan).project(columns)?.build()?;
        }
        let ordered = table.columns.iter().map(|column| {
            let schema = plan.schema();
            let (qualifier, field) =
                schema.qualified_field_with_unqualified_name(&column.name.value)?;
            Ok(Expr::Column(Column::from((qualifier, field))).alias(&column.name.value))
        });
        let ordered = ordered.collect::<Result<Vec<_>, DataFusionError>>()?;
        plan = LogicalPlanBuilder::new(plan).project(ordered)?.build()?;
        match &table.watermark {
            Some(watermark) => self.watermark(path, plan, watermark, options),
            None => Ok(plan),
        }
    }

    fn watermark(
        self: &Arc<Self>,
        path: &ObjectPath,
        plan: LogicalPlan,
        watermark: &Watermark,
        options: WatermarkOptions,
    ) -> BindResult {
        let wrong = |message: String| {
            external(Error::new(
                Code::InvalidSchema,
                format!("watermark of table '{}': {message}", path.short()),
            ))
        };
        let [column] = watermark.column.as_slice() else {
            return Err(external(
                Error::unsupported("a watermark on a field of a ROW is not supported")
                    .hint("make it a computed column first"),
            ));
        };
        let schema = Arc::clone(plan.schema());
        let (qualifier, field) = schema
            .qualified_field_with_unqualified_name(&column.value)
            .map_err(|_| wrong(format!("unknown column '{column}'")))?;
        let ty = SqlType::of(field);
        if !ty.is_event_time() {
            return Err(wrong(format!(
                "column '{column}' wants the type TIMESTAMP(3) or TIMESTAMP_LTZ(3), found {ty}"
            )));
        }
        let expr = self.expr(&watermark.expr.node, &schema).map_err(|error| {
            let place = Place {
                script: "",
                span: Span::default(),
            };
            external(errors::convert(error, &place, self))
        })?;
        let expr = finalise::expr(expr, &schema, &self.functions.context)?;
        let found = expr.get_type(&schema)?;
        if &found != field.data_type() {
            let found = SqlType::of_arrow(&found);
            return Err(wrong(format!(
                "the expression wants the type {ty}, found {found}"
            )));
        }
        let column = Column::from((qualifier, field));
        let node = WatermarkNode {
            input: plan,
            column,
            expr,
            options,
        };
        Ok(LogicalPlan::Extension(Extension {
            node: Arc::new(node),
        }))
    }

    /// The scan of a table; its connector checks every option.
    fn source(
        self: &Arc<Self>,
        path: &ObjectPath,
        table: &TableDef,
        overrides: &OptionOverrides,
    ) -> Result<ScanSource> {
        let spec = self.spec(path, table, overrides)?;
        let connector = self.connector(&spec)?;
        let factory = connector.source().ok_or_else(|| {
            Error::new(
                Code::InvalidPlan,
                format!(
                    "table '{}': '{}' can only be written",
                    spec.name,
                    connector.name()
                ),
            )
        })?;
        self.registry.check_options(connector, &spec)?;
        let schema = readable(&spec);
        let context = SourceContext {
            projection: (0..schema.fields().len()).collect(),
            schema: Arc::clone(&schema),
            formats: self.registry.formats(),
            clock: Arc::clone(&self.clock),
            // Nothing is read for it: it only answers questions.
            job: JobIdentity::transient("planning"),
            parallelism: 1,
            batch_rows: self.settings.batch_rows()?,
        };
        let bounded = factory.create(&spec, &context)?.is_bounded();
        let options = &spec.options;
        let words = ["fail", "skip", "dead-letter"];
        let on_error = match options.one_of("on-error", &words, "fail")? {
            "skip" => OnError::Skip,
            "dead-letter" => OnError::DeadLetter,
            _ => OnError::Fail,
        };
        let dead_letter = match on_error {
            OnError::DeadLetter => Some(self.side_table(options, "dead-letter.table")?.ok_or_else(
                || {
                    Error::new(
                        Code::InvalidOption,
                        format!(
                            "'on-error' = 'dead-letter' of {} needs the option 'dead-letter.table'",
                            options.owner()
                        ),
                    )
                },
            )?),
            _ => None,
        };
        let parallelism = options.parse::<u32>("scan.parallelism", "a number from 1 to 128")?;
        if parallelism.is_some_and(|number| !(1..=128).contains(&number)) {
            return Err(options.invalid("scan.parallelism", "a number from 1 to 128"));
        }
        Ok(ScanSource {
            late: self.side_table(options, "late-rows.table")?,
            connector: connector.name().to_string(),
            projects: factory.projects(&spec),
            schema,
            bounded,
            parallelism,
            on_error,
            dead_letter,
            table: spec,
        })
    }

    fn side_table(
        self: &Arc<Self>,
        options: &Options,
        key: &str,
    ) -> Result<Option<Arc<SideTable>>> {
        let Some(name) = options.get(key) else {
            return Ok(None);
        };
        let parts: Vec<&str> = name.split('.').map(|part| part.trim_matches('`')).collect();
        let path = self.catalog.path_of(&parts)?;
        let context = || format!("option '{key}' of {}", options.owner());
        let Object::Table(table) = self.catalog.get(&path).map_err(|e| e.context(context()))?
        else {
            return Err(options.invalid(key, "the name of a table"));
        };
        let target = self.target(&path, table, &OptionOverrides::default())?;
        let InsertTarget {
            table,
            connector,
            accepts,
            ..
        } = target;
        Ok(Some(Arc::new(SideTable {
            table,
            connector,
            accepts,
        })))
    }

    /// The table as the target of an INSERT.
    pub(crate) fn target(
        self: &Arc<Self>,
        path: &ObjectPath,
        table: &TableDef,
        overrides: &OptionOverrides,
    ) -> Result<InsertTarget> {
        let spec = self.spec(path, table, overrides)?;
        let connector = self.connector(&spec)?;
        let factory = connector.sink().ok_or_else(|| {
            Error::new(
                Code::InvalidPlan,
                format!(
                    "table '{}': '{}' can only be read",
                    spec.name,
                    connector.name()
                ),
            )
        })?;
        self.registry.check_options(connector, &spec)?;
        factory.check(&spec, &self.registry.formats())?;
        let accepts: SinkAccepts = factory.accepts(&spec)?;
        let parallelism = spec
            .options
            .parse::<u32>("sink.parallelism", "a number from 1 to 128")?;
        if parallelism.is_some_and(|number| !(1..=128).contains(&number)) {
            return Err(spec
                .options
                .invalid("sink.parallelism", "a number from 1 to 128"));
        }
        let written = writable(&spec);
        let not_null = written
            .iter()
            .enumerate()
            .filter(|(_, field)| !field.is_nullable());
        Ok(InsertTarget {
            not_null: not_null.map(|(index, _)| index).collect(),
            connector: connector.name().to_string(),
            accepts,
            parallelism,
            conflict: ConflictRules::default(),
            table: spec,
        })
    }

    fn connector(
        &self,
        spec: &TableSpec,
    ) -> Result<&'static dyn millstream_core::connector::Connector> {
        self.registry.connector(spec.options.require("connector")?)
    }

    /// What the connector is told about the table.
    pub(crate) fn spec(
        &self,
        path: &ObjectPath,
        table: &TableDef,
        overrides: &OptionOverrides,
    ) -> Result<TableSpec> {
        let mut values = table.options.clone();
        values.extend(overrides.clone());
        let owner = format!("table '{}'", path.short());
        let key = table.primary_key.iter().flat_map(|key| &key.columns);
        let primary_key: Vec<String> = key.map(|name| name.value.clone()).collect();
        let mut fields: Vec<Field> = Vec::new();
        let mut metadata = Vec::new();
        for column in &table.columns {
            let name = &column.name.value;
            match &column.kind {
                ColumnKind::Physical(ty) => {
                    let is_key = primary_key.contains(name);
                    let nullable = ty.nullable && !is_key;
                    fields.push(
                        ColumnType {
                            sql: ty.sql.clone(),
                            nullable,
                        }
                        .field(name),
                    );
                }
                ColumnKind::Metadata {
                    ty,
                    from,
                    is_virtual,
                } => metadata.push(MetadataColumn {
                    field: Arc::new(ty.field(name)),
                    key: from
                        .as_ref()
                        .map_or_else(|| name.clone(), |from| from.value.clone()),
                    is_virtual: *is_virtual,
                }),
                ColumnKind::Computed(_) => {}
                ColumnKind::Listed => {
                    return Err(Error::internal(
                        "a listed column outlived its CREATE TABLE AS",
                    ));
                }
            }
        }
        Ok(TableSpec {
            name: path.short(),
            schema: Arc::new(Schema::new(fields)),
            metadata,
            primary_key,
            partition_keys: table.partitioned_by.clone(),
            options: Options::new(owner, values),
        })
    }

    fn watermark_options(&self, options: &Options, bounded: bool) -> Result<WatermarkOptions> {
        let words = ["on-periodic", "on-event"];
        let strategy = options.one_of("scan.watermark.emit.strategy", &words, "on-periodic")?;
        let of_table = options.duration("scan.watermark.idle-timeout")?;
        let of_session = self.settings.idle_timeout()?;
        let idle = match of_table.or(of_session) {
            Some(timeout) => Some(timeout.as_millis() as i64).filter(|ms| *ms > 0),
            // A bounded source ends; that is soon enough, and repeatable.
            None if bounded => None,
            None => Some(IDLE_TIMEOUT_DEFAULT_MS),
        };
        let future = match options.duration("scan.watermark.max-future")? {
            Some(limit) => Some(limit.as_millis() as i64).filter(|ms| *ms > 0),
            None => Some(MAX_FUTURE_DEFAULT_MS),
        };
        Ok(WatermarkOptions {
            on_event: strategy == "on-event",
            idle_timeout_ms: idle,
            max_future_ms: future,
        })
    }
}

/// The columns a scan offers: physical, then metadata.
pub(crate) fn readable(spec: &TableSpec) -> SchemaRef {
    let metadata = spec.metadata.iter().map(|column| Arc::clone(&column.field));
    let fields: Vec<FieldRef> = spec
        .schema
        .fields()
        .iter()
        .cloned()
        .chain(metadata)
        .collect();
    Arc::new(Schema::new(Fields::from(fields)))
}

/// The columns a sink takes: physical, then metadata that is not VIRTUAL.
pub(crate) fn writable(spec: &TableSpec) -> Vec<FieldRef> {
    let metadata = spec.metadata.iter().filter(|column| !column.is_virtual);
    let metadata = metadata.map(|column| Arc::clone(&column.field));
    spec.schema
        .fields()
        .iter()
        .cloned()
        .chain(metadata)
        .collect()
}

/// Gives a plan's columns new names.
pub(super) fn renamed(plan: LogicalPlan, names: &[String], of: &str) -> BindResult {
    if names.is_empty() {
        return Ok(plan);
    }
    let columns = plan.schema().columns();
    if columns.len() != names.len() {
        return Err(external(Error::new(
            Code::InvalidSchema,
            format!(
                "'{of}' names {} columns, but its query has {}",
                names.len(),
                columns.len()
            ),
        )));
    }
    let exprs: Vec<Expr> = columns
        .into_iter()
        .zip(names)
        .map(|(column, name)| Expr::Column(column).alias(name))
        .collect();
    LogicalPlanBuilder::new(plan).project(exprs)?.build()
}
