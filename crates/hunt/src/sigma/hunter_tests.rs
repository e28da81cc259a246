//! Tests of `hunter`: what is told, what is remembered, and who begins when.

use proptest::prelude::*;

use super::Hunter;
use crate::sigma::{Facts, Rules, Value};

const RULES: &str = "
title: Part
id: 11111111-1111-4111-8111-111111111111
name: part
logsource: {product: bartizan, category: interaction_opened}
detection:
    selection:
        risk|gte: 50
    condition: selection
---
title: Three
id: 22222222-2222-4222-8222-222222222222
correlation:
    type: event_count
    rules: [part]
    group-by: [conversation]
    timespan: 1m
    condition: {gte: 3}
level: high
";
const PERCENTILE: &str = "
title: Part
id: 33333333-3333-4333-8333-333333333333
name: slow_part
logsource: {product: bartizan}
detection:
    selection:
        risk|gte: 0
    condition: selection
---
title: Slow
id: 44444444-4444-4444-8444-444444444444
correlation:
    type: value_percentile
    rules: [slow_part]
    group-by: [conversation]
    timespan: 1m
    condition: {field: risk, percentile: 50, gte: 40}
";

fn rules(text: &str) -> Rules {
    let is_field = |name: &str| ["class", "risk", "conversation", "kind", "model"].contains(&name);
    Rules::parse([("one", text)], is_field).expect("rules")
}

fn observe(hunter: &mut Hunter<'_>, second: u64, conversation: &str, risk: u64) -> usize {
    let fields = [
        ("class", Value::Text("interaction_opened")),
        ("conversation", Value::Text(conversation)),
        ("risk", Value::Number(risk)),
    ];
    hunter.observe(&Facts::new(second * 1_000, fields)).len()
}

#[test]
fn a_correlation_is_told_once_for_each_group_and_window() {
    let rules = rules(RULES);
    let mut hunter = Hunter::new(&rules, None).expect("a hunter");
    let told: Vec<usize> = (0..120).map(|second| observe(&mut hunter, second, "a", 60)).collect();
    assert_eq!((told.iter().sum::<usize>(), told[2], told[60]), (2, 1, 1));
    assert_eq!(observe(&mut hunter, 120, "b", 60), 0);
    assert_eq!(observe(&mut hunter, 120, "b", 10), 0);
    assert_eq!(rules.horizon_s(), 120);
}

#[test]
fn what_is_remembered_is_bounded_and_what_is_forgotten_is_counted() {
    let rules = rules(RULES);
    let mut hunter = Hunter::new(&rules, None).expect("a hunter").remembering(64 << 10);
    observe(&mut hunter, 0, "first", 60);
    observe(&mut hunter, 0, "first", 60);
    for number in 0..2_000 {
        observe(&mut hunter, 1, &format!("{number:0100}"), 60);
        assert!(hunter.bytes <= 64 << 10);
    }
    assert!(hunter.forgotten() > 1_000);
    assert_eq!(observe(&mut hunter, 2, "first", 60), 0, "it was forgotten");
    observe(&mut hunter, 2, "last", 60);
    observe(&mut hunter, 2, "last", 60);
    assert_eq!(observe(&mut hunter, 2, "last", 60), 1);
}

#[test]
fn a_clock_that_is_set_back_by_much_begins_anew() {
    let rules = rules(RULES);
    let mut hunter = Hunter::new(&rules, None).expect("a hunter");
    observe(&mut hunter, 1_000_000, "a", 60);
    observe(&mut hunter, 1_000_000, "a", 60);
    assert_eq!(observe(&mut hunter, 10, "a", 60), 0);
    assert_eq!(hunter.forgotten(), 1);
    observe(&mut hunter, 11, "a", 60);
    assert_eq!(observe(&mut hunter, 12, "a", 60), 1);
}

#[test]
fn what_hunts_found_is_no_record_to_hunt_in() {
    let rules = rules(RULES);
    let mut hunter = Hunter::new(&rules, None).expect("a hunter");
    for kind in ["hunt.one", "hunt.one", "hunt.one", "anomaly.cost"] {
        let fields = [
            ("class", Value::Text("interaction_opened")),
            ("conversation", Value::Text("a")),
            ("kind", Value::Text(kind)),
            ("risk", Value::Number(60)),
        ];
        assert!(hunter.observe(&Facts::new(0, fields)).is_empty());
    }
}

#[test]
fn a_percentile_is_compared() {
    let rules = rules(PERCENTILE);
    let mut hunter = Hunter::new(&rules, None).expect("a hunter");
    assert_eq!(observe(&mut hunter, 0, "a", 10), 0);
    assert_eq!(observe(&mut hunter, 1, "a", 90), 1, "half of them are 50 or less");
}

proptest! {
    #[test]
    fn who_begins_a_horizon_later_finds_the_same(
        records in proptest::collection::vec((0..20_u64, 0..3_usize, 40..60_u64), 1..200),
        cut in 0..200_usize,
    ) {
        let rules = rules(RULES);
        let mut second = 0;
        let records: Vec<_> = records.into_iter().map(|(after, group, risk)| {
            second += after;
            (second, ["a", "b", "c"][group], risk)
        }).collect();
        let cut_s = records[cut.min(records.len() - 1)].0;
        let found = |since_s: u64| -> Vec<(u64, usize)> {
            let mut hunter = Hunter::new(&rules, None).expect("a hunter");
            let read = records.iter().filter(|(second, ..)| *second >= since_s);
            let hits: Vec<_> = read.map(|(second, group, risk)| (*second, observe(&mut hunter, *second, group, *risk))).collect();
            hits.into_iter().filter(|(second, _)| *second >= cut_s).collect()
        };
        prop_assert_eq!(found(0), found(cut_s.saturating_sub(rules.horizon_s())));
    }
}
