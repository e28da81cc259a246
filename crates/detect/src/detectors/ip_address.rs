//! IP addresses.
//!
//! **Finds** (`pii.ip_address`): IPv4 in dotted decimal without leading zeros, IPv6 in full or with
//! `::` (RFC 4291 §2.2). Private, link-local, multicast and documentation ranges have a lower
//! rank: they name no person; loopback and unspecified addresses (`127.0.0.1`, `0.0.0.0`, `::1`) the lowest: they name no device.
//!
//! **Does not find** other notations (octal, one number), or four numbers after `version`, `v` or
//! `release`, `section`, `chapter`, `§`. Short forms of IPv6 that could be a path in a program (`face::add`) need three
//! groups and a digit.
//!
//! **Example**: `from 81.2.69.142` is found at `81.2.69.142`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::context::{KnownWords, mentions};
use super::{Hit, Word};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// The longest IPv6 address: eight groups, the last two as IPv4 (RFC 4291 §2.2).
const ADDRESS_BYTES_MAX: usize = 45;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "ip_address",
    kinds: &["pii.ip_address"],
    reach: Reach::Held(ADDRESS_BYTES_MAX + 2),
    summary: "IPv4 and IPv6 addresses.",
};

static VERSION_WORDS: KnownWords = KnownWords::new(&[
    "version",
    "release",
    "ver.",
    "build",
    "firmware",
    "v.",
    "oid",
    "section",
    "sections",
    "sect.",
    "sec.",
    "chapter",
    "paragraph",
    "clause",
    "§",
]);

/// Whether an address may begin with this word: an octet and a full stop, or a group and a colon.
pub(crate) fn may_begin(text: &Text<'_>, word: Word) -> bool {
    let written = text.slice(0, word.len);
    match word.next {
        Some(b'.') => {
            word.len <= 3
                && text.peek(word.len + 1).is_none_or(|after| after.is_ascii_digit())
                && std::str::from_utf8(written).is_ok_and(|octet| octet.parse::<u8>().is_ok())
        }
        Some(b':') => {
            word.len <= 4
                && written.iter().all(u8::is_ascii_hexdigit)
                && !is_inside(text)
                && text
                    .peek(word.len + 1)
                    .is_none_or(|after| after == b':' || after.is_ascii_hexdigit())
        }
        _ => false,
    }
}

/// Whether what stands before an IPv6 address makes it part of something else.
fn is_inside(text: &Text<'_>) -> bool {
    matches!(text.back(0), Some(b':' | b'.' | b'-' | b'_' | b'/'))
}

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let len = text.run_within(0, ADDRESS_BYTES_MAX + 1, |byte| {
        byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
    });
    if len > ADDRESS_BYTES_MAX {
        return None;
    }
    // A full stop or colon at the end belongs to the sentence, unless it is the end of `fe80::`.
    let written = std::str::from_utf8(text.slice(0, len)).ok()?;
    let kept = written.trim_end_matches('.');
    let kept = if kept.ends_with("::") { kept } else { kept.trim_end_matches(':') };
    if text.get(len).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    if kept.contains(':') { version_6(text, kept) } else { version_4(text, kept) }
        .map(|(end, rank)| Hit::new(&CARD, "pii.ip_address", end, rank))
}

fn version_4(text: &Text<'_>, written: &str) -> Option<(usize, u8)> {
    if matches!(text.back(0), Some(b'.' | b'-' | b'/' | b'_')) {
        let part_of_path = text.back(0) != Some(b'/') || text.back(1) != Some(b'/');
        if part_of_path {
            return None;
        }
    }
    let address: Ipv4Addr = written.parse().ok()?;
    let runs_on = text.get(written.len()) == Some(b'-')
        && text.get(written.len() + 1).is_some_and(|byte| byte.is_ascii_alphanumeric());
    if runs_on || mentions(text, &VERSION_WORDS, 16) {
        return None;
    }
    Some((written.len(), rank_4(address)))
}

