//! SHOW and DESCRIBE.

use std::fmt::Write;

use millstream_core::types::ColumnType;
use millstream_core::{Code, Error, Result};

use super::{Listing, Outcome, Session};
use crate::ast::{ColumnKind, Describe, ObjectKind, QualifiedName, Show, ShowFilter, ShowLike};
use crate::catalog::{CATALOG, Object, ObjectPath, TableDef, ViewDef};
use crate::dialect::quoted;

impl Session {
    pub(super) fn show(&self, show: &Show) -> Result<Outcome> {
        match show {
            Show::Tables(filter) => self.show_objects("table name", filter, |_| true),
            Show::Views(filter) => {
                self.show_objects("view name", filter, |o| matches!(o, Object::View(_)))
            }
            Show::Databases(filter) => Ok(list(
                "database name",
                filter,
                self.catalog.databases().map(str::to_string),
            )),
            Show::Catalogs(filter) => Ok(list("catalog name", filter, [CATALOG.to_string()])),
            Show::Functions { user, filter } => {
                let names = if *user {
                    Vec::new()
                } else {
                    self.function_names()
                };
                Ok(list("function name", filter, names))
            }
            Show::Columns(filter) => {
                let Some(name) = &filter.scope else {
                    return Err(Error::new(
                        Code::Syntax,
                        "SHOW COLUMNS wants FROM and a table",
                    ));
                };
                let mut listing = self.columns(name)?;
                listing.rows.retain(|row| {
                    row[0]
                        .as_deref()
                        .is_some_and(|name| matches(filter.like.as_ref(), name))
                });
                Ok(Outcome::Listing(listing))
            }
            Show::CreateTable(name) => {
                let path = self.catalog.path(name)?;
                match self.catalog.get(&path)? {
                    Object::Table(table) => Ok(verbatim(create_table(&path, table))),
                    Object::View(_) => Err(wrong_kind(&path, "view", "SHOW CREATE VIEW")),
                }
            }
            Show::CreateView(name) => {
                let path = self.catalog.path(name)?;
                match self.catalog.get(&path)? {
                    Object::View(view) => Ok(verbatim(create_view(&path, view))),
                    Object::Table(_) => Err(wrong_kind(&path, "table", "SHOW CREATE TABLE")),
                }
            }
            Show::CurrentDatabase => Ok(one("current database name", self.catalog.current())),
            Show::CurrentCatalog => Ok(one("current catalog name", CATALOG)),
            // Jobs belong to whoever runs them; a session on its own runs one at a time.
            Show::Jobs => Ok(Outcome::Listing(Listing {
                columns: vec!["job id", "job name", "status", "start time"],
                ..Listing::default()
            })),
        }
    }

    fn show_objects(
        &self,
        column: &'static str,
        filter: &ShowFilter,
        wanted: impl Fn(&Object) -> bool,
    ) -> Result<Outcome> {
        let database = match &filter.scope {
            Some(scope) => scope.object().value.as_str(),
            None => self.catalog.current(),
        };
        let objects = self
            .catalog
            .objects(database)?
            .filter(|(_, object)| wanted(object));
        Ok(list(
            column,
            filter,
            objects.map(|(name, _)| name.to_string()),
        ))
    }

    pub(super) fn describe(&self, describe: &Describe, _script: &str) -> Result<Outcome> {
        match describe.kind {
            ObjectKind::Database => {
                let name = &describe.name.object().value;
                let database = self.catalog.database(name)?;
                let row = |k: &str, v: Option<String>| vec![Some(k.to_string()), v];
                let rows = vec![
                    row("name", Some(name.clone())),
                    row("comment", database.comment.clone()),
                ];
                Ok(Outcome::Listing(Listing {
                    columns: vec!["info name", "info value"],
                    rows,
                    verbatim: false,
                }))
            }
            ObjectKind::Function => Err(Error::unsupported(
                "DESCRIBE FUNCTION is not supported by this release",
            )),
            _ => Ok(Outcome::Listing(self.columns(&describe.name)?)),
        }
    }

