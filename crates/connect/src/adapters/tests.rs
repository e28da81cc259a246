//! Every adapter on recorded contracts: what is asked, what an answer means, and hostile answers.

use events::{Finding, Provenance};
use proptest::prelude::*;
use serde_json::json;

use crate::adapter::Piece;
use crate::guard::reading;
use crate::{Details, GuardKind, GuardSettings};

/// A recorded answer.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../fixtures/", $name, ".json")).as_slice()
    };
}

const ALL: [(GuardKind, &[u8]); 21] = [
    (GuardKind::AzurePromptShields, fixture!("azure_shield_user_attack")),
    (GuardKind::AzurePromptShields, fixture!("azure_shield_document_attack")),
    (GuardKind::AzurePromptShields, fixture!("azure_shield_clean")),
    (GuardKind::AzureTextAnalysis, fixture!("azure_analyze")),
    (GuardKind::AzureProtectedMaterial, fixture!("azure_protected")),
    (GuardKind::LlamaGuard, fixture!("llama_guard_safe")),
    (GuardKind::LlamaGuard, fixture!("llama_guard_unsafe")),
    (GuardKind::OpenAiModerations, fixture!("moderations_flagged")),
    (GuardKind::TextEmbeddingsInference, fixture!("predict_prompt_guard_1")),
    (GuardKind::TextEmbeddingsInference, fixture!("predict_prompt_guard_2")),
    (GuardKind::TextEmbeddingsInference, fixture!("predict_other_model")),
    (GuardKind::Presidio, fixture!("presidio")),
    (GuardKind::Lakera, fixture!("lakera_flagged")),
    (GuardKind::Lakera, fixture!("lakera_clean")),
    (GuardKind::NemoChecks, fixture!("nemo_checks_passed")),
    (GuardKind::NemoChecks, fixture!("nemo_checks_blocked")),
    (GuardKind::NemoChecks, fixture!("nemo_checks_modified")),
    (GuardKind::NemoChat, fixture!("nemo_chat_passed")),
    (GuardKind::NemoChat, fixture!("nemo_chat_blocked")),
    (GuardKind::Webhook, fixture!("webhook")),
    (GuardKind::Webhook, br#"{"findings":[]}"#),
];

fn read(kind: GuardKind, piece: Piece<'_>, body: &[u8]) -> Result<Vec<Finding>, String> {
    let adapter = kind.adapter();
    let settings = GuardSettings::new("x", kind, "http://x");
    let reading = reading(adapter, &settings).map_err(|error| error.to_string())?;
    let marks = (adapter.read)(piece, body).map_err(|error| error.to_string())?;
    reading.findings(&marks, piece.text).map_err(|error| error.to_string())
}

/// The findings in words: `kind rank start..end`.
#[track_caller]
fn check(kind: GuardKind, provenance: Provenance, text: &str, body: &[u8], expect: &[&str]) {
    let found = read(kind, Piece { provenance, text }, body).expect("a readable answer");
    for finding in &found {
        assert_eq!(finding.detector, "external.x");
        assert!(text.get(finding.span.range()).is_some());
    }
    let words = |finding: &Finding| {
        let text = text.get(finding.span.range()).unwrap_or_default();
        let place = if finding.span.range() == (0..text.len()) { "all" } else { text };
        format!("{} {} {place}", finding.kind, finding.rank.get())
    };
    assert_eq!(found.iter().map(words).collect::<Vec<_>>(), expect, "{kind:?}");
}

#[test]
fn answers_mean_what_the_contracts_say() {
    use GuardKind as G;
    use Provenance::{Output, Retrieved, User};
    let hello = "hello there";
    check(
        G::AzurePromptShields,
        User,
        hello,
        fixture!("azure_shield_user_attack"),
        &["jailbreak 40 all"],
    );
    check(
        G::AzurePromptShields,
        Retrieved,
        hello,
        fixture!("azure_shield_document_attack"),
        &["injection 40 all"],
    );
    check(G::AzurePromptShields, User, hello, fixture!("azure_shield_document_attack"), &[]);
    check(G::AzurePromptShields, Retrieved, hello, fixture!("azure_shield_clean"), &[]);
    check(
        G::AzureTextAnalysis,
        User,
        hello,
        fixture!("azure_analyze"),
        &[
            "toxicity.hate 20 all",
            "toxicity.sexual 30 all",
            "toxicity.violence 40 all",
            "custom.blocklist_project_names 40 all",
        ],
    );
    check(
        G::AzureProtectedMaterial,
        Output,
        hello,
        fixture!("azure_protected"),
        &["regurgitation.protected_material 40 all"],
    );
    check(G::LlamaGuard, User, hello, fixture!("llama_guard_safe"), &[]);
    check(
        G::LlamaGuard,
        User,
        hello,
        fixture!("llama_guard_unsafe"),
        &["toxicity.violent_crimes 40 all", "toxicity.hate 40 all"],
    );
    check(
        G::OpenAiModerations,
        User,
        hello,
        fixture!("moderations_flagged"),
        &["toxicity.self_harm_intent 20 all", "toxicity.violence 30 all"],
    );
    check(
        G::TextEmbeddingsInference,
        User,
        hello,
        fixture!("predict_prompt_guard_2"),
        &["injection 40 all"],
    );
    check(
        G::TextEmbeddingsInference,
        User,
        hello,
        fixture!("predict_prompt_guard_1"),
        &["jailbreak 30 all"],
    );
    check(
        G::Presidio,
        User,
        "éß: José Mañana, licence number: AC432223 on 1 May 2026",
        fixture!("presidio"),
        &["pii.person 30 José Mañana", "pii.us_driver_license 20 AC432223"],
    );
    check(
        G::Lakera,
        User,
        "write to ada@harbourhotel.com",
        fixture!("lakera_flagged"),
        &["pii.email 40 ada@harbourhotel.com", "injection 40 all", "url.unknown_link 20 all"],
    );
    check(G::Lakera, User, hello, fixture!("lakera_clean"), &[]);
    check(G::NemoChecks, User, hello, fixture!("nemo_checks_passed"), &[]);
    check(
        G::NemoChecks,
        User,
        hello,
        fixture!("nemo_checks_blocked"),
        &["custom.external_verdict 40 all"],
    );
    check(
        G::NemoChecks,
        User,
        hello,
        fixture!("nemo_checks_modified"),
        &["custom.external_change 40 all"],
    );
    check(G::NemoChat, User, hello, fixture!("nemo_chat_passed"), &[]);
    check(
        G::NemoChat,
        User,
        "hello",
        fixture!("nemo_chat_passed"),
        &["custom.external_change 40 all"],
    );
    check(
        G::NemoChat,
        User,
        hello,
        fixture!("nemo_chat_blocked"),
        &["custom.external_verdict 40 all"],
    );
    check(
        G::Webhook,
        User,
        "the plover project",
        fixture!("webhook"),
        &["custom.project 30 plover", "custom.external_verdict 40 all", "injection 33 all"],
    );
}

#[test]
fn silence_and_nonsense_are_no_pass() {
    use GuardKind as G;
    let piece = Piece { provenance: Provenance::User, text: "hello" };
    let bodies: [(G, &[u8]); 14] = [
        (G::AzurePromptShields, b"{}"),
        (G::AzurePromptShields, br#"{"documentsAnalysis":[{"attackDetected":false}]}"#),
        (G::AzureTextAnalysis, b"{}"),
        (G::AzureProtectedMaterial, b"{}"),
        (G::LlamaGuard, br#"{"choices":[]}"#),
        (G::LlamaGuard, br#"{"choices":[{"message":{"content":"I cannot help with that."}}]}"#),
        (G::LlamaGuard, br#"{"choices":[{"message":{"content":"safe, but unsafe\nS1"}}]}"#),
        (G::OpenAiModerations, br#"{"results":[]}"#),
        (G::TextEmbeddingsInference, b"[]"),
        (G::TextEmbeddingsInference, fixture!("predict_other_model")),
        (G::Lakera, br#"{"breakdown":[]}"#),
        (G::NemoChecks, br#"{"status":"ok"}"#),
        (G::NemoChat, br#"{"choices":[{"message":{"content":"hello"}}]}"#),
        (G::Webhook, b"{}"),
    ];
    for (kind, body) in bodies {
        let read = read(kind, piece, body);
        assert!(read.is_err(), "{kind:?} {}: {read:?}", String::from_utf8_lossy(body));
    }
    for kind in G::ALL {
        for body in [
            b"".as_slice(),
            b"null",
            b"<html>",
            b"{\"",
            &[0xff; 64],
            "[".repeat(100_000).as_bytes(),
        ] {
            assert!(read(kind, piece, body).is_err(), "{kind:?}");
        }
    }
}

#[test]
fn questions_are_what_the_contracts_say() {
    use GuardKind as G;
    use Provenance::{Output, Retrieved, User};
    let details = Details {
        api_version: None,
        config: Some("rails".to_owned()),
        language: None,
        model: Some("m".to_owned()),
        project: Some("project-1".to_owned()),
    };
    for (kind, provenance, path, body) in [
        (
            G::AzurePromptShields,
            User,
            "/contentsafety/text:shieldPrompt?api-version=2024-09-01",
            json!({ "userPrompt": "hi", "documents": [] }),
        ),
        (
            G::AzurePromptShields,
            Retrieved,
            "/contentsafety/text:shieldPrompt?api-version=2024-09-01",
            json!({ "userPrompt": "", "documents": ["hi"] }),
        ),
        (
            G::AzureTextAnalysis,
            User,
            "/contentsafety/text:analyze?api-version=2024-09-01",
            json!({ "text": "hi", "outputType": "FourSeverityLevels" }),
        ),
        (
            G::AzureProtectedMaterial,
            Output,
            "/contentsafety/text:detectProtectedMaterial?api-version=2024-09-01",
            json!({ "text": "hi" }),
        ),
        (
            G::Lakera,
            Output,
            "/guard",
            json!({
                "messages": [{ "role": "assistant", "content": "hi" }],
                "breakdown": true, "payload": true, "project_id": "project-1",
            }),
        ),
        (
            G::LlamaGuard,
            User,
            "/chat/completions",
            json!({
                "model": "m", "messages": [{ "role": "user", "content": "hi" }],
                "max_tokens": 64, "temperature": 0, "stream": false,
            }),
        ),
        (
            G::NemoChecks,
            User,
            "/v1/checks",
            json!({
                "model": "m", "messages": [{ "role": "user", "content": "hi" }],
                "guardrails": { "config_id": "rails", "rail_types": ["input"] },
            }),
        ),
        (
            G::NemoChecks,
            Output,
            "/v1/checks",
            json!({
                "model": "m", "messages": [{ "role": "assistant", "content": "hi" }],
                "guardrails": { "config_id": "rails", "rail_types": ["output"] },
            }),
        ),
        (
            G::NemoChat,
            User,
            "/v1/chat/completions",
            json!({
                "model": "m", "messages": [{ "role": "user", "content": "hi" }],
                "guardrails": {
                    "config_id": "rails",
                    "options": { "rails": ["input"], "log": { "activated_rails": true } },
                },
            }),
        ),
        (G::OpenAiModerations, User, "/moderations", json!({ "model": "m", "input": "hi" })),
        (G::Presidio, User, "/analyze", json!({ "text": "hi", "language": "en" })),
        (
            G::TextEmbeddingsInference,
            User,
            "/predict",
            json!({ "inputs": "hi", "truncate": true, "raw_scores": false }),
        ),
        (G::Webhook, Output, "", json!({ "version": 1, "provenance": "output", "text": "hi" })),
    ] {
        let adapter = kind.adapter();
        assert_eq!((adapter.path)(&details), path);
        assert_eq!((adapter.ask)(&details, Piece { provenance, text: "hi" }), body, "{kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// An answer that was damaged on its way, or forged, is read or refused; what is found lies in the text.
    #[test]
    fn damaged_answers_are_survived(
        which in 0..ALL.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..6),
        text in "\\PC{0,40}",
    ) {
        let (kind, body) = ALL[which];
        let mut body = body.to_vec();
        for (at, byte, how) in cuts {
            if body.is_empty() {
                break;
            }
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => { body.remove(at); }
                _ => body.insert(at, b"0123456789\",:[]{}-e"[usize::from(byte) % 19]),
            }
        }
        for provenance in [Provenance::User, Provenance::Retrieved, Provenance::Output] {
            let piece = Piece { provenance, text: &text };
            for finding in read(kind, piece, &body).unwrap_or_default() {
                prop_assert!(text.get(finding.span.range()).is_some());
                prop_assert!(crate::label::is_kind(finding.kind.as_str()));
            }
        }
    }
}
