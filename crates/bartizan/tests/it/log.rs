//! `bartizan log`: what is read back, and what is noticed.

use std::sync::Arc;

use events::{
    Anomaly, Campaign, CampaignId, CampaignKind, CampaignLink, CampaignNotice, CampaignPhase,
    CampaignShape, CampaignStep, Decision, Ending, Event, EventBody, InteractionClosed,
    InteractionId, InteractionOpened, Kind, NodeNotice, Outcome, Principal, Rank, Rating,
    ReportReason, SpanId, Trace, TraceId, UserReport,
};
use journal::{Journal, JournalSettings, Part, RealDisk};

use crate::Home;

const TIME_MS: u64 = 1_795_442_709_000;

/// A record of one interaction, as a gateway leaves it.
pub(crate) fn recorded(home: &Home) -> InteractionId {
    let data = home.path("bartizan-data");
    std::fs::create_dir(&data).expect("made");
    let settings = JournalSettings::default();
    let (journal, _) = Journal::open(&data, settings, Arc::new(RealDisk)).expect("opened");
    let interaction = InteractionId::new(now_ms(), 7);
    let decision = Decision { outcome: Outcome::Allowed, ..Decision::default() };
    let content = journal.keep(interaction, Part::Request, b"hello \x1b[31mthere");
    let opened = InteractionOpened {
        client_address: "127.0.0.1".into(),
        content: Some(content.expect("kept")),
        conversation: None,
        credentials: events::Credentials::default(),
        decision: decision.clone(),
        dialect: "openai".into(),
        findings: Vec::new(),
        findings_omitted: 0,
        guards: Vec::new(),
        interaction,
        masked: 2,
        model: Some("evil\u{1b}]0;title\u{7}".into()),
        operation: "chat.completions".into(),
        principal: Principal { team: Some("payments".into()), ..Principal::default() },
        request_bytes: 17,
        route: Some("main".into()),
        streamed: true,
        trace: Some(Trace {
            parent: Some(SpanId::of_random([1; 8])),
            span: SpanId::of_random([2; 8]),
            trace: TraceId::of_random([3; 16]),
        }),
        unknown_fields: Vec::new(),
        unscanned: Vec::new(),
        upstream: Some("openai".into()),
        upstream_fallbacks: Vec::new(),
    };
    let closed = InteractionClosed {
        attempts: Vec::new(),
        content: None,
        decision,
        duration_us: 12_345,
        ending: Ending::Answered,
        findings: Vec::new(),
        findings_omitted: 0,
        first_byte_us: Some(900),
        guards: Vec::new(),
        interaction,
        masked: 0,
        reason: None,
        response_bytes: 99,
        restored: 1,
        risk: 25,
        status: 200,
        unscanned: Vec::new(),
        usage: None,
    };
    let started = NodeNotice { detail: "ready".into(), state: "started".into() };
    for body in [
        EventBody::Node(started),
        EventBody::InteractionOpened(Box::new(opened)),
        EventBody::InteractionClosed(Box::new(closed)),
    ] {
        let _ticket = journal.append(&Event::new(TIME_MS, body)).expect("appended");
    }
    journal.close().expect("closed");
    interaction
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_millis() as u64
}

