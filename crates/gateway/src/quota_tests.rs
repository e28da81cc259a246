//! Limits and budgets, by cases and against a plain model.

use proptest::prelude::*;

use super::*;
use crate::counter::DAY_MS;

/// 2026-11-23 14:05:09 UTC.
const NOW_MS: u64 = 1_795_442_709_000;

fn quotas(limits: &[(&str, Per, Quota)]) -> Quotas {
    let limits = limits.iter().map(|(name, per, quota)| LimitSettings {
        name: (*name).to_owned(),
        per: *per,
        models: vec!["*".into()],
        quota: quota.clone(),
    });
    let prices =
        vec![Price { models: vec!["gpt-*".into()], input_nanousd: 1_000, output_nanousd: 2_000 }];
    Quotas::new(QuotaSettings { limits: limits.collect(), prices, ..QuotaSettings::default() })
}

fn team(name: &str) -> Principal {
    Principal { team: Some(name.to_owned()), ..Principal::default() }
}

/// A request of 400 bytes that asks for at most 100 tokens: 200 tokens at most.
fn ask<'a>(principal: &'a Principal, of_key: &'a Quota) -> Ask<'a> {
    Ask {
        principal,
        of_key,
        model: "gpt-4o",
        route: "main",
        request_bytes: 400,
        tokens: None,
        answers: 1,
        output_tokens_max: 100,
        uses: Uses::InputAndOutput,
    }
}

const UNLIMITED: Quota = Quota {
    requests_per_minute: None,
    tokens_per_minute: None,
    concurrent_max: None,
    tokens_per_day: None,
    tokens_per_month: None,
    microusd_per_day: None,
    microusd_per_month: None,
};

fn reserve(
    quotas: &Quotas,
    ask: &Ask<'_>,
    now_ms: u64,
) -> Result<Option<Reservation>, QuotaRefusal> {
    let claim = quotas.claim(ask)?;
    claim.map(|claim| quotas.admit(claim, now_ms)).transpose()
}

fn admitted(
    quotas: &Quotas,
    principal: &Principal,
    now_ms: u64,
) -> Result<Option<Reservation>, QuotaRefusal> {
    reserve(quotas, &ask(principal, &UNLIMITED), now_ms)
}

#[test]
fn requests_in_a_minute_come_back_evenly() {
    let quotas =
        quotas(&[("fair", Per::Team, Quota { requests_per_minute: Some(3), ..UNLIMITED })]);
    let (a, b) = (team("a"), team("b"));
    for _ in 0..3 {
        assert!(admitted(&quotas, &a, NOW_MS).is_ok());
    }
    let refused = admitted(&quotas, &a, NOW_MS).expect_err("the fourth");
    let (limit, what) = ("fair".to_owned(), "requests in a minute");
    assert_eq!(refused, QuotaRefusal::Later { limit, what, after_ms: 20_000 });
    assert!(admitted(&quotas, &b, NOW_MS).is_ok(), "others are not concerned");
    assert!(admitted(&quotas, &a, NOW_MS + 19_999).is_err());
    assert!(admitted(&quotas, &a, NOW_MS + 20_000).is_ok());
    // A clock that is set back neither lets more in nor shuts everybody out for long.
    assert!(admitted(&quotas, &a, NOW_MS - 1_000_000).is_err());
    assert!(admitted(&quotas, &a, NOW_MS + 60_000).is_ok());
}

#[test]
fn what_was_not_used_is_given_back() {
    let quotas = quotas(&[("day", Per::All, Quota { tokens_per_day: Some(500), ..UNLIMITED })]);
    let anybody = Principal::default();
    let mut first = admitted(&quotas, &anybody, NOW_MS).expect("let in").expect("counted");
    let second = admitted(&quotas, &anybody, NOW_MS).expect("let in");
    let refused = admitted(&quotas, &anybody, NOW_MS).expect_err("600 would be too many");
    assert_eq!(refused, QuotaRefusal::UsedUp { limit: "day".to_owned(), what: "tokens in a day" });
    // The second was refused by policy and never sent; the first used 150.
    drop(second);
    first.used(TokenUsage { input: 90, output: 60 });
    drop(first);
    let counter = *quotas.counters.map().values().next().expect("one");
    assert_eq!(
        (counter.month.used.tokens, counter.reserved, counter.concurrent),
        (150, Amount::default(), 0)
    );
}

