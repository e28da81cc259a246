//! Any text at all is read without panic, and everything said about it is about it.

use detect::Head;
use events::Provenance;
use proptest::prelude::*;

use crate::engine;
use crate::generate::text;

fn holds(text: &str) {
    let inspection = engine().inspect(text, Provenance::Retrieved);
    for finding in &inspection.findings {
        let range = finding.span.range();
        assert!(text.get(range.clone()).is_some_and(|part| !part.is_empty()), "{finding:?}");
    }
    assert!(inspection.findings.is_sorted_by_key(|finding| finding.span.start));
    let explanation = engine().explain(text, Head::Injection);
    assert!(text.get(explanation.span.range()).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

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
