//! Promise: what is found, and what may be shown, depends on the text and not on how it was cut.

use std::sync::{Arc, LazyLock};

use detect::{
    AnswerForm, Corpus, DetectSettings, Engine, HOLD_BYTES_MAX, Inspection, Reference, Scanner,
    TEXT_BYTES_MAX, coalesce,
};
use events::{Finding, Provenance};
use proptest::prelude::*;

use crate::custom;
use crate::generate::{CANARY, PAGE, PROMPT, cut_text, text};

/// The engine with everything on and everything set that can be set.
fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        let settings =
            DetectSettings::default().with_canary(CANARY).unwrap_or_else(|error| panic!("{error}"));
        let mut corpus = Corpus::default();
        corpus.add("page", PAGE).unwrap_or_else(|error| panic!("{error}"));
        let mut settings = settings.protecting(Arc::new(corpus));
        settings.allow_language("ja").unwrap_or_else(|error| panic!("{error}"));
        Engine::new(&settings).unwrap_or_else(|error| panic!("self-test: {error}"))
    });
    &ENGINE
}

fn reference() -> &'static Arc<Reference> {
    static REFERENCE: LazyLock<Arc<Reference>> = LazyLock::new(|| {
        Arc::new(Reference::of_prompts([PROMPT], []).expecting(AnswerForm::object()))
    });
    &REFERENCE
}

fn scanner() -> Scanner {
    engine().stream_against(reference())
}

fn inspect(text: &str) -> Inspection {
    engine().inspect_against(text, Provenance::Output, reference())
}

/// What the whole-text inspection finds that a stream must find too.
fn whole(engine: &Engine, text: &str) -> Vec<Finding> {
    let mut findings = engine.inspect_against(text, Provenance::Output, reference()).findings;
    let late = engine.inspect_late_against(text, Provenance::Output, reference()).findings;
    findings.retain(|finding| !late.contains(finding));
    findings
}

