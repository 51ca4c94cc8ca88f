//! CSV records into the column writers.
//!
//! * First the [`Scanner`] finds a whole record, then its fields become values: the shape of a
//!   record is known to be right before a column is touched.
//! * Cutting the stream at other places changes nothing. An incomplete record is left to the
//!   caller; a long one is looked at again only when it has grown by a quarter, so that looking
//!   costs no more than a few times its length.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::format::{self, BadRecord};

use super::scan::{Dialect, Found, Scanner, Span, line};
use crate::batch::{Batch, Place, RECORD_BYTES_MAX};
use crate::columns::{Column, Values};
use crate::json::BOM;
use crate::parse::{Stamps, Why};
use crate::reason::{Trouble, not_utf8, shown};

/// How records are read.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) dialect: Dialect,
    pub(crate) comments: bool,
    pub(crate) ignore_errors: bool,
    pub(crate) missing_fails: bool,
    pub(crate) more_columns_pass: bool,
    pub(crate) trailing_delimiter_passes: bool,
    pub(crate) empty_is_null: bool,
    pub(crate) skip_first: bool,
    pub(crate) elements: u8,
    pub(crate) null: Option<String>,
}

/// Incomplete records up to this long are looked at again whenever there is more of them.
const PATIENT_FROM: usize = 1 << 20;

/// Decodes CSV.
#[derive(Debug)]
pub(crate) struct Decoder {
    rules: Rules,
    scanner: Scanner,
    batch: Batch,
    /// Names of all columns of a record.
    names: Vec<String>,
    /// Which of them each column of the batch is.
    sources: Vec<usize>,
    place: Place,
    /// Length the incomplete record must have before it is looked at again.
    patience: usize,
    /// Within a line that is passed over.
    passing: bool,
    at_start: bool,
    /// True before the first record of a file or message.
    first: bool,
    scratch: Vec<u8>,
    record_bytes_max: usize,
}

/// What happens to the front of the input.
enum Step {
    /// So many bytes were used, on so many lines.
    Used(usize, u64),
    /// More is needed.
    Wait,
}

impl Decoder {
    /// A decoder of records with the columns of `schema` that delivers those at `projection`.
    pub(crate) fn new(schema: &SchemaRef, projection: &[usize], rules: Rules) -> Result<Self> {
        let batch = Batch::new(SchemaRef::new(schema.project(projection)?))?;
        let names = schema.fields().iter().map(|field| field.name().clone());
        Ok(Decoder {
            scanner: Scanner::new(rules.dialect),
            batch,
            names: names.collect(),
            sources: projection.to_vec(),
            place: Place::START,
            patience: 0,
            passing: false,
            at_start: true,
            first: true,
            scratch: Vec::new(),
            record_bytes_max: RECORD_BYTES_MAX,
            rules,
        })
    }

    /// Deals with whatever stands in front of `input`, which is not empty.
    fn step(&mut self, input: &[u8], last: bool) -> Step {
        if self.at_start {
            return self.mark(input, last);
        }
        if self.passing {
            return self.pass(input, last);
        }
        if self.rules.comments && input[0] == b'#' {
            self.passing = true;
            return Step::Used(0, 0);
        }
        if !last && input.len() < self.patience {
            return Step::Wait;
        }
        self.patience = 0;
        let too_long = Found::Broken {
            at: self.record_bytes_max,
            wanted: "at most the longest record's bytes",
        };
        let found = match self.scanner.scan(input, last) {
            Found::Incomplete if input.len() <= self.record_bytes_max => {
                if input.len() >= PATIENT_FROM {
                    self.patience = input.len() + input.len() / 4;
                }
                return Step::Wait;
            }
            Found::Record { length, .. } if length > self.record_bytes_max => too_long,
            Found::Broken { at, .. } if at > self.record_bytes_max => too_long,
            Found::Incomplete => too_long,
            found => found,
        };
        match found {
            Found::Record { length, lines } => {
                self.record(&input[..length], lines);
                Step::Used(length, lines)
            }
            _ if found == too_long => self.too_long(input),
            Found::Broken { at, wanted } => self.broken(input, last, at, wanted),
            Found::Incomplete => Step::Wait,
        }
    }

    /// A byte order mark at the start.
    fn mark(&mut self, input: &[u8], last: bool) -> Step {
        if !last && input.len() < BOM.len() && BOM.starts_with(input) {
            return Step::Wait;
        }
        self.at_start = false;
        Step::Used(if input.starts_with(BOM) { BOM.len() } else { 0 }, 0)
    }

    /// The rest of a line that nobody wants.
    fn pass(&mut self, input: &[u8], last: bool) -> Step {
        match line(input, last) {
            Some(length) => {
                self.passing = false;
                Step::Used(length, 1)
            }
            // A carriage return at the very end may be half of a line break.
            None => match input.len() - usize::from(input.ends_with(b"\r")) {
                0 => Step::Wait,
                length => Step::Used(length, 0),
            },
        }
    }