#[test]
fn what_may_be_used_is_reserved_for_every_answer() {
    let anybody = Principal::default();
    for (uses, answers, output_tokens_max, expected) in [
        (Uses::InputAndOutput, 1, 100, 200),
        (Uses::InputAndOutput, 6, 100, 700),
        (Uses::InputAndOutput, u64::MAX, u64::MAX, u64::MAX),
        (Uses::Input, 6, 100, 100),
        (Uses::Nothing, 6, 100, 0),
    ] {
        let quotas = quotas(&[("r", Per::All, Quota { concurrent_max: Some(9), ..UNLIMITED })]);
        let asked = Ask { answers, output_tokens_max, uses, ..ask(&anybody, &UNLIMITED) };
        let held = reserve(&quotas, &asked, NOW_MS).expect("let in").expect("counted");
        assert_eq!(held.claim.reserved.tokens, expected, "{uses:?} {answers}");
    }
}

#[test]
fn who_uses_nothing_is_not_refused_for_what_others_used() {
    let used_up = Quota {
        tokens_per_minute: Some(200),
        tokens_per_day: Some(200),
        microusd_per_month: Some(300),
        requests_per_minute: Some(3),
        ..UNLIMITED
    };
    let quotas = quotas(&[("all", Per::All, used_up)]);
    let anybody = Principal::default();
    let mut first = admitted(&quotas, &anybody, NOW_MS).expect("let in").expect("counted");
    first.used(TokenUsage { input: 1_000, output: 1_000 });
    drop(first);
    assert!(admitted(&quotas, &anybody, NOW_MS).is_err());
    let nothing = Ask { uses: Uses::Nothing, model: "o3", ..ask(&anybody, &UNLIMITED) };
    for _ in 0..2 {
        let mut held = reserve(&quotas, &nothing, NOW_MS).expect("let in").expect("counted");
        held.used(TokenUsage { input: 1_000, output: 1_000 });
    }
    assert_eq!(quotas.counters.map().values().next().expect("one").month.used.tokens, 2_000);
    let refused = reserve(&quotas, &nothing, NOW_MS).expect_err("the fourth request");
    assert!(matches!(refused, QuotaRefusal::Later { what: "requests in a minute", .. }));
}

#[test]
fn money_needs_a_price() {
    // 100 tokens in at 1, 100 out at 2 millionths of a dollar.
    let quota = Quota { microusd_per_month: Some(599), ..UNLIMITED };
    let quotas = quotas(&[("spend", Per::Tenant, quota)]);
    let anybody = Principal::default();
    let held = admitted(&quotas, &anybody, NOW_MS).expect("300 of 599");
    let refused = admitted(&quotas, &anybody, NOW_MS).expect_err("600 of 599");
    assert_eq!(
        refused,
        QuotaRefusal::UsedUp { limit: "spend".to_owned(), what: "money in a month" }
    );
    drop(held);
    let unpriced = Ask { model: "o3", ..ask(&anybody, &UNLIMITED) };
    let refused = reserve(&quotas, &unpriced, NOW_MS).expect_err("no price");
    assert_eq!(refused, QuotaRefusal::NoPrice { limit: "spend".to_owned() });
}

