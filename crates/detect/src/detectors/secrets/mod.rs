//! Keys and tokens that are known by how they begin.
//!
//! **Finds** (`secret.<family>`): the families in the tables below, by prefix, alphabet, length and, where
//! the format has one, checksum: AI providers, clouds, code hosts and package registries, messaging,
//! payment and business services, databases and observability, and Bartizan's own virtual keys.
//! Also formats without a prefix that have an unmistakable shape (Azure, Discord, Telegram,
//! Mailchimp, Terraform).
//!
//! **Does not find** keys without any mark of their own, unless a name stands before them (see
//! `secret_assignment`), and placeholders: the same character over and over, `xxxx`, `your-key-here`.
//!
//! **Example**: `AKIAIOSFODNN7EXAMPLE` is found whole as `secret.aws_access_key`.

pub(crate) mod assignment;
mod checksum;
mod families;
mod family;
pub(crate) mod json_web_token;
mod named;
mod naming;
pub(crate) mod private_key;
mod randomness;
mod shapes;
pub(crate) mod url_password;
mod vocabulary;

pub(crate) use families::kinds;

use std::sync::LazyLock;

use families::FAMILIES;
use family::{Alphabet, Family};

use super::{Hit, Word};
use crate::text::Text;
use crate::{DetectorCard, Reach};

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "secret_prefix",
    kinds: &["secret.*"],
    reach: Reach::Held(crate::text::VALUE_BYTES_MAX),
    summary: "Keys and tokens by prefix, alphabet, length and checksum.",
};

/// Which families begin with a pair of bytes: a bit per pair, and all families by pair, the longest
/// prefix first.
struct Index {
    pairs: Vec<u64>,
    families: Vec<([u8; 2], &'static Family)>,
}

/// Built once from the constant tables; every engine shares it.
static INDEX: LazyLock<Index> = LazyLock::new(Index::build);

impl Index {
    fn build() -> Self {
        let mut index = Self { pairs: vec![0; 1024], families: Vec::new() };
        for family in FAMILIES.iter().flat_map(|table| table.iter()) {
            let Some(pair) = family.prefix.as_bytes().first_chunk() else { continue };
            let bit = usize::from(u16::from_be_bytes(*pair));
            if let Some(word) = index.pairs.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
            index.families.push((*pair, family));
        }
        index
            .families
            .sort_by_key(|(pair, family)| (*pair, std::cmp::Reverse(family.prefix.len())));
        index
    }

    /// The families whose prefixes begin with a pair of bytes, the longest prefix first.
    fn of(&self, pair: [u8; 2]) -> impl Iterator<Item = &'static Family> {
        let bit = usize::from(u16::from_be_bytes(pair));
        let any = self.pairs.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
        let from =
            if any { self.families.partition_point(|(of, _)| *of < pair) } else { usize::MAX };
        let rest = self.families.get(from..).unwrap_or_default().iter();
        rest.take_while(move |(of, _)| *of == pair).map(|(_, family)| *family)
    }
}

/// Whether a key of any family with a prefix begins with `text`, or may begin there once it goes on.
pub(crate) fn may_begin(text: &[u8]) -> bool {
    let Some(pair) = text.first_chunk() else { return true };
    INDEX.of(*pair).any(|family| {
        let prefix = family.prefix.as_bytes();
        text.starts_with(prefix) || prefix.starts_with(text)
    })
}

pub(crate) fn find(text: &Text<'_>, word: Word) -> Option<Hit> {
    let second = text.get(1)?;
    if let Some(hit) = INDEX.of([word.first, second]).find_map(|family| family.find(text)) {
        return Some(hit);
    }
    shapes::find(text, word)
}

/// The shortest key of any family with a prefix.
#[cfg(test)]
pub(crate) fn prefixed_bytes_min() -> usize {
    let all = FAMILIES.iter().flat_map(|table| table.iter());
    all.map(Family::bytes_min).min().unwrap_or_default()
}