    /// A record beyond the limit ends with its first line.
    fn too_long(&mut self, input: &[u8]) -> Step {
        let shown = &input[..input.len().min(self.record_bytes_max)];
        let evidence = &shown[..line(shown, true).unwrap_or(0)];
        let reason = format!("a record longer than {} bytes", self.record_bytes_max);
        self.refuse(reason, evidence);
        self.passing = true;
        Step::Used(0, 0)
    }

    /// A record without the right shape ends with its first line.
    fn broken(&mut self, input: &[u8], last: bool, at: usize, wanted: &'static str) -> Step {
        let Some(length) = line(input, last) else {
            return Step::Wait;
        };
        // Only the one byte: what follows it may not have arrived yet.
        let found = match input.get(at..) {
            None | Some([]) => "the end of the input".to_string(),
            Some([byte @ 0..0x80, ..]) => shown(&[*byte]),
            Some([byte, ..]) => format!("byte 0x{byte:02x}"),
        };
        let reason = format!("not a CSV record: wanted {wanted} at byte {at}, found {found}");
        self.refuse(reason, &input[..length]);
        Step::Used(length, 1)
    }

    fn refuse(&mut self, reason: String, bytes: &[u8]) {
        self.first = false;
        let bytes = without_break(bytes);
        self.batch
            .refuse(self.place, reason, bytes, self.rules.ignore_errors);
    }

    /// A record whose fields the scanner has found.
    fn record(&mut self, bytes: &[u8], lines: u64) {
        let text = without_break(bytes);
        if text.is_empty() && self.names.len() != 1 {
            return;
        }
        if self.first && self.rules.skip_first {
            self.first = false;
            return;
        }
        if let Err(error) = std::str::from_utf8(text) {
            return self.refuse(not_utf8(text, error, self.place.offset), text);
        }
        match self.fields(bytes) {
            Ok(ignored) => {
                self.first = false;
                self.batch.commit(bytes.len());
                if let Some(reason) = ignored {
                    self.batch.note(self.place, reason, text, true);
                }
            }
            Err(reason) => {
                let reason = match lines == 1 && self.first && self.is_header(bytes) {
                    true => format!(
                        "{reason}; the line holds the names of the columns: \
                         'csv.ignore-first-line' = 'true' leaves it out"
                    ),
                    false => reason,
                };
                self.refuse(reason, text);
            }
        }
    }