#[test]
fn a_key_has_a_quota_of_its_own_and_all_limits_count_or_none() {
    let quotas = quotas(&[("all", Per::All, Quota { concurrent_max: Some(2), ..UNLIMITED })]);
    let of_key = Quota { tokens_per_minute: Some(300), ..UNLIMITED };
    let principal = Principal { key: Some(events::KeyId::new(7)), ..Principal::default() };
    let held = reserve(&quotas, &ask(&principal, &of_key), NOW_MS).expect("let in");
    let refused = reserve(&quotas, &ask(&principal, &of_key), NOW_MS).expect_err("400 tokens");
    let (limit, what) = ("of this key".to_owned(), "tokens in a minute");
    assert_eq!(refused, QuotaRefusal::Later { limit, what, after_ms: 20_000 });
    let all = CounterId { limit: Some("all".to_owned()), subject: String::new() };
    assert_eq!(quotas.counters.map()[&all].concurrent, 1, "what was refused is not under way");
    let other = admitted(&quotas, &team("a"), NOW_MS).expect("let in");
    let refused = admitted(&quotas, &team("b"), NOW_MS).expect_err("the third");
    assert!(matches!(refused, QuotaRefusal::Later { what: "requests under way", .. }));
    drop((held, other));
    assert_eq!(quotas.counters.map()[&all].concurrent, 0);

    let small = Quota { tokens_per_minute: Some(199), ..UNLIMITED };
    let refused = reserve(&quotas, &ask(&principal, &small), NOW_MS).expect_err("never");
    assert!(matches!(refused, QuotaRefusal::TooLarge { what: "tokens in a minute", .. }));
}

#[test]
fn months_are_those_of_the_calendar() {
    let at = |days: u64| month(days * DAY_MS);
    // 1970-01-31, -02-01, -02-28, -03-01; 2024-02-29, 2024-03-01; 2026-12-31, 2027-01-01.
    assert!(at(30) < at(31) && at(31) == at(58) && at(58) < at(59));
    assert!(at(19_782) < at(19_783) && at(19_782) == at(19_754));
    assert!(at(20_818) < at(20_819));
}

#[test]
fn a_clock_that_jumps_neither_forgets_a_budget_nor_shuts_anybody_out_for_good() {
    let day_begins = NOW_MS - NOW_MS % DAY_MS;
    // 2026-12-01: the day and the month begin.
    let month_begins = 20_788 * DAY_MS;
    let per_day = Quota { tokens_per_day: Some(100), ..UNLIMITED };
    let per_month = Quota { tokens_per_month: Some(100), ..UNLIMITED };
    let (second, day) = (1_000, DAY_MS);
    for (quota, used_at, asked_at, is_let_in, case) in [
        (&per_day, day_begins + second, day_begins + 2 * second, false, "the same day"),
        (&per_day, day_begins - second, day_begins + second, true, "the next day"),
        (&per_day, day_begins + second, day_begins - second, false, "set back across midnight"),
        (&per_day, day_begins + second, day_begins - second - day, true, "set back by two days"),
        (&per_day, day_begins, day_begins + 400 * day, true, "set forward by a year"),
        (
            &per_month,
            month_begins + second,
            month_begins - second,
            false,
            "set back across a month",
        ),
        (&per_month, month_begins - second, month_begins + second, true, "the next month"),
        (&per_month, month_begins, month_begins - 70 * day, true, "set back by months"),
    ] {
        let tokens = |tokens| Amount { tokens, nanousd: 0 };
        let mut counter = Counter::default();
        counter.reserve(quota, tokens(100), used_at);
        counter.settle(quota, tokens(100), tokens(100), used_at);
        let admitted = counter.admits("house", quota, tokens(1), asked_at);
        assert_eq!(admitted.is_ok(), is_let_in, "{case}");
        // What is used while the clock is wrong is not forgotten when it is right again.
        counter.reserve(quota, tokens(0), asked_at);
        counter.settle(quota, tokens(0), tokens(1), asked_at);
        assert!(counter.month.used_in(month(asked_at)).tokens > 0, "{case}");
    }
}

#[test]
fn what_was_used_outlives_the_process() {
    let limits = [("month", Per::Team, Quota { tokens_per_month: Some(500), ..UNLIMITED })];
    let before = quotas(&limits);
    let mut held =
        reserve(&before, &ask(&team("a"), &UNLIMITED), now_ms()).expect("let in").expect("counted");
    held.used(TokenUsage { input: 400, output: 50 });
    drop(held);
    let text = serde_json::to_string(&before.snapshot()).expect("text");
    let after = quotas(&limits);
    after.restore(serde_json::from_str(&text).expect("a snapshot"));
    assert_eq!(after.snapshot(), before.snapshot());
    let refused = reserve(&after, &ask(&team("a"), &UNLIMITED), now_ms()).expect_err("450 of 500");
    assert!(matches!(refused, QuotaRefusal::UsedUp { .. }));
    assert!(reserve(&after, &ask(&team("b"), &UNLIMITED), now_ms()).is_ok());
}

