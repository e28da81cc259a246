//! Plain text is passed over: the places of a text at which no detector can find anything, known from
//! the few bytes around them, so that the detectors are asked only about the rest.
//!
//! INVARIANT: a place is passed over only if [`crate::detectors::at_start`] finds nothing there, whatever
//! follows what was looked at here. Where this stops, the detectors decide. So it changes how long a
//! pass takes and nothing else; a test beside it compares both.

use crate::detectors::secrets::{self, assignment};
use crate::detectors::{age, date, email, identifiers, street_address};
use crate::escaped::ESCAPE_BYTES_MAX;
use crate::text::CONTEXT_BYTES_MAX;

/// The longest word that is passed over. Every family has longer keys, even with a sign after them.
const PLAIN_WORD_BYTES_MAX: usize = 13;
/// The longest number that is passed over: no password, card or telephone number by itself.
const PLAIN_NUMBER_BYTES_MAX: usize = 6;

/// Why passing over ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The detectors may find something here.
    Ask,
    /// All that has arrived was plain, or it ends in a word that may go on.
    End,
}

const LETTER: u8 = 1;
const DIGIT: u8 = 1 << 1;
const WORD: u8 = LETTER | DIGIT;
const SPACE: u8 = 1 << 2;
/// Signs that keys have, in any alphabet.
const KEY: u8 = 1 << 3;
/// Signs that the part of an address before the `@` has.
const LOCAL: u8 = 1 << 4;
/// What a value with a name before it can follow.
const FOLLOWED: u8 = 1 << 5;
/// What ends such a value without quotes.
const ENDS: u8 = 1 << 6;
const QUOTE: u8 = 1 << 7;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let mut class = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b' ' | b'\t' | b'\n' | b'\r' => SPACE | ENDS,
            b'"' | b'\'' | b'`' => QUOTE | ENDS,
            b',' | b';' | b'<' | b'>' | b'&' | b')' | b'}' | b']' => ENDS,
            _ => 0,
        };
        if matches!(
            byte,
            b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~' | b'$' | b'|' | b':' | b'@'
        ) {
            class |= KEY;
        }
        if matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'') {
            class |= LOCAL;
        }
        if assignment::may_follow(Some(byte)) {
            class |= FOLLOWED;
        }
        classes[at] = class;
        at += 1;
    }
    classes
};

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Passes over what is plain in `bytes` from `from` on, and says where it stopped and why. What
/// lies past the end of `bytes` may be anything.
pub(crate) fn skim(bytes: &[u8], from: usize) -> (usize, Stop) {
    let mut skim = Skim { bytes, no_address_before: 0, local_until: 0, unnamed: 0 };
    let mut at = from;
    // No text before the first byte is as good as a byte that means nothing.
    let mut before = from.checked_sub(1).and_then(|last| bytes.get(last)).copied().unwrap_or(0);
    while let Some(byte) = bytes.get(at).copied() {
        let class = class(byte);
        let len = if class & WORD != 0 {
            match skim.word(at, before) {
                Ok(len) => len,
                Err(stop) => return (at, stop),
            }
        } else if class & SPACE != 0 || skim.is_plain_sign(at, byte, before) {
            1
        } else {
            return (at, Stop::Ask);
        };
        at += len;
        before = bytes.get(at - 1).copied().unwrap_or(0);
    }
    (at, Stop::End)
}

/// Whether something other than a word may begin with these letters.
fn letters_may_begin(rest: &[u8], len: usize) -> bool {
    identifiers::letters_may_begin(rest, len)
        || date::letters_may_begin(rest, len)
        || street_address::letters_may_begin(rest, len)
}

struct Skim<'a> {
    bytes: &'a [u8],
    /// No address begins before this and after the place where that was found out.
    no_address_before: usize,
    /// As far as an address could go on from there.
    local_until: usize,
    /// The last place where a number would not be named.
    unnamed: usize,
}

