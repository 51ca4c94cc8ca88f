//! A few lines at the bottom of a terminal that are drawn again and again in the same place.

use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Size of a terminal that does not say: columns and rows.
const USUAL: (u16, u16) = (80, 24);

/// Columns and rows of the terminal.
pub(crate) fn size() -> (usize, usize) {
    let (columns, rows) = match crossterm::terminal::size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => (columns, rows),
        _ => USUAL,
    };
    (columns.into(), rows.into())
}

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The front of `text` that fits into `columns`; an ellipsis says that there was more.
///
/// Escape sequences (`ESC [ .. letter`) take no column and are all kept, so colours end where they
/// should.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut used = 0;
    let mut is_cut = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            out.push(c);
            for c in chars.by_ref() {
                out.push(c);
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
            continue;
        }
        let wide = c.width().unwrap_or(0);
        let left = columns.saturating_sub(used);
        let is_last = chars.peek().is_none();
        if is_cut || wide > left || (wide == left && !is_last) {
            if !is_cut && left > 0 {
                out.push('…');
            }
            is_cut = true;
            continue;
        }
        used += wide;
        out.push(c);
    }
    out
}

/// Lines that replace each other in place.
///
/// Always: what was on the screen above them stays; [`clear`](Region::clear) leaves no trace, and
/// whoever else writes to the terminal clears first.
pub(crate) struct Region {
    to: Box<dyn Write + Send>,
    height: usize,
}

impl Region {
    /// A region on the terminal behind `to`.
    pub(crate) fn new(to: Box<dyn Write + Send>) -> Self {
        Region { to, height: 0 }
    }

    /// Shows these lines, cut to the terminal's size, in place of the earlier ones.
    pub(crate) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let (columns, rows) = size();
        let shown = &lines[..lines.len().min(rows.saturating_sub(1))];
        let mut text = self.back();
        for line in shown {
            text.push_str(&fit(line, columns.saturating_sub(1)));
            text.push_str("\x1b[K\n");
        }
        text.push_str("\x1b[J");
        self.height = shown.len();
        self.write(&text)
    }

    /// Removes the lines.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        if self.height == 0 {
            return Ok(());
        }
        let mut text = self.back();
        text.push_str("\x1b[J");
        self.height = 0;
        self.write(&text)
    }

    /// Leaves the lines where they are; the next ones are drawn below.
    pub(crate) fn keep(&mut self) {
        self.height = 0;
    }

    /// To the first column of the first line.
    fn back(&self) -> String {
        match self.height {
            0 => String::new(),
            height => format!("\r\x1b[{height}A"),
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_text_is_cut_by_columns_and_not_by_characters() {
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("日本語", 6), "日本語");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("\x1b[1mabcd\x1b[0m", 3), "\x1b[1mab…\x1b[0m");
    }

    #[test]
    fn lines_replace_the_earlier_ones_and_leave_no_trace() {
        let paper = Paper::default();
        let mut region = Region::new(Box::new(paper.clone()));
        region.draw(&["a".into(), "b".into()]).unwrap();
        region.draw(&["c".into()]).unwrap();
        region.clear().unwrap();
        region.clear().unwrap();
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let expected = "a\x1b[K\nb\x1b[K\n\x1b[J\r\x1b[2Ac\x1b[K\n\x1b[J\r\x1b[1A\x1b[J";
        assert_eq!(text, expected);
    }
}
