//! Tests of `rules`: what is wrong with a rule is said, and filters hold.

use super::Rules;

fn check(text: &str, expected: &str) {
    let said = Rules::parse([("one", text)], |name| name == "risk").map(|_| ());
    let said = said.err().map(|errors| errors.iter().map(ToString::to_string).collect::<String>());
    let said = said.unwrap_or_default();
    assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{said}");
}

const GOOD: &str = "
title: One
id: 11111111-1111-4111-8111-111111111111
name: part
logsource: {product: bartizan}
detection:
    selection: {'risk|gte': 50}
    condition: selection
";

fn correlated(correlation: &str) -> String {
    format!(
        "{GOOD}---\ntitle: Two\nname: two\nid: 22222222-2222-4222-8222-222222222222\ncorrelation: {correlation}\n"
    )
}

#[test]
fn what_is_wrong_with_a_rule_is_said() {
    check(GOOD, "");
    check("{", "hint");
    check(&GOOD.replace("risk", "rsik"), "no record has the field `rsik`");
    check(&GOOD.replace("bartizan", "windows"), "it is for records of `windows`");
    check(&GOOD.replace("id: ", "no: "), "has no id");
    check(&GOOD.replace("condition: selection", "condition: selektion"), "selektion");
    check(&[GOOD, "---", GOOD].concat(), "is there twice");
    check(&correlated("{type: event_count, rules: [part], timespan: 1h, condition: {gte: 3}}"), "");
    check(
        &correlated("{type: event_count, rules: [part], timespan: 30d, condition: {gte: 3}}"),
        "longer than 604800 seconds",
    );
    check(
        &correlated("{type: event_count, rules: [part], timespan: 1h, condition: {gte: 3000}}"),
        "which is not remembered",
    );
    check(
        &correlated("{type: event_count, rules: [other], timespan: 1h, condition: {gte: 3}}"),
        "other",
    );
    check(
        &correlated("{type: temporal, rules: [a, b, c, d, e], timespan: 1h}"),
        "more than 4 steps",
    );
    check(&"x".repeat(super::RULE_BYTES_MAX + 1), "longer than");
}

#[test]
fn a_filter_takes_records_from_rules() {
    let filter = "
title: Not this one
id: 33333333-3333-4333-8333-333333333333
logsource: {product: bartizan}
filter:
    rules: [11111111-1111-4111-8111-111111111111]
    selection: {risk: 60}
    condition: not selection
";
    let rules =
        Rules::parse([("one", GOOD), ("filter", filter)], |name| name == "risk").expect("rules");
    let mut hunter = crate::sigma::Hunter::new(&rules, None).expect("a hunter");
    let mut hits = |risk| {
        let fields = [("risk", crate::sigma::Value::Number(risk))];
        hunter.observe(&crate::sigma::Facts::new(0, fields)).len()
    };
    assert_eq!((hits(60), hits(61)), (0, 1));
}
