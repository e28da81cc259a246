//! Stand-ins that keep the format of a value, so that tools which check what they are given still work.
//!
//! | kind | stand-in | why it is nobody's |
//! |---|---|---|
//! | `pii.email` | ten characters at `masked.invalid` | `.invalid` is reserved (RFC 2606, section 2) |
//! | `pii.phone` | the same grouping, in 555-0100 to 555-0199 (North America) or 07700 900000 to 900999 (United Kingdom) | kept for fiction (NANPA, Ofcom) |
//! | `pii.card` | the same length and grouping, 9999 first, Luhn's check digit | 9 is for national use and 999 is no country (ISO/IEC 7812-1) |
//! | `pii.iban` | the same country, length and grouping, valid check digits (ISO 13616) | banks are not called 0000 or XXXX |
//! | `pii.us_ssn` | the same grouping, area 000 | never issued (Social Security Administration) |
//! | `pii.ip_address` | an address of 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 or 2001:db8::/32 | kept for documentation (RFC 5737, RFC 3849) |
//!
//! What is of no such kind, or written in another way, has no stand-in of this sort and gets a label.
//!
//! INVARIANT: the same draw gives the same stand-in. INVARIANT: a stand-in is ASCII without quotes, backslashes and
//! control characters, so that it is written in JSON as it is.
//!
//! Not here: what is drawn (`mask`), whether a stand-in is free (`vault`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use data_encoding::BASE32;

/// Bytes that are drawn for one stand-in.
pub(crate) const DRAWN_BYTES: usize = 32;

/// Area codes in which 555-01xx is kept for fiction: all are, and these are known to validators.
const AREAS: [&str; 10] = ["202", "212", "303", "312", "404", "415", "512", "617", "702", "808"];
/// Digits of a card number (ISO/IEC 7812-1).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;
/// Characters of an IBAN without spaces (ISO 13616).
const IBAN_CHARACTERS: std::ops::RangeInclusive<usize> = 15..=34;
/// Characters at the beginning of a bank's code that no bank has all nought.
const BANK_CHARACTERS: usize = 4;

/// Numbers that depend on nothing but a key and a value.
#[derive(Debug)]
pub(crate) struct Draw {
    bytes: [u8; DRAWN_BYTES],
    at: usize,
}

impl Draw {
    pub(crate) const fn new(bytes: [u8; DRAWN_BYTES]) -> Self {
        Self { bytes, at: 0 }
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes[self.at % DRAWN_BYTES];
        self.at += 1;
        byte
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.byte() % 10)).collect()
    }
}

/// A stand-in of the same format, if there is one for this kind of value.
pub(crate) fn like(kind: &str, value: &str, mut draw: Draw) -> Option<String> {
    match kind {
        "pii.email" => Some(email(&draw)),
        "pii.phone" => phone(value, &mut draw),
        "pii.card" => card(value, &mut draw),
        "pii.iban" => iban(value, &mut draw),
        "pii.us_ssn" => {
            let digits = digits_of(value, b"- .")?;
            (digits.len() == 9).then(|| filled(value, &format!("000{}", draw.digits(6))))
        }
        "pii.ip_address" => address(value, &mut draw),
        _ => None,
    }
}

/// A number without its separators, as a model may write it; nothing, if it is written so already.
pub(crate) fn compact(kind: &str, text: &str) -> Option<String> {
    if !matches!(kind, "pii.phone" | "pii.card" | "pii.iban" | "pii.us_ssn") {
        return None;
    }
    let is_kept = |character: &char| character.is_ascii_alphanumeric() || *character == '+';
    let compact: String = text.chars().filter(is_kept).collect();
    (compact != text).then_some(compact)
}

fn email(draw: &Draw) -> String {
    let (bytes, _) = draw.bytes.split_at(10 * 5 / 8 + 1);
    let code = BASE32.encode(bytes).to_ascii_lowercase();
    format!("{}@masked.invalid", code.get(..10).unwrap_or_default())
}

fn phone(value: &str, draw: &mut Draw) -> Option<String> {
    let digits = digits_of(value, b"+-. ()/")?;
    let is_international = value.trim_start_matches('(').starts_with('+');
    let digits = match (digits.len(), is_international) {
        (11, _) if digits.starts_with('1') => format!("1{}", north_american(draw)),
        (10, false) if !digits.starts_with(['0', '1']) => north_american(draw),
        (12, true) if digits.starts_with("44") => format!("447700900{}", draw.digits(3)),
        (11, false) if digits.starts_with("07") => format!("07700900{}", draw.digits(3)),
        _ => return None,
    };
    Some(filled(value, &digits))
}

fn north_american(draw: &mut Draw) -> String {
    let area = AREAS[usize::from(draw.byte()) % AREAS.len()];
    format!("{area}55501{}", draw.digits(2))
}

fn card(value: &str, draw: &mut Draw) -> Option<String> {
    let count = digits_of(value, b" -.")?.len();
    if !CARD_DIGITS.contains(&count) {
        return None;
    }
    let mut digits = format!("9999{}", draw.digits(count - 5));
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    digits.push_str(&((10 - sum % 10) % 10).to_string());
    Some(filled(value, &digits))
}

