//! Statements as short lines, so that a test's wanted text can be read.

use std::fmt::Write as _;

use crate::ast::*;

/// A list with a name, or nothing if it is empty.
fn list<T: ToString>(name: &str, items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.is_empty() {
        true => String::new(),
        false => format!(" {name}({})", items.join(", ")),
    }
}

fn flag(name: &str, set: bool) -> String {
    if set {
        format!(" {name}")
    } else {
        String::new()
    }
}

fn option(name: &str, value: Option<impl ToString>) -> String {
    value.map_or(String::new(), |value| {
        format!(" {name}={}", value.to_string())
    })
}

fn pairs(name: &str, pairs: &[OptionPair]) -> String {
    list(
        name,
        pairs
            .iter()
            .map(|pair| format!("{}={}", pair.key, pair.value)),
    )
}

fn hints(hints: &[Hint]) -> String {
    hints
        .iter()
        .map(|hint| {
            let options = pairs("options", &hint.options);
            format!(
                " hint {}{options}{}",
                hint.name,
                list("arguments", &hint.arguments)
            )
        })
        .collect()
}

fn millis(length: Option<Millis>) -> String {
    option("offset", length.map(|length| length.ms))
}

fn pattern_tree(tree: &PatternTree) -> String {
    let all = |parts: &[PatternTree], by: &str| {
        let parts: Vec<String> = parts.iter().map(pattern_tree).collect();
        format!("({})", parts.join(by))
    };
    match tree {
        PatternTree::Variable(name) => name.to_string(),
        PatternTree::Concat(parts) => all(parts, " "),
        PatternTree::Choice(parts) => all(parts, " | "),
        PatternTree::Permute(parts) => format!("permute{}", all(parts, ", ")),
        PatternTree::Repeat {
            inner,
            min,
            max,
            greedy,
        } => {
            let max = max.map_or(String::new(), |max| max.to_string());
            let reluctant = if *greedy { "" } else { "?" };
            format!("{}{{{min},{max}}}{reluctant}", pattern_tree(inner))
        }
    }
}

pub(super) fn query(query: &ParsedQuery) -> String {
    let mut text = query.query.to_string();
    for (i, tvf) in query.tvfs.iter().enumerate() {
        let kind = match &tvf.kind {
            WindowKind::Tumble { size, offset } => format!("tumble {}{}", size.ms, millis(*offset)),
            WindowKind::Hop {
                slide,
                size,
                offset,
            } => {
                format!("hop {} {}{}", slide.ms, size.ms, millis(*offset))
            }
            WindowKind::Cumulate { step, size, offset } => {
                format!("cumulate {} {}{}", step.ms, size.ms, millis(*offset))
            }
            WindowKind::Session { gap } => format!("session {}", gap.ms),
        };
        let by = list("by", &tvf.partition_by);
        write!(
            text,
            "\ntvf {i}: {kind} of {} on {}{by}",
            tvf.input, tvf.time_column
        )
        .unwrap();
    }
    for (i, pattern) in query.patterns.iter().enumerate() {
        write!(text, "\npattern {i}: of {}", pattern.input).unwrap();
        let keys = list("by", &pattern.partition_by) + &list("order", &pattern.order_by);
        write!(text, "{keys} pattern({})", pattern_tree(&pattern.pattern)).unwrap();
        if let Some(within) = pattern.within {
            write!(text, " within {}", within.ms).unwrap();
        }
        if let Some(skip) = &pattern.after_match {
            let skip = match skip {
                SkipTo::PastLastRow => "past last row".to_string(),
                SkipTo::NextRow => "to next row".to_string(),
                SkipTo::First(name) => format!("to first {name}"),
                SkipTo::Last(name) => format!("to last {name}"),
            };
            write!(text, " skip {skip}").unwrap();
        }
        for (measure, name) in &pattern.measures {
            write!(text, " measure({} as {name})", measure.node).unwrap();
        }
        for (name, condition) in &pattern.define {
            write!(text, " define({name} as {})", condition.node).unwrap();
        }
    }
    for (i, of_table) in query.table_hints.iter().enumerate() {
        write!(text, "\nhints {i}:{}", hints(of_table)).unwrap();
    }
    match query.select_hints.is_empty() {
        true => text,
        false => text + "\nselect:" + &hints(&query.select_hints),
    }
}

fn insert(insert: &Insert) -> String {
    let partition = insert
        .partition
        .iter()
        .map(|(name, value)| format!("{name}={}", value.node));
    format!(
        "insert {}{}{}{}{}{}\n{}",
        insert.table,
        flag("overwrite", insert.overwrite),
        hints(&insert.hints),
        list("partition", partition),
        list("columns", &insert.columns),
        option(
            "on_conflict",
            insert.on_conflict.map(|(action, _)| format!("{action:?}"))
        ),
        query(&insert.source)
    )
}

