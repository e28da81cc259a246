//! A strict, iterative JSON tokenizer that yields places rather than values.
//!
//! It accepts exactly RFC 8259, and refuses what readers of JSON disagree about: the same key twice in
//! an object (after escapes), unpaired surrogates, bytes that are not UTF-8, a byte order mark,
//! anything after the document. No recursion: depth costs a few bytes of a stack with a limit.
//!
//! INVARIANT: a token's place lies within the text, on character boundaries. INVARIANT: time is linear
//! in the length of the text, but for the keys of one object, which are sorted.
//!
//! Not here: what a value means (`reader`), resolving escapes (`json_text`).

use crate::json_text::{decoded, hexadecimal, key_hash};
use crate::limits::ReadLimits;

/// One token. Places are byte offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// `{` or `[` at `start`.
    Open { object: bool, start: usize },
    /// `}` or `]`; `end` is one past it.
    Close { end: usize },
    /// A key and its colon.
    Key(Text),
    /// A string value.
    Text(Text),
    /// A number.
    Number { start: usize, end: usize },
    /// `true` or `false`.
    Boolean { value: bool, start: usize, end: usize },
    /// `null`.
    Null,
}

/// What stands between the quotes of a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) escaped: bool,
    /// [`key_hash`] of a key; zero for a value.
    pub(crate) hash: u64,
}

/// Why the text was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Malformed { offset: usize, what: &'static str },
    DuplicateKey(Text),
    Limit { of: &'static str, max: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    ElementOrEnd,
    KeyOrEnd,
    CommaOrEnd,
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    object: bool,
    keys_from: usize,
}

/// Reads tokens off a text.
#[derive(Debug)]
pub(crate) struct Tokenizer<'a> {
    source: &'a str,
    at: usize,
    expect: Expect,
    open: Vec<Open>,
    keys: Vec<(u64, u32, u32)>,
    values: usize,
    limits: ReadLimits,
}

/// Objects with at most this many keys are compared pair by pair, larger ones are sorted.
const PAIRED_KEYS_MAX: usize = 12;

impl<'a> Tokenizer<'a> {
    pub(crate) fn new(source: &'a str, limits: &ReadLimits) -> Self {
        Self {
            source,
            at: 0,
            expect: Expect::Value,
            open: Vec::with_capacity(16),
            keys: Vec::with_capacity(32),
            values: 0,
            limits: *limits,
        }
    }

