//! What a client sees of a lane, whatever the cut: the promises of `answer`.

use std::sync::OnceLock;

use events::Principal;
use policy::{PolicyOptions, Preset, Verb};
use proptest::prelude::*;

use super::*;
use crate::mask::MASK_BYTES_MAX;

const LANE: Lane = Lane { choice: 0, channel: Channel::Content };
const ARGUMENTS: Lane = Lane { choice: 0, channel: Channel::ToolArguments(0) };

pub(crate) fn judge() -> Arc<Judge> {
    static JUDGE: OnceLock<Arc<Judge>> = OnceLock::new();
    Arc::clone(JUDGE.get_or_init(|| {
        let detect = detect::Engine::new(&detect::DetectSettings::default()).expect("self-test");
        let options = PolicyOptions { preset: Preset::Balanced, ..PolicyOptions::default() };
        let policy = policy::Engine::new(&options).expect("shipped policies compile");
        Arc::new(Judge::new(detect, policy, true))
    }))
}

pub(crate) fn subject() -> Arc<Subject> {
    Arc::new(Subject {
        client_address: Some(std::net::Ipv4Addr::LOCALHOST.into()),
        model: "m".to_owned(),
        grants: Arc::new(policy::Grants::UNLIMITED),
        principal: Principal::default(),
        request_bytes: 1,
        risk: 0,
        route: "r".to_owned(),
        streamed: true,
        tainted: false,
        time_ms: 1,
        tools: Vec::new(),
        unknown_fields: 0,
        unscanned: 0,
        upstream: "u".to_owned(),
        verb: Verb::Infer,
    })
}

pub(crate) const MASK: &str = "[EMAIL-K7Q2M9XA]";
/// A mask whose code happens to be a valid bank identifier.
const BANK_MASK: &str = "[EMAIL-DEUTDEFF]";
/// Stand-ins that keep their format, and beginnings of more than one.
const LIKE: [&str; 7] = [
    "k7q2m9xafw@masked.invalid",
    "9999 0000 0000 0004",
    "+1 312 555 0107",
    "000-30-7418",
    "192.0.2.17",
    "DE64 0000 3704 0044 0532 01",
    "2001:db8::1118:1f26",
];
pub(crate) const OWN: &str = "ann \"a\" <ann.own@example.org>";

pub(crate) fn guard() -> AnswerGuard {
    let mut vault = Vault::default();
    assert!(vault.keep(MASK.to_owned(), OWN.to_owned()));
    assert!(vault.keep(BANK_MASK.to_owned(), OWN.to_owned()));
    for (index, like) in LIKE.iter().enumerate() {
        assert!(vault.is_free(like, "") && vault.keep((*like).to_owned(), format!("own {index}")));
    }
    vault.saw("seen.own@example.org");
    AnswerGuard::new(judge(), subject(), Arc::new(vault), Arc::default())
}

/// The joined output of a lane that arrives in these pieces, and the verdict.
fn pass(lane: Lane, pieces: &[&str]) -> (String, Verdict) {
    let mut guard = guard();
    let mut out = String::new();
    for piece in pieces {
        match guard.push(lane, "p", piece) {
            Passed::Unchanged => out.push_str(piece),
            Passed::Text(text) => out.push_str(&text),
            Passed::Stopped(text) => return (out + &text, guard.verdict),
        }
        let held = guard.lanes[&lane].held_bytes();
        assert!(held <= detect::HOLD_BYTES_MAX + MASK_BYTES_MAX, "{held} bytes held");
    }
    match guard.finish(lane) {
        Passed::Unchanged => {}
        Passed::Text(text) | Passed::Stopped(text) => out.push_str(&text),
    }
    (out, guard.verdict)
}

fn split(text: &str, cuts: &[prop::sample::Index]) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(characters.len() + 1)).collect();
    at.extend([0, characters.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| characters[pair[0]..pair[1]].iter().collect()).collect()
}

#[test]
fn the_callers_own_come_back_and_the_models_go() {
    let text =
        format!("Mail {MASK} or seen.own@example.org, not eve.model@example.net. [EMAIL-AAAAAAAA]");
    let (out, verdict) = pass(LANE, &[&text]);
    assert_eq!(
        out,
        format!("Mail {OWN} or seen.own@example.org, not [EMAIL REMOVED]. [EMAIL-AAAAAAAA]")
    );
    assert_eq!((verdict.masked, verdict.restored), (1, 1));
}

