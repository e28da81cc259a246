//! `bartizan feedback`: labels become a proposal, and nothing more until a person copies it.

use serde_json::Value;

use crate::Home;

fn add(home: &Home, id: &str, label: &str, rank: &str) {
    let ran =
        home.run(&["feedback", "add", "--id", id, "--label", label, "--rank", rank, "--by", "ada"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn labels_are_listed_and_become_a_proposal_that_the_configuration_takes() {
    let home = Home::new();
    for number in 0..22 {
        add(&home, &format!("text-{number}"), "false", "32");
    }
    let ran = home.run(&["feedback", "list", "--json"]);
    let labels: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(labels.as_array().map(Vec::len), Some(22));
    let first = &labels[0];
    assert_eq!(
        (&first["id"], &first["label"], &first["rank"]),
        (&"text-0".into(), &false.into(), &32.into())
    );
    assert_eq!(
        (&first["kind"], &first["provenance"], &first["by"]),
        (&"injection".into(), &"user".into(), &"ada".into())
    );
    assert!(first["at"].as_str().is_some_and(|at| at.ends_with('Z')));
    let ran = home.run(&["feedback", "calibrate", "--out", "proposal.toml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(ran.stderr.contains("nothing is changed yet"), "{}", ran.stderr);
    let ran = home.run(&["config", "check", "proposal.toml"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = home.run(&["feedback", "calibrate", "--json"]);
    let proposals: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&proposals[0]["offset"], &proposals[0]["labels"]), (&(-3).into(), &22.into()));
    let ran = home.run(&["feedback", "calibrate", "--out", "proposal.toml"]);
    assert_eq!(ran.code, 3, "what is there is not written over");
}

#[test]
fn few_labels_propose_nothing() {
    let home = Home::new();
    add(&home, "a", "true", "20");
    let ran = home.run(&["feedback", "calibrate"]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.stdout.contains("# injection, user: nothing proposed (1 labels, 1 true)"),
        "{}",
        ran.stdout
    );
}

#[test]
fn bad_labels_are_refused() {
    let home = Home::new();
    let add = |more: &[&str]| {
        let ran = home.run(&[&["feedback", "add", "--by", "ada"], more].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        ran.stderr
    };
    assert!(
        add(&["--id", "a", "--label", "maybe", "--rank", "1"]).contains("invalid value 'maybe'")
    );
    assert!(add(&["--id", "a", "--label", "true", "--rank", "61"]).contains("61 is not in 0..=60"));
    let said = add(&["--id", "a", "--label", "true", "--rank", "1", "--kind", "pii.email"]);
    assert!(said.contains("choose one of: injection"), "{said}");
    let long = "x".repeat(1025);
    assert!(
        add(&["--id", &long, "--label", "true", "--rank", "1"]).contains("more than 1024 bytes")
    );
    assert!(!home.path("bartizan-data").exists(), "nothing was begun");
    assert_eq!(home.run(&["feedback", "list"]).code, 3, "there is no data folder");
    home.write("bartizan-data/feedback.jsonl", "{}\n");
    let ran = home.run(&["feedback", "list"]);
    assert_eq!(ran.code, 4);
    assert!(ran.stderr.contains("line 1 is no label: missing field `id`"), "{}", ran.stderr);
}
