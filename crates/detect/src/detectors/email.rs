//! E-mail addresses.
//!
//! **Finds** (`pii.email`): `name@host.tld` as people use it: letters, digits and `._%+-'` before the
//! `@`, a host of at least two labels, a top-level domain of letters or `xn--`. Up to 254 bytes
//! (RFC 5321 §4.5.3.1).
//!
//! **Does not find** quoted local parts, addresses at IP literals or at hosts without a dot,
//! addresses with letters that do not fold to ASCII, and `name at host dot com`. File names such as
//! `logo@2x.png` and Git remotes such as `git@host:path` are not addresses.
//!
//! **Example**: `write to ada@example.com` is found at `ada@example.com`.

use super::Hit;
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest address (RFC 5321 §4.5.3.1.3, less the angle brackets).
pub(crate) const ADDRESS_BYTES_MAX: usize = 254;
/// The longest part before the `@` (RFC 5321 §4.5.3.1.1).
pub(crate) const LOCAL_BYTES_MAX: usize = 64;
/// The longest label of a host name (RFC 1035 §2.3.4).
const LABEL_BYTES_MAX: usize = 63;
/// The longest top-level domain in use, and some.
const TOP_LEVEL_BYTES_MAX: usize = 24;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "email",
    kinds: &["pii.email"],
    reach: Reach::Held(ADDRESS_BYTES_MAX + 1),
    summary: "E-mail addresses.",
};

/// File endings that stand after an `@` in file names and are no top-level domains.
const FILE_ENDINGS: &[&[u8]] = &[
    b"avif", b"bmp", b"css", b"gif", b"html", b"ico", b"jpeg", b"jpg", b"js", b"json", b"mp4",
    b"pdf", b"png", b"scss", b"svg", b"ts", b"tsx", b"txt", b"webp", b"xml", b"yaml", b"yml",
];

/// Domains after which a capital letter begins a new sentence, not another label.
const COMMON_TOP_LEVELS: &[&[u8]] = &[
    b"biz", b"ca", b"ch", b"co", b"com", b"de", b"edu", b"es", b"eu", b"fr", b"gov", b"info",
    b"io", b"it", b"net", b"nl", b"org", b"ru", b"uk", b"us",
];

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    if !may_start(text) {
        return None;
    }
    let local = local_part(text)?;
    let end = host(text, local + 1)?;
    let remote = local == 3 && text.slice(0, 3) == b"git" && text.get(end) == Some(b':');
    if end > ADDRESS_BYTES_MAX || remote {
        return None;
    }
    Some(Hit::new(&CARD, "pii.email", end, 50))
}

const fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

/// An address starts where what stands before cannot belong to it. A single sign in front, as of a
/// list item or an ellipsis, does not belong to it either.
fn may_start(text: &Text<'_>) -> bool {
    match text.back(0) {
        Some(before) if before.is_ascii_alphanumeric() => false,
        Some(before) if is_local(before) => !text
            .back(1)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || (byte != before && is_local(byte))),
        _ => true,
    }
}

/// The length of the part before the `@`, which is there.
fn local_part(text: &Text<'_>) -> Option<usize> {
    let mut len = 0;
    loop {
        let byte = text.get(len)?;
        let inside = len > 0 && text.get(len - 1).is_some_and(|last| last != b'.');
        match byte {
            b'@' if inside => return Some(len),
            b'.' | b'\'' if !inside => return None,
            b'\'' => {}
            // The address begins after what it hides: `mailto%3Aada@example.com`.
            b'%' if hides_sign(text, len) => return None,
            _ if is_local(byte) => {}
            _ => return None,
        }
        len += 1;
        if len > LOCAL_BYTES_MAX {
            return None;
        }
    }
}

/// Whether an escape at `at` stands for a sign that addresses do not have before the `@`.
fn hides_sign(text: &Text<'_>, at: usize) -> bool {
    let digit = |at: usize| char::from(text.get(at)?).to_digit(16);
    let Some((high, low)) = digit(at + 1).zip(digit(at + 2)) else { return false };
    let sign = (high << 4 | low) as u8;
    sign.is_ascii() && !is_local(sign)
}

/// Where the host that starts at `from` ends.
fn host(text: &Text<'_>, from: usize) -> Option<usize> {
    let mut label_start = from;
    let mut previous: Option<(usize, usize)> = None;
    loop {
        let len = text.run(label_start, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let label = text.slice(label_start, label_start + len);
        let well_formed = len <= LABEL_BYTES_MAX
            && !label.is_empty()
            && !label.starts_with(b"-")
            && !label.ends_with(b"-");
        if !well_formed {
            return None;
        }
        let end = label_start + len;
        let goes_on = text.get(end) == Some(b'.')
            && text.get(end + 1).is_some_and(|byte| byte.is_ascii_alphanumeric());
        if goes_on && end - from <= ADDRESS_BYTES_MAX {
            previous = Some((label_start, end));
            label_start = end + 1;
            continue;
        }
        let (start, last_end) = previous?;
        let before = text.slice(start, last_end);
        let new_sentence = label.first().is_some_and(u8::is_ascii_uppercase)
            && label.iter().skip(1).all(u8::is_ascii_lowercase)
            && start > from
            && COMMON_TOP_LEVELS.contains(&before);
        if new_sentence {
            return Some(last_end);
        }
        return if is_top_level(label) { Some(end) } else { None };
    }
}

fn is_top_level(label: &[u8]) -> bool {
    if label.len() > 4 && label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--")) {
        return true;
    }
    (2..=TOP_LEVEL_BYTES_MAX).contains(&label.len())
        && label.iter().all(u8::is_ascii_alphabetic)
        && !FILE_ENDINGS.iter().any(|ending| label.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::{ADDRESS_BYTES_MAX, LOCAL_BYTES_MAX};

    #[test]
    fn addresses_are_found() {
        for (text, expect) in [
            ("write to ada@example.com", "ada@example.com"),
            ("<ada.lovelace+news@mail.example.co.uk>", "ada.lovelace+news@mail.example.co.uk"),
            ("mailto:O'Brien@example.ie?subject=x", "O'Brien@example.ie"),
            ("'ada@example.com'", "ada@example.com"),
            ("...ada@example.com...", "ada@example.com"),
            ("-ada@example.com", "ada@example.com"),
            ("联系ada@example.com。", "ada@example.com"),
            ("write ada@example.com.Thanks", "ada@example.com"),
            ("x\\nada@example.com\\n", "ada@example.com"),
            ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
            ("{\"email\":\"a_b@c.io\"}", "a_b@c.io"),
        ] {
            check("pii.email", text, &[expect]);
        }
        check("pii.email", "a@b.co, c@d.org;e@f.net", &["a@b.co", "c@d.org", "e@f.net"]);
    }

    #[test]
    fn what_is_no_address_is_left_alone() {
        for text in [
            "logo@2x.png",
            "git@github.com:owner/repository.git",
            "npm i react@18.2.0",
            "@mention",
            "a@b",
            "a@b.c",
            "user@localhost",
            "x @ y.com",
            "a@-b.com",
            "a..b@",
            "1@2.3",
            "foo@.com",
        ] {
            check("pii.email", text, &[]);
        }
    }

    #[test]
    fn too_long_is_not_an_address() {
        let local = "a".repeat(LOCAL_BYTES_MAX + 1);
        check("pii.email", &format!("{local}@example.com"), &[]);
        let host = "b.".repeat(ADDRESS_BYTES_MAX / 2);
        check("pii.email", &format!("a@{host}com"), &[]);
    }
}
