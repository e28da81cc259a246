//! Private keys in PEM and similar armour.
//!
//! **Finds** (`secret.private_key`): from `-----BEGIN … PRIVATE KEY-----` (also `PRIVATE KEY BLOCK` of PGP)
//! everything up to and including the `-----END …-----` line (RFC 7468), or to the end of the text, at
//! most 64 KiB. In a stream it is reported in pieces, so that nothing needs to be held back.
//!
//! **Does not find** public keys and certificates, keys without their BEGIN line, and PuTTY files.
//! Keys of which only the beginning is shown (`MIIE...`) are left alone; a text that otherwise merely mentions the BEGIN line is masked from there on: a key that leaks is worse.
//!
//! **Example**: `-----BEGIN PRIVATE KEY-----` and the lines after it.

use super::super::{GoesOn, Hit};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest BEGIN or END line, without its line break.
const MARKER_BYTES_MAX: usize = 80;
/// Hyphens that a BEGIN line may start with beyond the five it has.
const HYPHENS_MAX: usize = 16;
/// Fewer characters than this, followed by dots or the END line, are no key.
const BODY_BYTES_MIN: usize = 20;
/// The most that is taken for one key.
pub(crate) const BLOCK_BYTES_MAX: usize = 64 * 1024;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "private_key",
    kinds: &["secret.private_key"],
    reach: Reach::Held(MARKER_BYTES_MAX + 3 * BODY_BYTES_MIN + 8),
    summary: "Private keys in PEM and PGP armour, from the BEGIN line on.",
};

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    if text.back(0) == Some(b'-') {
        return None;
    }
    let hyphens = hyphens(text, 0)?;
    if !text.has_at(hyphens, b"BEGIN ") {
        return None;
    }
    let label = label(text, hyphens + 6)?;
    let is_private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    if !is_private {
        return None;
    }
    if is_elided(text, hyphens + 6 + label.len() + 5) {
        return None;
    }
    let mut hit = Hit::new(&CARD, "secret.private_key", hyphens + 6 + label.len() + 5, 60);
    hit.goes_on = Some(GoesOn::UntilPemEnd);
    Some(hit)
}

/// Whether a key is only hinted at: a few characters, then dots, a template or the END line.
fn is_elided(text: &Text<'_>, from: usize) -> bool {
    let gap = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'\\' | b'n' | b'r' | b'-');
    let mut at = from + text.run_within(from, BODY_BYTES_MIN, gap);
    at += text.run_within(at, BODY_BYTES_MIN, |byte| {
        byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
    });
    if at >= from + BODY_BYTES_MIN {
        return false;
    }
    at += text.run_within(at, BODY_BYTES_MIN, |byte| byte.is_ascii_whitespace() || byte == b'\\');
    let end = if text.get(at) == Some(b'n') { at + 1 } else { at };
    [&b"..."[..], b"-----END", b"<", b"[", b"\xe2\x80\xa6"]
        .iter()
        .any(|sign| text.has_at(end, sign))
        || text.has_at(from, b"-----END")
}

/// If an END line begins at the start of `text`, its length.
pub(crate) fn end_marker(text: &Text<'_>) -> Option<usize> {
    let hyphens = hyphens(text, 0)?;
    if !text.has_at(hyphens, b"END ") {
        return None;
    }
    Some(hyphens + 4 + label(text, hyphens + 4)?.len() + 5)
}

fn hyphens(text: &Text<'_>, from: usize) -> Option<usize> {
    let mut count = 0;
    while count <= HYPHENS_MAX && text.get(from + count) == Some(b'-') {
        count += 1;
    }
    (5..=HYPHENS_MAX).contains(&count).then_some(count)
}

/// The label before the closing hyphens.
fn label<'a>(text: &Text<'a>, from: usize) -> Option<&'a [u8]> {
    let mut len = 0;
    while text
        .get(from + len)
        .is_some_and(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ')
    {
        len += 1;
        if len > MARKER_BYTES_MAX - 2 * HYPHENS_MAX {
            return None;
        }
    }
    text.has_at(from + len, b"-----").then(|| text.slice(from, from + len))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{check, hits};

    #[test]
    fn begin_lines_are_found() {
        for line in [
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        ] {
            let text = format!("key: {line}\nMIIE");
            let found = hits(&text);
            assert_eq!(
                found.first().map(|hit| (hit.kind, hit.len)),
                Some(("secret.private_key", line.len()))
            );
            assert!(found[0].goes_on.is_some());
        }
    }

    #[test]
    fn other_lines_are_not() {
        for text in [
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN RSA PRIVATE KEY-----\\nMIIE...\\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nanything\n-----END PRIVATE KEY-----",
            "----BEGIN PRIVATE KEY----",
            "-----BEGIN private key-----",
            "----------------------------BEGIN PRIVATE KEY-----",
        ] {
            check("secret.private_key", text, &[]);
        }
    }
}
