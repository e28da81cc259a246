//! Soup: what optimisers, cats and shaken keyboards make, made by chance.
//!
//! Nobody else's suffixes are used: words come from innocent texts, endings and signs from the lists below.

use std::collections::BTreeMap;

use crate::shuffle::Shuffle;

/// Words that soup is made of.
const WORDS_MAX: usize = 30_000;
/// Pieces of the first kind to learn from, and to measure with; a quarter as many of each other kind.
const TRAIN_TEXTS: usize = 6000;
const DEV_TEXTS: usize = 600;

/// Suffixes written by hand, which nothing is learnt from.
const BY_HAND: &str = include_str!("by_hand.txt");

const ENDINGS: &str = "ing ed er ly ment tion ish ure able ness Path View String List Type Name Error Key Value Id Data Set Get \
    Map Node Event Time Test User File ory ade orum inte asz lich ique ona ski heit zione iai uk ov ch sk ens ous ful ative ized izing ery \
    ity ism ists ually erer Bar Foo Manager Layout Controller idget rael ueil iej ont ank elt aud oph yll ixt aft urg";
const FOREIGN: &str = "Однако который через года année être pués después który jego jsou även blev jego sowie durch würde \
    zwischen после между 方法 設定 的时候 データ 에서 الله και των שה של भारत";
const SIGNS: &str = "]( )** .\" \\( ({ ]{ \"? !-- %% ))$ }{ ;; == \\+ \\\" (' \"> /* */ -> :: -- |= && [[ .\\ \"}; '\\]. (- _{ ^{ ?) !( ),( /_ =\" \
    += <? ?> #{ @{ ~/ }} \\_ $,";
const DEV_SIGNS: &str = "\") [( ... )} :** \\] \")] {\" |{ <! --> }); '; (& (\\ [$ .* }( => ',\" (\". )-> \"-- }\\ ~\\ !!!! ?! ...\" ])); }), /// << >> \
    || (){ ++) \\; *) (* __( \"` `, *[ ](#";
const ROWS: [&[u8]; 3] = [b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];
const NOISE: &[u8] =
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!\"#$%&()*+,-./:;<=>?@[]^_{|}~     ";

/// What soup is made of: half of it to learn from, half to measure with.
pub(super) struct Soup {
    words: Vec<String>,
    sentences: Vec<String>,
}

impl Soup {
    /// From the words and sentences of innocent texts.
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let (mut counts, mut sentences) = (BTreeMap::<&str, usize>::new(), Vec::new());
        for text in texts {
            for word in text.split(|letter: char| !letter.is_ascii_alphabetic()) {
                if (2..=12).contains(&word.len()) {
                    *counts.entry(word).or_default() += 1;
                }
            }
            if (60..200).contains(&text.len()) && text.is_ascii() {
                sentences.push(text.to_owned());
            }
        }
        let mut words: Vec<(&str, usize)> = counts.into_iter().collect();
        words.sort_by_key(|(_, count)| usize::MAX - count);
        words.truncate(WORDS_MAX);
        let mut shuffle = Shuffle::new(7);
        shuffle.shuffle(&mut words);
        shuffle.shuffle(&mut sentences);
        Self { words: words.into_iter().map(|(word, _)| word.to_owned()).collect(), sentences }
    }

    /// Soup to learn from.
    pub(super) fn train(&self) -> Vec<String> {
        let kinds = self.kinds(0, SIGNS, TRAIN_TEXTS, &mut Shuffle::new(11));
        kinds.into_iter().flat_map(|(_, texts)| texts).collect()
    }

    /// Soup to measure with, by kind.
    pub(super) fn dev(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut kinds = self.kinds(1, DEV_SIGNS, DEV_TEXTS, &mut Shuffle::new(13));
        kinds.push(("by hand", BY_HAND.lines().map(str::to_owned).collect()));
        kinds
    }

    fn kinds(
        &self,
        half: usize,
        signs: &str,
        count: usize,
        shuffle: &mut Shuffle,
    ) -> Vec<(&'static str, Vec<String>)> {
        let words: Vec<&str> =
            self.words.iter().skip(half).step_by(2).map(String::as_str).collect();
        let sentences: Vec<&str> =
            self.sentences.iter().skip(half).step_by(2).map(String::as_str).collect();
        let signs: Vec<&str> = signs.split_whitespace().collect();
        let few = count / 4;
        let mut make = |count: usize, one: &dyn Fn(&mut Shuffle) -> String| {
            (0..count).map(|_| one(shuffle)).collect::<Vec<String>>()
        };
        vec![
            ("tokens", make(count, &|shuffle| tokens(&words, &signs, shuffle))),
            ("keyboard", make(few, &keyboard)),
            ("noise", make(few, &noise)),
            ("capitals", make(few, &|shuffle| capitals(pick(&sentences, shuffle), shuffle))),
        ]
    }
}

fn pick<'a>(from: &[&'a str], shuffle: &mut Shuffle) -> &'a str {
    from.get(shuffle.below(from.len())).copied().unwrap_or_default()
}

/// Twenty to forty tokens, as a vocabulary of a model has them, in any order.
fn tokens(words: &[&str], signs: &[&str], shuffle: &mut Shuffle) -> String {
    let endings: Vec<&str> = ENDINGS.split_whitespace().collect();
    let foreign: Vec<&str> = FOREIGN.split_whitespace().collect();
    let count = [20, 20, 25, 30, 40].get(shuffle.below(5)).copied().unwrap_or(20);
    let mut text = String::new();
    // Every other piece has twice the signs.
    let words_percent = if shuffle.below(2) == 0 { 55 } else { 40 };
    for _ in 0..count {
        let space = if shuffle.below(20) < 11 { " " } else { "" };
        match shuffle.below(100) {
            part if part < words_percent => text.extend([space, pick(words, shuffle)]),
            82..97 | ..55 => {
                text.extend([if shuffle.below(5) < 2 { space } else { "" }, pick(signs, shuffle)]);
            }
            55..72 => {
                let word = pick(words, shuffle);
                let (head, tail) = word.split_at(1 + shuffle.below(word.len() - 1));
                text.extend([space, if shuffle.below(2) == 0 { head } else { tail }]);
            }
            72..82 => text.push_str(pick(&endings, shuffle)),
            97..99 => text.extend([space, pick(&foreign, shuffle)]),
            _ => text.extend([space, &shuffle.below(1000).to_string()]),
        }
    }
    text
}

/// Letters struck at random.
fn keyboard(shuffle: &mut Shuffle) -> String {
    let mut text = String::new();
    for _ in 0..10 + shuffle.below(10) {
        for _ in 0..3 + shuffle.below(8) {
            let row = ROWS.get(shuffle.below(ROWS.len())).copied().unwrap_or_default();
            text.extend(row.get(shuffle.below(row.len())).copied().map(char::from));
        }
        text.push(' ');
    }
    text
}

/// Letters and signs by chance.
fn noise(shuffle: &mut Shuffle) -> String {
    let count = 90 + shuffle.below(50);
    (0..count)
        .filter_map(|_| NOISE.get(shuffle.below(NOISE.len())).copied().map(char::from))
        .collect()
}

/// A sentence whose letters are capitals by chance.
fn capitals(sentence: &str, shuffle: &mut Shuffle) -> String {
    let turn = |letter: char| {
        if shuffle.below(2) == 0 {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        }
    };
    sentence.chars().map(turn).collect()
}
