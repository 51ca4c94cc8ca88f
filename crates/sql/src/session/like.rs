//! `CREATE TABLE .. LIKE`: what comes from the source table, and what wins.
//!
//! | feature | default | may be |
//! |---|---|---|
//! | physical columns | always | |
//! | CONSTRAINTS, PARTITIONS | INCLUDING | EXCLUDING |
//! | GENERATED, METADATA, WATERMARKS | INCLUDING | EXCLUDING, OVERWRITING |
//! | OPTIONS | OVERWRITING | INCLUDING, EXCLUDING |
//!
//! Source: Flink's `MergeTableLikeUtil`.

use millstream_core::{Code, Error, Result};

use crate::ast::{ColumnDef, ColumnKind, LikeFeature, LikeMerge, LikeTable};
use crate::catalog::TableDef;
use crate::diagnostics::locate;

/// Merges `source` into the new table.
pub(super) fn merge(
    table: &mut TableDef,
    source: &TableDef,
    clause: &LikeTable,
    script: &str,
) -> Result<()> {
    let how = |feature: LikeFeature| strategy(clause, feature);
    let clash = |what: &str| {
        Error::new(Code::InvalidSchema, format!("both tables have {what}"))
            .hint("say EXCLUDING or OVERWRITING for it after LIKE")
            .at(locate(script, clause.table.span()))
    };
    let mut columns: Vec<ColumnDef> = Vec::new();
    for column in &source.columns {
        let taken = match column.kind {
            ColumnKind::Computed(_) => how(LikeFeature::Generated) != LikeMerge::Excluding,
            ColumnKind::Metadata { .. } => how(LikeFeature::Metadata) != LikeMerge::Excluding,
            _ => true,
        };
        if taken {
            columns.push(column.clone());
        }
    }
    for column in std::mem::take(&mut table.columns) {
        let Some(known) = columns
            .iter_mut()
            .find(|known| known.name.value == column.name.value)
        else {
            columns.push(column);
            continue;
        };
        let feature = match (&known.kind, &column.kind) {
            (ColumnKind::Computed(_), ColumnKind::Computed(_)) => Some(LikeFeature::Generated),
            (ColumnKind::Metadata { .. }, ColumnKind::Metadata { .. }) => {
                Some(LikeFeature::Metadata)
            }
            _ => None,
        };
        match feature.map(how) {
            Some(LikeMerge::Overwriting) => *known = column,
            _ => return Err(clash(&format!("a column '{}'", column.name))),
        }
    }
    table.columns = columns;
    if how(LikeFeature::Watermarks) != LikeMerge::Excluding && source.watermark.is_some() {
        if table.watermark.is_none() {
            table.watermark = source.watermark.clone();
        } else if how(LikeFeature::Watermarks) == LikeMerge::Including {
            return Err(clash("a watermark"));
        }
    }
    if how(LikeFeature::Constraints) != LikeMerge::Excluding && source.primary_key.is_some() {
        if table.primary_key.is_some() {
            return Err(clash("a primary key"));
        }
        table.primary_key = source.primary_key.clone();
    }
    if how(LikeFeature::Partitions) != LikeMerge::Excluding && !source.partitioned_by.is_empty() {
        if !table.partitioned_by.is_empty() {
            return Err(clash("partitions"));
        }
        table.partitioned_by = source.partitioned_by.clone();
    }
    if how(LikeFeature::Options) != LikeMerge::Excluding {
        for (key, value) in &source.options {
            match table.options.contains_key(key) {
                true if how(LikeFeature::Options) == LikeMerge::Including => {
                    return Err(clash(&format!("an option '{key}'")));
                }
                true => {}
                false => {
                    table.options.insert(key.clone(), value.clone());
                }
            }
        }
    }
    Ok(())
}

/// What the clause says of a feature: itself, else ALL, else the default.
fn strategy(clause: &LikeTable, feature: LikeFeature) -> LikeMerge {
    let said = |wanted: LikeFeature| {
        clause
            .options
            .iter()
            .find(|option| option.feature == wanted)
            .map(|option| option.merge)
    };
    let default = match feature {
        LikeFeature::Options => LikeMerge::Overwriting,
        _ => LikeMerge::Including,
    };
    said(feature)
        .or_else(|| said(LikeFeature::All))
        .unwrap_or(default)
}