fn create_table(table: &CreateTable) -> String {
    let mut text = format!(
        "create table {}{}{}",
        table.name,
        flag("temporary", table.temporary),
        flag("if_not_exists", table.if_not_exists)
    );
    for column in &table.columns {
        let kind = match &column.kind {
            ColumnKind::Physical(ty) => ty.to_string(),
            ColumnKind::Computed(expr) => format!("= {} «{}»", expr.node, expr.text),
            ColumnKind::Metadata {
                ty,
                from,
                is_virtual,
            } => format!(
                "{ty} metadata{}{}",
                option("from", from.as_ref()),
                flag("virtual", *is_virtual)
            ),
            ColumnKind::Listed => "listed".to_string(),
        };
        let comment = option("comment", column.comment.as_ref());
        write!(text, "\n  {}: {kind}{comment}", column.name).unwrap();
    }
    if let Some(watermark) = &table.watermark {
        let column = list("", &watermark.column);
        write!(text, "\n  watermark{column} {}", watermark.expr.node).unwrap();
    }
    if let Some(key) = &table.primary_key {
        let name = option("name", key.constraint.as_ref());
        write!(text, "\n  key{name}{}", list("", &key.columns)).unwrap();
    }
    let like = table.like.as_ref().map(|like| {
        let options = like
            .options
            .iter()
            .map(|o| format!("{:?} {:?}", o.merge, o.feature));
        format!(" like {}{}", like.table, list("options", options))
    });
    let rest = format!(
        "{}{}{}{}",
        option("comment", table.comment.as_ref()),
        list("partitioned", &table.partitioned_by),
        pairs("with", &table.options),
        like.unwrap_or_default()
    );
    if !rest.is_empty() {
        write!(text, "\n {rest}").unwrap();
    }
    match &table.query {
        Some(of) => text + "\n  as " + &query(of),
        None => text,
    }
}

fn filter(filter: &ShowFilter) -> String {
    let like = filter.like.as_ref().map(|like| {
        let not = if like.negated { "not " } else { "" };
        let case = if like.ignore_case { "ilike" } else { "like" };
        format!("{not}{case} {}", like.pattern)
    });
    option("in", filter.scope.as_ref()) + &option("filter", like)
}

fn show(show: &Show) -> String {
    match show {
        Show::Tables(of) => format!("tables{}", filter(of)),
        Show::Views(of) => format!("views{}", filter(of)),
        Show::Databases(of) => format!("databases{}", filter(of)),
        Show::Catalogs(of) => format!("catalogs{}", filter(of)),
        Show::Functions { user, filter: of } => {
            format!("functions{}{}", flag("user", *user), filter(of))
        }
        Show::Columns(of) => format!("columns{}", filter(of)),
        Show::CreateTable(name) => format!("create table {name}"),
        Show::CreateView(name) => format!("create view {name}"),
        other => format!("{other:?}"),
    }
}

pub(super) fn statement(statement: &Statement) -> String {
    match statement {
        Statement::Query(of) => query(of),
        Statement::Insert(of) => insert(of),
        Statement::StatementSet(set) => {
            let inserts: Vec<String> = set.iter().map(|of| insert(&of.node)).collect();
            format!("set of {}\n{}", set.len(), inserts.join("\n"))
        }
        Statement::CreateTable(table) => create_table(table),
        Statement::CreateView(view) => format!(
            "create view {}{}{}{}{}\n{}\n«{}»",
            view.name,
            flag("temporary", view.temporary),
            flag("if_not_exists", view.if_not_exists),
            list("columns", &view.columns),
            option("comment", view.comment.as_ref()),
            query(&view.query),
            view.query.text
        ),
        Statement::CreateDatabase(of) => format!(
            "create database {}{}{}{}",
            of.name,
            flag("if_not_exists", of.if_not_exists),
            option("comment", of.comment.as_ref()),
            pairs("with", &of.options)
        ),
        Statement::CreateFunction(of) => format!(
            "create function {}{}{}{} as {}{}{}",
            of.name,
            flag("temporary", of.temporary),
            flag("system", of.system),
            flag("if_not_exists", of.if_not_exists),
            of.class,
            option("language", of.language.as_ref()),
            list("using", &of.resources)
        ),
        Statement::Drop(of) => format!(
            "drop {:?} {}{}{}{}",
            of.kind,
            of.name,
            flag("temporary", of.temporary),
            flag("if_exists", of.if_exists),
            flag("cascade", of.cascade)
        ),
        Statement::AlterTable(of) => {
            let action = match &of.action {
                AlterTableAction::Set(options) => pairs("set", options),
                AlterTableAction::Reset(keys) => list("reset", keys),
                AlterTableAction::RenameTo(name) => format!(" rename to {name}"),
                AlterTableAction::RenameColumn { from, to } => format!(" rename {from} to {to}"),
            };
            format!(
                "alter table {}{}{action}",
                of.name,
                flag("if_exists", of.if_exists)
            )
        }
        Statement::AlterView(of) => match &of.action {
            AlterViewAction::RenameTo(name) => format!("alter view {} rename to {name}", of.name),
            AlterViewAction::As(new) => format!("alter view {} as {}", of.name, query(new)),
        },
        Statement::UseDatabase(name) => format!("use database {name}"),
        Statement::UseCatalog(name) => format!("use catalog {name}"),
        Statement::Show(of) => format!("show {}", show(of)),
        Statement::Describe(of) => {
            format!(
                "describe {:?} {}{}",
                of.kind,
                of.name,
                flag("extended", of.extended)
            )
        }
        Statement::Explain(of) => {
            let details = of.details.iter().map(|detail| format!("{detail:?}"));
            format!(
                "explain{}\n{}",
                list("", details),
                self::statement(&of.statement.node)
            )
        }
        Statement::Set(Some(option)) => format!("set «{}» = «{}»", option.key, option.value),
        Statement::Reset(Some(key)) => format!("reset «{key}»"),
        other => format!("{other:?}"),
    }
}
