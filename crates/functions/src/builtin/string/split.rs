//! Functions that take strings apart.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListBuilder, MapBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field, Int32Type};
use millstream_core::Result;
use millstream_core::types::{ColumnType, SqlType};

use crate::args::{Arguments, Call, Texts};
use crate::output::text_rows;

/// SPLIT_INDEX(text, separator, index): the part with that number, from 0.
///
/// The separator is a whole text, or a number: the code of a character. Two separators enclose an
/// empty part. An empty separator is white space, an empty text has no parts.
pub(super) fn split_index(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let separators = Separators::new(call)?;
    let indexes = call.numbers::<Int32Type>(2)?;
    text_rows(call, |row, out| {
        let (Some(text), Some(index)) = (texts.get(row), indexes.get(row)) else {
            return Ok(None);
        };
        let mut code = [0; 4];
        let Some(separator) = separators.get(row, &mut code) else {
            return Ok(None);
        };
        match usize::try_from(index)
            .ok()
            .and_then(|index| part(text, separator, index))
        {
            Some(part) => out.push(part).map(Some),
            None => Ok(None),
        }
    })
}

enum Separators<'a> {
    Texts(Texts<'a>),
    Codes(ArrayRef, usize),
}

impl<'a> Separators<'a> {
    fn new(call: &'a Call) -> Result<Self> {
        if *call.array(1).data_type() == DataType::Utf8 {
            return Ok(Separators::Texts(call.texts(1)?));
        }
        let codes = arrow::compute::cast(call.array(1), &DataType::Int32)?;
        Ok(Separators::Codes(codes, usize::from(!call.is_constant(1))))
    }

    fn get<'s>(&'s self, row: usize, code: &'s mut [u8; 4]) -> Option<&'s str> {
        match self {
            Separators::Texts(texts) => texts.get(row),
            Separators::Codes(codes, step) => {
                let codes = arrow::array::AsArray::as_primitive::<Int32Type>(codes);
                let at = row * step;
                let value = codes.is_valid(at).then(|| codes.value(at))?;
                let value = u8::try_from(value).ok().filter(|value| *value > 0)?;
                Some(char::from(value).encode_utf8(code))
            }
        }
    }
}

fn part<'t>(text: &'t str, separator: &str, index: usize) -> Option<&'t str> {
    if text.is_empty() {
        return None;
    }
    match separator.as_bytes() {
        [] => text.split(char::is_whitespace).nth(index),
        // One ASCII byte is found by comparing bytes.
        [byte] => text.split(char::from(*byte)).nth(index),
        _ => text.split(separator).nth(index),
    }
}

/// SPLIT(text, separator): all parts, none of an empty text; an empty separator gives the characters.
pub(super) fn split(call: &Call) -> Result<ArrayRef> {
    let (texts, separators) = (call.texts(0)?, call.texts(1)?);
    let field = match call.returns.data_type() {
        DataType::List(field) => Arc::clone(field),
        _ => Arc::new(Field::new("element", DataType::Utf8, true)),
    };
    let mut out = ListBuilder::new(StringBuilder::new()).with_field(field);
    for row in 0..call.rows {
        match texts.get(row).zip(separators.get(row)) {
            None => out.append(false),
            Some((text, "")) => {
                let mut buffer = [0; 4];
                text.chars()
                    .for_each(|c| out.values().append_value(c.encode_utf8(&mut buffer)));
                out.append(true);
            }
            Some(("", _)) => out.append(true),
            Some((text, separator)) => {
                text.split(separator)
                    .for_each(|part| out.values().append_value(part));
                out.append(true);
            }
        }
    }
    Ok(Arc::new(out.finish()))
}

/// SUBSTRING_INDEX(text, separator, count): all before that many separators, from the left, or if
/// negative all after them, from the right.
pub(super) fn substring_index(call: &Call) -> Result<ArrayRef> {
    let (texts, separators) = (call.texts(0)?, call.texts(1)?);
    let counts = call.numbers::<Int32Type>(2)?;
    text_rows(call, |row, out| {
        let (Some(text), Some(separator), Some(count)) =
            (texts.get(row), separators.get(row), counts.get(row))
        else {
            return Ok(None);
        };
        if separator.is_empty() || count == 0 {
            return Ok(Some(()));
        }
        let nth = count.unsigned_abs() as usize - 1;
        let kept = if count > 0 {
            text.match_indices(separator)
                .nth(nth)
                .map_or(text, |(at, _)| &text[..at])
        } else {
            let found = text.rmatch_indices(separator).nth(nth);
            found.map_or(text, |(at, _)| &text[at + separator.len()..])
        };
        out.push(kept).map(Some)
    })
}

