//! Checksums and fixed forms inside keys.
//!
//! INVARIANT: a key that passes its checksum has the highest rank; one that fails it is a key of an
//! older format or a made-up example, and still reported where the prefix is unmistakable.

use events::parse_virtual_key;

/// The digits that GitHub and npm write their checksum with.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// GitHub, npm: the last six characters are the CRC-32 of the 30 before them, in base 62.
/// Source: GitHub engineering, "Behind GitHub's new authentication token formats", 2021.
pub(super) fn crc_of_body(key: &[u8]) -> Option<u8> {
    let body_start = key.len().checked_sub(36)?;
    let (body, given) = key.get(body_start..)?.split_at_checked(30)?;
    if base62_crc(body) == *given {
        return Some(60);
    }
    (!super::randomness::is_placeholder(body)).then_some(45)
}

/// Our own virtual keys: see `events::parse_virtual_key`.
pub(super) fn virtual_key(key: &[u8]) -> Option<u8> {
    let key = std::str::from_utf8(key).ok()?;
    parse_virtual_key(key).map(|_| 60)
}

/// Grafana service accounts: `glsa_<32 characters>_<CRC-32 of what is before it, in hexadecimal>`.
pub(super) fn grafana(key: &[u8]) -> Option<u8> {
    let (body, given) = key.split_at_checked(key.len().checked_sub(9)?)?;
    let sum = given.strip_prefix(b"_")?;
    let well_formed =
        sum.iter().all(u8::is_ascii_hexdigit) && !super::randomness::is_placeholder(body);
    let secret = body.strip_prefix(b"glsa_")?;
    if !well_formed {
        return None;
    }
    let matches = |text: &[u8]| format!("{:08x}", crc32(text)).as_bytes() == sum;
    Some(if matches(body) || matches(secret) { 60 } else { 50 })
}

/// The last 36 characters are a UUID (RFC 9562 §4) that is not made of one digit.
pub(super) fn uuid_tail(key: &[u8]) -> Option<u8> {
    let uuid = key.get(key.len().checked_sub(36)?..)?;
    let well_formed = uuid.iter().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (well_formed && !super::randomness::is_placeholder(uuid)).then_some(50)
}

/// Airtable: `pat`, 14 characters, a full stop, 64 hexadecimal digits.
pub(super) fn airtable(key: &[u8]) -> Option<u8> {
    let (head, secret) = key.strip_prefix(b"pat")?.split_at_checked(14)?;
    let secret = secret.strip_prefix(b".")?;
    let well_formed =
        head.iter().all(u8::is_ascii_alphanumeric) && secret.iter().all(u8::is_ascii_hexdigit);
    (well_formed && !super::randomness::is_placeholder(secret)).then_some(55)
}

/// OpenAI before 2024: 48 characters with `T3BlbkFJ` (base64 of `OpenAI`) in the middle.
pub(super) fn openai_mark(key: &[u8]) -> Option<u8> {
    (key.get(23..31) == Some(b"T3BlbkFJ") && !super::randomness::is_repetition(key)).then_some(60)
}

/// Anthropic: a word for the kind of key, two digits, then most often 93 characters and `AA`.
pub(super) fn anthropic(key: &[u8]) -> Option<u8> {
    if super::randomness::is_placeholder(key) {
        return None;
    }
    let whole = key.ends_with(b"AA") && matches!(key.len(), 108 | 110);
    if whole { Some(60) } else { (!super::randomness::counts_up(key)).then_some(50) }
}

/// SendGrid: `SG.`, about 22 characters, one full stop, about 43.
pub(super) fn sendgrid(key: &[u8]) -> Option<u8> {
    let mut parts = key.split(|byte| *byte == b'.').skip(1).map(<[u8]>::len);
    let (Some(id), Some(secret), None) = (parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let well_formed = (16..=26).contains(&id) && (36..=50).contains(&secret);
    (well_formed && !super::randomness::is_repetition(key)).then_some(55)
}

/// Twitch: `live_`, nine digits, an underscore, 30 characters.
pub(super) fn twitch(key: &[u8]) -> Option<u8> {
    let (channel, secret) = key.strip_prefix(b"live_")?.split_at_checked(9)?;
    let secret = secret.strip_prefix(b"_")?;
    let well_formed =
        channel.iter().all(u8::is_ascii_digit) && secret.iter().all(u8::is_ascii_alphanumeric);
    (well_formed && super::randomness::looks_random(secret)).then_some(50)
}

/// Resend: `re_`, eight characters, an underscore, 24 characters.
pub(super) fn resend(key: &[u8]) -> Option<u8> {
    let (head, secret) = key.strip_prefix(b"re_")?.split_at_checked(8)?;
    let secret = secret.strip_prefix(b"_")?;
    let well_formed = head.iter().chain(secret).all(u8::is_ascii_alphanumeric);
    (well_formed && super::randomness::looks_random(secret)).then_some(50)
}

fn base62_crc(body: &[u8]) -> [u8; 6] {
    let mut rest = crc32(body);
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// CRC-32 as in ISO 3309, bit by bit: keys are short and rare.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_its_checksum_ranks_highest() {
        let body = b"zQ7mK2xV9bN4cL8pR3tW6yJ1hG5fD0";
        let mut key = b"ghp_".to_vec();
        key.extend_from_slice(body);
        key.extend_from_slice(&base62_crc(body));
        assert_eq!(crc_of_body(&key), Some(60));
        let last = key.len() - 1;
        key[last] = if key[last] == b'0' { b'1' } else { b'0' };
        assert_eq!(crc_of_body(&key), Some(45));
    }
}