/// The rank of addresses that every device has: nothing is to be kept from anybody.
const EVERY_DEVICE_RANK: u8 = 5;

fn rank_4(address: Ipv4Addr) -> u8 {
    if address.is_loopback() || address.is_unspecified() {
        return EVERY_DEVICE_RANK;
    }
    let nobody = address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || address.octets().first().is_some_and(|first| *first == 0 || *first >= 240)
        || address.octets().iter().skip(1).all(|octet| *octet == 0);
    if nobody { 20 } else { 40 }
}

/// An IPv4 address with a port is no IPv6 address, so what is before a single colon is tried too.
fn version_6(text: &Text<'_>, written: &str) -> Option<(usize, u8)> {
    if let Some((head, _)) = written.split_once(':')
        && head.contains('.')
    {
        return version_4(text, head);
    }
    if is_inside(text) {
        return None;
    }
    let address: Ipv6Addr = written.parse().ok()?;
    let groups = written.split(':').filter(|group| !group.is_empty()).count();
    let bracketed = text.back(0) == Some(b'[');
    let digit = written.bytes().any(|byte| byte.is_ascii_digit());
    let plausible = groups == 8
        || (digit && (groups >= 3 || written.contains('.')))
        || (bracketed && digit)
        || address.is_loopback();
    if !plausible {
        return None;
    }
    Some((written.len(), rank_6(address)))
}

fn rank_6(address: Ipv6Addr) -> u8 {
    if address.is_loopback() || address.is_unspecified() {
        return EVERY_DEVICE_RANK;
    }
    let [first, second, ..] = address.segments();
    let nobody = address.is_multicast()
        || (first & 0xfe00) == 0xfc00
        || (first & 0xffc0) == 0xfe80
        || (first == 0x2001 && second == 0x0db8);
    if nobody { 20 } else { 40 }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, hits};

    #[test]
    fn addresses_are_found() {
        for (text, expect) in [
            ("from 81.2.69.142.", "81.2.69.142"),
            ("http://81.2.69.142:8080/x", "81.2.69.142"),
            ("81.2.69.142/24", "81.2.69.142"),
            ("[2a02:6b8::11:11]:443", "2a02:6b8::11:11"),
            (
                "at 2001:0db8:85a3:0000:0000:8a2e:0370:7334,",
                "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            ),
            ("6e40:4041:c617:e898:c11:40d2:c669:2eb4", "6e40:4041:c617:e898:c11:40d2:c669:2eb4"),
            ("on ::1 only", "::1"),
            ("::ffff:81.2.69.142", "::ffff:81.2.69.142"),
        ] {
            check("pii.ip_address", text, &[expect]);
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for text in [
            "version 1.2.3.4",
            "v1.2.3.4",
            "Chrome/120.0.0.0",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.04",
            "256.1.1.1",
            "face::add",
            "std::fs",
            "a::b",
            "12:30:45",
            "00:1a:2b:3c:4d:5e",
            "1.2.3.4-rc1",
            "::",
            "abc::Def",
            "release 10.0.0.1",
            "section 1.2.3.4",
            "see section 4.2.1.13 of the RFC",
            "Chapter 2.3.1.4",
            "§ 1.2.3.4 and §1.2.3.4",
        ] {
            check("pii.ip_address", text, &[]);
        }
    }

    #[test]
    fn ranges_of_nobody_rank_lower() {
        for (text, rank) in [
            ("81.2.69.142", 40),
            ("10.1.2.3", 20),
            ("127.0.0.1", 5),
            ("0.0.0.0", 5),
            ("on ::1 only", 5),
            ("0.1.2.3", 20),
            ("192.0.2.7", 20),
            ("2a02:6b8::11:11", 40),
            ("fe80::1:2:3", 20),
            ("2001:db8::1:2", 20),
        ] {
            let found = hits(text);
            assert_eq!(found.first().map(|hit| hit.rank), Some(rank), "{text}");
        }
    }
}
