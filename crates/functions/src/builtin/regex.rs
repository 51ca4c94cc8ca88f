//! Regular expression functions, with Java's syntax.
//!
//! ```sql
//! REGEXP('flink', 'in+')                                -- TRUE
//! REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2)       -- 'bar';  NULL without a match
//! REGEXP_EXTRACT_ALL('100-200, 300-400', '(\d+)-(\d+)') -- ['100', '300']
//! REGEXP_REPLACE('foobar', 'oo|ar', '')                 -- 'fb'
//! REGEXP_REPLACE('a1', '[0-9]', '$0')                   -- 'a$0': the new text is taken as it is
//! REGEXP_COUNT('banana', 'an')                          -- 2
//! REGEXP_INSTR('banana', 'n')                           -- 3
//! REGEXP_SUBSTR('banana', 'n.')                         -- 'na'
//! ```
//!
//! A text that is no pattern gives NULL, FALSE for REGEXP, as in Flink.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field, Int32Type};
use millstream_core::Result;
use millstream_core::types::{ColumnType, SqlType};
use regex::Regex;

use crate::args::Kind::{Int, Str};
use crate::args::{Arguments, Call, Texts};
use crate::function::{Spec, function};
use crate::output::{
    bool_rows, boolean, int_or_null, number_rows, string_or_null, strings_or_null, text_rows,
};
use crate::regular::{Regexes, compiled};

pub(crate) const FUNCTIONS: &[Spec] = &[
    function("regexp", &[Str, Str], boolean, regexp).alias(&["regexp_like"]),
    function("regexp_count", &[Str, Str], int_or_null, regexp_count),
    function(
        "regexp_extract",
        &[Str, Str, Int],
        string_or_null,
        regexp_extract,
    )
    .optional(1),
    function(
        "regexp_extract_all",
        &[Str, Str, Int],
        strings_or_null,
        regexp_extract_all,
    )
    .optional(1),
    function("regexp_instr", &[Str, Str], int_or_null, regexp_instr),
    function("regexp_replace", &[Str, Str, Str], replaced, regexp_replace),
    function("regexp_substr", &[Str, Str], string_or_null, regexp_substr),
];

/// NULL where the pattern is none.
fn replaced(args: &Arguments) -> Result<ColumnType> {
    let pattern = args.constant_str(1).map(compiled);
    match pattern {
        Some(Ok(Some(_))) => args.strict(SqlType::STRING),
        _ => Ok(ColumnType::nullable(SqlType::STRING)),
    }
}

/// The texts and the patterns of a call.
fn texts_and_patterns<'a>(call: &'a Call) -> Result<(Texts<'a>, Patterns<'a>)> {
    let patterns = Patterns {
        call,
        texts: call.texts(1)?,
        compiled: Regexes::default(),
    };
    Ok((call.texts(0)?, patterns))
}

struct Patterns<'a> {
    call: &'a Call<'a>,
    texts: Texts<'a>,
    compiled: Regexes,
}

impl Patterns<'_> {
    /// The pattern of a row; none if it is NULL or no pattern.
    #[inline]
    fn get(&mut self, row: usize) -> Result<Option<&Regex>> {
        match self.texts.get(row) {
            Some(text) => {
                let call = self.call;
                let found = self.compiled.get(text);
                found.map_err(|error| error.context(call.name.to_uppercase()))
            }
            None => Ok(None),
        }
    }
}

fn regexp(call: &Call) -> Result<ArrayRef> {
    let (texts, mut patterns) = texts_and_patterns(call)?;
    bool_rows(call, |row| {
        let (Some(text), Some(pattern)) = (texts.get(row), patterns.texts.get(row)) else {
            return Ok(None);
        };
        if pattern.is_empty() {
            return Ok(Some(false));
        }
        let regex = patterns.get(row)?;
        Ok(Some(regex.is_some_and(|regex| regex.is_match(text))))
    })
}

fn regexp_count(call: &Call) -> Result<ArrayRef> {
    let (texts, mut patterns) = texts_and_patterns(call)?;
    number_rows::<Int32Type>(call, |row| {
        let found = texts.get(row).zip(patterns.get(row)?);
        Ok(found.map(|(text, regex)| regex.find_iter(text).count() as i32))
    })
}

