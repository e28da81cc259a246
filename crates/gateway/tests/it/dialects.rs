//! What holds in every dialect, asked and read as each of them does.

use std::fmt::Debug;

use testkit::{FakeUpstream, Response};

use crate::bed::Bed;

/// Whatever went upstream held none of these values, and a mask.
pub(crate) fn check_masked(upstream: &FakeUpstream, values: &[&str]) {
    for request in upstream.requests() {
        let text = request.text();
        assert!(values.iter().all(|value| !text.contains(value)), "sent in the clear: {text}");
        assert!(text.contains("[EMAIL-"), "{text}");
    }
}

/// What the model made up is removed. `seen` asks a model, for a stream or not, and is what its client sees of the answer.
pub(crate) fn check_made_up(bed: &Bed, seen: impl Fn(&str, bool) -> String) {
    for (model, stream) in
        [("fake-pii", false), ("fake-pii+token+cut1", true), ("fake-pii+adversarial", true)]
    {
        let seen = seen(model, stream);
        for value in testkit::PII_VALUES {
            assert!(!seen.contains(value), "{model}: `{value}` passed: {seen}");
        }
        assert!(seen.contains("REMOVED]"), "{model}: {seen}");
    }
    assert!(bed.closed(3).iter().all(|closed| closed.masked > 0));
}

/// The bytes of a stream do not depend on how the upstream's were cut, nor what it says on how the model's text was. `ask` asks a
/// model; what it `said` is given back.
pub(crate) fn check_cuts<T: PartialEq + Debug>(
    kind: &str,
    ask: impl Fn(&str) -> Response,
    said: impl Fn(&Response) -> T,
) -> T {
    let mut seen = Vec::new();
    for split in ["token", "words", "whole", "adversarial"] {
        let mut bytes = Vec::new();
        for cut in ["cut-whole", "cut1", "cut-random-7", "cut-utf8", "cut-chunk"] {
            let model = format!("{kind}+{split}+{cut}");
            let response = ask(&model);
            seen.push(said(&response));
            // Some dialects repeat the model's name.
            let text: String = response.body.iter().copied().map(char::from).collect();
            bytes.push(text.replace(&model, "model"));
        }
        assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "{split}: {bytes:#?}");
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
    seen.swap_remove(0)
}