impl Skim<'_> {
    /// The length of the word or number at `at`, if it is plain.
    #[inline]
    fn word(&mut self, at: usize, before: u8) -> Result<usize, Stop> {
        if class(before) & WORD != 0 || matches!(before, b':' | b'\\' | b'%') {
            return Err(Stop::Ask);
        }
        let (mut len, mut all) = (0, 0);
        let next = loop {
            let Some(byte) = self.bytes.get(at + len).copied() else { return Err(Stop::End) };
            let class = class(byte);
            if class & WORD == 0 {
                break byte;
            }
            all |= class;
            len += 1;
            if len > PLAIN_WORD_BYTES_MAX {
                return Err(Stop::Ask);
            }
        };
        let end = at + len;
        let is_plain = match all & WORD {
            LETTER => !letters_may_begin(self.bytes.get(at..).unwrap_or_default(), len),
            DIGIT => {
                len <= PLAIN_NUMBER_BYTES_MAX
                    && self.is_plain_number(at, end, next)
                    && !self.is_named_number(at)
            }
            _ => false,
        };
        let follow = class(next);
        if is_plain
            && self.has_plain_name(at, end, before, next)
            && (follow & KEY == 0 || self.is_no_key(at, end, next))
            && (follow & LOCAL == 0 || self.is_no_address(at, end))
        {
            Ok(len)
        } else {
            Err(Stop::Ask)
        }
    }

    /// Whether no name before the word makes it a password or a key, or it is none that ends here.
    #[inline]
    fn has_plain_name(&self, at: usize, end: usize, before: u8, next: u8) -> bool {
        let opens = class(before);
        if opens & FOLLOWED == 0 {
            return true;
        }
        if opens & QUOTE == 0 {
            if class(next) & ENDS != 0 {
                return true;
            }
            let of_sentence = matches!(next, b'.' | b':' | b'!' | b'?' | b'*' | b'\\');
            if of_sentence && self.class_at(end + 1) & ENDS != 0 {
                return true;
            }
        }
        !self.is_named(at)
    }

    /// Whether what stands before `at` says that a secret follows.
    fn is_named(&self, at: usize) -> bool {
        let context = self.bytes.get(at.saturating_sub(CONTEXT_BYTES_MAX)..at);
        context.is_some_and(assignment::promises)
    }

    /// Whether what stands before `at` says what the number there is.
    fn is_named_number(&mut self, at: usize) -> bool {
        let is_named = identifiers::names_number(self.bytes, at, self.unnamed);
        if !is_named {
            self.unnamed = at;
        }
        is_named
    }

    /// Whether the digits before `end` are not the first of several groups, nor of an IP address.
    fn is_plain_number(&self, at: usize, end: usize, next: u8) -> bool {
        let Some(after) = self.bytes.get(end + 1).copied() else { return false };
        let plain = match next {
            b' ' => class(after) & DIGIT == 0 && after != b'(',
            b'-' | b'.' | b'/' | b'(' => class(after) & DIGIT == 0,
            b':' => class(after) & SPACE != 0,
            _ => true,
        };
        let rest = self.bytes.get(end..).unwrap_or_default();
        plain
            && !age::may_follow(next, Some(after))
            && !street_address::number_may_begin(end - at, rest)
            && !date::month_may_follow(end - at, rest)
    }

    /// Whether a plain word that ends with a sign that keys have is not the beginning of one, or of
    /// an IP address.
    fn is_no_key(&self, at: usize, end: usize, next: u8) -> bool {
        let Some(after) = self.bytes.get(end + 1).copied() else { return false };
        let rest = self.bytes.get(at..).unwrap_or_default();
        let may_be_address = match next {
            b'@' => true,
            b':' => {
                class(after) & SPACE == 0 && rest.iter().take(end - at).all(u8::is_ascii_hexdigit)
            }
            _ => false,
        };
        if may_be_address {
            return false;
        }
        if class(after) & (WORD | KEY) == 0 {
            return true;
        }
        !matches!(rest, [b'M' | b'N' | b'O', ..] | [b'e', b'y', ..]) && !secrets::may_begin(rest)
    }

    /// Whether the letters and signs from `at` on, as addresses have them, do not end with an `@`, or are
    /// too many. Each of them is looked at once, whatever the text.
    fn is_no_address(&mut self, at: usize, end: usize) -> bool {
        if end < self.no_address_before {
            return true;
        }
        self.local_until = self.local_until.max(end);
        while self.local_until - at <= email::LOCAL_BYTES_MAX {
            match self.bytes.get(self.local_until) {
                Some(byte) if class(*byte) & (WORD | LOCAL) != 0 => self.local_until += 1,
                None | Some(b'@') => return false,
                Some(_) => {
                    self.no_address_before = self.local_until;
                    return true;
                }
            }
        }
        true
    }

    /// Whether nothing begins with the sign at `at`.
    #[inline]
    fn is_plain_sign(&self, at: usize, sign: u8, before: u8) -> bool {
        let may_begin = match sign {
            b'-' => before != b'-' && matches!(self.bytes.get(at + 1), None | Some(b'-')),
            b'+' => matches!(self.bytes.get(at + 1), None | Some(b'0'..=b'9' | b'(')),
            b'(' => matches!(self.bytes.get(at + 1), None | Some(b'0'..=b'9')),
            b':' => matches!(self.bytes.get(at + 1), None | Some(b':')),
            b'_' => before != b'_' && (class(before) & WORD == 0 || self.is_escape(at)),
            _ => false,
        };
        if may_begin {
            return false;
        }
        if class(before) & FOLLOWED == 0 || class(sign) & QUOTE != 0 {
            return true;
        }
        if before == b':' && sign != b'/' {
            return false;
        }
        matches!(sign, b'=' | b':' | b'>') || !self.is_named(at)
    }

    /// Whether what stands before `at` may be an escape: `\n`, `\u003c`, `%3C`.
    fn is_escape(&self, at: usize) -> bool {
        let near = self.bytes.get(at.saturating_sub(ESCAPE_BYTES_MAX)..at).unwrap_or_default();
        near.iter().any(|byte| matches!(byte, b'\\' | b'%'))
    }

    fn class_at(&self, at: usize) -> u8 {
        self.bytes.get(at).map_or(0, |byte| class(*byte))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detectors::tests::located_hits;
    use crate::detectors::{Enabled, secrets::prefixed_bytes_min};
    use crate::normalise::{Normal, Normaliser};
    use crate::pass::Pass;

    /// Where skimming stops in `text`, and what that begins with.
    fn check(text: &str, expect: &str) {
        let (at, _) = skim(text.as_bytes(), 0);
        assert_eq!(&text[at..], expect, "in {text:?}");
    }

    #[test]
    fn prose_is_passed_over() {
        check("We'll start with the well-known ones (e.g. 25 of them): fine. ", "");
        check("He said \"Hello, world\" and/or 50% of main.rs, snake_case, foo(bar). ", "");
        check("привет, naïve 你好 — ok ", "");
    }

    #[test]
    fn what_may_be_found_is_left_to_the_detectors() {
        check("to ada@example.com, ", "ada@example.com, ");
        check("to o'brien.x@example.com, ", "o'brien.x@example.com, ");
        check("the password is 'Tr0ub4dor&3' ", "Tr0ub4dor&3' ");
        check("call 415 555-0123 ", "415 555-0123 ");
        check("at 81.2.69.142, ", "81.2.69.142, ");
        check("on ::1 ", "::1 ");
        check("a +44 20 7946 0958", "+44 20 7946 0958");
        check("sk-ant-api03-", "sk-ant-api03-");
        check("x -----BEGIN ", "-----BEGIN ");
        check("x \\nada", "nada");
        check("a word that goes o", "o");
    }

    #[test]
    fn the_limits_are_where_they_are_said_to_be() {
        check(&format!("{} ", "w".repeat(PLAIN_WORD_BYTES_MAX)), "");
        let longer = format!("{} ", "w".repeat(PLAIN_WORD_BYTES_MAX + 1));
        check(&longer, &longer);
        check("123456, ", "");
        check("1234567, ", "1234567, ");
        // No further ahead than an address is long, however long the text without a space is.
        let dotted = "a.".repeat(1_000);
        let (at, _) = skim(dotted.as_bytes(), 0);
        assert!(at + email::LOCAL_BYTES_MAX + 2 >= dotted.len(), "{at}");
        let address = format!("{dotted}@b.co ");
        check(&address, &address[dotted.len() - email::LOCAL_BYTES_MAX..]);
    }

    #[test]
    fn every_family_is_longer_than_what_is_passed_over() {
        assert!(prefixed_bytes_min() > PLAIN_WORD_BYTES_MAX + 1, "{}", prefixed_bytes_min());
    }

    /// What is found, and what stands around it, whole and in part.
    const PARTS: &[&str] = &[
        "ada@example.com",
        "o'brien",
        "don't ",
        "@",
        "+44 20 7946 0958",
        "(415) 555-0123",
        "415-555-0123",
        "call ",
        "12 ",
        "5 ",
        "(0)",
        "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00",
        "536-90-4399",
        "81.2.69.142",
        "10.",
        ":80",
        "943 476 5919",
        "NHS ",
        "AB 12 34 56 C",
        "131052-308T",
        "111.444.777-35",
        "S1234567D",
        "00:1a:2b:3c:4d:5e",
        "AA-BB-CC-DD-EE-F1",
        "DEUTDEFF",
        "deutdeff",
        "BIC ",
        "VAT ",
        "DE136695976",
        "SW1A 1AA",
        "CA 90210",
        "zip ",
        "90210",
        "cvv ",
        "123",
        "employee id ",
        "E-10234",
        "MRN: ",
        "passport ",
        "C01X00T47",
        "G123456(A)",
        "tax id ",
        "12345678Z",
        "12 March 1985",
        "March 12, 1985",
        "born ",
        "2024-01-15",
        "34-year-old ",
        "34 years old ",
        "aged 34 ",
        "221 Baker Street",
        "12 rue de la Paix",
        "Hauptstrasse 12",
        "Musterstr. 5",
        "Via Roma 10",
        "48.85837, 2.29448",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "May",
        "Via",
        "2a02:6b8::11:11",
        "::1",
        "face:",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-ant-api03-jSq6OMjv1syXaEUE0bvOckLe",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY-----",
        "-----",
        "api_key = \"q8Zt3vK9xB2mN7cL4pRw\"",
        "q8Zt3vK9xB2mN7cL4pRw",
        "password",
        "--password ",
        "Tr0ub4dor&3",
        "hunter2hunter",
        "the password is ",
        "Authorization: Basic ",
        "QWxhZGRpbjpvcGVu",
        "token ",
        "secret: ",
        "bearer ",
        "postgres://app:",
        "s3cr3t@db/app",
        "-u user:",
        "https://",
        "and/or ",
        "snake_case",
        "e.g. ",
        "3.5",
        "50%",
        "x=5,",
        "foo(bar)",
        "word",
        "Word ",
        "\\n",
        "\\u003c",
        "\\u0061",
        "\\x3c",
        "%3C",
        "%20",
        "%C3%A9",
        "%",
        "&#60;",
        "\\",
        " ",
        "\n",
        ", ",
        ". ",
        "\"",
        "'",
        "`",
        "=",
        ":",
        "/",
        "-",
        "_",
        ".",
        "x",
        "0",
        "é",
        "你",
        "\u{200b}",
        "~",
        "M",
        "N",
        "ey",
        "\u{c}",
        "!",
        "?",
        "*",
        "(",
        "+",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn what_is_found_is_what_the_detectors_find_at_every_place(
            parts in prop::collection::vec(prop::sample::select(PARTS), 0..14),
        ) {
            let text = parts.concat();
            let (mut normaliser, mut normal) = (Normaliser::default(), Normal::default());
            normaliser.push(&text, &mut normal, &mut Vec::new());
            let mut found = Vec::new();
            let mut pass = Pass::new(Enabled::ALL, None);
            pass.advance(&normal, normaliser.taken(), true, &mut found);
            prop_assert_eq!(pass.at(), normal.end());
            // The rest of a value that goes on is no business of the detectors.
            let ends = found.iter().position(|located| located.hit.goes_on.is_some());
            let count = ends.unwrap_or(usize::MAX);
            let all = found.iter().map(|located| (located.start, located.hit));
            let found: Vec<_> = all.take(count).collect();
            let expect: Vec<_> = located_hits(&normal.text).into_iter().take(count).collect();
            prop_assert_eq!(found, expect, "in {:?}", normal.text);
        }
    }
}
