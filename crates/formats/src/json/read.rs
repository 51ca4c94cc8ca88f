//! One JSON record into the column writers.
//!
//! * The keys of the last records are expected again, in their order: a key costs one comparison
//!   of bytes. Only a key out of order is looked up.
//! * A field that no column wants is skipped without being taken apart.
//! * The columns themselves know which fields of a record have been seen: theirs are one value
//!   longer. So a repeated key (the last one counts) and a missing one need no bookkeeping.
//! * A value that does not fit is a [`Trouble`] with its path; with `ignore-parse-errors` the
//!   innermost value that may be NULL becomes NULL, as in Flink, and the trouble is kept.

use std::collections::{HashMap, HashSet};

use super::scan::{Cursor, Str, Syntax, compact, unescape};
use crate::columns::{Column, Values};
use crate::parse::{self, Stamps};
use crate::reason::{Trouble, shown};

/// How lenient reading is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) ignore_errors: bool,
    pub(crate) missing_fails: bool,
    pub(crate) zero_timestamp_is_null: bool,
    pub(crate) stamps: Stamps,
}

/// Why a record leaves no row.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is not JSON.
    Syntax(Syntax),
    /// A value does not fit its column.
    Value(Box<Trouble>),
}

impl From<Syntax> for Fault {
    fn from(error: Syntax) -> Self {
        Fault::Syntax(error)
    }
}

fn trouble<T>(trouble: Trouble) -> Result<T, Fault> {
    Err(Fault::Value(Box::new(trouble)))
}

/// What a column's type asks of the reader, beside the column itself.
#[derive(Debug)]
enum Shape {
    Leaf,
    List(Box<Shape>),
    Map(Box<Shape>),
    Row(RowShape),
}

#[derive(Debug)]
struct RowShape {
    keys: Keys,
    fields: Vec<Shape>,
}

impl Shape {
    fn new(column: &Column) -> Self {
        match &column.values {
            Values::List(_, element) => Shape::List(Box::new(Shape::new(element))),
            Values::Map(_, entry) => Shape::Map(Box::new(Shape::new(&entry.1))),
            Values::Row(fields) => Shape::Row(RowShape::new(fields)),
            _ => Shape::Leaf,
        }
    }
}

impl RowShape {
    fn new(columns: &[Column]) -> Self {
        RowShape {
            keys: Keys::new(columns),
            fields: columns.iter().map(Shape::new).collect(),
        }
    }
}

/// The keys of an object: which column each one fills, and the order they usually come in.
#[derive(Debug)]
struct Keys {
    index: HashMap<Box<[u8]>, usize>,
    order: Vec<Known>,
}

/// A key with its quotes, and its column.
#[derive(Debug)]
struct Known {
    quoted: Box<[u8]>,
    column: Option<usize>,
}

impl Keys {
    /// Most keys whose order is remembered, and how far ahead one that is left out is looked for.
    const ORDER_MAX: usize = 256;
    const AHEAD: usize = 16;

    fn new(columns: &[Column]) -> Self {
        let names = columns
            .iter()
            .map(|column| column.field().name().as_bytes().into());
        Keys {
            index: names.zip(0..).collect(),
            order: Vec::new(),
        }
    }

    /// Takes a key and its colon. `expected` is where in the usual order it should stand.
    #[inline]
    fn next(
        &mut self,
        cursor: &mut Cursor<'_>,
        expected: &mut usize,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<usize>, Syntax> {
        if let Some(known) = self.order.get(*expected)
            && cursor.take_key(&known.quoted)
        {
            *expected += 1;
            return Ok(known.column);
        }
        self.look_up(cursor, expected, scratch)
    }

    #[cold]
    fn look_up(
        &mut self,
        cursor: &mut Cursor<'_>,
        expected: &mut usize,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<usize>, Syntax> {
        let start = cursor.at;
        let key = cursor.key()?;
        let column = self.index.get(plain(key, scratch)).copied();
        let quoted = &cursor.since(start)[..key.raw.len() + 2];
        let ahead = self.order.iter().skip(*expected).take(Self::AHEAD);
        if let Some(distance) = ahead.into_iter().position(|known| *known.quoted == *quoted) {
            *expected += distance + 1;
        } else if *expected == self.order.len() && self.order.len() < Self::ORDER_MAX {
            self.order.push(Known {
                quoted: quoted.into(),
                column,
            });
            *expected += 1;
        }
        Ok(column)
    }
}

/// What a string means.
fn plain<'a>(string: Str<'a>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if !string.escaped {
        return string.raw;
    }
    scratch.clear();
    unescape(string.raw, scratch);
    scratch
}

/// Reads records into columns.
#[derive(Debug)]
pub(crate) struct Reader {
    shape: RowShape,
    state: State,
}

/// What reading a record needs beside the shape of its columns.
#[derive(Debug)]
struct State {
    rules: Rules,
    scratch: Vec<u8>,
    /// The first trouble of the record that `ignore-parse-errors` turned into NULL.
    ignored: Option<Trouble>,
}

impl Reader {
    pub(crate) fn new(columns: &[Column], rules: Rules) -> Self {
        Reader {
            shape: RowShape::new(columns),
            state: State {
                rules,
                scratch: Vec::new(),
                ignored: None,
            },
        }
    }

