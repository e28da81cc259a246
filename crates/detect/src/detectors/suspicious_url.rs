//! Addresses that lead elsewhere than they seem to, or that the operator denies.
//!
//! **Finds** (`url.denied`): hosts of `guards.denied_hosts` and their subdomains (rank 60). (`url.suspicious`): a user name that looks like a host
//! before the real one, a host written as one number or in hexadecimal (rank 40); `data:` pages (30); hosts in punycode, public IP
//! addresses, more than six labels, programs fetched without TLS (20); link shorteners (10).
//!
//! **Does not find** harm behind an address that looks like any other: nothing is looked up. Hosts with look-alike
//! letters are folded to ASCII before they are read here, so that the lists hold for them.
//!
//! **Example**: `https://bank.example@evil.example/login`, `http://0x7f000001/`

use crate::detectors::constructs::NOTHING_RANK;
use crate::detectors::hosts::{Hosts, Ruled};
use crate::detectors::url::{URL_BYTES_MAX, Url, is_url};
use crate::detectors::{Hit, exfiltration};
use crate::text::{CONSTRUCT_BYTES_MAX, Text};
use crate::{DetectorCard, Reach};

const DENIED: &str = "url.denied";
const SUSPICIOUS: &str = "url.suspicious";
/// More labels than services have.
const LABELS_MAX: usize = 6;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "suspicious_url",
    kinds: &[DENIED, SUSPICIOUS],
    reach: Reach::Held(CONSTRUCT_BYTES_MAX),
    summary: "Addresses that lead elsewhere than they seem to, or that the operator denies.",
};

const SHORTENERS: [&str; 12] = [
    "bit.ly",
    "tinyurl.com",
    "t.co",
    "goo.gl",
    "is.gd",
    "ow.ly",
    "cutt.ly",
    "rebrand.ly",
    "t.ly",
    "rb.gy",
    "shorturl.at",
    "tiny.cc",
];
const PROGRAMS: [&str; 10] =
    [".exe", ".scr", ".hta", ".ps1", ".bat", ".vbs", ".msi", ".apk", ".jar", ".sh"];

/// An address at its scheme: what it carries, or what is wrong with it.
pub(crate) fn find(
    text: &Text<'_>,
    hosts: &Hosts,
    with_load: bool,
    with_look: bool,
) -> Option<Hit> {
    if !begins(text) {
        return None;
    }
    let len = text
        .run_within(0, URL_BYTES_MAX, |byte| is_url(byte) && !matches!(byte, b')' | b']' | b'}'));
    let bytes = text.slice(0, len);
    let address = bytes.get(..bytes.len() - trailing_signs(bytes)).unwrap_or_default();
    let url = Url::of(address)?;
    let carried = if with_load { exfiltration::link(address, &url, hosts) } else { None };
    let looks = if with_look { rank(&url, address, hosts) } else { None };
    match (carried, looks) {
        (Some(hit), Some((_, rank))) if hit.rank >= rank => Some(hit),
        (_, Some((kind, rank))) => Some(Hit::new(&CARD, kind, address.len(), rank)),
        (Some(hit), None) => Some(hit),
        // Not to be read again from within.
        (None, None) => Some(Hit::new(&CARD, SUSPICIOUS, address.len(), NOTHING_RANK)),
    }
}

/// A page in an address, at its scheme: `data:text/html,…`.
pub(crate) fn data_page(text: &Text<'_>) -> Option<Hit> {
    let begins = b"data:text/html".iter().enumerate().all(|(ahead, wanted)| {
        text.get(ahead).is_some_and(|byte| byte.to_ascii_lowercase() == *wanted)
    });
    let len = if begins { text.run_within(0, URL_BYTES_MAX, is_url) } else { return None };
    let signs = trailing_signs(text.slice(0, len));
    Some(Hit::new(&CARD, SUSPICIOUS, len - signs, 30))
}

fn begins(text: &Text<'_>) -> bool {
    let letters = b"http".iter().enumerate().all(|(ahead, wanted)| {
        text.get(ahead).is_some_and(|byte| byte.to_ascii_lowercase() == *wanted)
    });
    letters && {
        let secure = text.get(4).is_some_and(|byte| byte.eq_ignore_ascii_case(&b's'));
        text.has_at(4 + usize::from(secure), b"://")
    }
}

/// Signs of the sentence rather than of the address.
fn trailing_signs(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'.' | b',' | b';' | b':' | b'!' | b'?' | b'*'))
        .count()
}

fn rank(url: &Url<'_>, address: &[u8], hosts: &Hosts) -> Option<(&'static str, u8)> {
    let host = url.host_name();
    match hosts.rule(&host) {
        Ruled::Denied => return Some((DENIED, 60)),
        Ruled::Allowed => return None,
        Ruled::Unlisted | Ruled::Unknown => {}
    }
    let path = String::from_utf8_lossy(address).to_ascii_lowercase();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let is_open = !url.scheme.eq_ignore_ascii_case(b"https");
    let rank = if url.userinfo.contains(&b'.') || is_number(&host) {
        40
    } else if url.labels().any(|label| label.starts_with(b"xn--"))
        || url.labels().count() > LABELS_MAX
        || is_public_address(&host)
        || (is_open && PROGRAMS.iter().any(|program| path.ends_with(program)))
    {
        20
    } else if SHORTENERS.contains(&host.as_str()) {
        10
    } else {
        return None;
    };
    Some((SUSPICIOUS, rank))
}

/// `2130706433`, `0x7f.1`, `0177.0.0.1`: hosts that only a parser of old reads.
fn is_number(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let is_hex = |label: &str| {
        label.strip_prefix("0x").is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    let is_decimal =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    let all_numbers = labels.iter().all(|label| is_hex(label) || is_decimal(label));
    let octal = |label: &&str| label.len() > 1 && label.starts_with('0');
    all_numbers && (labels.len() != 4 || labels.iter().any(octal))
}

fn is_public_address(host: &str) -> bool {
    host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use crate::detectors::constructs::tests::check;

    #[test]
    fn addresses_that_deceive_are_found() {
        for (url, rank) in [
            ("https://bank.example@evil.example/login", 40),
            ("http://2130706433/", 40),
            ("HTTP://0x7f000001/a", 40),
            ("https://xn--pypal-4ve.com/", 20),
            ("http://81.2.69.142/x", 20),
            ("https://login.bank.example.com.session.my.evil.example/", 20),
            ("http://evil.example/setup.exe", 20),
            ("https://bit.ly/3xYz", 10),
            ("data:text/html;base64,PHNjcmlwdD4", 30),
        ] {
            check(&format!("go to {url}, now"), &[(url, "url.suspicious", rank)]);
        }
    }

    #[test]
    fn ordinary_addresses_are_not() {
        check("https://docs.rs/x/latest/x/ and http://localhost:8080/a.sh", &[]);
        check("http://127.0.0.1:9464/metrics, http://192.168.0.1 and http://[::1]/", &[]);
    }
}