#[test]
fn the_last_records_are_shown_a_line_each() {
    let home = Home::new();
    let id = recorded(&home);
    let ran = home.run(&["log", "tail", "-n", "2"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(
        ran.stdout,
        format!(
            "2026-11-23 14:05:09  {id}  chat.completions evil\\u{{1b}}]0;title\\u{{7}}: allowed\n\
             2026-11-23 14:05:09  {id}  answered 200, 99 B, 12 ms restored 1\n"
        )
    );
    let json = home.run(&["log", "tail", "--format", "json"]).stdout;
    let records: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(records.len(), 3);
    assert_eq!(records[1]["event"]["body"]["class"], "interaction_opened");
    assert_eq!(records[2]["sequence"], 2);
}

#[test]
fn findings_of_baselines_and_reports_of_users_are_shown() {
    let home = Home::new();
    let interaction = recorded(&home);
    let anomaly = Anomaly {
        detail: "612 requests within 2 minutes, 31 times as much as is ordinary (20)".into(),
        kind: Kind::of("anomaly.scraping"),
        measure: "requests".into(),
        model: Some("evil\u{1b}]0;title\u{7}".into()),
        observed: 612,
        ordinary: 20,
        principal: Principal { team: Some("payments".into()), ..Principal::default() },
        rank: Rank::new(50),
        since_ms: TIME_MS,
        upstream: None,
        window_s: 120,
    };
    let data = home.path("bartizan-data");
    let (journal, _) =
        Journal::open(&data, JournalSettings::default(), Arc::new(RealDisk)).expect("opened");
    let comment = journal.keep(interaction, Part::Comment, b"it \x1b[31mmade that up");
    let report = UserReport {
        comment: Some(comment.expect("kept")),
        interaction,
        principal: Principal::default(),
        rating: Rating::Down,
        reason: Some(ReportReason::Hallucination),
    };
    for body in [EventBody::Anomaly(Box::new(anomaly)), EventBody::UserReport(Box::new(report))] {
        let _ticket = journal.append(&Event::new(TIME_MS, body)).expect("appended");
    }
    journal.close().expect("closed");
    let shown = home.run(&["log", "tail", "-n", "2"]).stdout;
    let expected = format!(
        "2026-11-23 14:05:09  {:<30}  anomaly.scraping: 612 requests within 2 minutes, 31 times as much as is \
         ordinary (20); model evil\\u{{1b}}]0;title\\u{{7}}; team payments\n\
         2026-11-23 14:05:09  {interaction}  user reports: down (hallucination), with a comment\n",
        "anomaly"
    );
    assert_eq!(shown, expected);
    let id = interaction.to_string();
    let whole = home.run(&["log", "show", &id, "--content"]).stdout;
    for expected in
        ["down (hallucination), with a comment", "comment (as recorded)", "made that up"]
    {
        assert!(whole.contains(expected), "{expected}: {whole}");
    }
    assert!(!whole.contains('\u{1b}'), "{whole}");
}

#[test]
fn a_followed_record_shows_what_is_appended() {
    let home = Home::new();
    recorded(&home);
    let mut child = testkit::Child::start(home.command(&["log", "tail", "-n", "0", "--follow"]))
        .expect("started");
    let settings = JournalSettings::default();
    let data = home.path("bartizan-data");
    let (journal, _) = Journal::open(&data, settings, Arc::new(RealDisk)).expect("opened");
    let notice = NodeNotice { detail: "disk is full".into(), state: "degraded".into() };
    // The child may begin only after the first of these; it sees a later one.
    let seen = (0..100).any(|_| {
        let event = Event::new(TIME_MS, EventBody::Node(notice.clone()));
        let _ticket = journal.append(&event).expect("appended");
        let moment = std::time::Duration::from_millis(300);
        child.wait_for(moment, |child| child.stdout().contains("degraded: disk is full\n"))
    });
    assert!(seen, "{}{}", child.stdout(), child.stderr());
}

#[test]
fn one_interaction_is_shown_whole_with_its_content_if_asked() {
    let home = Home::new();
    let id = recorded(&home).to_string();
    let ran = home.run(&["log", "show", &id]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    for expected in [
        "by           team payments\n",
        "asked        openai chat.completions, model evil\\u{1b}]0;title\\u{7}, streamed\n",
        "upstream     openai by route main\n",
        "trace        03030303030303030303030303030303, span 0202020202020202, parent 0101010101010101\n",
        "request      17 B, 2 values masked\n",
        "ending    answered\n",
        "took      12 ms, first byte after 900 µs\n",
        "values    0 masked, 1 restored\n",
        "risk      25\n",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("hello"), "content is shown only if asked for");
    let ran = home.run(&["log", "show", &id, "--content"]);
    assert!(
        ran.stdout.contains("request (as recorded)\n  hello \\u{1b}[31mthere\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("response (not kept, or expired)\n"), "{}", ran.stdout);
    let json = home.run(&["log", "show", &id, "--content", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["records"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["content"][0]["matches_record"], true);

    let ran = home.run(&["log", "show", "int_067k9vq2v0000000000000000g"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("there is no interaction `int_067k9vq2v"), "{}", ran.stderr);
}

#[test]
fn a_change_and_a_cut_are_noticed() {
    let home = Home::new();
    recorded(&home);
    let ran = home.run(&["log", "verify"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.starts_with("verdict  intact\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("checked  3 records, "), "{}", ran.stdout);
    let checkpoint = home.run(&["log", "checkpoint"]);
    assert_eq!((checkpoint.code, checkpoint.stderr.as_str()), (0, ""));
    home.write("checkpoint.json", &checkpoint.stdout);
    let verify = ["log", "verify", "--checkpoint", "checkpoint.json"];
    let ran = home.run(&verify);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("looked for against the checkpoint of "), "{}", ran.stdout);

    let segment = home.path("bartizan-data/journal/00000000.log");
    let whole = read(&segment);
    // Cut off in the middle of the last interaction.
    std::fs::write(&segment, &whole[..whole.len() / 2]).expect("written");
    let ran = home.run(&verify);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("verdict   FAULTY\n"), "{}", ran.stdout);
    // One letter of a recorded name.
    let at = find(&whole, b"payments");
    let mut changed = whole;
    changed[at] = b'P';
    std::fs::write(&segment, &changed).expect("written");
    let ran = home.run(&["log", "verify", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((ran.code, &report["verdict"]), (1, &serde_json::json!("faulty")));
    let ran = home.run(&["log", "tail"]);
    assert_eq!(ran.code, 4, "{}", ran.stdout);
    assert!(ran.stderr.contains("help: run `bartizan log verify`"), "{}", ran.stderr);
    let ran = home.run(&["log", "checkpoint"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "nothing is signed");
}

#[test]
fn a_decision_is_signed_and_checked_without_the_record() {
    let home = Home::new();
    let id = recorded(&home).to_string();
    let signed = home.run(&["log", "decision", &id]);
    assert_eq!((signed.code, signed.stderr.as_str()), (0, ""));
    let checkpoint = home.run(&["log", "checkpoint"]).stdout;

    // An auditor's machine: nothing but what was handed over.
    let auditor = Home::new();
    auditor.write("checkpoint.json", &checkpoint);
    let verify = |text: &str, more: &[&str]| {
        auditor.write("decision.json", text);
        let arguments = [&["log", "verify", "--decision", "decision.json"], more].concat();
        let ran = auditor.run(&arguments);
        (ran.code, format!("{}{}", ran.stdout, ran.stderr))
    };
    let (code, said) = verify(&signed.stdout, &[]);
    assert_eq!(code, 0, "{said}");
    for expected in ["signed by the node it names", &id, "allowed", "answered 200", "record"] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let (code, said) = verify(&signed.stdout, &["--checkpoint", "checkpoint.json"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("signed by the checkpoint's node"), "{said}");

    let json: serde_json::Value = serde_json::from_str(&signed.stdout).expect("JSON");
    assert_eq!(json["statement"]["leaves"].as_array().map(Vec::len), Some(2));
    for (pointer, value) in [
        ("/statement/request/decision/outcome", serde_json::json!("refused")),
        ("/statement/answer/status", serde_json::json!(403)),
        ("/statement/time_ms", serde_json::json!(1)),
        ("/statement/node", serde_json::json!("nod_00d1e7c3a95b2f48")),
        ("/signature", serde_json::json!("00".repeat(64))),
    ] {
        let mut changed = json.clone();
        *changed.pointer_mut(pointer).expect(pointer) = value;
        let (code, said) = verify(&changed.to_string(), &[]);
        assert_eq!(code, 1, "{pointer}: {said}");
        assert!(said.contains("FORGED"), "{said}");
    }

    let other = Home::new();
    recorded(&other);
    auditor.write("checkpoint.json", other.run(&["log", "checkpoint"]).stdout);
    let (code, said) = verify(&signed.stdout, &["--checkpoint", "checkpoint.json", "--json"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("\"other_node\""), "{said}");

    let (code, said) = verify("{}", &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("not a signed decision"), "{said}");
    let ran = home.run(&["log", "decision", "int_067k9vq2v0000000000000000g"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let segment = home.path("bartizan-data/journal/00000000.log");
    let mut bytes = read(&segment);
    let at = find(&bytes, b"ready");
    bytes[at] = b'R';
    std::fs::write(&segment, &bytes).expect("written");
    let ran = home.run(&["log", "decision", &id]);
    assert_ne!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    assert_eq!(ran.stdout, "", "nothing is signed over a record that was changed");
}

#[test]
fn a_checkpoint_that_is_none_is_refused() {
    let home = Home::new();
    recorded(&home);
    home.write("a.json", "{}");
    let ran = home.run(&["log", "verify", "--checkpoint", "a.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("`a.json`: not a checkpoint"), "{}", ran.stderr);
    assert_eq!(home.run(&["log", "verify", "--checkpoint", "missing"]).code, 2);
}

#[test]
fn an_empty_data_folder_has_an_empty_record() {
    let home = Home::new();
    assert_eq!(home.run(&["log", "tail"]).code, 3, "no data folder");
    std::fs::create_dir(home.path("bartizan-data")).expect("made");
    let ran = home.run(&["log", "tail"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    assert_eq!(home.run(&["log", "verify"]).code, 0);
}

fn read(path: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).expect("opened");
    std::io::Read::read_to_end(&mut std::io::Read::take(file, 1 << 20), &mut bytes).expect("read");
    bytes
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).expect("it is there")
}

fn campaign(interaction: InteractionId, phase: CampaignPhase, requests: u64) -> CampaignNotice {
    let campaign = Campaign {
        absorbed: Vec::new(),
        addresses: vec!["192.0.2.7".into()],
        applications: vec!["shop\u{1b}[31m".into()],
        callers: 1,
        conversations: 3,
        end_users: Vec::new(),
        first_seen_ms: TIME_MS,
        flagged: requests - 1,
        id: CampaignId::begun_with(interaction),
        keys: Vec::new(),
        kinds: vec![CampaignKind {
            kind: Kind::of("injection"),
            rank: Rank::new(44),
            requests: requests - 1,
            since_ms: TIME_MS,
        }],
        last_seen_ms: TIME_MS + 60_000,
        links: vec![CampaignLink {
            requests,
            share: "caller".into(),
            what: "key 4m2k9vq0ta".into(),
        }],
        members: vec![interaction],
        models: Vec::new(),
        networks: vec!["192.0.2.0/24".into()],
        networks_total: 3,
        passed: 1,
        passed_members: vec![interaction],
        phase,
        refused: requests - 1,
        requests,
        score: 72,
        shape: CampaignShape::Fuzzing,
        steps: vec![CampaignStep { passed: 1, refused: requests - 1, requests, time_ms: TIME_MS }],
        teams: Vec::new(),
        techniques: vec!["AML.T0051".into()],
        users: Vec::new(),
    };
    CampaignNotice { campaign, detail: "a program that tries variants".into() }
}

#[test]
fn campaigns_are_listed_and_told_as_stories() {
    let home = Home::new();
    let interaction = recorded(&home);
    let none = home.run(&["log", "campaigns"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, "no campaigns on record\n"));
    let data = home.path("bartizan-data");
    let (journal, _) =
        Journal::open(&data, JournalSettings::default(), Arc::new(RealDisk)).expect("opened");
    for (phase, requests) in [(CampaignPhase::Opened, 8), (CampaignPhase::Grown, 16)] {
        let body = EventBody::Campaign(Box::new(campaign(interaction, phase, requests)));
        let _ticket = journal.append(&Event::new(TIME_MS, body)).expect("appended");
    }
    journal.close().expect("closed");
    let list = home.run(&["log", "campaigns"]).stdout;
    let id = CampaignId::begun_with(interaction).to_string();
    assert_eq!(list.lines().count(), 2, "one line for one campaign: {list}");
    for expected in [id.as_str(), "under way", "fuzzing", "16"] {
        assert!(list.contains(expected), "{expected}: {list}");
    }
    let story = home.run(&["log", "campaigns", &id]).stdout;
    for expected in [
        "A program that tries variants.",
        "16: 15 refused, 1 got through, 15 with findings",
        "192.0.2.0/24 and 2 more",
        "1.  2026-11-23 14:05:09  injection  15 requests  rank up to 44",
        "16 are of the same caller, key 4m2k9vq0ta",
        "Got through: look at these first",
        &interaction.to_string(),
        "answered 200",
    ] {
        assert!(story.contains(expected), "{expected}: {story}");
    }
    assert!(!story.contains('\u{1b}'), "{story}");
    let json = home.run(&["log", "campaigns", "--json", "--since", "2026-11-23"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&json[0]["campaign"]["id"], &json[0]["campaign"]["requests"]),
        (&id.into(), &16.into())
    );
    let later = home.run(&["log", "campaigns", "--since", "2026-11-24"]).stdout;
    assert_eq!(later, "no campaigns on record\n");
    let unknown = home.run(&["log", "campaigns", "cmp_067k9vq2v0000000000000000g"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("lists them"), "{}", unknown.stderr);
}
