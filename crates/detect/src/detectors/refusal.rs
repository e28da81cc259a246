//! Answers with which a model declines.
//!
//! **Finds** (`output.refusal`, rank 20): the sentences with which models decline, at the beginning of an answer, in English, German, French, Spanish, Italian,
//! Portuguese, Dutch, Polish, Russian, Turkish, Chinese, Japanese and Korean. A refusal tells the conversation's risk that something was asked that the
//! model would not do.
//!
//! **Does not find** refusals in other words or other languages, and those that come after the first 240 characters. An answer that is a letter of regret
//! looks the same.
//!
//! **Example**: `I'm sorry, but I can't help with that.`

use super::whole::WholeHit;
use crate::{DetectorCard, Reach};

const KIND: &str = "output.refusal";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "refusal",
    kinds: &[KIND],
    reach: Reach::Late,
    summary: "Answers with which a model declines.",
};

/// Refusals come first in an answer: so many characters of it are read.
const HEAD_CHARACTERS_MAX: usize = 240;
const RANK: u8 = 20;

/// How models decline, in lower case with straight apostrophes.
const PHRASES: [&str; 96] = [
    // English
    "i can't help with",
    "i cannot help with",
    "i can't help you with",
    "i cannot help you with",
    "i can't assist",
    "i cannot assist",
    "i can not assist",
    "i'm unable to assist",
    "i am unable to assist",
    "i'm unable to help",
    "i am unable to help",
    "i'm unable to provide",
    "i am unable to provide",
    "i'm not able to help",
    "i'm not able to assist",
    "i'm not able to provide",
    "i'm unable to comply",
    "i can't comply",
    "i cannot comply",
    "i can't fulfill",
    "i cannot fulfill",
    "i can't provide",
    "i cannot provide",
    "i won't help",
    "i will not help",
    "i won't provide",
    "i can't share",
    "i must decline",
    "i have to decline",
    "i can't create content",
    "i cannot create content",
    "i'm sorry, but i can't",
    "i'm sorry, but i cannot",
    "i'm sorry, i can't",
    "i'm sorry, i cannot",
    "sorry, but i can't",
    "as an ai language model, i can't",
    "as an ai language model, i cannot",
    // German
    "dabei kann ich nicht helfen",
    "dabei kann ich dir nicht helfen",
    "dabei kann ich ihnen nicht helfen",
    "damit kann ich nicht helfen",
    "damit kann ich dir nicht helfen",
    "damit kann ich ihnen nicht helfen",
    "kann ich dir leider nicht helfen",
    "kann ich ihnen leider nicht helfen",
    "diese anfrage kann ich nicht",
    "tut mir leid, aber ich kann",
    // French
    "je ne peux pas vous aider",
    "je ne peux pas t'aider",
    "je ne peux pas aider",
    "je ne peux pas répondre à cette demande",
    "je suis désolé, mais je ne peux pas",
    "désolé, je ne peux pas",
    "je ne suis pas en mesure de",
    // Spanish
    "no puedo ayudarte con",
    "no puedo ayudarle con",
    "no puedo ayudar con",
    "lo siento, pero no puedo",
    "lo siento, no puedo",
    "no puedo proporcionar",
    // Italian
    "non posso aiutarti",
    "non posso aiutarla",
    "mi dispiace, ma non posso",
    "non posso fornire",
    // Portuguese
    "não posso ajudar",
    "não posso ajudá-lo",
    "desculpe, mas não posso",
    "sinto muito, mas não posso",
    "não posso fornecer",
    // Dutch
    "daar kan ik je niet bij helpen",
    "daar kan ik niet mee helpen",
    "het spijt me, maar ik kan",
    "ik kan je hier niet bij helpen",
    // Polish
    "nie mogę w tym pomóc",
    "nie mogę ci w tym pomóc",
    "przykro mi, ale nie mogę",
    "przepraszam, ale nie mogę",
    // Russian
    "я не могу помочь с",
    "не могу помочь с этим",
    "извините, но я не могу",
    "к сожалению, я не могу",
    // Turkish
    "bu konuda yardımcı olamam",
    "üzgünüm, ancak",
    "size yardımcı olamam",
    // Chinese
    "我无法协助",
    "我不能协助",
    "我无法提供",
    "抱歉，我无法",
    "抱歉，我不能",
    "無法協助",
    // Japanese
    "お手伝いできません",
    "お手伝いすることはできません",
    "お答えできません",
    // Korean
    "도와드릴 수 없습니다",
    "도와 드릴 수 없습니다",
];

pub(crate) fn find(text: &str) -> Option<WholeHit> {
    let text_start = text.len() - text.trim_start().len();
    let rest = text.get(text_start..)?;
    let end = rest.char_indices().nth(HEAD_CHARACTERS_MAX).map_or(rest.len(), |(at, _)| at);
    let head = rest.get(..end)?;
    let lower = head.to_lowercase().replace(['\u{2019}', '\u{2bc}'], "'");
    let is_refusal = PHRASES.iter().any(|phrase| stands_in(phrase, &lower));
    is_refusal.then_some(WholeHit {
        kind: KIND,
        start: text_start,
        end: text_start + end,
        rank: RANK,
    })
}

/// Whether a phrase stands in a text, and not in the middle of a word; Chinese and Japanese have no such places.
fn stands_in(phrase: &str, text: &str) -> bool {
    let is_spaced = phrase.chars().next().is_some_and(|first| first < '\u{3000}');
    text.match_indices(phrase).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !is_spaced || !before.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: bool) {
        assert_eq!(find(text).is_some(), expect, "{text:?}");
    }

    #[test]
    fn refusals_are_found() {
        for text in [
            "I\u{2019}m sorry, but I can\u{2019}t help with that.",
            "\n I cannot assist with this request because it could hurt people.",
            "Das tut mir leid, aber ich kann diese Anweisung nicht befolgen.",
            "Dabei kann ich Ihnen nicht helfen.",
            "Je suis désolé, mais je ne peux pas fournir ces instructions.",
            "Lo siento, pero no puedo hacer eso.",
            "Mi dispiace, ma non posso rispondere.",
            "Desculpe, mas não posso fazer isso.",
            "Het spijt me, maar ik kan daar niet aan meewerken.",
            "Przykro mi, ale nie mogę tego zrobić.",
            "Извините, но я не могу этого сделать.",
            "很抱歉，我无法提供这些信息。",
            "申し訳ありませんが、そのご依頼にはお手伝いできません。",
            "죄송하지만 그 요청은 도와드릴 수 없습니다.",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn help_is_no_refusal() {
        for text in [
            "Sure, I can help with that.",
            "You can't help it: bread needs time.",
            "The API cannot provide more than 100 rows at a time.",
            "Das kann ich gut verstehen. Hier ist der Plan.",
            "",
        ] {
            check(text, false);
        }
        check(
            &format!("{} I can't help with that.", "word ".repeat(HEAD_CHARACTERS_MAX / 5)),
            false,
        );
    }
}
