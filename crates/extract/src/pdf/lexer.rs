//! Tokens and values of PDF, of files and of content streams alike.
//!
//! INVARIANT: always advances or ends; nesting stops at [`NESTING_MAX`].

use super::NESTING_MAX;
use super::value::{Id, Value};

/// The longest name or word.
const WORD_BYTES_MAX: usize = 256;

/// Reads values from a place on.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// Whether `1 0 R` is a reference: in files, not in content streams.
    has_references: bool,
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(bytes: &'a [u8], at: usize, has_references: bool) -> Self {
        Self { bytes, at, has_references }
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.peek(0) {
            if byte == b'%' {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            } else if is_space(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// The next value; `None` at the end and at a bracket that closes nothing here.
    pub(super) fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_space();
        let first = self.peek(0)?;
        if depth > NESTING_MAX {
            return None;
        }
        match (first, self.peek(1)) {
            (b'/', _) => Some(Value::Name(self.name())),
            (b'(', _) => Some(Value::String(self.literal())),
            (b'<', Some(b'<')) => Some(self.dictionary(depth)),
            (b'<', _) => Some(Value::String(self.hex())),
            (b'[', _) => Some(self.array(depth)),
            (b')' | b'>' | b']' | b'{' | b'}', _) => None,
            _ => Some(self.word()),
        }
    }

    fn name(&mut self) -> String {
        self.at += 1;
        let mut name = Vec::new();
        while let Some(byte) = self.peek(0).filter(|byte| !is_space(*byte) && !is_delimiter(*byte))
        {
            self.at += 1;
            let escaped =
                (byte == b'#').then(|| Some(digit(self.peek(0)?)? << 4 | digit(self.peek(1)?)?));
            if let Some(escaped) = escaped.flatten() {
                self.at += 2;
                name.push(escaped);
            } else {
                name.push(byte);
            }
            if name.len() > WORD_BYTES_MAX {
                break;
            }
        }
        String::from_utf8_lossy(&name).into_owned()
    }

    fn literal(&mut self) -> Vec<u8> {
        self.at += 1;
        let (mut out, mut open) = (Vec::new(), 1_usize);
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                }
                b'\\' => {
                    self.escape(&mut out);
                    continue;
                }
                _ => {}
            }
            out.push(byte);
        }
        out
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(byte) = self.peek(0) else { return };
        self.at += 1;
        match byte {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' | b'f' => out.push(b' '),
            b'\r' if self.peek(0) == Some(b'\n') => self.at += 1,
            b'\n' | b'\r' => {}
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(next @ b'0'..=b'7') = self.peek(0) else { break };
                    code = code * 8 + u32::from(next - b'0');
                    self.at += 1;
                }
                out.push((code & 0xff) as u8);
            }
            _ => out.push(byte),
        }
    }

    fn hex(&mut self) -> Vec<u8> {
        self.at += 1;
        let (mut out, mut half) = (Vec::new(), None);
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            if byte == b'>' {
                break;
            }
            let Some(digit) = digit(byte) else { continue };
            half = match half {
                None => Some(digit),
                Some(high) => {
                    out.push(high << 4 | digit);
                    None
                }
            };
        }
        out.extend(half.map(|high| high << 4));
        out
    }

    fn dictionary(&mut self, depth: usize) -> Value {
        self.at += 2;
        let mut entries = Vec::new();
        loop {
            self.skip_space();
            match (self.peek(0), self.peek(1)) {
                (Some(b'>'), _) => {
                    self.at += if self.peek(1) == Some(b'>') { 2 } else { 1 };
                    break;
                }
                (Some(b'/'), _) => {
                    let key = self.name();
                    let Some(value) = self.value(depth + 1) else { break };
                    entries.push((key, value));
                }
                // No key: a damaged dictionary ends.
                _ => break,
            }
        }
        // Of two with the same key, the first counts.
        entries.sort_by(|(one, _): &(String, Value), (other, _)| one.cmp(other));
        Value::Dictionary(entries.into())
    }

    fn array(&mut self, depth: usize) -> Value {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.peek(0) == Some(b']') {
                self.at += 1;
                break;
            }
            let Some(item) = self.value(depth + 1) else { break };
            items.push(item);
        }
        Value::Array(items.into())
    }

    fn word(&mut self) -> Value {
        let start = self.at;
        while self.peek(0).is_some_and(|byte| !is_space(byte) && !is_delimiter(byte))
            && self.at - start < WORD_BYTES_MAX
        {
            self.at += 1;
        }
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        let Some(number) = number(word) else {
            if word == b"null" {
                return Value::Null;
            }
            return Value::Word(String::from_utf8_lossy(word).into_owned());
        };
        if self.has_references
            && word.iter().all(u8::is_ascii_digit)
            && let Some(end) = self.reference_end()
        {
            self.at = end;
            return Value::Reference(number as Id);
        }
        Value::Number(number)
    }

    /// Where ` 0 R` ends, if that follows.
    fn reference_end(&self) -> Option<usize> {
        let mut ahead = Self { bytes: self.bytes, at: self.at, has_references: false };
        ahead.skip_space();
        let digits = (0..6)
            .take_while(|more| ahead.peek(*more).is_some_and(|byte| byte.is_ascii_digit()))
            .count();
        if digits == 0 {
            return None;
        }
        ahead.at += digits;
        ahead.skip_space();
        let after = ahead.peek(1);
        let is_reference = ahead.peek(0) == Some(b'R')
            && after.is_none_or(|byte| is_space(byte) || is_delimiter(byte));
        is_reference.then_some(ahead.at + 1)
    }
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn number(word: &[u8]) -> Option<f64> {
    if !word
        .first()
        .is_some_and(|first| first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.'))
    {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<Value> {
        Lexer::new(text.as_bytes(), 0, true).value(0)
    }

    #[test]
    fn values_are_read() {
        let text = "<< /A [1 -2.5 (a\\(b\\)\\101(c)) <4142 4> 3 0 R true null] /B#41 /C % x\n >>";
        let Some(Value::Dictionary(entries)) = value(text) else { panic!("a dictionary") };
        let string = |text: &str| Value::String(text.as_bytes().to_vec());
        let items = vec![
            Value::Number(1.0),
            Value::Number(-2.5),
            string("a(b)A(c)"),
            string("AB@"),
            Value::Reference(3),
            Value::Word(String::from("true")),
            Value::Null,
        ];
        assert_eq!(entries[0], (String::from("A"), Value::Array(items.into())));
        assert_eq!(entries[1], (String::from("BA"), Value::Name(String::from("C"))));
    }

    #[test]
    fn nesting_ends_somewhere() {
        assert!(value(&"[".repeat(100_000)).is_some());
        assert!(value(&"<</A".repeat(100_000)).is_some());
    }
}
