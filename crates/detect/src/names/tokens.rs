//! Tokens of one line: words, numbers, signs.
//!
//! A word keeps its apostrophes and hyphens (`O'Brien`, `Jean-Pierre`) and the full stop of an initial or a
//! known abbreviation (`J.`, `Dr.`, `U.S.`); `'s` stands apart.
//!
//! INVARIANT: tokens are in order, do not overlap, and begin and end on character boundaries.

use super::words::{self, SUFFIX, TITLE};
use crate::characters::Kind;

/// The most tokens that are read at once; a longer line is read in pieces.
pub(crate) const TOKENS_MAX: usize = 240;
/// The longest word that can be part of a name, in bytes.
const WORD_BYTES_MAX: usize = 48;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A word with a capital first letter that may be part of a name.
    Capital,
    /// Any other word.
    Word,
    Number,
    /// A word that looks like code: `snake_case`, `path/of`, `call(`.
    Code,
    Sign(char),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) sort: Sort,
}

/// The tokens of `line` from `from` on, at most [`TOKENS_MAX`], and where the next ones begin. Offsets
/// are in `line`.
pub(crate) fn read(line: &str, from: usize, out: &mut Vec<Token>) -> usize {
    out.clear();
    let bytes = line.as_bytes();
    let mut at = from;
    while out.len() < TOKENS_MAX {
        let Some(byte) = bytes.get(at).copied() else { break };
        let class = class(byte);
        if class & SPACE != 0 {
            at += 1;
            continue;
        }
        if class & SIGN != 0 {
            let sort = Sort::Sign(char::from(byte));
            out.push(Token { start: at, end: at + 1, sort });
            at += 1;
            continue;
        }
        at = match plain_word_end(bytes, at) {
            Some(end) => {
                let sort = match byte {
                    b'0'..=b'9' => Sort::Number,
                    b'A'..=b'Z' => capital_sort(line, at, end),
                    _ => Sort::Word,
                };
                out.push(Token { start: at, end, sort });
                end
            }
            None => read_one(line, at, out),
        };
    }
    at
}

const WORD: u8 = 1;
const SPACE: u8 = 1 << 1;
/// A sign of ASCII that is a token by itself wherever it stands.
const SIGN: u8 = 1 << 2;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < classes.len() {
        classes[at] = match at as u8 {
            byte if byte.is_ascii_alphanumeric() => WORD,
            b' ' | b'\t' | b'\n' | b'\r' => SPACE,
            b'\'' => 0,
            b'!'..=b'~' => SIGN,
            _ => 0,
        };
        at += 1;
    }
    classes
};

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Where a word or number in ASCII ends, if nothing after it could belong to it: most words.
#[inline]
fn plain_word_end(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let len = rest.iter().take_while(|byte| class(**byte) & WORD != 0).count();
    let goes_on = match rest.get(len) {
        Some(b'\'' | b'-' | b'&' | 0x80..) => true,
        Some(b'.') => rest.first().is_some_and(u8::is_ascii_uppercase),
        _ => false,
    };
    (len > 0 && !goes_on).then_some(from + len)
}

/// Reads one token, or white space, at `at`; returns where it ends.
fn read_one(line: &str, at: usize, out: &mut Vec<Token>) -> usize {
    let Some(first) = line.get(at..).and_then(|rest| rest.chars().next()) else {
        return line.len();
    };
    let kind = Kind::of(first);
    if kind.is_whitespace() {
        return at + first.len_utf8();
    }
    let end = if kind.is_alphanumeric() {
        word_end(line, at)
    } else if is_apostrophe(first) && is_clitic(line, at + first.len_utf8()) {
        at + first.len_utf8() + 1
    } else {
        at + first.len_utf8()
    };
    out.push(Token { start: at, end, sort: sort(line, at, end, first) });
    end
}

fn is_alphanumeric(character: char) -> bool {
    Kind::of(character).is_alphanumeric()
}

fn is_uppercase(character: char) -> bool {
    Kind::of(character).is_uppercase()
}

const fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '’')
}

/// Whether an `s` that ends a word stands at `at`: the rest of a genitive.
fn is_clitic(line: &str, at: usize) -> bool {
    let mut rest = line.get(at..).unwrap_or_default().chars();
    rest.next() == Some('s') && !rest.next().is_some_and(is_alphanumeric)
}

fn word_end(line: &str, from: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    let mut end = 0;
    let mut characters = rest.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let goes_on = next.is_some_and(|next| Kind::of(next).is_alphabetic());
        let inside = is_alphanumeric(character)
            || (is_apostrophe(character) && goes_on && !is_clitic(rest, at + character.len_utf8()))
            || (matches!(character, '-' | '&') && goes_on && at > 0)
            || (character == '.' && takes_stop(rest.get(..at).unwrap_or_default()));
        if !inside {
            break;
        }
        end = at + character.len_utf8();
    }
    from + end
}

