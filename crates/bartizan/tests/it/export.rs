//! `bartizan log export`: lines on standard output, what is selected, what is never there.

use serde_json::Value as Json;

use crate::Home;
use crate::log::recorded;

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_format_has_a_line_for_every_record() {
    let home = Home::new();
    let id = recorded(&home).to_string();
    for format in ["ocsf", "ocsf-1.9", "ecs", "otel", "cef", "leef", "jsonl"] {
        let ran = home.run(&["log", "export", "--format", format]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{format}");
        let records: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(records.len(), 3, "{format}: {}", ran.stdout);
        assert!(records[1].contains(&id) && records[2].contains(&id), "{format}");
        assert!(!ran.stdout.contains("there"), "what was said is not exported");
        assert!(!ran.stdout.contains('\u{1b}'), "nothing drives a terminal");
    }
}

#[test]
fn lines_are_the_records_as_they_are() {
    let home = Home::new();
    recorded(&home);
    let exported = home.run(&["log", "export", "--format", "jsonl"]).stdout;
    assert_eq!(exported, home.run(&["log", "tail", "--json"]).stdout);
}

#[test]
fn an_end_is_whole_even_if_its_beginning_is_not_selected() {
    let home = Home::new();
    recorded(&home);
    let ran =
        home.run(&["log", "export", "--format", "ecs", "--where", "class=interaction_closed"]);
    let documents = lines(&ran.stdout);
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0]["event"]["action"], "interaction_closed");
    assert_eq!(documents[0]["user"]["group"]["name"], "payments");
    assert_eq!(documents[0]["event"]["duration"], 12_345_000);
    assert_eq!(documents[0]["@timestamp"], "2026-11-23T14:05:09Z");
}

#[test]
fn moments_and_conditions_select() {
    let home = Home::new();
    recorded(&home);
    let count = |arguments: &[&str]| {
        let ran = home.run(&[&["log", "export", "--format", "ocsf"], arguments].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        ran.stdout.lines().count()
    };
    assert_eq!(count(&["--since", "2026-11-23"]), 3);
    assert_eq!(count(&["--since", "2026-11-24"]), 0);
    assert_eq!(count(&["--until", "2026-11-23T14:05:09Z"]), 0);
    assert_eq!(count(&["--where", "class=interaction_*", "--where", "status>=200"]), 1);
    assert_eq!(count(&["--where", "principal.team=payments"]), 2);
    assert_eq!(count(&["--where", "principal.team!=payments"]), 1);
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    let home = Home::new();
    recorded(&home);
    for (arguments, hint) in [
        (["--where", "princpal.team=x"], "did you mean `principal.team`?"),
        (["--where", "severity>=high"], "compare with a whole number"),
        (["--where", "severity"], "write `FIELD=VALUE`"),
        (["--since", "yesterday"], "write `2027-04-01`"),
    ] {
        let ran = home.run(&[&["log", "export", "--format", "cef"], &arguments[..]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    }
    let between = ["--since", "2026-11-24", "--until", "2026-11-23"];
    let ran = home.run(&[&["log", "export", "--format", "cef"], &between[..]].concat());
    assert!(ran.code == 2 && ran.stderr.contains("before that of `--until`"), "{}", ran.stderr);
}
