//! What kind of toxicity a stretch of text shows, by the concepts and words in it.
//!
//! The score is one number; this says what it was about. It looks at the window that scored highest and at nothing else, and asks only of concepts whose
//! sequences made that score higher.
//!
//! INVARIANT: the score does not change. INVARIANT: without evidence nothing is said.

use super::concepts;
use super::features::{concepts_of, features};
use super::model::{Group, Model};
use crate::Head;

/// Every sub-kind.
pub(crate) const SUB_KINDS: [&str; 6] = [
    "toxicity.identity_attack",
    "toxicity.insult",
    "toxicity.profanity",
    "toxicity.self_harm",
    "toxicity.sexual",
    "toxicity.threat",
];

/// What people write who tell somebody to hurt themselves, or that they want to; folded and in lower case.
const SELF_HARM: [&str; 34] = [
    "kill yourself",
    "kill urself",
    "kill myself",
    "hang yourself",
    "hang myself",
    "cut yourself",
    "cut myself",
    "hurt yourself",
    "end your life",
    "end my life",
    "slit your wrists",
    "drink bleach",
    "commit suicide",
    "kys",
    "bring dich um",
    "hang dich auf",
    "selbstmord",
    "suicide-toi",
    "tue-toi",
    "pends-toi",
    "matate",
    "suicidate",
    "ammazzati",
    "ucciditi",
    "se mata",
    "maak jezelf dood",
    "zabij sie",
    "zabij se",
    "убей себя",
    "убейся",
    "自杀",
    "去死",
    "自殺",
    "자살",
];

impl Model {
    /// The sub-kinds of toxicity for which there is evidence in a window of normalised text.
    pub(crate) fn toxic_sub_kinds(&self, window: &str, group: Group) -> Vec<&'static str> {
        let concepts = self.toxic_concepts(window, group);
        let has = |names: &[&str]| names.iter().any(|name| concepts.contains(name));
        let is_identity_attack = has(&["slur"])
            || (has(&["people"]) && has(&["hate", "insult", "profanity", "threat", "sexual"]));
        let evidence = [
            is_identity_attack,
            has(&["insult"]),
            has(&["profanity"]),
            is_about_self_harm(window),
            has(&["sexual"]),
            has(&["threat"]),
        ];
        SUB_KINDS
            .into_iter()
            .zip(evidence)
            .filter(|(_, shown)| *shown)
            .map(|(kind, _)| kind)
            .collect()
    }

    /// The concepts of a window whose sequences made it more toxic, taken together.
    fn toxic_concepts(&self, window: &str, group: Group) -> Vec<&'static str> {
        let Some(place) = self.place(Head::Toxicity, group) else { return Vec::new() };
        let mut weights = [0_i32; concepts::LEXICON_NUMBERS];
        features(window, |bucket, sequence| {
            let [_, _, last] = concepts_of(bucket);
            if sequence.concepts > 0
                && let Some(weight) = weights.get_mut(usize::from(last))
            {
                *weight += i32::from(self.weight(bucket, place));
            }
        });
        let helped = |(number, weight): (usize, &i32)| {
            (number > 0 && *weight > 0).then(|| concepts::name(number as u8))
        };
        weights.iter().enumerate().filter_map(helped).collect()
    }
}

fn is_about_self_harm(window: &str) -> bool {
    let lower = window.to_lowercase();
    SELF_HARM.iter().any(|phrase| {
        let edge = |character: Option<char>| {
            !phrase.is_ascii() || !character.is_some_and(|next| next.is_ascii_alphanumeric())
        };
        lower.match_indices(phrase).any(|(at, _)| {
            let (before, after) = (lower.get(..at), lower.get(at + phrase.len()..));
            edge(before.and_then(|text| text.chars().next_back()))
                && edge(after.and_then(|text| text.chars().next()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let model = Model::shipped().expect("it is whole");
        let found = model.toxic_sub_kinds(text, Group::Prompts);
        let found: Vec<&str> =
            found.iter().filter_map(|kind| kind.strip_prefix("toxicity.")).collect();
        assert_eq!(found, expect, "{text:?}");
    }

    #[test]
    fn what_it_is_about_is_said() {
        check("you are such a pathetic worthless idiot", &["insult"]);
        check("i will murder you and burn your house", &["threat"]);
        check("go kill yourself", &["self_harm"]);
        check("muslims are vermin", &["identity_attack"]);
        check("what the fuck is this shit", &["profanity"]);
    }

    #[test]
    fn without_evidence_nothing_is_said() {
        check("the river rises in the hills", &[]);
        check("akysta", &[]);
    }
}