    /// Flink's DESCRIBE: name, type, null, key, extras, watermark, and the comment if there is one.
    fn columns(&self, name: &QualifiedName) -> Result<Listing> {
        let path = self.catalog.path(name)?;
        let types = self.scope().column_types(&path)?;
        let rows = match self.catalog.get(&path)? {
            Object::Table(table) => types
                .iter()
                .map(|(name, ty)| table_row(table, name, ty))
                .collect(),
            Object::View(_) => types.iter().map(|(name, ty)| row(name, ty)).collect(),
        };
        Ok(Listing {
            columns: vec![
                "name",
                "type",
                "null",
                "key",
                "extras",
                "watermark",
                "comment",
            ],
            rows,
            verbatim: false,
        })
    }
}

fn row(name: &str, ty: &ColumnType) -> Vec<Option<String>> {
    let null = if ty.nullable { "TRUE" } else { "FALSE" };
    vec![
        Some(name.to_string()),
        Some(ty.sql.to_string()),
        Some(null.into()),
        None,
        None,
        None,
        None,
    ]
}

fn table_row(table: &TableDef, name: &str, ty: &ColumnType) -> Vec<Option<String>> {
    let mut cells = row(name, ty);
    let key = table
        .primary_key
        .as_ref()
        .filter(|k| k.columns.iter().any(|c| c.value == name));
    cells[3] = key.map(|key| {
        let names: Vec<&str> = key.columns.iter().map(|c| c.value.as_str()).collect();
        format!("PRI({})", names.join(", "))
    });
    let Some(column) = table
        .columns
        .iter()
        .find(|column| column.name.value == name)
    else {
        return cells;
    };
    cells[4] = match &column.kind {
        ColumnKind::Computed(expr) => Some(format!("AS {}", expr.text)),
        ColumnKind::Metadata {
            from, is_virtual, ..
        } => {
            let from = from
                .as_ref()
                .map_or(String::new(), |key| format!(" FROM '{key}'"));
            let suffix = if *is_virtual { " VIRTUAL" } else { "" };
            Some(format!("METADATA{from}{suffix}"))
        }
        _ => None,
    };
    let watermark = table.watermark.as_ref();
    cells[5] = watermark
        .filter(|watermark| matches!(watermark.column.as_slice(), [c] if c.value == name))
        .map(|watermark| watermark.expr.text.clone());
    cells[6] = column.comment.clone();
    cells
}

fn wrong_kind(path: &ObjectPath, kind: &str, hint: &str) -> Error {
    Error::new(
        Code::UnknownTable,
        format!("'{}' is a {kind}", path.short()),
    )
    .hint(hint)
}

fn verbatim(text: String) -> Outcome {
    Outcome::Listing(Listing {
        columns: vec!["result"],
        rows: vec![vec![Some(text)]],
        verbatim: true,
    })
}

fn one(column: &'static str, value: &str) -> Outcome {
    let rows = vec![vec![Some(value.to_string())]];
    Outcome::Listing(Listing {
        columns: vec![column],
        rows,
        verbatim: false,
    })
}

fn list(
    column: &'static str,
    filter: &ShowFilter,
    names: impl IntoIterator<Item = String>,
) -> Outcome {
    let names = names
        .into_iter()
        .filter(|name| matches(filter.like.as_ref(), name));
    let rows = names.map(|name| vec![Some(name)]).collect();
    Outcome::Listing(Listing {
        columns: vec![column],
        rows,
        verbatim: false,
    })
}

fn matches(like: Option<&ShowLike>, name: &str) -> bool {
    let Some(like) = like else { return true };
    let fold = |text: &str| -> Vec<char> {
        if like.ignore_case {
            text.to_lowercase().chars().collect()
        } else {
            text.chars().collect()
        }
    };
    like_matches(&fold(&like.pattern), &fold(name)) != like.negated
}

