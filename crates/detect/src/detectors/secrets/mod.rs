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
pub(crate) mod private_key;
mod randomness;
mod shapes;
pub(crate) mod url_password;

pub(crate) use families::kinds;

use std::sync::LazyLock;

use families::FAMILIES;
use family::Family;

use super::{Hit, Word};
use crate::text::Text;
use crate::{DetectorCard, Reach};

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "secret_prefix",
    kinds: &["secret.*"],
    reach: Reach::Held(crate::text::VALUE_BYTES_MAX),
    summary: "Keys and tokens by prefix, alphabet, length and checksum.",
};

/// Which families begin with a pair of bytes: a bit per pair, and the families by first byte with
/// the longest prefix first.
struct Index {
    pairs: Vec<u64>,
    by_first: Vec<Vec<&'static Family>>,
}

/// Built once from the constant tables; every engine shares it.
static INDEX: LazyLock<Index> = LazyLock::new(Index::build);

impl Index {
    fn build() -> Self {
        let mut index = Self { pairs: vec![0; 1024], by_first: vec![Vec::new(); 256] };
        for family in FAMILIES.iter().flat_map(|table| table.iter()) {
            let mut bytes = family.prefix.bytes();
            let (Some(first), Some(second)) = (bytes.next(), bytes.next()) else { continue };
            let pair = usize::from(first) << 8 | usize::from(second);
            if let Some(word) = index.pairs.get_mut(pair / 64) {
                *word |= 1 << (pair % 64);
            }
            if let Some(list) = index.by_first.get_mut(usize::from(first)) {
                list.push(family);
            }
        }
        for list in &mut index.by_first {
            list.sort_by_key(|family| std::cmp::Reverse(family.prefix.len()));
        }
        index
    }

    fn may_begin(&self, first: u8, second: u8) -> bool {
        let pair = usize::from(first) << 8 | usize::from(second);
        self.pairs.get(pair / 64).is_some_and(|word| word >> (pair % 64) & 1 == 1)
    }
}

pub(crate) fn find(text: &Text<'_>, word: Word) -> Option<Hit> {
    let second = text.get(1)?;
    if INDEX.may_begin(word.first, second)
        && let Some(families) = INDEX.by_first.get(usize::from(word.first))
        && let Some(hit) = families.iter().find_map(|family| family.find(text))
    {
        return Some(hit);
    }
    shapes::find(text, word)
}
