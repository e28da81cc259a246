//! What a client sees of a stream of blocks, whatever the cut: of its bytes, and of its text.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use events::{InteractionId, Principal};
use journal::{Journal, JournalSettings, testing::FaultDisk};
use proptest::prelude::*;
use serde_json::{Value, json};
use store::{KeySnapshot, Store, VirtualKeys};
use wire::Dialect;

use super::*;
use crate::answer::tests::{MASK, OWN, guard};
use crate::cpu::Cpu;
use crate::early::Early;
use crate::exposure::Exposures;
use crate::watch::Watch;

/// Cases of a property; each passes two to four streams.
pub(super) const CASES: u32 = 500;

pub(super) fn journal() -> Journal {
    let settings = JournalSettings::default();
    let opened = Journal::open("/record".as_ref(), settings, Arc::new(FaultDisk::new()));
    opened.expect("a journal").0
}

/// Without any keys.
fn exposures(journal: &Journal) -> Exposures {
    static KEYS: OnceLock<Arc<ArcSwap<KeySnapshot>>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let snapshot = runtime.expect("a runtime").block_on(async {
            let store = Store::open(&directory.path().join("s")).await.expect("a store");
            let keys = VirtualKeys::open(store, &directory.path().join("p"), 1).await;
            keys.expect("keys").snapshot().await.expect("a snapshot")
        });
        Arc::new(ArcSwap::from_pointee(snapshot))
    });
    let told = tokio::sync::mpsc::channel(1).0;
    let sealed = Arc::default();
    Exposures { journal: journal.clone(), keys: Arc::clone(keys), sealed, told }
}

fn machine(journal: &Journal) -> Machine {
    machine_with(journal, connect::ExternalGuards::default(), Operation::Messages)
}

pub(super) fn machine_with(
    journal: &Journal,
    external: connect::ExternalGuards,
    operation: Operation,
) -> Machine {
    let early = Early {
        client_address: Some(Ipv4Addr::LOCALHOST.into()),
        credentials: events::Credentials::default(),
        counted: Principal::default(),
        dialect: Dialect::Anthropic,
        operation: "messages",
        principal: Principal::default(),
        is_sampled: false,
        trace: None,
    };
    let shutdown = net::Shutdown::default();
    let interaction = InteractionId::new(1, 1);
    let watch = Watch::new(Arc::new(crate::metrics::at_rest()), None).0;
    let parts = (&exposures(journal), &shutdown, &watch);
    let exchange = Exchange::new(parts, interaction, Instant::now(), 0, early);
    Machine::new(StreamParts {
        bodies: BodyBudget::new(1 << 20),
        cut: Box::pin(std::future::pending()),
        event_bytes_max: 1 << 20,
        exchange,
        external: AtEnd::new(external, journal.clone(), Cpu::new(1 << 16)),
        guard: Some(guard()),
        guards: Vec::new(),
        idle_time_max: Duration::from_secs(1),
        limits: ReadLimits::default(),
        open: watch.metrics.streams.hold(),
        operation,
        unknown: UnknownFields::Scan,
    })
}

/// What the client gets for upstream bytes that come in these pieces.
fn pass(journal: &Journal, pieces: &[&[u8]]) -> Vec<u8> {
    pass_through(machine(journal), pieces)
}

pub(super) fn pass_through(mut machine: Machine, pieces: &[&[u8]]) -> Vec<u8> {
    for piece in pieces {
        machine.read(piece);
    }
    if machine.ended.is_none() {
        machine.upstream_ended();
    }
    machine.out.to_vec()
}

/// A block: its kind, and its text.
type Block = (usize, String);

const KINDS: [(&str, &str, &str); 3] = [
    ("text", "text_delta", "text"),
    ("thinking", "thinking_delta", "thinking"),
    ("tool_use", "input_json_delta", "partial_json"),
];

