//! The shape of a virtual key: `btz_<id>_<secret>`.
//!
//! The id is ten characters of `0-9a-v`. The secret is 38 characters of `0-9A-Za-z`: 32 random ones
//! (190 bits) and a checksum of six, the CRC-32 of everything before it in base 62, so that secret
//! scanners recognise a key without asking anyone.
//!
//! INVARIANT: composing and parsing agree, and a changed character is noticed.
//!
//! Not here: how keys are stored and looked up (`store`).

use crate::KeyId;

/// The prefix of every virtual key.
pub const VIRTUAL_KEY_PREFIX: &str = "btz_";
/// Random characters in the secret part.
pub const VIRTUAL_KEY_RANDOM_CHARACTERS: usize = 32;
/// Characters of a whole virtual key.
pub const VIRTUAL_KEY_CHARACTERS: usize = 4 + 10 + 1 + VIRTUAL_KEY_RANDOM_CHARACTERS + 6;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes a virtual key from its id and 32 random bytes, of which each gives one character.
///
/// Bytes of 248 and above are folded, a bias below 0.05 bit per character.
pub fn compose_virtual_key(id: KeyId, random: &[u8; VIRTUAL_KEY_RANDOM_CHARACTERS]) -> String {
    let mut key = format!("{VIRTUAL_KEY_PREFIX}{id}_");
    key.extend(random.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % 62])));
    let checksum = checksum(key.as_bytes());
    key.push_str(&checksum);
    key
}

/// The id of a well-formed virtual key, or `None`. Says nothing about whether it exists.
pub fn parse_virtual_key(text: &str) -> Option<KeyId> {
    if text.len() != VIRTUAL_KEY_CHARACTERS || !text.is_ascii() {
        return None;
    }
    let (body, given) = text.split_at(VIRTUAL_KEY_CHARACTERS - 6);
    let (id, secret) = body.strip_prefix(VIRTUAL_KEY_PREFIX)?.split_once('_')?;
    let well_formed = secret.len() == VIRTUAL_KEY_RANDOM_CHARACTERS
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && checksum(body.as_bytes()) == given;
    if well_formed { id.parse().ok() } else { None }
}

fn checksum(body: &[u8]) -> String {
    let mut rest = crc32(body);
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// CRC-32 as in ISO 3309 (the one of zip and PNG), bit by bit: keys are short and rare.
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn crc_is_the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    proptest! {
        #[test]
        fn composing_and_parsing_agree(id in any::<u64>(), random in any::<[u8; 32]>()) {
            let id = KeyId::new(id);
            prop_assert_eq!(parse_virtual_key(&compose_virtual_key(id, &random)), Some(id));
        }

        #[test]
        fn a_changed_character_is_noticed(random in any::<[u8; 32]>(), at in 0..VIRTUAL_KEY_CHARACTERS, to in "[0-9a-v]") {
            let key = compose_virtual_key(KeyId::new(5), &random);
            let mut changed = key.clone();
            changed.replace_range(at..=at, &to);
            prop_assert!(changed == key || parse_virtual_key(&changed).is_none());
        }

        #[test]
        fn any_text_is_parsed_without_panic(text in ".{0,80}") {
            let _ = parse_virtual_key(&text);
        }
    }
}
