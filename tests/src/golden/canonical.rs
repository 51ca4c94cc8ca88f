//! JSON lines that mean the same, made equal: the members of objects are put in order.
//!
//! Flink's maps have no order. Numbers stay as they are written: `1.50` is not `1.5`.

/// The line with the members of each object in order; a line that is no JSON stays as it is.
pub(super) fn canonical(line: &str) -> String {
    let mut reader = Reader {
        text: line,
        at: 0,
        depth: 0,
    };
    match reader.value() {
        Some(value) if reader.at == line.len() => value,
        _ => line.to_string(),
    }
}

/// Deeper values are compared as they are written.
const DEPTH_MAX: usize = 64;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<String> {
        if self.depth > DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        let value = match self.peek()? {
            b'{' => {
                let mut members = self.list(b'}', |reader| {
                    let name = reader.string()?;
                    reader.eat(b':')?;
                    Some(format!("{name}:{}", reader.value()?))
                })?;
                members.sort();
                Some(format!("{{{}}}", members.join(",")))
            }
            b'[' => Some(format!("[{}]", self.list(b']', Self::value)?.join(","))),
            b'"' => self.string(),
            _ => self.word(),
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self, end: u8, item: impl Fn(&mut Self) -> Option<String>) -> Option<Vec<String>> {
        self.at += 1;
        let mut items = Vec::new();
        while self.peek()? != end {
            if !items.is_empty() {
                self.eat(b',')?;
            }
            items.push(item(self)?);
        }
        self.at += 1;
        Some(items)
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.eat(b'"')?;
        while self.peek()? != b'"' {
            self.at += if self.peek()? == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        self.text.get(start..self.at).map(str::to_string)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<String> {
        let rest = self.text.get(self.at..)?;
        let end = rest.find([',', '}', ']', ':', '"', '{', '[', ' ']);
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        (!word.is_empty()).then(|| word.to_string())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn members_are_put_in_order_at_every_depth_and_numbers_stay() {
        let line = r#"{"b":[{"z":1.50,"a":"}{\"\\"}],"a":null}"#;
        let wanted = r#"{"a":null,"b":[{"a":"}{\"\\","z":1.50}]}"#;
        assert_eq!(canonical(line), wanted);
        assert_eq!(canonical("{}"), "{}");
    }

    #[test]
    fn what_is_no_json_stays_as_it_is() {
        for line in ["", "{", r#"{"b":1,"a"#, "x y", "[1", r#"{"b":1}x"#, "\"\\"] {
            assert_eq!(canonical(line), line);
        }
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(canonical(&deep), deep);
    }
}