fn regexp_instr(call: &Call) -> Result<ArrayRef> {
    let (texts, mut patterns) = texts_and_patterns(call)?;
    number_rows::<Int32Type>(call, |row| {
        let found = texts.get(row).zip(patterns.get(row)?);
        Ok(found.map(|(text, regex)| {
            regex
                .find(text)
                .map_or(0, |m| text[..m.start()].chars().count() as i32 + 1)
        }))
    })
}

fn regexp_substr(call: &Call) -> Result<ArrayRef> {
    let (texts, mut patterns) = texts_and_patterns(call)?;
    text_rows(call, |row, out| {
        match texts
            .get(row)
            .zip(patterns.get(row)?)
            .and_then(|(text, regex)| regex.find(text))
        {
            Some(found) => out.push(found.as_str()).map(Some),
            None => Ok(None),
        }
    })
}

fn regexp_extract(call: &Call) -> Result<ArrayRef> {
    let (texts, mut patterns) = texts_and_patterns(call)?;
    let groups = (call.len() > 2)
        .then(|| call.numbers::<Int32Type>(2))
        .transpose()?;
    // One set of positions for the whole batch: no allocation per row.
    let mut places = None;
    text_rows(call, |row, out| {
        let group = groups.as_ref().map_or(Some(0), |groups| groups.get(row));
        let group = group.and_then(|group| usize::try_from(group).ok());
        let (Some(text), Some(group), Some(regex)) = (texts.get(row), group, patterns.get(row)?)
        else {
            return Ok(None);
        };
        let found = if group == 0 {
            regex.find(text).map(|m| m.range())
        } else {
            let mut fitting = match places.take() {
                Some(places) if groups_of(&places) == regex.captures_len() => places,
                _ => regex.capture_locations(),
            };
            let found = regex
                .captures_read(&mut fitting, text)
                .and_then(|_| fitting.get(group))
                .map(|(start, end)| start..end);
            places = Some(fitting);
            found
        };
        match found {
            Some(range) => out.push(&text[range]).map(Some),
            None => Ok(None),
        }
    })
}

fn groups_of(places: &regex::CaptureLocations) -> usize {
    places.len()
}

fn regexp_extract_all(call: &Call) -> Result<ArrayRef> {
    let (texts, mut patterns) = texts_and_patterns(call)?;
    let groups = (call.len() > 2)
        .then(|| call.numbers::<Int32Type>(2))
        .transpose()?;
    let field = match call.returns.data_type() {
        DataType::List(field) => Arc::clone(field),
        _ => Arc::new(Field::new("element", DataType::Utf8, true)),
    };
    let mut out = ListBuilder::new(StringBuilder::new()).with_field(field);
    for row in 0..call.rows {
        let group = groups.as_ref().map_or(Some(1), |groups| groups.get(row));
        let group = group.and_then(|group| usize::try_from(group).ok());
        let found = texts.get(row).zip(patterns.get(row)?).zip(group);
        let found = found.filter(|((_, regex), group)| *group < regex.captures_len());
        if let Some(((text, regex), group)) = found {
            for captures in regex.captures_iter(text) {
                out.values()
                    .append_option(captures.get(group).map(|m| m.as_str()));
            }
        }
        out.append(found.is_some());
    }
    Ok(Arc::new(out.finish()))
}

/// The new text stands for itself: `$` and `\` have no meaning in it.
fn regexp_replace(call: &Call) -> Result<ArrayRef> {
    let (texts, mut patterns) = texts_and_patterns(call)?;
    let replacements = call.texts(2)?;
    text_rows(call, |row, out| {
        let (Some(text), Some(new), Some(regex)) =
            (texts.get(row), replacements.get(row), patterns.get(row)?)
        else {
            return Ok(None);
        };
        let mut end = 0;
        for found in regex.find_iter(text) {
            out.push(&text[end..found.start()])?;
            out.push(new)?;
            end = found.end();
        }
        out.push(&text[end..]).map(Some)
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{NO_STR, check, check_null, s};

    #[test]
    fn what_replaces_a_match_is_taken_as_it_is() {
        for (text, pattern, new, wanted) in [
            ("foobar", "oo|ar", "", "fb"),
            ("hello", "l(l)", "$1", "he$1o"),
            ("hello", "l", r"\\", r"he\\\\o"),
            ("añb", "", "-", "-a-ñ-b-"),
            ("", "x", "y", ""),
            ("abc", "x", "y", "abc"),
        ] {
            check("regexp_replace", &[s(text), s(pattern), s(new)], s(wanted));
        }
        check_null("regexp_replace", &[s("a"), NO_STR, s("b")]);
    }
}
