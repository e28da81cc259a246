//! Passwords in URLs.
//!
//! **Finds** (`secret.url_password`): the password of `scheme://user:password@host` (RFC 3986 §3.2.1), as in
//! connection strings of databases, brokers and repositories, also with an empty user; and of
//! `-u user:password` and `--user user:password` on a command line, also of a key with nothing after it.
//!
//! **Does not find** passwords with a space or slash in them, passwords of more than 128 characters,
//! and templates such as `${PASSWORD}` and `<password>`.
//!
//! **Example**: `postgres://app:s3cr3t@db/app` is found at `s3cr3t`.

use super::super::Hit;
use super::randomness::looks_random;
use crate::text::{Text, is_word};
use crate::{DetectorCard, Reach};

/// The longest password that is read.
const PASSWORD_BYTES_MAX: usize = 128;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "url_password",
    kinds: &["secret.url_password"],
    reach: Reach::Held(PASSWORD_BYTES_MAX + 2),
    summary: "Passwords in URLs and connection strings.",
};

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let context = text.context();
    match context.split_last()? {
        (b':', _) if follows_option(context) => return argument(text),
        (b':', _) => {}
        (b'"' | b'\'', before) if before.last() == Some(&b':') => {
            return if follows_option(before) {
                mixed(text).and_then(|()| argument(text))
            } else {
                None
            };
        }
        _ => return key_as_user(text),
    }
    if !follows_user(context) {
        return None;
    }
    let mut len = 0;
    loop {
        match text.get(len)? {
            b'@' if !goes_on(text, len + 1) => break,
            b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'"' | b'\'' | b'<' | b'>' | b'{' | b'}'
            | b'`' => {
                return None;
            }
            _ => len += 1,
        }
        if len > PASSWORD_BYTES_MAX {
            return None;
        }
    }
    let host = text.get(len + 1).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'[');
    let template = matches!(text.get(0), Some(b'$' | b'%' | b'*'));
    // `https://url:8000@x` is a port and a mistake more often than a password.
    let port = len <= 5 && text.slice(0, len).iter().all(u8::is_ascii_digit);
    if len == 0 || !host || template || port {
        return None;
    }
    Some(Hit::new(&CARD, "secret.url_password", len, 45))
}

/// Whether another `@` stands before the host: a password may hold one though it should not (RFC 3986 §3.2.1).
fn goes_on(text: &Text<'_>, from: usize) -> bool {
    let len = text.run_within(from, PASSWORD_BYTES_MAX, |byte| {
        byte.is_ascii_graphic() && !b"/?#\"'<>{}`,;@:\\".contains(&byte)
    });
    text.get(from + len) == Some(b'@')
}

/// What stands for a password in examples.
const EXAMPLES: &[&str] =
    &["password", "passwd", "pass", "token", "secret", "test", "apikey", "api_key", "pwd"];

/// Whether a value says what belongs in its place.
fn is_example(value: &[u8]) -> bool {
    EXAMPLES.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// The rest of a command-line argument, if it can be a password.
fn argument(text: &Text<'_>) -> Option<Hit> {
    let len = text.run_within(0, PASSWORD_BYTES_MAX + 1, |byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`')
    });
    let template = matches!(text.get(0), Some(b'$' | b'%' | b'*' | b'<' | b'{' | b'/' | b'['));
    let value = text.slice(0, len);
    let closed = value.ends_with(b">");
    if !(4..=PASSWORD_BYTES_MAX).contains(&len) || template || closed || is_example(value) {
        return None;
    }
    Some(Hit::new(&CARD, "secret.url_password", len, 40))
}

/// A key that stands where the user would, with no password: `-u "key:"`.
fn key_as_user(text: &Text<'_>) -> Option<Hit> {
    if !option_stripped(text.context()) {
        return None;
    }
    mixed(text)?;
    let len = text.run_within(0, PASSWORD_BYTES_MAX + 1, |byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b':')
    });
    let alone = text.get(len) == Some(b':')
        && text
            .get(len + 1)
            .is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\''));
    let fits = (12..=PASSWORD_BYTES_MAX).contains(&len) && alone;
    (fits && looks_random(text.slice(0, len)))
        .then(|| Hit::new(&CARD, "secret.url_password", len, 40))
}

/// Whether the value begins with letters and digits mixed, as words do not.
fn mixed(text: &Text<'_>) -> Option<()> {
    let len = text.run_within(0, PASSWORD_BYTES_MAX, is_word);
    let word = text.slice(0, len);
    let both = word.iter().any(u8::is_ascii_digit) && word.iter().any(u8::is_ascii_alphabetic);
    both.then_some(())
}

/// Whether `context` ends with `-u user:` or `--user user:`, perhaps with quotes.
fn follows_option(context: &[u8]) -> bool {
    let Some((_, before)) = context.split_last() else { return false };
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before);
    let user = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b':'))
        .count();
    option_stripped(before.get(..before.len() - user).unwrap_or_default())
}

/// Whether `before` ends with the option and a space, perhaps with a quote after it.
fn option_stripped(before: &[u8]) -> bool {
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before);
    let option = before.trim_ascii_end();
    option.len() < before.len() && (option.ends_with(b" -u") || option.ends_with(b" --user"))
}

/// Whether `context` ends with `scheme://user:`.
fn follows_user(context: &[u8]) -> bool {
    let Some((_, before)) = context.split_last() else { return false };
    let user = before
        .iter()
        .rev()
        .take_while(|byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'/' | b'@' | b':' | b'"' | b'\'')
        })
        .count();
    let before = before.get(..before.len() - user).unwrap_or_default();
    before.strip_suffix(b"://").and_then(<[u8]>::last).is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::check;
    use super::PASSWORD_BYTES_MAX;

    #[test]
    fn passwords_are_found() {
        for (text, expect) in [
            ("postgres://app:s3cr3t@db/app", "s3cr3t"),
            ("mongodb+srv://root:p%40ss@cluster0.example.net", "p%40ss"),
            ("redis://:hunter2@cache:6379/0", "hunter2"),
            ("https://user:pa$$w0rd!@example.com", "pa$$w0rd!"),
            ("curl -u elastic:P@ssw0rd$1 https://localhost:9200", "P@ssw0rd$1"),
            ("curl -u \"d2LkV78zLx1tq9:\" https://localhost:9200", "d2LkV78zLx1tq9"),
            ("curl --user kevin:'pRf7vG2h1L8nQkW9' -iX PATCH", "pRf7vG2h1L8nQkW9"),
            ("curl --user 'api:d2LkV78zLx!t' x", "d2LkV78zLx!t"),
            ("https://cafeb4b3:d3adb33f@enterprise.example.com:80/path", "d3adb33f"),
        ] {
            check("secret.url_password", text, &[expect]);
        }
    }

    #[test]
    fn urls_without_a_password_are_left_alone() {
        for text in [
            "https://example.com:8080/@user",
            "https://user:${PASSWORD}@example.com",
            "https://url:8000@x",
            "ssh://git@example.com",
            "https://user:<password>@example.com",
            "a:b@c",
            "curl -u user:password http://x",
            "curl --user neo4j:[PASSWORD] http://x",
            "curl -u administrator: http://x",
            "http://a:b/c@d",
        ] {
            check("secret.url_password", text, &[]);
        }
        let long = "p".repeat(PASSWORD_BYTES_MAX + 1);
        check("secret.url_password", &format!("https://u:{long}@example.com"), &[]);
    }
}
