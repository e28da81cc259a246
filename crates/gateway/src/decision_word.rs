//! What was decided, in one word, as metrics have it.
//!
//! INVARIANT: a fixed vocabulary: `allow`, `block`, `refuse`, and the names of actions.

use events::{Action, Decision, Ending, InteractionClosed, Outcome};

/// What was decided about request and answer together, in one word.
pub(crate) fn whole_decision(asked: &'static str, closed: &InteractionClosed) -> &'static str {
    match (asked, closed.ending) {
        ("refuse", _) => "refuse",
        (_, Ending::Blocked) => "block",
        (request, _) => stricter(request, decision(&closed.decision)),
    }
}

/// A decision in one word: `refuse`, or the strictest action.
pub(crate) fn decision(decision: &Decision) -> &'static str {
    match decision.outcome {
        Outcome::Refused => "refuse",
        Outcome::Allowed => decision.actions.iter().max().map_or("allow", |action| action.as_str()),
    }
}

/// The stricter of two words for decisions.
fn stricter(one: &'static str, other: &'static str) -> &'static str {
    let place = |word: &str| Action::ALL.iter().position(|action| action.as_str() == word);
    // An answer that never came is no decision about it.
    if other != "refuse" && place(other) > place(one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::stricter;

    #[test]
    fn decisions_of_requests_and_answers_are_one_word() {
        let cases = [
            ("allow", "allow", "allow"),
            ("allow", "redact", "redact"),
            ("taint", "redact", "taint"),
            ("redact", "refuse", "redact"),
        ];
        for (request, answer, both) in cases {
            assert_eq!(stricter(request, answer), both, "{request} {answer}");
        }
    }
}