fn iban(value: &str, draw: &mut Draw) -> Option<String> {
    let is_written = |byte: u8| byte.is_ascii_alphanumeric() || b" -".contains(&byte);
    let compact: Vec<u8> = value
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_uppercase())
        .collect();
    let (country, rest) = compact.split_at_checked(2)?;
    let account = rest.get(2..)?;
    if !value.bytes().all(is_written)
        || !IBAN_CHARACTERS.contains(&compact.len())
        || !country.iter().all(u8::is_ascii_alphabetic)
    {
        return None;
    }
    let account: String = account
        .iter()
        .enumerate()
        .map(|(place, byte)| match (byte.is_ascii_digit(), place < BANK_CHARACTERS) {
            (true, true) => '0',
            (true, false) => char::from(b'0' + draw.byte() % 10),
            (false, true) => 'X',
            (false, false) => char::from(b'A' + draw.byte() % 26),
        })
        .collect();
    let country = std::str::from_utf8(country).ok()?;
    let check = 98 - remainder_97(&format!("{account}{country}00"));
    let mut written = format!("{country}{check:02}{account}").into_bytes().into_iter();
    let keep = |byte: u8| if byte.is_ascii_alphanumeric() { written.next() } else { Some(byte) };
    String::from_utf8(value.bytes().filter_map(keep).collect()).ok()
}

/// The number that the characters make (`A` is 10), modulo 97 (ISO 7064).
fn remainder_97(text: &str) -> u32 {
    text.chars()
        .filter_map(|character| character.to_digit(36))
        .fold(0, |rest, digit| (rest * if digit > 9 { 100 } else { 10 } + digit) % 97)
}

fn address(value: &str, draw: &mut Draw) -> Option<String> {
    let mut wide = || u16::from_be_bytes([draw.byte(), draw.byte()]);
    Some(match value.parse().ok()? {
        IpAddr::V4(_) => {
            let (net, host) = (wide(), (wide() % 254 + 1) as u8);
            let net = [[192, 0, 2], [198, 51, 100], [203, 0, 113]][usize::from(net) % 3];
            Ipv4Addr::new(net[0], net[1], net[2], host).to_string()
        }
        IpAddr::V6(_) => {
            Ipv6Addr::new(0x2001, 0xdb8, wide(), wide(), wide(), wide(), wide(), wide()).to_string()
        }
    })
}

/// The digits of a value that is written with nothing but digits and these separators.
fn digits_of(value: &str, separators: &[u8]) -> Option<String> {
    let is_written = |byte: u8| byte.is_ascii_digit() || separators.contains(&byte);
    value.bytes().all(is_written).then(|| value.chars().filter(char::is_ascii_digit).collect())
}

/// The value with other digits.
fn filled(value: &str, digits: &str) -> String {
    let mut digits = digits.chars();
    let other = |character: char| {
        if character.is_ascii_digit() { digits.next().unwrap_or('0') } else { character }
    };
    value.chars().map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &str, value: &str, expect: Option<&str>) {
        let drawn = std::array::from_fn(|at| (at * 7 + 3) as u8);
        assert_eq!(like(kind, value, Draw::new(drawn)).as_deref(), expect, "{kind} {value}");
    }

    #[test]
    fn stand_ins_keep_the_format() {
        check("pii.email", "jane.doe@example.org", Some("amfbcga7ey@masked.invalid"));
        check("pii.phone", "+1 (415) 867-5309", Some("+1 (312) 555-0107"));
        check("pii.phone", "415.867.5309", Some("312.555.0107"));
        check("pii.phone", "+44 20 7946 0018", Some("+44 77 0090 0307"));
        check("pii.phone", "07911 123456", Some("07700 900307"));
        check("pii.us_ssn", "536-90-4399", Some("000-30-7418"));
        check("pii.ip_address", "10.1.2.3", Some("198.51.100.59"));
        check("pii.ip_address", "fe80::1", Some("2001:db8:30a:1118:1f26:2d34:3b42:4950"));
    }

    #[test]
    fn what_is_written_in_another_way_has_none() {
        for (kind, value) in [
            ("pii.phone", "+49 30 901820"),
            ("pii.phone", "0049 30 901820"),
            ("pii.phone", "+1 415 867 5309 ext. 4"),
            ("pii.card", "411111"),
            ("pii.card", "\u{ff14}111 1111 1111 1111"),
            ("pii.iban", "DE89"),
            ("pii.iban", ""),
            ("pii.us_ssn", "536-90-439"),
            ("pii.ip_address", "10.1.2.3/8"),
            ("pii.person", "Jane Doe"),
            ("secret.aws", "AKIA"),
        ] {
            check(kind, value, None);
        }
    }

    #[test]
    fn check_digits_are_valid() {
        for seed in 0..200_u8 {
            let drawn =
                || Draw::new(std::array::from_fn(|at| seed.wrapping_mul(31) ^ (at * 11) as u8));
            for value in ["4111 1111 1111 1111", "378282246310005", "6304-9001-7740-2924-41"] {
                let card = like("pii.card", value, drawn()).expect("a stand-in");
                let groups = |text: &str| text.split([' ', '-']).map(str::len).collect::<Vec<_>>();
                assert_eq!(groups(&card), groups(value));
                let sum: u32 = card
                    .chars()
                    .filter_map(|character| character.to_digit(10))
                    .rev()
                    .enumerate()
                    .map(
                        |(place, digit)| {
                            if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
                        },
                    )
                    .sum();
                assert!(sum.is_multiple_of(10) && card.starts_with("9999"), "{card}");
            }
            for value in ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"] {
                let iban = like("pii.iban", value, drawn()).expect("a stand-in");
                let compact = iban.replace(' ', "");
                assert_eq!((iban.len(), &iban[..2]), (value.len(), &value[..2]));
                let (head, account) = compact.split_at(4);
                assert_eq!(remainder_97(&format!("{account}{head}")), 1, "{iban}");
                assert!(account.starts_with("0000") || account.starts_with("XXXX"), "{iban}");
            }
        }
    }
}