    /// The trouble that became NULL in the last record.
    pub(crate) fn take_ignored(&mut self) -> Option<Trouble> {
        self.state.ignored.take()
    }

    /// Reads a record into `columns`, which hold `rows` rows. After an error they hold parts of it.
    pub(crate) fn record(
        &mut self,
        bytes: &[u8],
        columns: &mut [Column],
        rows: usize,
    ) -> Result<(), Fault> {
        let mut cursor = Cursor::new(bytes);
        cursor.skip_space();
        if cursor.peek() != b'{' {
            cursor.error("an object '{...}'")?;
        }
        self.state
            .row(&mut cursor, columns, &mut self.shape, rows, 1)?;
        Ok(cursor.end()?)
    }
}

impl State {
    /// An object into the columns of a row; `{` is next.
    fn row(
        &mut self,
        cursor: &mut Cursor<'_>,
        columns: &mut [Column],
        shape: &mut RowShape,
        rows: usize,
        depth: usize,
    ) -> Result<(), Fault> {
        cursor.at += 1;
        cursor.skip_space();
        let (mut expected, mut seen) = (0, 0);
        let mut more = !cursor.take_if(b'}');
        while more {
            let next = shape.keys.next(cursor, &mut expected, &mut self.scratch)?;
            cursor.skip_space();
            match next {
                None => cursor.skip(depth)?,
                Some(i) => {
                    let column = &mut columns[i];
                    match column.len() > rows {
                        true => column.truncate(rows),
                        false => seen += 1,
                    }
                    self.field(cursor, column, &mut shape.fields[i], depth)?;
                }
            }
            more = cursor.more_keys()?;
        }
        if seen < columns.len() {
            self.missing(columns, rows)?;
        }
        Ok(())
    }

    /// A value whose trouble is told with the name of its column.
    #[inline]
    fn field(
        &mut self,
        cursor: &mut Cursor<'_>,
        column: &mut Column,
        shape: &mut Shape,
        depth: usize,
    ) -> Result<(), Fault> {
        let known = self.ignored.is_some();
        match self.value(cursor, column, shape, depth) {
            Ok(()) => {}
            Err(Fault::Value(trouble)) => {
                return Err(Fault::Value(Box::new(
                    trouble.in_field(column.field().name()),
                )));
            }
            Err(error) => return Err(error),
        }
        if !known && self.ignored.is_some() {
            self.ignored = self
                .ignored
                .take()
                .map(|t| t.in_field(column.field().name()));
        }
        Ok(())
    }

    /// NULL for every column that the record did not mention.
    #[cold]
    fn missing(&self, columns: &mut [Column], rows: usize) -> Result<(), Fault> {
        for column in columns.iter_mut().filter(|column| column.len() == rows) {
            if self.rules.missing_fails || !column.push_null() {
                let missing = Trouble::new(column, "no such field");
                return trouble(missing.in_field(column.field().name()));
            }
        }
        Ok(())
    }

    /// A value of any kind; it stands `depth` levels deep.
    #[inline]
    fn value(
        &mut self,
        cursor: &mut Cursor<'_>,
        column: &mut Column,
        shape: &mut Shape,
        depth: usize,
    ) -> Result<(), Fault> {
        if !self.rules.ignore_errors {
            return self.strict(cursor, column, shape, depth);
        }
        let (start, len) = (cursor.at, column.len());
        match self.strict(cursor, column, shape, depth) {
            Err(Fault::Value(trouble)) if column.is_nullable() => {
                column.truncate(len);
                column.push_placeholder();
                self.ignored.get_or_insert(*trouble);
                cursor.at = start;
                Ok(cursor.skip(depth)?)
            }
            result => result,
        }
    }