/// MAP&lt;STRING, STRING&gt;.
pub(super) fn map_type(_: &Arguments) -> Result<ColumnType> {
    let text = |nullable| ColumnType {
        sql: SqlType::STRING,
        nullable,
    };
    let map = SqlType::Map(Box::new(text(false)), Box::new(text(true)));
    Ok(ColumnType::nullable(map))
}

/// STR_TO_MAP(text[, between entries[, between key and value]]); the last of equal keys counts.
///
/// The separators are regular expressions, as in Flink.
pub(super) fn str_to_map(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let (entries, pairs) = (call.optional_texts(1)?, call.optional_texts(2)?);
    let mut out = MapBuilder::new(
        Some(arrow::array::builder::MapFieldNames {
            entry: "entries".into(),
            key: "key".into(),
            value: "value".into(),
        }),
        StringBuilder::new(),
        StringBuilder::new(),
    );
    for row in 0..call.rows {
        let between = |texts: &Option<Texts>, default| match texts {
            Some(texts) => texts.get(row).map(str::to_string),
            None => Some(String::from(default)),
        };
        let (Some(text), Some(entry), Some(pair)) =
            (texts.get(row), between(&entries, ","), between(&pairs, "="))
        else {
            out.append(false)?;
            continue;
        };
        let separator = |pattern: &str| {
            let regex = crate::regular::compiled(pattern)?;
            regex.ok_or_else(|| call.error(format!("'{pattern}' is not a regular expression")))
        };
        let (entry, pair) = (separator(&entry)?, separator(&pair)?);
        let mut found: Vec<(&str, Option<&str>)> = Vec::new();
        let mut index = std::collections::HashMap::new();
        for piece in entry.split(text) {
            let mut halves = pair.splitn(piece, 2);
            let (key, value) = (halves.next().unwrap_or_default(), halves.next());
            match index.get(key) {
                Some(at) => found[*at] = (key, value),
                None => {
                    index.insert(key, found.len());
                    found.push((key, value));
                }
            }
        }
        for (key, value) in found {
            out.keys().append_value(key);
            out.values().append_option(value);
        }
        out.append(true)?;
    }
    Ok(Arc::new(out.finish()))
}

/// PARSE_URL(url, part[, key]).
pub(super) fn parse_url(call: &Call) -> Result<ArrayRef> {
    let (urls, names) = (call.texts(0)?, call.texts(1)?);
    let keys = call.optional_texts(2)?;
    text_rows(call, |row, out| {
        let found = urls.get(row).zip(names.get(row)).and_then(|(url, name)| {
            let url = Url::parse(url)?;
            match &keys {
                None => url.part(name),
                Some(keys) if name == "QUERY" => query_value(url.query?, keys.get(row)?),
                Some(_) => None,
            }
        });
        match found {
            Some(text) => out.push(text).map(Some),
            None => Ok(None),
        }
    })
}

fn query_value<'u>(query: &'u str, key: &str) -> Option<&'u str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

/// The parts of a URL as `java.net.URL` names them.
struct Url<'u> {
    protocol: &'u str,
    authority: Option<&'u str>,
    path: &'u str,
    /// Path and query.
    file: &'u str,
    query: Option<&'u str>,
    fragment: Option<&'u str>,
}

impl<'u> Url<'u> {
    fn parse(url: &'u str) -> Option<Self> {
        let (protocol, rest) = url.trim().split_once(':')?;
        let known = !protocol.is_empty()
            && protocol
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !known {
            return None;
        }
        let (rest, fragment) = cut(rest, '#');
        let (authority, file) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                (Some(&rest[..end]), &rest[end..])
            }
            None => (None, rest),
        };
        let (path, query) = cut(file, '?');
        Some(Url {
            protocol,
            authority,
            path,
            file,
            query,
            fragment,
        })
    }

    fn part(&self, name: &str) -> Option<&'u str> {
        match name {
            "PROTOCOL" => Some(self.protocol),
            "HOST" => {
                let host = self.authority?;
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                let port = host.rfind(':').filter(|at| !host[*at..].contains(']'));
                Some(port.map_or(host, |at| &host[..at]))
            }
            "PATH" => Some(self.path),
            "QUERY" => self.query,
            "REF" => self.fragment,
            "FILE" => Some(self.file),
            "AUTHORITY" => self.authority,
            "USERINFO" => self.authority?.rsplit_once('@').map(|(user, _)| user),
            _ => None,
        }
    }
}

fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}
