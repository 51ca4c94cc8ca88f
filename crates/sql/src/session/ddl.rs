//! CREATE, DROP and ALTER.
//!
//! A definition is checked when it is made: names, types, computed columns, the watermark, and, if
//! it names a connector, the options. So a mistake is reported where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millstream_core::{Code, Error, Result, suggest};

use super::{Outcome, Session, like};
use crate::ast::{
    AlterTable, AlterTableAction, AlterView, AlterViewAction, ColumnDef, ColumnKind,
    CreateDatabase, CreateTable, CreateView, Drop, Name, ObjectKind, OptionPair, ParsedQuery,
};
use crate::bind::table::OptionOverrides;
use crate::catalog::{Catalog, Object, ObjectPath, TableDef, ViewDef};
use crate::diagnostics::locate;

impl Session {
    pub(super) fn create_table(&mut self, create: &CreateTable, script: &str) -> Result<Outcome> {
        let path = self.catalog.path(&create.name)?;
        let kept = create.if_not_exists && self.catalog.find(&path).is_some();
        if kept {
            return Ok(Outcome::Done(format!(
                "table '{}' exists already",
                path.short()
            )));
        }
        let mut table = TableDef {
            temporary: create.temporary,
            columns: create.columns.clone(),
            watermark: create.watermark.clone(),
            primary_key: create.primary_key.clone(),
            partitioned_by: names(&create.partitioned_by),
            comment: create.comment.clone(),
            options: options(&create.options, script)?,
        };
        if let Some(clause) = &create.like {
            let source = self.catalog.path(&clause.table)?;
            let place = |error: Error| error.at(locate(script, clause.table.span()));
            match self.catalog.get(&source).map_err(place)? {
                Object::Table(source) => like::merge(&mut table, source, clause, script)?,
                Object::View(_) => {
                    let message = format!("LIKE wants a table, but '{}' is a view", source.short());
                    return Err(place(Error::new(Code::InvalidSchema, message)));
                }
            }
        }
        if let Some(query) = &create.query {
            table.columns = self.columns_of_query(&table, query, script)?;
        }
        self.check_table(&path, &table, create, script)?;
        Arc::make_mut(&mut self.catalog).create(&path, Object::Table(Box::new(table)))?;
        match &create.query {
            None => Ok(Outcome::Done(format!("table '{}' created", path.short()))),
            Some(query) => {
                let insert = crate::ast::Insert {
                    table: create.name.clone(),
                    hints: Vec::new(),
                    overwrite: false,
                    partition: Vec::new(),
                    columns: Vec::new(),
                    source: query.clone(),
                    on_conflict: None,
                };
                let outcome = self.inserts(&[&insert], script);
                if outcome.is_err() {
                    Arc::make_mut(&mut self.catalog).remove(&path);
                }
                outcome
            }
        }
    }

    /// Columns of CREATE TABLE .. AS: those of the query; a list only picks and orders them.
    fn columns_of_query(
        &self,
        table: &TableDef,
        query: &ParsedQuery,
        script: &str,
    ) -> Result<Vec<ColumnDef>> {
        let plan = self.scope().query(query, script)?;
        let fields = plan.schema().fields();
        let column = |name: &Name, field: &arrow::datatypes::Field| ColumnDef {
            name: name.clone(),
            kind: ColumnKind::Physical(millstream_core::types::ColumnType::of(field)),
            comment: None,
            span: name.span,
        };
        if table.columns.is_empty() {
            return Ok(fields
                .iter()
                .map(|field| {
                    let name = Name {
                        value: field.name().clone(),
                        span: query.span,
                    };
                    column(&name, field)
                })
                .collect());
        }
        if table.columns.len() != fields.len()
            || table.columns.iter().any(|c| c.kind != ColumnKind::Listed)
        {
            return Err(Error::unsupported(
                "CREATE TABLE .. AS takes no columns, or the names of all columns of the query",
            )
            .at(locate(script, query.span)));
        }
        Ok(table
            .columns
            .iter()
            .zip(fields)
            .map(|(listed, f)| column(&listed.name, f))
            .collect())
    }