/// SQL LIKE with `%`, `_` and `\`; linear in the text for each `%`.
fn like_matches(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let literal = match pattern.get(p) {
            Some('%') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some('_') => Some((true, 1)),
            Some('\\') if p + 1 < pattern.len() => Some((pattern[p + 1] == text[t], 2)),
            Some(c) => Some((*c == text[t], 1)),
            None => None,
        };
        match (literal, retry) {
            (Some((true, width)), _) => {
                p += width;
                t += 1;
            }
            (_, Some((after, at))) => {
                retry = Some((after, at + 1));
                (p, t) = (after, at + 1);
            }
            _ => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

fn create_table(path: &ObjectPath, table: &TableDef) -> String {
    let mut lines: Vec<String> = Vec::new();
    for column in &table.columns {
        let mut line = format!("  {} ", always_quoted(&column.name.value));
        match &column.kind {
            ColumnKind::Physical(ty) => push(&mut line, ty),
            ColumnKind::Computed(expr) => line.push_str(&format!("AS {}", expr.text)),
            ColumnKind::Metadata {
                ty,
                from,
                is_virtual,
            } => {
                push(&mut line, format_args!("{ty} METADATA"));
                if let Some(from) = from {
                    push(&mut line, format_args!(" FROM {}", text(&from.value)));
                }
                if *is_virtual {
                    line.push_str(" VIRTUAL");
                }
            }
            ColumnKind::Listed => {}
        }
        if let Some(comment) = &column.comment {
            push(&mut line, format_args!(" COMMENT {}", text(comment)));
        }
        lines.push(line);
    }
    if let Some(watermark) = &table.watermark {
        let column: Vec<String> = watermark
            .column
            .iter()
            .map(|part| always_quoted(&part.value))
            .collect();
        lines.push(format!(
            "  WATERMARK FOR {} AS {}",
            column.join("."),
            watermark.expr.text
        ));
    }
    if let Some(key) = &table.primary_key {
        let names: Vec<String> = key
            .columns
            .iter()
            .map(|c| always_quoted(&c.value))
            .collect();
        let constraint = key.constraint.as_ref();
        let constraint = constraint.map_or(String::new(), |name| {
            format!("CONSTRAINT {} ", quoted(&name.value))
        });
        lines.push(format!(
            "  {constraint}PRIMARY KEY ({}) NOT ENFORCED",
            names.join(", ")
        ));
    }
    let temporary = if table.temporary { "TEMPORARY " } else { "" };
    let mut sql = format!(
        "CREATE {temporary}TABLE {} (\n{}\n)",
        full(path),
        lines.join(",\n")
    );
    if let Some(comment) = &table.comment {
        push(&mut sql, format_args!("\nCOMMENT {}", text(comment)));
    }
    if !table.partitioned_by.is_empty() {
        let names: Vec<String> = table
            .partitioned_by
            .iter()
            .map(|n| always_quoted(n))
            .collect();
        push(
            &mut sql,
            format_args!("\nPARTITIONED BY ({})", names.join(", ")),
        );
    }
    let options: Vec<String> = table
        .options
        .iter()
        .map(|(key, value)| {
            let shown = if is_secret(key) { "******" } else { value };
            format!("  {} = {}", text(key), text(shown))
        })
        .collect();
    if !options.is_empty() {
        push(
            &mut sql,
            format_args!("\nWITH (\n{}\n)", options.join(",\n")),
        );
    }
    sql
}

fn create_view(path: &ObjectPath, view: &ViewDef) -> String {
    let temporary = if view.temporary { "TEMPORARY " } else { "" };
    let names: Vec<String> = view
        .columns
        .iter()
        .map(|name| always_quoted(name))
        .collect();
    let columns = if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    };
    let comment = view.comment.as_ref();
    let comment = comment.map_or(String::new(), |comment| {
        format!("\nCOMMENT {}", text(comment))
    });
    format!(
        "CREATE {temporary}VIEW {}{columns}{comment}\nAS {}",
        full(path),
        view.query.text
    )
}

/// Keys whose values are never shown, as in Flink's `GlobalConfiguration`.
fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let words = [
        "password",
        "secret",
        "token",
        "apikey",
        "api-key",
        "auth-params",
        "account-key",
    ];
    words.iter().any(|word| key.contains(word))
}

fn full(path: &ObjectPath) -> String {
    format!(
        "`{CATALOG}`.{}.{}",
        always_quoted(&path.database),
        always_quoted(&path.name)
    )
}

fn always_quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn push(to: &mut String, what: impl std::fmt::Display) {
    write!(to, "{what}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_knows_percent_underscore_and_backslash() {
        let check = |pattern: &str, name: &str| {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            like_matches(&chars(pattern), &chars(name))
        };
        assert!(check("b%", "bid"));
        assert!(check("%i_", "bid"));
        assert!(!check("%i_", "bi"));
        assert!(check("a\\_b", "a_b"));
        assert!(!check("a\\_b", "axb"));
        assert!(check("%%%", ""));
        assert!(!check(&"%a".repeat(50), &"b".repeat(5_000)));
    }
}
