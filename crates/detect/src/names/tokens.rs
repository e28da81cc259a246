//! Tokens of one line: words, numbers, signs.
//!
//! A word keeps its apostrophes and hyphens (`O'Brien`, `Jean-Pierre`) and the full stop of an initial or a
//! known abbreviation (`J.`, `Dr.`, `U.S.`); `'s` stands apart.
//!
//! INVARIANT: tokens are in order, do not overlap, and begin and end on character boundaries.

use super::words::{self, SUFFIX, TITLE};

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
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
            continue;
        }
        let end = match plain_word_end(bytes, at) {
            Some(end) => {
                out.push(Token { start: at, end, sort: Sort::Word });
                end
            }
            None => read_one(line, at, out),
        };
        at = end;
    }
    at
}

/// Where a word of plain lower-case letters ends, if nothing after it could belong to it: most words.
#[inline]
fn plain_word_end(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let len = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    let next = rest.get(len).copied().unwrap_or(b' ');
    let goes_on =
        next >= 0x80 || next.is_ascii_alphanumeric() || matches!(next, b'\'' | b'-' | b'&' | b'_');
    (len > 0 && !goes_on).then_some(from + len)
}

/// Reads one token, or white space, at `at`; returns where it ends.
fn read_one(line: &str, at: usize, out: &mut Vec<Token>) -> usize {
    let Some(first) = line.get(at..).and_then(|rest| rest.chars().next()) else {
        return line.len();
    };
    if first.is_whitespace() {
        return at + first.len_utf8();
    }
    let end = if first.is_alphanumeric() {
        word_end(line, at)
    } else if is_apostrophe(first) && is_clitic(line, at + first.len_utf8()) {
        at + first.len_utf8() + 1
    } else {
        at + first.len_utf8()
    };
    out.push(Token { start: at, end, sort: sort(line, at, end, first) });
    end
}

const fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '’')
}

/// Whether an `s` that ends a word stands at `at`: the rest of a genitive.
fn is_clitic(line: &str, at: usize) -> bool {
    let mut rest = line.get(at..).unwrap_or_default().chars();
    rest.next() == Some('s') && !rest.next().is_some_and(char::is_alphanumeric)
}

fn word_end(line: &str, from: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    let mut end = 0;
    let mut characters = rest.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let goes_on = next.is_some_and(char::is_alphabetic);
        let inside = character.is_alphanumeric()
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
    let single = letters.next().is_some_and(char::is_uppercase) && letters.next().is_none();
    if single {
        return true;
    }
    if word.len() > 5 || !word.starts_with(|first: char| first.is_uppercase()) {
        return false;
    }
    let with_stop = words::lists_of(words::hash_of(&format!("{word}.")));
    with_stop & (TITLE | SUFFIX) != 0
}

fn sort(line: &str, start: usize, end: usize, first: char) -> Sort {
    if first.is_numeric() {
        return Sort::Number;
    }
    if !first.is_alphabetic() {
        return if end - start > first.len_utf8() { Sort::Word } else { Sort::Sign(first) };
    }
    let word = line.get(start..end).unwrap_or_default();
    if !first.is_uppercase() || word.len() > WORD_BYTES_MAX {
        return Sort::Word;
    }
    let code = word.bytes().any(|byte| byte.is_ascii_digit()) || touches_code(line, start, end);
    if code { Sort::Code } else { Sort::Capital }
}

/// Whether what stands right beside a word makes it part of a path, a call, an address or a handle.
fn touches_code(line: &str, start: usize, end: usize) -> bool {
    let before = line.get(..start).unwrap_or_default().chars().next_back();
    let mut after = line.get(end..).unwrap_or_default().chars();
    let (next, second) = (after.next(), after.next());
    let code_before = matches!(
        before,
        Some('_' | '/' | '\\' | '@' | '#' | '$' | '<' | '=' | '`' | '%' | '~' | '{' | '&')
    ) || (before == Some('.')
        && line
            .get(..start - 1)
            .unwrap_or_default()
            .ends_with(|c: char| c.is_alphanumeric() || c == ')'))
        || (before == Some(':') && line.get(..start - 1).unwrap_or_default().ends_with(':'));
    let code_after = match next {
        Some('_' | '/' | '\\' | '@' | '=' | '`' | '[' | '(' | '<' | '>' | '}' | '#') => true,
        Some('.' | '-') => {
            second.is_some_and(|second| second.is_lowercase() || second.is_numeric())
        }
        Some(':') => second.is_some_and(|second| second == ':' || second == '/'),
        _ => false,
    };
    code_before || code_after
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