    fn check_table(
        &self,
        path: &ObjectPath,
        table: &TableDef,
        create: &CreateTable,
        script: &str,
    ) -> Result<()> {
        let wrong = |message: String| Error::new(Code::InvalidSchema, message);
        let mut seen = BTreeSet::new();
        for column in &table.columns {
            if !seen.insert(column.name.value.as_str()) {
                let error = wrong(format!("column '{}' is defined twice", column.name));
                return Err(error.at(locate(script, column.name.span)));
            }
        }
        let physical: Vec<&str> = table
            .columns
            .iter()
            .filter(|column| matches!(column.kind, ColumnKind::Physical(_)))
            .map(|column| column.name.value.as_str())
            .collect();
        let keys = table.primary_key.iter().flat_map(|key| &key.columns);
        for (what, name) in keys.map(|name| ("PRIMARY KEY", name)).chain(
            create
                .partitioned_by
                .iter()
                .map(|name| ("PARTITIONED BY", name)),
        ) {
            if !physical.contains(&name.value.as_str()) {
                let error = wrong(format!(
                    "{what} names '{name}', which is no physical column"
                ));
                let hint = suggest::hint(&name.value, physical.iter().copied());
                let error = match hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                };
                return Err(error.at(locate(script, name.span)));
            }
        }
        self.check_expressions(path, table, script)?;
        if table.options.contains_key("connector") {
            self.check_options(path, table).map_err(|error| {
                let mentioned = create
                    .options
                    .iter()
                    .find(|pair| error.message().contains(&format!("'{}'", pair.key)));
                let fallback = create
                    .options
                    .iter()
                    .find(|pair| pair.key.value == "connector");
                match mentioned.or(fallback) {
                    Some(pair) => error.at(locate(script, pair.key.span)),
                    None => error,
                }
            })?;
        }
        Ok(())
    }

    /// Binds computed columns and the watermark over the columns alone.
    fn check_expressions(&self, path: &ObjectPath, table: &TableDef, script: &str) -> Result<()> {
        self.scope().check_definition(path, table).map_err(|error| {
            let spans = table
                .columns
                .iter()
                .filter_map(|column| match &column.kind {
                    ColumnKind::Computed(expr) => Some((column.name.value.as_str(), expr.span)),
                    _ => None,
                });
            let found = spans
                .filter(|(name, _)| {
                    error
                        .message()
                        .contains(&format!("computed column '{name}'"))
                })
                .map(|(_, span)| span)
                .next()
                .or_else(|| table.watermark.as_ref().map(|watermark| watermark.span));
            match found {
                Some(span) => error.at(locate(script, span)),
                None => error,
            }
        })
    }

    fn check_options(&self, path: &ObjectPath, table: &TableDef) -> Result<()> {
        let scope = self.scope();
        let spec = scope.spec(path, table, &OptionOverrides::default())?;
        let connector = self
            .registry
            .connector(spec.options.require("connector")?)?;
        self.registry.check_options(connector, &spec)
    }

    pub(super) fn create_view(&mut self, create: &CreateView, script: &str) -> Result<Outcome> {
        let path = self.catalog.path(&create.name)?;
        if create.if_not_exists && self.catalog.find(&path).is_some() {
            return Ok(Outcome::Done(format!(
                "view '{}' exists already",
                path.short()
            )));
        }
        let view = ViewDef {
            temporary: create.temporary,
            columns: names(&create.columns),
            comment: create.comment.clone(),
            query: create.query.clone(),
        };
        self.check_view(&path, &view, script)?;
        Arc::make_mut(&mut self.catalog).create(&path, Object::View(Box::new(view)))?;
        Ok(Outcome::Done(format!("view '{}' created", path.short())))
    }

    fn check_view(&self, path: &ObjectPath, view: &ViewDef, script: &str) -> Result<()> {
        let plan = self.scope().query(&view.query, script)?;
        let width = plan.schema().fields().len();
        if !view.columns.is_empty() && view.columns.len() != width {
            return Err(Error::new(
                Code::InvalidSchema,
                format!(
                    "view '{}' names {} columns, but its query has {width}",
                    path.short(),
                    view.columns.len()
                ),
            )
            .at(locate(script, view.query.span)));
        }
        Ok(())
    }

    pub(super) fn create_database(&mut self, create: &CreateDatabase) -> Result<Outcome> {
        let name = &create.name.object().value;
        let known = self.catalog.databases().any(|database| database == name);
        if known && create.if_not_exists {
            return Ok(Outcome::Done(format!("database '{name}' exists already")));
        }
        Arc::make_mut(&mut self.catalog).create_database(name, create.comment.clone())?;
        Ok(Outcome::Done(format!("database '{name}' created")))
    }

    pub(super) fn drop_object(&mut self, drop: &Drop) -> Result<Outcome> {
        let wanted = match drop.kind {
            ObjectKind::Database => return self.drop_database(drop),
            ObjectKind::Function => {
                return Err(Error::unsupported(
                    "DROP FUNCTION is not supported by this release",
                ));
            }
            ObjectKind::Table => "table",
            ObjectKind::View => "view",
        };
        let path = self.catalog.path(&drop.name)?;
        if drop.if_exists && self.catalog.find(&path).is_none() {
            return Ok(Outcome::Done(format!(
                "there is no {wanted} '{}'",
                path.short()
            )));
        }
        let found = self.catalog.get(&path)?;
        if found.kind() != wanted {
            return Err(Error::new(
                Code::UnknownTable,
                format!("'{}' is a {}, not a {wanted}", path.short(), found.kind()),
            )
            .hint(format!(
                "DROP {} {}",
                found.kind().to_uppercase(),
                drop.name
            )));
        }
        if drop.temporary && !found.is_temporary() {
            return Err(Error::new(
                Code::UnknownTable,
                format!("{wanted} '{}' is not temporary", path.short()),
            ));
        }
        Arc::make_mut(&mut self.catalog).remove(&path);
        Ok(Outcome::Done(format!(
            "{wanted} '{}' dropped",
            path.short()
        )))
    }

    fn drop_database(&mut self, drop: &Drop) -> Result<Outcome> {
        let name = &drop.name.object().value;
        if drop.if_exists && !self.catalog.databases().any(|database| database == name) {
            return Ok(Outcome::Done(format!("there is no database '{name}'")));
        }
        Arc::make_mut(&mut self.catalog).drop_database(name, drop.cascade)?;
        Ok(Outcome::Done(format!("database '{name}' dropped")))
    }

    pub(super) fn alter_table(&mut self, alter: &AlterTable, script: &str) -> Result<Outcome> {
        let path = self.catalog.path(&alter.name)?;
        if alter.if_exists && self.catalog.find(&path).is_none() {
            return Ok(Outcome::Done(format!(
                "there is no table '{}'",
                path.short()
            )));
        }
        let Object::Table(table) = self.catalog.get(&path)? else {
            let message = format!("'{}' is a view, not a table", path.short());
            return Err(Error::new(Code::UnknownTable, message));
        };
        let mut table = table.clone();
        match &alter.action {
            AlterTableAction::Set(pairs) => {
                table.options.extend(options(pairs, script)?);
                if table.options.contains_key("connector") {
                    self.check_options(&path, &table)?;
                }
            }
            AlterTableAction::Reset(keys) => {
                for key in keys {
                    if key.value == "connector" {
                        return Err(Error::new(
                            Code::InvalidOption,
                            "the option 'connector' cannot be reset",
                        )
                        .at(locate(script, key.span)));
                    }
                    table.options.remove(&key.value);
                }
            }
            AlterTableAction::RenameTo(to) => {
                let to = self.catalog.path(to)?;
                rename(Arc::make_mut(&mut self.catalog), &path, &to)?;
                return Ok(Outcome::Done(format!(
                    "table '{}' is now '{}'",
                    path.short(),
                    to.short()
                )));
            }
            AlterTableAction::RenameColumn { .. } => {
                return Err(Error::unsupported(
                    "ALTER TABLE .. RENAME of a column is not supported by this release",
                ));
            }
        }
        Arc::make_mut(&mut self.catalog).replace(&path, Object::Table(table));
        Ok(Outcome::Done(format!("table '{}' changed", path.short())))
    }

    pub(super) fn alter_view(&mut self, alter: &AlterView, script: &str) -> Result<Outcome> {
        let path = self.catalog.path(&alter.name)?;
        let Object::View(view) = self.catalog.get(&path)? else {
            let message = format!("'{}' is a table, not a view", path.short());
            return Err(Error::new(Code::UnknownTable, message));
        };
        match &alter.action {
            AlterViewAction::RenameTo(to) => {
                let to = self.catalog.path(to)?;
                rename(Arc::make_mut(&mut self.catalog), &path, &to)?;
                Ok(Outcome::Done(format!(
                    "view '{}' is now '{}'",
                    path.short(),
                    to.short()
                )))
            }
            AlterViewAction::As(query) => {
                let view = ViewDef {
                    query: query.clone(),
                    ..view.as_ref().clone()
                };
                self.check_view(&path, &view, script)?;
                Arc::make_mut(&mut self.catalog).replace(&path, Object::View(Box::new(view)));
                Ok(Outcome::Done(format!("view '{}' changed", path.short())))
            }
        }
    }
}

fn rename(catalog: &mut Catalog, from: &ObjectPath, to: &ObjectPath) -> Result<()> {
    catalog.database(&to.database)?;
    if let Some(known) = catalog.find(to) {
        let message = format!("{} '{}' already exists", known.kind(), to.short());
        return Err(Error::new(Code::AlreadyExists, message));
    }
    if let Some(object) = catalog.remove(from) {
        catalog.replace(to, object);
    }
    Ok(())
}

fn names(names: &[Name]) -> Vec<String> {
    names.iter().map(|name| name.value.clone()).collect()
}

fn options(pairs: &[OptionPair], script: &str) -> Result<BTreeMap<String, String>> {
    let mut options = BTreeMap::new();
    for pair in pairs {
        if options
            .insert(pair.key.value.clone(), pair.value.value.clone())
            .is_some()
        {
            let message = format!("option '{}' is given twice", pair.key);
            return Err(Error::new(Code::InvalidOption, message).at(locate(script, pair.key.span)));
        }
    }
    Ok(options)
}