/// Whether a full stop after `word` belongs to it: initials, titles, what companies end with.
fn takes_stop(word: &str) -> bool {
    let last = word.rsplit('.').next().unwrap_or_default();
    let mut letters = last.chars();
    let single = letters.next().is_some_and(is_uppercase) && letters.next().is_none();
    if single {
        return true;
    }
    if word.len() > 5 || !word.starts_with(is_uppercase) {
        return false;
    }
    let with_stop = words::lists_of(words::hash_on(words::hash_of(word), b'.'));
    with_stop & (TITLE | SUFFIX) != 0
}

fn sort(line: &str, start: usize, end: usize, first: char) -> Sort {
    let kind = Kind::of(first);
    if kind.is_numeric() {
        return Sort::Number;
    }
    if !kind.is_alphabetic() {
        return if end - start > first.len_utf8() { Sort::Word } else { Sort::Sign(first) };
    }
    if kind.is_uppercase() { capital_sort(line, start, end) } else { Sort::Word }
}

/// What a word with a capital first letter is.
fn capital_sort(line: &str, start: usize, end: usize) -> Sort {
    let word = line.as_bytes().get(start..end).unwrap_or_default();
    if word.len() > WORD_BYTES_MAX {
        return Sort::Word;
    }
    let code = word.iter().any(u8::is_ascii_digit) || touches_code(line, start, end);
    if code { Sort::Code } else { Sort::Capital }
}

/// Whether what stands right beside a word makes it part of a path, a call, an address or a handle.
fn touches_code(line: &str, start: usize, end: usize) -> bool {
    let bytes = line.as_bytes();
    let before = |back: usize| start.checked_sub(back).and_then(|at| bytes.get(at));
    let code_before = match before(1) {
        Some(
            b'_' | b'/' | b'\\' | b'@' | b'#' | b'$' | b'<' | b'=' | b'`' | b'%' | b'~' | b'{'
            | b'&',
        ) => true,
        Some(b'.') => line
            .get(..start - 1)
            .unwrap_or_default()
            .ends_with(|last: char| is_alphanumeric(last) || last == ')'),
        Some(b':') => before(2) == Some(&b':'),
        _ => false,
    };
    code_before
        || match bytes.get(end) {
            Some(
                b'_' | b'/' | b'\\' | b'@' | b'=' | b'`' | b'[' | b'(' | b'<' | b'>' | b'}' | b'#',
            ) => true,
            Some(b'.' | b'-') => {
                let second = line.get(end + 1..).and_then(|rest| rest.chars().next()).map(Kind::of);
                second.is_some_and(|second| second.is_lowercase() || second.is_numeric())
            }
            Some(b':') => matches!(bytes.get(end + 1), Some(b':' | b'/')),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &[&str]) {
        let mut tokens = Vec::new();
        read(line, 0, &mut tokens);
        let words: Vec<&str> = tokens.iter().map(|token| &line[token.start..token.end]).collect();
        assert_eq!(words, expect);
    }

    #[test]
    fn words_keep_what_belongs_to_them() {
        check(
            "Dr. J. O'Brien's U.S. visit.",
            &["Dr.", "J.", "O'Brien", "'s", "U.S.", "visit", "."],
        );
        check("Jean-Pierre, AT&T Inc.", &["Jean-Pierre", ",", "AT&T", "Inc."]);
        check("Ada.", &["Ada", "."]);
    }

    #[test]
    fn code_is_told_apart() {
        let mut tokens = Vec::new();
        for code in [
            "My_Name",
            "Engine::new",
            "os.Path",
            "Foo()",
            "@Ada",
            "src/Ada",
            "Ada=1",
            "`Ada`",
            "Ada.py",
            "X9",
        ] {
            read(code, 0, &mut tokens);
            assert!(tokens.iter().all(|token| token.sort != Sort::Capital), "{code}: {tokens:?}");
        }
        read("Ada went to \"Paris\".", 0, &mut tokens);
        assert_eq!(tokens.iter().filter(|token| token.sort == Sort::Capital).count(), 2);
    }

    #[test]
    fn a_long_line_is_read_in_pieces() {
        let line = "a ".repeat(TOKENS_MAX + 5);
        let mut tokens = Vec::new();
        let next = read(&line, 0, &mut tokens);
        assert_eq!(tokens.len(), TOKENS_MAX);
        read(&line, next, &mut tokens);
        assert_eq!(tokens.len(), 5);
    }
}