    /// The next token; `None` after the document.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Token>, Fault> {
        let byte = self.after_space();
        match (self.expect, byte) {
            (Expect::Nothing, None) => Ok(None),
            (Expect::Nothing, Some(_)) => Err(self.fault("something stands after the document")),
            (Expect::CommaOrEnd, Some(b',')) => {
                self.at += 1;
                let byte = self.after_space();
                if self.in_object() { self.key(byte) } else { self.value(byte) }
            }
            (Expect::CommaOrEnd | Expect::KeyOrEnd, Some(b'}')) if self.in_object() => self.close(),
            (Expect::CommaOrEnd | Expect::ElementOrEnd, Some(b']')) if !self.in_object() => {
                self.close()
            }
            (Expect::CommaOrEnd, _) => Err(self.fault("a comma or a closing bracket is missing")),
            (Expect::KeyOrEnd, byte) => self.key(byte),
            (Expect::ElementOrEnd | Expect::Value, byte) => self.value(byte),
        }
    }

    fn in_object(&self) -> bool {
        self.open.last().is_some_and(|open| open.object)
    }

    const fn fault(&self, what: &'static str) -> Fault {
        Fault::Malformed { offset: self.at, what }
    }

    fn byte(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn after_space(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte,
            }
        }
    }

    #[inline]
    fn value(&mut self, byte: Option<u8>) -> Result<Option<Token>, Fault> {
        self.values += 1;
        if self.values > self.limits.values_max {
            return Err(Fault::Limit { of: "values", max: self.limits.values_max });
        }
        let start = self.at;
        let token = match byte {
            Some(b'"') => Token::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'{') => return self.enter(true),
            Some(b'[') => return self.enter(false),
            Some(b't') => {
                self.word("true")?;
                Token::Boolean { value: true, start, end: self.at }
            }
            Some(b'f') => {
                self.word("false")?;
                Token::Boolean { value: false, start, end: self.at }
            }
            Some(b'n') => {
                self.word("null")?;
                Token::Null
            }
            _ => return Err(self.fault("a value is missing")),
        };
        self.expect = self.after_value();
        Ok(Some(token))
    }

    const fn after_value(&self) -> Expect {
        if self.open.is_empty() { Expect::Nothing } else { Expect::CommaOrEnd }
    }

    fn enter(&mut self, object: bool) -> Result<Option<Token>, Fault> {
        if self.open.len() >= self.limits.depth_max {
            return Err(Fault::Limit { of: "levels of nesting", max: self.limits.depth_max });
        }
        self.open.push(Open { object, keys_from: self.keys.len() });
        self.expect = if object { Expect::KeyOrEnd } else { Expect::ElementOrEnd };
        self.at += 1;
        Ok(Some(Token::Open { object, start: self.at - 1 }))
    }

    fn close(&mut self) -> Result<Option<Token>, Fault> {
        if let Some(open) = self.open.pop() {
            if let Some(key) = self.keys.get_mut(open.keys_from..).and_then(second_of_equal) {
                return Err(Fault::DuplicateKey(key));
            }
            self.keys.truncate(open.keys_from);
        }
        self.at += 1;
        self.expect = self.after_value();
        Ok(Some(Token::Close { end: self.at }))
    }

    #[inline]
    fn key(&mut self, byte: Option<u8>) -> Result<Option<Token>, Fault> {
        if byte != Some(b'"') {
            return Err(self.fault("a key is missing"));
        }
        let mut key = self.string()?;
        if key.end - key.start > self.limits.key_bytes_max {
            return Err(Fault::Limit { of: "bytes in a key", max: self.limits.key_bytes_max });
        }
        let from = self.open.last().map_or(0, |open| open.keys_from);
        if self.keys.len() - from >= self.limits.object_keys_max {
            return Err(Fault::Limit { of: "keys in an object", max: self.limits.object_keys_max });
        }
        if self.after_space() != Some(b':') {
            return Err(self.fault("a colon is missing"));
        }
        self.at += 1;
        let raw = self.source.get(key.start..key.end).unwrap_or_default();
        key.hash = if key.escaped { key_hash(&decoded(raw)) } else { key_hash(raw) };
        self.keys.push((key.hash, key.start as u32, key.end as u32));
        self.expect = Expect::Value;
        Ok(Some(Token::Key(key)))
    }

    fn word(&mut self, word: &'static str) -> Result<(), Fault> {
        let found = self.source.as_bytes().get(self.at..self.at + word.len());
        if found != Some(word.as_bytes()) {
            return Err(self.fault("a value is missing"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<Token, Fault> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if self.at - start > self.limits.number_bytes_max {
            return Err(Fault::Limit {
                of: "bytes in a number",
                max: self.limits.number_bytes_max,
            });
        }
        Ok(Token::Number { start, end: self.at })
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let rest = self.source.as_bytes().get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.fault("a digit is missing"));
        }
        self.at += digits;
        Ok(())
    }

    /// Reads a string from its opening quote to past its closing one.
    #[inline]
    fn string(&mut self) -> Result<Text, Fault> {
        let start = self.at + 1;
        let mut escaped = false;
        self.at = start;
        loop {
            self.at = next_special(self.source.as_bytes(), self.at);
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault("a control character stands in a string")),
                None => return Err(self.fault("a string does not end")),
            }
        }
        let end = self.at;
        self.at += 1;
        Ok(Text { start, end, escaped, hash: 0 })
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let rest = self.source.as_bytes().get(self.at + 1..).unwrap_or_default();
        let length = match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => match unicode_length(rest) {
                Some(length) => 1 + length,
                None => return Err(self.fault("a bad `\\u` escape or an unpaired surrogate")),
            },
            _ => return Err(self.fault("a bad escape")),
        };
        self.at += length;
        Ok(())
    }
}

