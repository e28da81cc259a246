//! Many tokens in one encoding become one text: else as many innocent ones would take all the views there are.
//!
//! INVARIANT: every token is in the result, in the order of the text among those of its encoding, and every byte of a
//! joined text maps back to its token.

use std::borrow::Cow;

use super::codecs::{Decoded, Origin};
use crate::offsets::OffsetMap;

/// So many tokens in one encoding are texts of their own; the others are read together, a line each.
const TOKENS_APART_MAX: usize = 8;

/// Tokens in one encoding.
#[derive(Debug)]
struct Encoding {
    path: Cow<'static, str>,
    apart: usize,
    rest: Option<Rest>,
}

/// Tokens that are read together.
#[derive(Debug, Default)]
struct Rest {
    text: String,
    map: OffsetMap,
    is_cut: bool,
}

/// What was decoded, tokens beyond the first of their encoding joined.
pub(super) fn joined(decoded: Vec<Decoded>) -> Vec<Decoded> {
    if decoded.len() <= TOKENS_APART_MAX {
        return decoded;
    }
    let (mut out, mut encodings) = (Vec::new(), Vec::<Encoding>::new());
    for decoded in decoded {
        let Origin::Token { start, end } = decoded.origin else {
            out.push(decoded);
            continue;
        };
        let known = encodings.iter().position(|encoding| encoding.path == decoded.path);
        let at = known.unwrap_or_else(|| {
            encodings.push(Encoding { path: decoded.path.clone(), apart: 0, rest: None });
            encodings.len() - 1
        });
        let Some(encoding) = encodings.get_mut(at) else { continue };
        if encoding.apart < TOKENS_APART_MAX {
            encoding.apart += 1;
            out.push(decoded);
        } else {
            encoding.rest.get_or_insert_default().add(&decoded, start, end);
        }
    }
    out.extend(encodings.into_iter().filter_map(|encoding| {
        let Rest { text, map, is_cut } = encoding.rest?;
        Some(Decoded { path: encoding.path, text, origin: Origin::Undone(map), is_cut })
    }));
    out
}

impl Rest {
    fn add(&mut self, token: &Decoded, start: usize, end: usize) {
        self.map.replaced(self.text.len(), start, end - start);
        self.text.push_str(&token.text);
        self.text.push('\n');
        self.is_cut |= token.is_cut;
    }
}