/// The findings of a stream cut at `cuts`, checked as they come.
fn streamed(engine: &Engine, text: &str, cuts: &[usize]) -> Vec<Finding> {
    let mut scanner = engine.stream_against(reference());
    let mut findings = Vec::new();
    let (mut from, mut settled) = (0, 0);
    for cut in cuts.iter().copied().chain([text.len()]) {
        let before = findings.len();
        scanner.push(&text[from..cut], &mut findings);
        from = cut;
        for finding in &findings[before..] {
            assert!(finding.span.start as usize >= settled, "{finding:?} touches what was shown");
        }
        assert!(scanner.settled() >= settled && scanner.settled() <= cut, "settled only rises");
        settled = scanner.settled();
        assert!(text.is_char_boundary(settled));
        assert!(cut - settled <= HOLD_BYTES_MAX, "{} bytes held back", cut - settled);
    }
    let before = findings.len();
    scanner.finish(&mut findings);
    for finding in &findings[before..] {
        assert!(finding.span.start as usize >= settled, "{finding:?} touches what was shown");
    }
    assert_eq!(scanner.settled(), text.len());
    assert!(findings.is_sorted_by_key(|finding| finding.span.start), "findings come in order");
    sorted(findings)
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    let sort = |findings: &mut Vec<Finding>| {
        findings.sort_by(|a, b| {
            let key = |finding: &Finding| (finding.span.start, finding.span.end);
            let facts = |finding: &Finding| {
                (finding.kind.clone(), finding.view.clone(), finding.detector.clone())
            };
            key(a).cmp(&key(b)).then_with(|| facts(a).cmp(&facts(b)))
        });
    };
    sort(&mut findings);
    coalesce(&mut findings);
    // What was joined may end elsewhere than its first piece.
    sort(&mut findings);
    findings
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_finds_what_the_whole_text_has((text, cuts) in cut_text()) {
        prop_assert_eq!(streamed(engine(), &text, &cuts), sorted(whole(engine(), &text)));
    }

    #[test]
    fn a_stream_and_its_late_inspection_find_what_the_whole_has((text, cuts) in cut_text()) {
        let late = engine().inspect_late_against(&text, Provenance::Output, reference());
        let whole = inspect(&text);
        prop_assert_eq!(
            sorted(streamed(engine(), &text, &cuts).into_iter().chain(late.findings).collect()),
            sorted(whole.findings)
        );
        prop_assert_eq!((late.scores, late.views), (whole.scores, whole.views));
    }

    #[test]
    fn patterns_and_dictionaries_are_found_under_any_cut((text, cuts) in cut_text()) {
        let engine = custom::engine();
        prop_assert_eq!(streamed(engine, &text, &cuts), sorted(whole(engine, &text)));
        let late = engine.inspect_late_against(&text, Provenance::Output, reference());
        let whole = engine.inspect_against(&text, Provenance::Output, reference());
        prop_assert_eq!(
            sorted(streamed(engine, &text, &cuts).into_iter().chain(late.findings).collect()),
            sorted(whole.findings)
        );
    }

    #[test]
    fn what_is_settled_depends_on_the_text_alone((text, cuts) in cut_text()) {
        let mut cut_scanner = scanner();
        let mut from = 0;
        for cut in cuts.iter().copied().chain([text.len()]) {
            cut_scanner.push(&text[from..cut], &mut Vec::new());
            from = cut;
            let mut scanner = scanner();
            scanner.push(&text[..cut], &mut Vec::new());
            prop_assert_eq!(cut_scanner.settled(), scanner.settled());
        }
    }

    #[test]
    fn what_is_settled_with_patterns_depends_on_the_text_alone((text, cuts) in cut_text()) {
        let mut cut_scanner = custom::engine().stream();
        let mut from = 0;
        for cut in cuts.iter().copied().chain([text.len()]) {
            cut_scanner.push(&text[from..cut], &mut Vec::new());
            from = cut;
            let mut scanner = custom::engine().stream();
            scanner.push(&text[..cut], &mut Vec::new());
            prop_assert_eq!(cut_scanner.settled(), scanner.settled());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn one_character_at_a_time_is_a_cut_like_any_other(text in text()) {
        let text: String = text.chars().take(400).collect();
        let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        prop_assert_eq!(streamed(engine(), &text, &cuts), sorted(whole(engine(), &text)));
    }
}

#[test]
fn a_private_key_is_reported_as_it_comes() {
    let mut scanner = engine().stream();
    let mut findings = Vec::new();
    let text = format!("key:\n-----BEGIN PRIVATE KEY-----\n{}", "MIIEvQIBADANBgkq\n".repeat(200));
    scanner.push(&text, &mut findings);
    assert_eq!(scanner.settled(), text.len(), "nothing is held back inside a key");
    scanner.push("-----END PRIVATE KEY-----\nand more", &mut findings);
    scanner.finish(&mut findings);
    coalesce(&mut findings);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].span.range(), 5..text.len() + 25);
}

#[test]
fn ordinary_text_is_held_back_to_its_last_word() {
    let text = "The meeting on 12 March was short. In 2024 we sold 1,250 units, 3.5 % more than in 2023; \
                Anna-Maria said: \"see you at 10:30\", and left for https://example.com/news?id=7 at once.\n";
    let mut scanner = engine().stream();
    let (mut held, mut pushes) = (0, 0);
    let text = text.repeat(20);
    let mut from = 0;
    for (at, _) in text.char_indices().skip(1).step_by(4) {
        scanner.push(&text[from..at], &mut Vec::new());
        from = at;
        held += at - scanner.settled();
        pushes += 1;
    }
    assert!(
        held < 8 * pushes,
        "{:.1} bytes held back on average",
        f64::from(held as u32) / f64::from(pushes as u32)
    );
}

#[test]
fn a_lane_past_its_limit_says_so_and_settles_no_more() {
    let mut scanner = engine().stream();
    let chunk = "plain words and nothing else. ".repeat(1 << 15);
    let mut pushed = 0;
    while pushed + chunk.len() <= TEXT_BYTES_MAX {
        scanner.push(&chunk, &mut Vec::new());
        pushed += chunk.len();
    }
    assert_eq!(scanner.incomplete(), None);
    let settled = scanner.settled();
    scanner.push(&chunk, &mut Vec::new());
    assert_eq!(scanner.incomplete(), Some("text_bytes_max"));
    assert_eq!(scanner.settled(), settled);
}
