//! Addresses of crypto currencies.
//!
//! **Finds** (`pii.crypto_address`): Base58Check addresses of 25 bytes (Bitcoin, Litecoin, Dogecoin, Dash, Tron and their
//! like, and XRP in its own alphabet) by their checksum; Bech32 and Bech32m addresses (BIP 173, BIP 350) of the chains listed
//! in this file; Ethereum addresses, by the checksum of ERC-55 where they have capitals and small letters.
//!
//! **Does not find** addresses without a checksum other than those of Ethereum (Solana, Polkadot), and those of Monero.
//! Private keys and seed phrases are secrets.
//!
//! **Example**: `1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa` is found whole.

use sha2::{Digest as _, Sha256};

use super::{Hit, Word};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest address that is looked at.
const ADDRESS_BYTES_MAX: usize = 108;
/// A version, a hash and a checksum.
const BASE58_PAYLOAD_BYTES: usize = 25;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "crypto_address",
    kinds: &["pii.crypto_address"],
    reach: Reach::Held(ADDRESS_BYTES_MAX + 1),
    summary: "Addresses of crypto currencies, by checksum.",
};

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE58_XRP: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// What Bech32 addresses begin with.
const PREFIXES: &[&[u8]] = &[
    b"addr",
    b"bc",
    b"bnb",
    b"celestia",
    b"cosmos",
    b"inj",
    b"juno",
    b"kava",
    b"ltc",
    b"osmo",
    b"sei",
    b"stake",
    b"tb",
    b"terra",
];

/// Whether a word is as long as addresses are.
pub(crate) fn may_be(word: Word) -> bool {
    (26..=ADDRESS_BYTES_MAX).contains(&word.len)
}

pub(crate) fn find(text: &Text<'_>, word: Word) -> Option<Hit> {
    if word.next == Some(b'@') {
        return None;
    }
    let value = text.slice(0, word.len);
    let rank = match value {
        [b'0', b'x', hex @ ..] if hex.len() == 40 => ethereum(hex)?,
        [b'r', ..] if value.len() <= 35 && is_base58_check(value, BASE58_XRP) => 60,
        _ if value.len() <= 35 && is_base58_check(value, BASE58) => 60,
        _ if is_bech32(value) => 60,
        _ => return None,
    };
    Some(Hit::new(&CARD, "pii.crypto_address", word.len, rank))
}

/// ERC-55: a letter is a capital where the hash of the address in small letters has a nibble of eight or
/// more.
fn ethereum(hex: &[u8]) -> Option<u8> {
    if !hex.iter().all(u8::is_ascii_hexdigit) || hex.iter().all(|byte| Some(byte) == hex.first()) {
        return None;
    }
    let upper = hex.iter().any(u8::is_ascii_uppercase);
    let lower = hex.iter().any(u8::is_ascii_lowercase);
    if !(upper && lower) {
        return Some(30);
    }
    let hash = keccak_256(&hex.to_ascii_lowercase());
    let fits = hex.iter().enumerate().all(|(place, byte)| {
        let pair = hash.get(place / 2).copied().unwrap_or_default();
        let nibble = if place % 2 == 0 { pair >> 4 } else { pair & 15 };
        !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() == (nibble >= 8)
    });
    fits.then_some(60)
}

/// The lanes that one block of Keccak-256 fills.
const RATE_BYTES: usize = 136;

/// Keccak-256 of a message shorter than one block, as Ethereum uses it (before FIPS 202 changed the padding).
fn keccak_256(message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; RATE_BYTES];
    for (place, byte) in block.iter_mut().zip(message) {
        *place = *byte;
    }
    if let Some(place) = block.get_mut(message.len()) {
        *place = 1;
    }
    if let Some(last) = block.last_mut() {
        *last |= 0x80;
    }
    let mut state = [0_u64; 25];
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        *lane = bytes.iter().rev().fold(0, |lane, byte| lane << 8 | u64::from(*byte));
    }
    keccak::f1600(&mut state);
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().zip(state.iter().flat_map(|lane| lane.to_le_bytes())) {
        *place = byte;
    }
    hash
}

/// Whether the value is 25 bytes in this alphabet whose last four are the double SHA-256 of the others.
fn is_base58_check(value: &[u8], alphabet: &[u8; 58]) -> bool {
    let mixed = value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
    if !mixed {
        return false;
    }
    let mut bytes = [0_u8; BASE58_PAYLOAD_BYTES];
    for letter in value {
        let Some(place) = alphabet.iter().position(|known| known == letter) else { return false };
        let mut carry = place as u32;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let (payload, checksum) = bytes.split_at(BASE58_PAYLOAD_BYTES - 4);
    Sha256::digest(Sha256::digest(payload)).starts_with(checksum)
}

/// BIP 173 and BIP 350: the checksum is one or 0x2bc830a3.
fn is_bech32(value: &[u8]) -> bool {
    let Some(separator) = value.iter().rposition(|byte| *byte == b'1') else { return false };
    let lower = value.to_ascii_lowercase();
    let (prefix, rest) = lower.split_at(separator);
    if !PREFIXES.contains(&prefix) || (lower != value && value.iter().any(u8::is_ascii_lowercase)) {
        return false;
    }
    let mut check = 1;
    for byte in prefix {
        check = bech32_step(check, u32::from(byte >> 5));
    }
    check = bech32_step(check, 0);
    for byte in prefix {
        check = bech32_step(check, u32::from(byte & 31));
    }
    for byte in rest.iter().skip(1) {
        let Some(place) = BECH32.iter().position(|known| known == byte) else { return false };
        check = bech32_step(check, place as u32);
    }
    matches!(check, 1 | 0x2bc8_30a3)
}

fn bech32_step(check: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = check >> 25;
    let shifted = (check & 0x01ff_ffff) << 5 ^ value;
    GENERATOR
        .iter()
        .enumerate()
        .filter(|(bit, _)| top >> bit & 1 == 1)
        .fold(shifted, |check, (_, generator)| check ^ generator)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn addresses_are_found() {
        for address in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
            "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
        ] {
            check("pii.crypto_address", &format!("pay to {address}, please"), &[address]);
        }
    }

    #[test]
    fn near_ones_are_not() {
        for text in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8F3t4",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
            "0x0000000000000000000000000000000000000000",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "abcdefghijkmnopqrstuvwxyzabcdefgh",
            "cosmos1notanaddressatallbutlongenough",
        ] {
            check("pii.crypto_address", text, &[]);
        }
    }
}