    /// True if the cells of the record are the names of the columns.
    fn is_header(&self, bytes: &[u8]) -> bool {
        let cells = self
            .scanner
            .spans
            .iter()
            .map(|span| &bytes[span.start..span.end]);
        cells.len() == self.names.len()
            && cells
                .zip(&self.names)
                .all(|(cell, name)| cell.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Writes every column. Returns what `ignore-parse-errors` made NULL; fails with a reason.
    fn fields(&mut self, bytes: &[u8]) -> Result<Option<String>, String> {
        let mut ignored = self.arity()?;
        let Decoder {
            rules,
            scanner,
            batch,
            sources,
            scratch,
            ..
        } = self;
        for (column, source) in batch.columns.iter_mut().zip(sources) {
            let result = match scanner.spans.get(*source) {
                None => null(column),
                Some(span) => {
                    let text = text(scanner, *span, bytes, scratch);
                    field(rules, column, text)
                }
            };
            let Err(trouble) = result else {
                continue;
            };
            let trouble = trouble.in_field(column.field().name());
            if !rules.ignore_errors || !column.is_nullable() {
                return Err(trouble.to_string());
            }
            // The last value may be half-written; the ones before it are whole.
            column.truncate(column.len());
            column.push_placeholder();
            ignored.get_or_insert_with(|| format!("{trouble}; it became NULL"));
        }
        Ok(ignored)
    }

    /// Checks the number of fields.
    fn arity(&self) -> Result<Option<String>, String> {
        let (wanted, spans) = (self.names.len(), &self.scanner.spans);
        let mut found = spans.len();
        let empty = |span: &Span| span.start == span.end && !span.quoted;
        if self.rules.trailing_delimiter_passes
            && found == wanted + 1
            && spans.last().is_some_and(empty)
        {
            found = wanted;
        }
        let reason = || format!("the record has {found} columns, wanted {wanted}");
        match found {
            _ if found == wanted => Ok(None),
            _ if found > wanted && self.rules.more_columns_pass => Ok(None),
            _ if found < wanted && self.rules.ignore_errors && !self.rules.missing_fails => {
                Ok(Some(format!("{}; the missing ones became NULL", reason())))
            }
            _ => Err(reason()),
        }
    }
}

/// A record without the line break at its end.
fn without_break(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// What a field says.
#[inline]
fn text<'a>(scanner: &Scanner, span: Span, bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let raw = &bytes[span.start..span.end];
    if !span.escaped {
        return raw;
    }
    scratch.clear();
    scanner.unescape(raw, span.quoted, scratch);
    scratch
}

fn null(column: &mut Column) -> Result<(), Trouble> {
    match column.push_null() {
        true => Ok(()),
        false => Err(Trouble::null(column)),
    }
}

/// A field into a column of any type.
#[inline]
fn field(rules: &Rules, column: &mut Column, text: &[u8]) -> Result<(), Trouble> {
    if let Some(null_text) = &rules.null
        && text == null_text.as_bytes()
    {
        return null(column);
    }
    if text.is_empty() {
        match &column.values {
            Values::Text(_) if !rules.empty_is_null => {}
            Values::Binary(_) | Values::List(..) => {}
            _ => return null(column),
        }
    }
    match &column.values {
        Values::List(..) | Values::Row(_) => return nested(rules, column, text),
        Values::Null => {
            column.push_placeholder();
            return Ok(());
        }
        _ => {}
    }
    match column.push_text(text, Stamps::Any) {
        Ok(()) => Ok(()),
        Err(why) => Err(Trouble::of_text(column, text, why)),
    }
}

/// An ARRAY or ROW: its parts stand in one field.
fn nested(rules: &Rules, column: &mut Column, text: &[u8]) -> Result<(), Trouble> {
    let rows = column.len();
    let result = match &mut column.values {
        Values::List(offsets, element) => {
            let result = elements(rules, element, text);
            offsets.push(element.len() as i32);
            result
        }
        Values::Row(fields) => parts(rules, fields, text),
        _ => Ok(true),
    };
    match result {
        Ok(true) => column.close(),
        Ok(false) => {
            column.truncate(rows);
            return Err(Trouble::of_text(column, text, Why::Shape));
        }
        Err(trouble) => {
            column.truncate(rows);
            return Err(trouble);
        }
    }
    Ok(())
}

fn elements(rules: &Rules, element: &mut Column, text: &[u8]) -> Result<bool, Trouble> {
    if text.is_empty() {
        return Ok(true);
    }
    for (i, part) in text.split(|byte| *byte == rules.elements).enumerate() {
        field(rules, element, part).map_err(|trouble| trouble.at(i))?;
    }
    Ok(true)
}

/// The fields of a row; false if there are more or fewer than it has.
fn parts(rules: &Rules, fields: &mut [Column], text: &[u8]) -> Result<bool, Trouble> {
    let mut parts = text.split(|byte| *byte == rules.elements);
    for column in fields {
        let Some(part) = parts.next() else {
            return Ok(false);
        };
        let result = field(rules, column, part);
        result.map_err(|trouble| trouble.in_field(column.field().name()))?;
    }
    Ok(parts.next().is_none())
}

impl format::Decoder for Decoder {
    fn set_batch_rows(&mut self, rows: usize) {
        self.batch.set_rows_max(rows);
    }

    fn decode(&mut self, input: &[u8], last: bool) -> Result<usize> {
        let mut used = 0;
        while used < input.len() && !self.batch.is_full() {
            match self.step(&input[used..], last) {
                Step::Used(length, lines) => {
                    self.place.offset += length as u64;
                    self.place.line += lines;
                    used += length;
                }
                Step::Wait => break,
            }
        }
        if last && used == input.len() {
            // Whatever is decoded next is another message.
            self.at_start = true;
            self.first = true;
            self.passing = false;
        }
        Ok(used)
    }

    /// A message is one record; it has no header to pass over.
    fn decode_message(&mut self, message: &[u8]) -> Result<()> {
        self.place = Place::START;
        self.first = false;
        let record = message.strip_prefix(BOM).unwrap_or(message);
        let wanted = match self.scanner.scan(record, true) {
            _ if without_break(record).is_empty() => "a record, found nothing".to_string(),
            _ if record.len() > self.record_bytes_max => {
                format!("at most {} bytes", self.record_bytes_max)
            }
            Found::Record { length, lines } if length == record.len() => {
                self.record(record, lines);
                return Ok(());
            }
            Found::Record { length, .. } => format!("one record, found more at byte {length}"),
            Found::Broken { at, wanted } => format!("{wanted} at byte {at}"),
            Found::Incomplete => "a whole record, found the end of the message".to_string(),
        };
        self.refuse(format!("not a CSV record: wanted {wanted}"), record);
        Ok(())
    }

    fn rows(&self) -> usize {
        self.batch.rows()
    }

    fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    fn flush(&mut self) -> Result<RecordBatch> {
        self.batch.flush()
    }

    fn take_bad(&mut self) -> Vec<BadRecord> {
        self.batch.take_bad()
    }
}

#[cfg(test)]
impl Decoder {
    /// The same decoder with a record limit that a test can exceed.
    pub(super) fn with_record_bytes_max(mut self, bytes: usize) -> Self {
        self.record_bytes_max = bytes;
        self
    }
}