/// Whether `text` is one number and nothing else.
pub(crate) fn is_number(text: &str) -> bool {
    let mut tokenizer = Tokenizer::new(text, &ReadLimits::default());
    matches!(tokenizer.number(), Ok(Token::Number { end, .. }) if end == text.len())
}

/// The length of `uXXXX`, or of `uXXXX\uXXXX` for a pair of surrogates, at the start of `rest`.
fn unicode_length(rest: &[u8]) -> Option<usize> {
    let unit = |from: usize| {
        let digits = rest.get(from..from + 4)?;
        digits.iter().all(u8::is_ascii_hexdigit).then(|| hexadecimal(Some(digits)))
    };
    match unit(1)? {
        0xd800..=0xdbff => {
            let paired = rest.get(5..7) == Some(br"\u") && (0xdc00..=0xdfff).contains(&unit(7)?);
            paired.then_some(11)
        }
        0xdc00..=0xdfff => None,
        _ => Some(5),
    }
}

#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches a block of bytes compiles to vector instructions"
)]
const fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// Where the first quote, backslash or control character stands at or after `from`, or the length.
///
/// Most strings are short, so the first words are searched by themselves; then whole blocks are skipped.
#[inline]
fn next_special(bytes: &[u8], from: usize) -> usize {
    let mut rest = bytes.get(from..).unwrap_or_default();
    for _ in 0..SHORT_WORDS {
        let Some((word, after)) = rest.split_first_chunk::<8>() else { break };
        if let Some(at) = special_in(*word) {
            return bytes.len() - rest.len() + at;
        }
        rest = after;
    }
    while let Some((block, after)) = rest.split_first_chunk::<64>() {
        if block.iter().fold(0, |found, byte| found | u8::from(is_special(*byte))) != 0 {
            break;
        }
        rest = after;
    }
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        if let Some(at) = special_in(*word) {
            return bytes.len() - rest.len() + at;
        }
        rest = after;
    }
    let tail = rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len());
    bytes.len() - rest.len() + tail
}

/// Words of eight bytes that are searched before blocks are.
const SHORT_WORDS: usize = 4;

/// The place of the first special byte among eight.
///
/// A byte is zero, or less than a bound, if subtracting borrows from its high bit. A borrow can
/// mislead about later bytes, never about the first that is found.
const fn special_in(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(word);
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let found = (word.wrapping_sub(ONES * 0x20) & !word)
        | (quotes.wrapping_sub(ONES) & !quotes)
        | (backslashes.wrapping_sub(ONES) & !backslashes);
    match found & HIGH {
        0 => None,
        found => Some((found.trailing_zeros() / 8) as usize),
    }
}