#[test]
fn inside_json_a_restored_value_is_escaped() {
    let (out, _) = pass(ARGUMENTS, &[&format!("{{\"to\":\"{MASK}\"}}")]);
    let value: serde_json::Value = serde_json::from_str(&out).expect("still JSON");
    assert_eq!(value["to"], OWN);
}

#[test]
fn a_mask_that_looks_like_a_value_is_still_a_mask() {
    for lane in [LANE, ARGUMENTS] {
        let text = format!("\"Its BIC is DEUTDEFF, SWIFT {BANK_MASK}\"");
        let (out, verdict) = pass(lane, &[&text]);
        assert!(out.starts_with("\"Its BIC is [BIC REMOVED], SWIFT ann"), "{out}");
        assert_eq!((verdict.masked, verdict.restored), (1, 1));
    }
}

#[test]
fn stand_ins_of_any_format_come_back_alone() {
    let text = format!(
        "\"Mail {}, pay with {}, call {}, SSN {}, from {}, IBAN {} or {}. Not 1192.0.2.17 nor 192.0.2.171.\"",
        LIKE[0], LIKE[1], LIKE[2], LIKE[3], LIKE[4], LIKE[5], LIKE[6]
    );
    for lane in [LANE, ARGUMENTS] {
        let (out, verdict) = pass(lane, &[&text]);
        let expect = "\"Mail own 0, pay with own 1, call own 2, SSN own 3, from own 4, IBAN own 5 or own 6. Not ";
        assert!(out.starts_with(expect), "{out}");
        assert!(!out[expect.len()..].contains("own"), "{out}");
        assert_eq!(verdict.restored, 7);
    }
}

#[test]
fn ordinary_prose_passes_unchanged_and_is_hardly_held() {
    let mut guard = guard();
    let mut out = String::new();
    let text = "The quick brown fox jumps over the lazy dog, again and again. ";
    for word in text.split_inclusive(' ') {
        match guard.push(LANE, "p", word) {
            Passed::Unchanged => out.push_str(word),
            Passed::Text(text) => out.push_str(&text),
            Passed::Stopped(_) => panic!("stopped"),
        }
        let held = guard.lanes[&LANE].held_bytes();
        assert!(held <= 16, "{held} bytes held after `{word}`");
    }
    if let Passed::Text(text) = guard.finish(LANE) {
        out.push_str(&text);
    }
    assert_eq!(out, text);
}

/// Text of the kinds that cuts could break: values, masks, their beginnings, and ordinary words.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zé ]{0,12}",
        1 => Just("eve.model@example.net".to_owned()),
        1 => Just("seen.own@example.org".to_owned()),
        1 => Just("4111 1111 1111 1111".to_owned()),
        1 => Just("DE89 3704 0044 0532 0130 00".to_owned()),
        1 => Just("123-45-6789".to_owned()),
        1 => Just("+1 415 555 0132".to_owned()),
        1 => Just("203.0.113.77".to_owned()),
        1 => Just("AKIAIOSFODNN7EXAMPLX".to_owned()),
        2 => Just(MASK.to_owned()),
        1 => Just(format!("BIC {BANK_MASK}")),
        2 => prop::sample::select(&LIKE).prop_map(str::to_owned),
        2 => (prop::sample::select(&LIKE), any::<prop::sample::Index>())
            .prop_map(|(like, end)| like[..end.index(like.len())].to_owned()),
        1 => "[0-9.]{1,2}",
        1 => Just("[EMAIL-".to_owned()),
        1 => Just("[".to_owned()),
        1 => Just("\u{200b}".to_owned()),
        1 => Just("\n".to_owned()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Promise 2: any chunking, same text.
    #[test]
    fn what_comes_out_does_not_depend_on_the_cut(
        text in text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let pieces = split(&text, &cuts);
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        for lane in [LANE, ARGUMENTS] {
            let (whole, whole_verdict) = pass(lane, &[&text]);
            let (cut, cut_verdict) = pass(lane, &pieces);
            prop_assert_eq!(&whole, &cut);
            prop_assert_eq!(whole_verdict.masked, cut_verdict.masked);
            prop_assert_eq!(whole_verdict.restored, cut_verdict.restored);
        }
    }

    /// Promise 7: nothing is restored that this request did not send. Words before it that name a secret would make it one.
    #[test]
    fn only_masks_of_this_request_are_restored(code in "[A-Z2-7]{8}", before in "[h-n ]{0,5}") {
        prop_assume!(code != "K7Q2M9XA");
        let text = format!("{before}[EMAIL-{code}]");
        let (out, verdict) = pass(LANE, &[&text]);
        prop_assert_eq!(out, text);
        prop_assert_eq!(verdict.restored, 0);
    }
}