    #[inline]
    fn strict(
        &mut self,
        cursor: &mut Cursor<'_>,
        column: &mut Column,
        shape: &mut Shape,
        depth: usize,
    ) -> Result<(), Fault> {
        match cursor.peek() {
            b'"' => self.string(cursor, column),
            b'-' | b'0'..=b'9' => number(cursor, column),
            b'n' => {
                cursor.word("null")?;
                match column.push_null() {
                    true => Ok(()),
                    false => trouble(Trouble::null(column)),
                }
            }
            b't' => literal(cursor, column, "true"),
            b'f' => literal(cursor, column, "false"),
            b'{' | b'[' => self.nested(cursor, column, shape, depth),
            _ => Ok(cursor.error("a value")?),
        }
    }

    #[inline]
    fn string(&mut self, cursor: &mut Cursor<'_>, column: &mut Column) -> Result<(), Fault> {
        let string = cursor.string()?;
        if let Values::Text(values) = &mut column.values {
            match string.escaped {
                true => unescape(string.raw, &mut values.data),
                false => values.data.extend_from_slice(string.raw),
            }
            values.close();
            column.close();
            return Ok(());
        }
        let text = plain(string, &mut self.scratch);
        if self.rules.zero_timestamp_is_null
            && matches!(column.values, Values::Timestamp(..))
            && parse::is_zero_timestamp(text)
            && column.push_null()
        {
            return Ok(());
        }
        match column.push_text(text, self.rules.stamps) {
            Ok(()) => Ok(()),
            Err(_) if matches!(column.values, Values::Null) => {
                column.push_placeholder();
                Ok(())
            }
            Err(why) => trouble(Trouble::of_text(column, text, why)),
        }
    }

    fn nested(
        &mut self,
        cursor: &mut Cursor<'_>,
        column: &mut Column,
        shape: &mut Shape,
        depth: usize,
    ) -> Result<(), Fault> {
        let (rows, object) = (column.len(), cursor.peek() == b'{');
        match (&mut column.values, shape, object) {
            (Values::Row(fields), Shape::Row(shape), true) => {
                self.row(cursor, fields, shape, rows, depth + 1)?;
            }
            (Values::List(offsets, element), Shape::List(shape), false) => {
                self.list(cursor, element, shape, depth + 1)?;
                offsets.push(element.len() as i32);
            }
            (Values::Map(offsets, entry), Shape::Map(shape), true) => {
                self.map(cursor, entry, shape, depth + 1)?;
                offsets.push(entry.0.len() as i32);
            }
            (Values::Text(values), ..) => {
                let start = cursor.at;
                cursor.skip(depth)?;
                compact(cursor.since(start), &mut values.data);
                values.close();
            }
            (Values::Null, ..) => {
                cursor.skip(depth)?;
                column.push_placeholder();
                return Ok(());
            }
            _ => {
                let start = cursor.at;
                cursor.skip(depth)?;
                let kind = if object { "the object" } else { "the array" };
                let found = format!("{kind} {}", shown(cursor.since(start)));
                return trouble(Trouble::new(column, found));
            }
        }
        column.close();
        Ok(())
    }

    /// An array; `[` is next.
    fn list(
        &mut self,
        cursor: &mut Cursor<'_>,
        element: &mut Column,
        shape: &mut Shape,
        depth: usize,
    ) -> Result<(), Fault> {
        cursor.at += 1;
        cursor.skip_space();
        let (mut more, mut index) = (!cursor.take_if(b']'), 0usize);
        while more {
            cursor.skip_space();
            self.element(cursor, element, shape, depth, &|| index.to_string())?;
            index += 1;
            more = cursor.more_elements()?;
        }
        Ok(())
    }

    /// A value whose trouble is told with its place in an array or map.
    fn element(
        &mut self,
        cursor: &mut Cursor<'_>,
        column: &mut Column,
        shape: &mut Shape,
        depth: usize,
        place: &dyn Fn() -> String,
    ) -> Result<(), Fault> {
        let known = self.ignored.is_some();
        match self.value(cursor, column, shape, depth) {
            Err(Fault::Value(trouble)) => {
                return Err(Fault::Value(Box::new(trouble.at(place()))));
            }
            result => result?,
        }
        if !known && self.ignored.is_some() {
            self.ignored = self.ignored.take().map(|t| t.at(place()));
        }
        Ok(())
    }