/// The later one of two equal keys, if there are any.
fn second_of_equal(keys: &mut [(u64, u32, u32)]) -> Option<Text> {
    let found = if keys.len() <= PAIRED_KEYS_MAX {
        keys.iter().enumerate().find_map(|(index, key)| {
            keys.iter().take(index).any(|earlier| earlier.0 == key.0).then_some(*key)
        })
    } else {
        keys.sort_unstable();
        keys.windows(2).find_map(|pair| match pair {
            [first, second] if first.0 == second.0 => Some(*second),
            _ => None,
        })
    };
    found.map(|(hash, start, end)| Text {
        start: start as usize,
        end: end as usize,
        escaped: false,
        hash,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Fault, Token, Tokenizer};
    use crate::limits::ReadLimits;

    fn tokens(source: &str, limits: &ReadLimits) -> Result<Vec<Token>, Fault> {
        let mut tokenizer = Tokenizer::new(source, limits);
        let mut tokens = Vec::new();
        while let Some(token) = tokenizer.next()? {
            tokens.push(token);
        }
        Ok(tokens)
    }

    fn accepts(source: &str) -> bool {
        tokens(source, &ReadLimits::default()).is_ok()
    }

    #[test]
    fn what_rfc_8259_allows_is_accepted() {
        for source in [
            "{}",
            " [ ] ",
            "null",
            r#"{"a":[1,-0,0.5,1e9,1E-9,-1.5e+3,true,false,null,"",{}]}"#,
            r#""\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00""#,
            "\"\u{7f}\u{2028}\"",
            r#"{"":0,"a":{"a":{"a":0}},"b":[{"a":0},{"a":0}]}"#,
        ] {
            assert!(accepts(source), "{source}");
        }
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        for source in [
            "",
            " ",
            "{",
            "[1,]",
            r#"{"a":1,}"#,
            "{'a':1}",
            "{a:1}",
            r#"{"a" 1}"#,
            r#"{"a":}"#,
            "[1 2]",
            "[1}",
            r#"{"a":1]"#,
            "01",
            "+1",
            ".5",
            "1.",
            "1e",
            "-",
            "0x1",
            "NaN",
            "tru",
            "nulL",
            "\"a",
            "\"\n\"",
            "\"\u{0}\"",
            r#""\x""#,
            r#""\u12g4""#,
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            r#""\udc00""#,
            r#""\ud800\ud800""#,
            "{} {}",
            "{}\u{0}",
            "/**/{}",
            "\u{feff}{}",
            "\u{a0}{}",
        ] {
            assert!(!accepts(source), "{source:?}");
        }
    }

    #[test]
    fn duplicate_keys_are_seen_through_escapes_and_in_large_objects() {
        for source in [r#"{"a":1,"a":2}"#, r#"{"a":1,"b":{},"\u0061":2}"#] {
            let fault = tokens(source, &ReadLimits::default()).err();
            assert!(matches!(fault, Some(Fault::DuplicateKey(_))), "{source}");
        }
        let many: Vec<String> = (0..100).map(|index| format!("\"k{index}\":0,")).collect();
        let many = many.concat();
        assert!(accepts(&format!("{{{many}\"x\":0}}")));
        let source = format!("{{{many}\"k7\":0}}");
        let at = source.len() - 6;
        let fault = tokens(&source, &ReadLimits::default()).err();
        assert!(matches!(fault, Some(Fault::DuplicateKey(key)) if key.start == at), "{fault:?}");
    }

    #[test]
    fn every_limit_can_be_reached_and_not_crossed() {
        let limits = ReadLimits {
            depth_max: 2,
            values_max: 6,
            key_bytes_max: 3,
            object_keys_max: 2,
            number_bytes_max: 4,
            ..ReadLimits::default()
        };
        for (at, over, of) in [
            ("[[]]", "[[[]]]", "levels of nesting"),
            ("[1,2,3,4,5]", "[1,2,3,4,5,6]", "values"),
            (r#"{"abc":1}"#, r#"{"abcd":1}"#, "bytes in a key"),
            (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2,"c":3}"#, "keys in an object"),
            ("1234", "12345", "bytes in a number"),
        ] {
            assert!(tokens(at, &limits).is_ok(), "{at}");
            let fault = tokens(over, &limits).err();
            assert!(matches!(fault, Some(Fault::Limit { of: what, .. }) if what == of), "{over}");
        }
    }

    #[test]
    fn special_bytes_are_found_wherever_they_stand() {
        for special in [b'"', b'\\', 0, 0x1f, b'\n'] {
            for length in 0..200 {
                // Neighbours of the special bytes, and bytes with the high bit.
                let mut bytes: Vec<u8> = (0..length)
                    .map(|at| [b'!', b'#', b'[', b']', b' ', 0x7f, 0x80, 0xff][at % 8])
                    .collect();
                bytes.push(special);
                bytes.extend([b'"', 0, b'x']);
                for from in [0, length / 2, length] {
                    assert_eq!(super::next_special(&bytes, from), length, "{special} {from}");
                }
            }
        }
        assert_eq!(super::next_special(b"abc", 0), 3);
    }

    #[test]
    fn strings_of_every_length_end_where_they_end() {
        for length in 0..100 {
            let source = format!("\"{}\"", "ä".repeat(length));
            let tokens = tokens(&source, &ReadLimits::default()).unwrap_or_default();
            assert!(
                matches!(tokens.as_slice(), [Token::Text(text)] if text.end == source.len() - 1)
            );
        }
    }

    /// Any JSON, read by serde_json with the refusals of ours that it does not share.
    struct Strict;

    impl<'de> serde::Deserialize<'de> for Strict {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(StrictVisitor)
        }
    }

    struct StrictVisitor;

    impl<'de> serde::de::Visitor<'de> for StrictVisitor {
        type Value = Strict;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("JSON")
        }

        fn visit_unit<E>(self) -> Result<Strict, E> {
            Ok(Strict)
        }

        fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
            Ok(Strict)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
            Ok(Strict)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
            Ok(Strict)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
            Ok(Strict)
        }

        fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
            Ok(Strict)
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Strict, A::Error> {
            while seq.next_element::<Strict>()?.is_some() {}
            Ok(Strict)
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
            let mut keys = std::collections::HashSet::new();
            while let Some((key, Strict)) = map.next_entry::<String, Strict>()? {
                if !keys.insert(key) {
                    return Err(serde::de::Error::custom("a key stands twice"));
                }
            }
            Ok(Strict)
        }
    }

    fn any_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|value| value.to_string()),
            any::<i32>().prop_map(|value| value.to_string()),
            any::<f64>()
                .prop_filter("JSON has no others", |v| v.is_finite())
                .prop_map(|v| format!("{v:e}")),
            "(?s).{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
            prop::sample::select(vec![
                r#""\u00e4\/""#,
                r#""\ud83d\ude00""#,
                r#""\n\b""#,
                "0",
                "-0.0"
            ])
            .prop_map(str::to_owned),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5)
                    .prop_map(|values| format!("[{}]", values.join(" ,"))),
                prop::collection::vec(("[ab]{0,2}", inner), 0..5).prop_map(|members| {
                    let members: Vec<String> = members
                        .into_iter()
                        .map(|(key, value)| format!("\"{key}\": {value}"))
                        .collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn accepts_what_serde_json_accepts_and_nothing_else(
            json in any_json(),
            breaks in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, any::<prop::sample::Index>()), 0..4),
        ) {
            const WITH: &[&str] = &[
                "\"", "\\", "{", "}", "[", "]", ":", ",", "0", "1", "-", ".", "e", "E+", "t", "true",
                "null", " ", "\n", "\t", "\u{0}", "\u{7f}", "\u{feff}", "a", "u", "\\u", "\\ud800",
                "\\udc00", "d83d", "\"a\":", "//", "'", "\u{a0}",
            ];
            let mut characters: Vec<char> = json.chars().collect();
            for (at, kind, with) in breaks {
                let at = at.index(characters.len() + 1);
                let end = if kind == 0 { at } else { (at + 1).min(characters.len()) };
                let with = if kind == 2 { "" } else { *with.get(WITH) };
                characters.splice(at..end, with.chars());
            }
            let json: String = characters.into_iter().collect();
            let theirs = serde_json::from_str::<Strict>(&json);
            // They refuse numbers beyond a double's range, which RFC 8259 leaves open.
            if theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range")) {
                return Ok(());
            }
            let ours = tokens(&json, &ReadLimits { number_bytes_max: 4096, ..ReadLimits::default() });
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{} {:?} {:?}", json, ours, theirs.err());
        }
    }
}