#[test]
fn counters_are_limited_and_those_at_rest_make_room() {
    let quotas =
        quotas(&[("each", Per::Team, Quota { requests_per_minute: Some(9), ..UNLIMITED })]);
    {
        let mut counters = quotas.counters.map();
        let busy = Counter { concurrent: 1, ..Counter::default() };
        for number in 0..SUBJECTS_MAX {
            counters.insert(
                CounterId { limit: Some("each".to_owned()), subject: number.to_string() },
                busy,
            );
        }
    }
    assert_eq!(admitted(&quotas, &team("new"), NOW_MS).expect_err("full"), QuotaRefusal::Full);
    assert!(admitted(&quotas, &team("7"), NOW_MS).is_ok(), "who has a counter keeps it");
    for counter in quotas.counters.map().values_mut().take(10) {
        counter.concurrent = 0;
    }
    let soon = admitted(&quotas, &team("new"), NOW_MS + SWEEP_PAUSE_MS - 1);
    assert_eq!(soon.expect_err("not searched again yet"), QuotaRefusal::Full);
    assert!(admitted(&quotas, &team("new"), NOW_MS + SWEEP_PAUSE_MS).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_budget_is_never_passed_by_what_is_let_in(
        steps in proptest::collection::vec((0u64..400, any::<bool>(), 0u64..100), 1..60),
        max in 100u64..2_000,
    ) {
        let quotas = quotas(&[("day", Per::All, Quota { tokens_per_day: Some(max), ..UNLIMITED })]);
        let anybody = Principal::default();
        let now = now_ms();
        let mut held: Vec<(Reservation, u64)> = Vec::new();
        let mut used = 0;
        for (bytes, ends, output) in steps {
            let asked = Ask { request_bytes: bytes, output_tokens_max: output, ..ask(&anybody, &UNLIMITED) };
            let most = bytes.div_ceil(4) + output;
            let under_way: u64 = held.iter().map(|(_, most)| most).sum();
            match reserve(&quotas, &asked, now) {
                Ok(reservation) => {
                    prop_assert!(used + under_way + most <= max);
                    held.push((reservation.expect("counted"), most));
                }
                Err(_) => prop_assert!(used + under_way + most > max),
            }
            if ends && !held.is_empty() {
                let (mut reservation, most) = held.remove(0);
                let usage = TokenUsage { input: most / 2, output: 0 };
                used += most / 2;
                reservation.used(usage);
            }
        }
        held.clear();
        let counter = quotas.counters.map().values().next().copied().unwrap_or_default();
        prop_assert_eq!((counter.reserved, counter.concurrent), (Amount::default(), 0));
        prop_assert_eq!(counter.month.used.tokens, used);
    }
}

#[test]
fn what_was_used_without_being_asked_for_counts_and_is_no_request() {
    let quota = Quota {
        requests_per_minute: Some(1),
        concurrent_max: Some(1),
        tokens_per_day: Some(250),
        ..UNLIMITED
    };
    let quotas = quotas(&[("team", Per::Team, quota)]);
    let (red, blue) = (team("red"), team("blue"));
    let held = reserve(&quotas, &ask(&red, &UNLIMITED), now_ms()).expect("it is let in");
    let used = TokenUsage { input: 10, output: 10 };
    let charge = |principal| quotas.charge(&ask(principal, &UNLIMITED), used);
    // The request under way, and the one a minute, are others'.
    assert_eq!((charge(&red), charge(&red)), (Ok(()), Ok(())));
    // 200 are reserved, 40 were used.
    let over = Err(QuotaRefusal::UsedUp { limit: "team".to_owned(), what: "tokens in a day" });
    assert_eq!(charge(&red), over);
    assert_eq!(charge(&blue), Ok(()));
    drop(held);
    let sums = serde_json::to_value(quotas.snapshot()).expect("a snapshot");
    let of = |index: usize| sums["counters"][index]["month"]["used"]["tokens"].as_u64();
    assert_eq!((of(0), of(1)), (Some(20), Some(60)), "what was too much counts too");
}
