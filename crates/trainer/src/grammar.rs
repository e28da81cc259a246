//! One seed, many texts: `{ignore|forget} {all|} previous {rules|instructions}`.
//!
//! A choice stands in braces with `|` between; it may be empty and hold choices itself. `{{` and `}}` are
//! braces. `{$name}` stands for the choices that `definitions.json` gives that name. INVARIANT: the same seed and number give the same texts, the first choices first.

use std::collections::BTreeMap;

use crate::shuffle::Shuffle;

/// The most choices inside choices.
const DEPTH_MAX: usize = 8;
/// How often names are replaced by what they stand for, which may hold names again.
const NAME_ROUNDS_MAX: usize = 4;

/// `seed` with every `{$name}` replaced by the choices that the name stands for.
pub(crate) fn named(seed: &str, definitions: &BTreeMap<String, String>) -> String {
    let mut text = seed.to_owned();
    for _ in 0..NAME_ROUNDS_MAX {
        for (name, choices) in definitions {
            let reference = format!("{{${name}}}");
            if text.contains(&reference) {
                text = text.replace(&reference, &format!("{{{choices}}}"));
            }
        }
    }
    text
}

/// Up to `count` different texts that `seed` describes.
pub(crate) fn expand(seed: &str, count: usize, shuffle: &mut Shuffle) -> Vec<String> {
    let mut texts = vec![choose(seed, 0, &mut |_| 0)];
    // Some seeds have fewer texts than are asked for; a few more tries find most of those there are.
    for _ in 0..count * 4 {
        if texts.len() >= count {
            break;
        }
        let text = choose(seed, 0, &mut |choices| shuffle.below(choices));
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

fn choose(seed: &str, depth: usize, pick: &mut impl FnMut(usize) -> usize) -> String {
    let mut out = String::with_capacity(seed.len());
    let mut rest = seed;
    while let Some(at) = rest.find(['{', '}']) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        if tail.starts_with("{{") || tail.starts_with("}}") {
            out.push_str(tail.get(..1).unwrap_or_default());
            rest = tail.get(2..).unwrap_or_default();
            continue;
        }
        let Some(len) = closing(tail).filter(|_| depth < DEPTH_MAX) else {
            out.push_str(tail);
            return out;
        };
        let choices = alternatives(tail.get(1..len).unwrap_or_default());
        let chosen = choices.get(pick(choices.len())).copied().unwrap_or_default();
        out.push_str(&choose(chosen, depth + 1, pick));
        rest = tail.get(len + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Where the brace that `text` opens with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The parts between the `|` that are in no inner braces.
fn alternatives(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'|' if depth == 0 => {
                parts.extend(text.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(from..));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_made() {
        let texts = expand("{a|b{c|d}} x {{y}}", 10, &mut Shuffle::new(1));
        assert_eq!(texts[0], "a x {y}");
        let mut sorted = texts.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, ["a x {y}", "bc x {y}", "bd x {y}"]);
        assert_eq!(texts, expand("{a|b{c|d}} x {{y}}", 10, &mut Shuffle::new(1)));
    }

    #[test]
    fn what_does_not_close_is_text() {
        assert_eq!(expand("f(x) { return", 3, &mut Shuffle::new(1)), ["f(x) { return"]);
    }
}
