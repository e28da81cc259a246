//! Hosts that look like another host because letters of another script stand in them.
//!
//! **Finds** (`url.homograph`), in addresses with a scheme, as they came: a label of a host in which letters of Latin, Greek, Cyrillic, Armenian
//! or Cherokee are mixed (rank 40), and a label wholly of letters that look like Latin ones, under a top level in ASCII (rank 30).
//!
//! **Does not find** look-alikes within one script (`rn` for `m`), hosts in punycode (`suspicious_url`), and addresses without a scheme. The first in a text
//! is reported.
//!
//! **Example**: `https://pаypal.example/`, in which the first `а` is Cyrillic

use super::whole::WholeHit;
use crate::normalise::normalised;
use crate::{DetectorCard, Reach};

const KIND: &str = "url.homograph";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "homograph_host",
    kinds: &[KIND],
    reach: Reach::Late,
    summary: "Hosts that look like another because letters of another script stand in them.",
};

/// The longest host, in characters (RFC 1035, section 2.3.4).
const HOST_CHARACTERS_MAX: usize = 253;
const MIXED_RANK: u8 = 40;
const DISGUISED_RANK: u8 = 30;

pub(crate) fn find(text: &str) -> Option<WholeHit> {
    if text.is_ascii() {
        return None;
    }
    text.match_indices("://").find_map(|(at, scheme)| {
        let start = at + scheme.len();
        let host = host(text.get(start..)?);
        let rank = rank(host)?;
        Some(WholeHit { kind: KIND, start, end: start + host.len(), rank })
    })
}

/// The host at the beginning of what follows a scheme, with a user name if there is one.
fn host(rest: &str) -> &str {
    let ends = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || "/?#\"'<>()[]{}|\\`,;，。、）】」".contains(letter)
    };
    let end = rest
        .char_indices()
        .enumerate()
        .find(|(count, (_, letter))| *count >= HOST_CHARACTERS_MAX || ends(*letter))
        .map_or(rest.len(), |(_, (at, _))| at);
    rest.get(..end).unwrap_or_default()
}

fn rank(host: &str) -> Option<u8> {
    if host.is_ascii() {
        return None;
    }
    let host = host.rsplit('@').next().unwrap_or(host);
    let labels = host.split(':').next().unwrap_or(host).trim_end_matches('.').split('.');
    let is_mixed = |label: &str| {
        let scripts = label.chars().filter_map(script).fold(0_u8, |all, script| all | script);
        scripts.count_ones() > 1
    };
    if labels.clone().any(is_mixed) {
        return Some(MIXED_RANK);
    }
    let is_disguised = |label: &str| {
        !label.is_ascii()
            && label.chars().filter(|letter| script(*letter).is_some()).count() >= 3
            && normalised(label).text.is_ascii()
            && !label.chars().any(|letter| script(letter) == Some(LATIN))
    };
    let top_is_ascii = labels.clone().next_back().is_some_and(str::is_ascii);
    (top_is_ascii && labels.clone().count() > 1 && labels.clone().any(is_disguised))
        .then_some(DISGUISED_RANK)
}

const LATIN: u8 = 1;

/// The script of a letter, one bit each, of those that have letters in common by their looks.
const fn script(letter: char) -> Option<u8> {
    match letter {
        'a'..='z'
        | 'A'..='Z'
        | '\u{c0}'..='\u{d6}'
        | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{24f}' => Some(LATIN),
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(2),
        '\u{400}'..='\u{52f}' => Some(4),
        '\u{531}'..='\u{587}' => Some(8),
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => Some(16),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<u8>) {
        assert_eq!(find(text).map(|hit| hit.rank), expect, "{text:?}");
    }

    #[test]
    fn letters_of_another_script_in_a_host_are_found() {
        check("see https://p\u{430}ypal.example/login", Some(MIXED_RANK));
        check("https://user@g\u{3bf}\u{3bf}gle.com:443", Some(MIXED_RANK));
        check("https://\u{430}\u{440}\u{440}\u{4cf}\u{435}.com", Some(DISGUISED_RANK));
        let at = find("é http://b\u{430}nk.example.").expect("found");
        assert_eq!((at.start, at.end), (10, 24));
    }

    #[test]
    fn hosts_of_one_script_are_not() {
        for text in [
            "https://m\u{fc}nchen.example/stra\u{df}e",
            "https://\u{43f}\u{440}\u{435}\u{437}\u{438}\u{434}\u{435}\u{43d}\u{442}.\u{440}\u{444}",
            "https://\u{4f8b}\u{3048}.jp/p\u{430}th",
            "https://example.com，\u{441}\u{43b}\u{43e}\u{432}\u{430}",
            "naïve https://example.com/p\u{430}th",
            "p\u{430}ypal without a scheme",
            "://",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_host_ends_at_its_limit() {
        let long = format!("https://{}\u{430}", "a".repeat(HOST_CHARACTERS_MAX));
        check(&long, None);
        let fits = format!("https://{}\u{430}", "a".repeat(HOST_CHARACTERS_MAX - 1));
        check(&fits, Some(MIXED_RANK));
    }
}
