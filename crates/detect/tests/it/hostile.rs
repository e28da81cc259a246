//! Any text at all is read without panic, and everything said about it is about it.

use detect::Head;
use detect::training::views;
use events::Provenance;
use proptest::prelude::*;

use crate::engine;
use crate::generate::{coded, text};

fn holds(text: &str) {
    let inspection = engine().inspect(text, Provenance::Retrieved);
    for finding in &inspection.findings {
        let range = finding.span.range();
        assert!(text.get(range.clone()).is_some_and(|part| !part.is_empty()), "{finding:?}");
    }
    assert!(inspection.findings.is_sorted_by_key(|finding| finding.span.start));
    let explanation = engine().explain(text, Head::Injection, Provenance::Retrieved);
    assert!(text.get(explanation.span.range()).is_some());
    for term in &explanation.terms {
        assert!(text.get(term.span.range()).is_some(), "{term:?}");
    }
    for decoded in engine().decoded(text) {
        assert!(text.get(decoded.span.range()).is_some(), "{decoded:?}");
    }
}

/// The most views of a text, how deep they are, and how many times its length they have together.
const VIEWS_MAX: usize = 16;
const DEPTH_MAX: usize = 3;
const DECODED_TIMES_MAX: usize = 4;

/// The views of a text keep their limits.
fn is_bounded(text: &str) {
    let views = views(text);
    assert!(views.len() <= VIEWS_MAX);
    assert!(views.iter().all(|(path, _)| path.matches('>').count() <= DEPTH_MAX), "{views:?}");
    let decoded: usize = views.iter().map(|(_, view)| view.len()).sum();
    // Folding a view may lengthen it, as it may the text.
    assert!(decoded <= DECODED_TIMES_MAX * text.len() * FOLDED_TIMES_MAX, "{views:?}");
}

/// How many times its bytes a character may have when it is folded: U+FDFA stands for 18 letters.
const FOLDED_TIMES_MAX: usize = 11;

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn texts_of_encodings_hold(text in coded()) {
        holds(&text);
        is_bounded(&text);
    }

    #[test]
    fn texts_of_values_hold(text in text()) {
        holds(&text);
    }

    #[test]
    fn any_characters_hold(text in prop::collection::vec(any::<char>(), 0..80)) {
        holds(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_bytes_that_are_text_hold(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        holds(&String::from_utf8_lossy(&bytes));
    }
}
