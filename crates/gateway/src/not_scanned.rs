//! What was not scanned: what records list of it, and what answers say, in the header `x-bartizan-unscanned`.
//!
//! A structured field (RFC 9651): the number of places that no guard read, as far as it is known when the
//! answer's head is sent (of a stream, those of the request), with the reasons if they are short:
//! `2;why="opaque: image"`. Where guards are off it is `all`.
//!
//! INVARIANT: it never says less than the record does at that moment. INVARIANT: the header's value has
//! nothing in it that the caller wrote: reasons are ours.

use events::Unscanned;

/// The header.
pub(crate) const HEADER: &str = "x-bartizan-unscanned";
/// Where guards are off.
pub(crate) const EVERYTHING: &str = "all";
/// Bytes of all reasons together; more are left out.
const WHY_BYTES_MAX: usize = 200;
/// Pieces of content that no guard read, in one record; what follows is of the same sort.
const UNSCANNED_RECORDED_MAX: usize = 128;

/// Adds what is not there yet: every event of a stream says the same. Array positions in paths are
/// those of the event, so what repeats is equal.
pub(crate) fn note_unscanned(known: &mut Vec<Unscanned>, more: &[Unscanned]) {
    for one in more {
        if known.len() < UNSCANNED_RECORDED_MAX && !known.contains(one) {
            known.push(one.clone());
        }
    }
}

/// The header's value for these places.
pub(crate) fn value<'u>(places: impl IntoIterator<Item = &'u Unscanned>) -> String {
    let (mut count, mut reasons) = (0_usize, Vec::new());
    for place in places {
        count += 1;
        if !reasons.contains(&place.why.as_str()) {
            reasons.push(&place.why);
        }
    }
    let why = reasons.join(", ");
    let is_plain = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\';
    if why.is_empty() || why.len() > WHY_BYTES_MAX || !why.bytes().all(is_plain) {
        return count.to_string();
    }
    format!("{count};why=\"{why}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(reasons: &[&str]) -> String {
        let place = |why: &&str| Unscanned { path: "a".into(), why: (*why).to_owned() };
        let places: Vec<_> = reasons.iter().map(place).collect();
        value(&places)
    }

    #[test]
    fn reasons_are_said_once_and_only_if_short_and_plain() {
        assert_eq!(value_of(&[]), "0");
        assert_eq!(value_of(&["opaque: image"; 3]), "3;why=\"opaque: image\"");
        assert_eq!(value_of(&["a", "b", "a"]), "3;why=\"a, b\"");
        let longest = "x".repeat(WHY_BYTES_MAX);
        assert_eq!(value_of(&[&longest]), format!("1;why=\"{longest}\""));
        assert_eq!(value_of(&[&"x".repeat(WHY_BYTES_MAX + 1)]), "1");
        for odd in ["a\"b", "a\\b", "a\nb", "é"] {
            assert_eq!(value_of(&[odd]), "1", "{odd}");
        }
    }
}