    /// An object as a map; `{` is next.
    fn map(
        &mut self,
        cursor: &mut Cursor<'_>,
        entry: &mut (Column, Column),
        shape: &mut Shape,
        depth: usize,
    ) -> Result<(), Fault> {
        let start = entry.0.len();
        let mut again = cursor.clone();
        cursor.at += 1;
        cursor.skip_space();
        let mut more = !cursor.take_if(b'}');
        while more {
            let key = cursor.key()?;
            self.entry(cursor, key, entry, shape, depth)?;
            more = cursor.more_keys()?;
        }
        if has_repeated_key(&entry.0, start) {
            entry.0.truncate(start);
            entry.1.truncate(start);
            self.map_with_repeated_keys(&mut again, entry, shape, depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        cursor: &mut Cursor<'_>,
        key: Str<'_>,
        entry: &mut (Column, Column),
        shape: &mut Shape,
        depth: usize,
    ) -> Result<(), Fault> {
        let text = plain(key, &mut self.scratch);
        if let Err(why) = entry.0.push_text(text, self.rules.stamps) {
            return trouble(Trouble::of_text(&entry.0, text, why).at("key"));
        }
        cursor.skip_space();
        let place = || shown(key.raw);
        self.element(cursor, &mut entry.1, shape, depth, &place)
    }

    /// The slow way: first finds the last value of each key, then reads those.
    #[cold]
    fn map_with_repeated_keys(
        &mut self,
        cursor: &mut Cursor<'_>,
        entry: &mut (Column, Column),
        shape: &mut Shape,
        depth: usize,
    ) -> Result<(), Fault> {
        let mut last: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut entries: Vec<(Str<'_>, usize)> = Vec::new();
        cursor.at += 1;
        cursor.skip_space();
        let mut more = !cursor.take_if(b'}');
        while more {
            let key = cursor.key()?;
            let place = *last
                .entry(plain(key, &mut self.scratch).to_vec())
                .or_insert(entries.len());
            match entries.get_mut(place) {
                Some(entry) => entry.1 = cursor.at,
                None => entries.push((key, cursor.at)),
            }
            cursor.skip_space();
            cursor.skip(depth)?;
            more = cursor.more_keys()?;
        }
        for (key, at) in entries {
            let mut value = cursor.clone();
            value.at = at;
            self.entry(&mut value, key, entry, shape, depth)?;
        }
        Ok(())
    }
}

/// True if two of the keys from `start` on are the same.
fn has_repeated_key(keys: &Column, start: usize) -> bool {
    const FEW: usize = 16;
    let Values::Text(values) = &keys.values else {
        return false;
    };
    let ends = values.offsets[start..].windows(2);
    let mut keys = ends.map(|at| &values.data[at[0] as usize..at[1] as usize]);
    if keys.len() > FEW {
        let mut seen = HashSet::with_capacity(keys.len());
        return !keys.all(|key| seen.insert(key));
    }
    let mut rest = keys.clone();
    keys.any(|key| {
        rest.next();
        rest.clone().any(|other| other == key)
    })
}

#[inline]
fn number(cursor: &mut Cursor<'_>, column: &mut Column) -> Result<(), Fault> {
    let start = cursor.at;
    let text = match cursor.short_integer() {
        Some(number) if column.push_integer(number) => return Ok(()),
        Some(_) => cursor.since(start),
        None => cursor.number()?,
    };
    match &column.values {
        Values::Null => {
            column.push_placeholder();
            return Ok(());
        }
        // A number that happens to be spelt like base64 is no text.
        Values::Binary(_) => return trouble(Trouble::new(column, shown(text))),
        _ => {}
    }
    match column.push_text(text, Stamps::Sql) {
        Ok(()) => Ok(()),
        Err(why) => trouble(Trouble::of_text(column, text, why)),
    }
}

/// `true` or `false`.
fn literal(cursor: &mut Cursor<'_>, column: &mut Column, word: &'static str) -> Result<(), Fault> {
    cursor.word(word)?;
    match &mut column.values {
        Values::Boolean(values) => values.append(word == "true"),
        Values::Text(values) => {
            values.data.extend_from_slice(word.as_bytes());
            values.close();
        }
        Values::Null => {
            column.push_placeholder();
            return Ok(());
        }
        _ => return trouble(Trouble::new(column, shown(word.as_bytes()))),
    }
    column.close();
    Ok(())
}