pub(super) fn split<'t>(text: &'t str, cuts: &[prop::sample::Index]) -> Vec<&'t str> {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut at: Vec<usize> = cuts.iter().map(|cut| ends[cut.index(ends.len())]).collect();
    at.extend([0, text.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// A stream of these blocks, their deltas cut here.
fn stream(blocks: &[Block], cuts: &[prop::sample::Index]) -> String {
    let mut out = String::new();
    let mut push = |data: Value| {
        let name = data["type"].as_str().unwrap_or_default();
        out.extend(["event: ", name, "\ndata: ", &data.to_string(), "\n\n"]);
    };
    push(
        json!({ "type": "message_start", "message": { "id": "msg_1", "model": "m", "content": [] } }),
    );
    for (index, (kind, text)) in blocks.iter().enumerate() {
        let (block, delta, member) = KINDS[*kind];
        push(json!({ "type": "content_block_start", "index": index,
            "content_block": { "type": block, "name": "f" } }));
        for piece in split(text, cuts) {
            push(json!({ "type": "content_block_delta", "index": index,
                "delta": { "type": delta, member: piece } }));
        }
        push(json!({ "type": "content_block_stop", "index": index }));
    }
    push(json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" } }));
    push(json!({ "type": "message_stop" }));
    out
}

/// Places of a chat completion that clients join, and how a piece is written there.
type Place = (&'static str, fn(&str) -> Value);

const PLACES: [Place; 4] = [
    (
        "/content/0/thinking/0/text",
        |text| json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": text }] }] }),
    ),
    ("/reasoning_text", |text| json!({ "reasoning_text": text })),
    ("/x_new/0/said", |text| json!({ "x_new": [{ "said": text }] })),
    ("/tool_calls/0/thought", |text| json!({ "tool_calls": [{ "index": 0, "thought": text }] })),
];

/// A chat completion that says these pieces.
fn completion(delta: fn(&str) -> Value, pieces: &[&str]) -> String {
    let event = |delta: Value, finish: Option<&str>| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        format!("data: {}\n\n", json!({ "id": "c", "choices": [choice] }))
    };
    let said: String = pieces.iter().map(|piece| event(delta(piece), None)).collect();
    said + &event(json!({}), Some("stop")) + "data: [DONE]\n\n"
}

/// What a client that joins the pieces at a place has in the end.
fn said_at(place: &str, sent: &str) -> String {
    let place = format!("/choices/0/delta{place}");
    let events = sent.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
    events.filter_map(|event| event.pointer(&place)?.as_str().map(str::to_owned)).collect()
}

/// The joined text of every block, checked for the order that clients rely on: nothing of a block before it starts or
/// after it stops, and an end.
fn joined(bytes: &[u8]) -> BTreeMap<u64, String> {
    let text = String::from_utf8_lossy(bytes);
    let (mut joined, mut open) = (BTreeMap::new(), Vec::new());
    let mut last = String::new();
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(data).expect("JSON");
        let index = event["index"].as_u64().unwrap_or_default();
        event["type"].as_str().unwrap_or_default().clone_into(&mut last);
        match last.as_str() {
            "content_block_start" => {
                open.push(index);
                joined.insert(index, String::new());
            }
            "content_block_delta" => {
                assert!(open.contains(&index), "{text}");
                let (_, _, member) = KINDS
                    .into_iter()
                    .find(|(_, delta, _)| event["delta"]["type"] == *delta)
                    .expect("a kind");
                let piece = event["delta"][member].as_str().unwrap_or_default();
                joined.entry(index).or_default().push_str(piece);
            }
            "content_block_stop" => open.retain(|other| *other != index),
            _ => {}
        }
    }
    assert_eq!(last, "message_stop", "{text}");
    joined
}

pub(super) fn text() -> impl Strategy<Value = String> {
    // Letters that spell no name of a secret: beside one, a mask with letters before it is taken for the secret's value.
    let piece = prop_oneof![
        4 => "[h-né ]{0,12}",
        1 => Just(" eve.model@example.net ".to_owned()),
        1 => Just(" 4111 1111 1111 1111 ".to_owned()),
        2 => Just(MASK.to_owned()),
        1 => Just("[EMAIL-".to_owned()),
        1 => Just("\n\u{200b}".to_owned()),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let block = (0..KINDS.len(), text()).prop_map(|(kind, text)| match kind {
        2 => (kind, json!({ "a": text, "b": [1, { "c": text }] }).to_string()),
        _ => (kind, text),
    });
    prop::collection::vec(block, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    /// Promise 2: any chunking, same bytes.
    #[test]
    fn what_is_sent_does_not_depend_on_the_cut_of_the_bytes(
        blocks in blocks(),
        deltas in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let journal = journal();
        let upstream = stream(&blocks, &deltas).into_bytes();
        let whole = pass(&journal, &[&upstream]);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(upstream.len() + 1)).collect();
        at.extend([0, upstream.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &upstream[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&whole, &pass(&journal, &pieces));
        let bytes: Vec<&[u8]> = upstream.chunks(1).collect();
        prop_assert_eq!(&whole, &pass(&journal, &bytes));
    }

    /// The same of chat completions, whatever they call their text.
    #[test]
    fn what_deltas_say_at_any_place_does_not_depend_on_their_cut(
        place in 0..PLACES.len(),
        text in text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (place, delta) = PLACES[place];
        let text = format!("It: {text}");
        let journal = journal();
        let said = |cuts: &[prop::sample::Index]| {
            let machine = machine_with(&journal, connect::ExternalGuards::default(), Operation::ChatCompletions);
            let sent = pass_through(machine, &[completion(delta, &split(&text, cuts)).as_bytes()]);
            said_at(place, &String::from_utf8_lossy(&sent))
        };
        let whole = said(&[]);
        prop_assert_eq!(&whole, &said(&cuts));
        prop_assert!(!whole.contains("eve.model@") && !whole.contains("4111 1111"));
        prop_assert_eq!(whole.contains(OWN), text.contains(MASK));
    }

    /// What the blocks say does not depend on the deltas, and what was held back leaves before its block stops.
    #[test]
    fn what_blocks_say_does_not_depend_on_their_deltas(
        blocks in blocks(),
        deltas in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let journal = journal();
        let whole = joined(&pass(&journal, &[stream(&blocks, &[]).as_bytes()]));
        let cut = joined(&pass(&journal, &[stream(&blocks, &deltas).as_bytes()]));
        prop_assert_eq!(&whole, &cut);
        for (index, (kind, sent)) in blocks.iter().enumerate() {
            // A block without text says nothing.
            let said = whole.get(&(index as u64)).map_or("", String::as_str);
            prop_assert!(!said.contains("eve.model@") && !said.contains("4111 1111"));
            if *kind == 2 {
                let input: Value = serde_json::from_str(said).expect("still JSON");
                let is_masked = sent.contains(MASK);
                prop_assert_eq!(input["a"].as_str().is_some_and(|a| a.contains(OWN)), is_masked);
            } else {
                prop_assert_eq!(said.contains(OWN), sent.contains(MASK));
            }
        }
    }
}

#[test]
fn a_message_that_does_not_say_that_it_ends_broke_off() {
    let journal = journal();
    let whole = stream(&[(0, "hello".to_owned())], &[]);
    let cut = whole.split("event: message_delta").next().unwrap_or_default();
    let out = String::from_utf8(pass(&journal, &[cut.as_bytes()])).expect("text");
    assert!(out.contains("event: error\n") && out.contains("upstream_truncated"), "{out}");
    assert!(!out.contains("message_stop"), "{out}");
}

#[test]
fn text_after_its_block_has_stopped_does_not_pass() {
    let journal = journal();
    let delta = |text: &str| {
        format!(
            "event: content_block_delta\ndata: {}\n\n",
            json!({ "type": "content_block_delta", "index": 0,
            "delta": { "type": "text_delta", "text": text } })
        )
    };
    let stop = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
    let upstream = [&delta("Mail eve.mod"), stop, &delta("el@example.net now")].concat();
    let out = String::from_utf8(pass(&journal, &[upstream.as_bytes()])).expect("text");
    assert!(!out.contains("el@example.net") && out.contains("upstream_garbage"), "{out}");
}

#[test]
fn no_stream_ends_well_with_text_that_a_guard_outside_was_not_asked_about() {
    use connect::{ExternalGuards, GuardKind, GuardSettings, OnFailure, Stages};
    let journal = journal();
    let delta =
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a heron\"}}]}\n\n";
    for (on_failure, ending) in
        [(OnFailure::Closed, Ending::InternalError), (OnFailure::Open, Ending::Answered)]
    {
        let mut settings = GuardSettings::new("birds", GuardKind::Webhook, "http://127.0.0.1:9/");
        settings.stages = Stages { answer: true, request: false };
        settings.on_failure = on_failure;
        let external = ExternalGuards::new(vec![settings]).expect("a guard");
        let mut machine = machine_with(&journal, external, Operation::ChatCompletions);
        machine.read(delta.as_bytes());
        // As a dialect would whose endings are not known for what they are.
        if machine.may_end() {
            machine.end(Ending::Answered, None);
        }
        assert_eq!(machine.ended.as_ref().map(|(ending, _)| *ending), Some(ending));
        let why = machine.external.take_reports()[0].reason.clone();
        assert_eq!(why.as_deref(), Some("not_asked"));
    }
}
