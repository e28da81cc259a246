//! What holds for any traffic: bounded, deterministic, no number that is none, and what was learnt survives a restart.

use events::{Anomaly, Principal};
use hunt::{Baselines, Observation, Outcome, Print, SeriesName};
use proptest::prelude::*;

const HOUR_MS: u64 = 3_600_000;
/// A Monday at midnight.
const MONDAY_MS: u64 = 4 * 24 * HOUR_MS;

fn name(number: usize) -> SeriesName {
    SeriesName {
        principal: Principal { team: Some(format!("team{number}")), ..Principal::default() },
        model: String::from("m"),
        upstream: String::from("u"),
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Answered),
        Just(Outcome::Blocked),
        Just(Outcome::Declined),
        Just(Outcome::Failed),
        Just(Outcome::Other),
    ]
}

/// An interaction of one of a few series, some time after the one before, or, if a clock jumps, before it.
fn interaction() -> impl Strategy<Value = (usize, i64, Observation)> {
    let pause = prop_oneof![
        6 => 0..2_000_i64,
        2 => 0..7_200_000_i64,
        1 => -100_000_000..100_000_000_i64,
        1 => Just(40 * 24 * 3_600_000_i64),
    ];
    let number = prop_oneof![0..5_000_u64, any::<u64>()];
    (0..6_usize, pause, number, any::<u64>(), any::<u64>(), outcome(), any::<Option<u64>>())
        .prop_map(|(series, pause, tokens, time, similar, outcome, first_byte_us)| {
            let seen = Observation {
                time_ms: 0,
                input_tokens: tokens,
                output_tokens: tokens / 3,
                duration_us: time,
                first_byte_us,
                outcome,
                print: Some(Print { same: similar, similar: similar & 0xffff }),
            };
            (series, pause, seen)
        })
}

fn play(baselines: &mut Baselines, played: &[(usize, i64, Observation)]) -> Vec<Anomaly> {
    let mut time_ms = MONDAY_MS;
    let mut found = Vec::new();
    for (series, pause, seen) in played {
        time_ms = time_ms.saturating_add_signed(*pause);
        found.extend(baselines.observe(&name(*series), &Observation { time_ms, ..*seen }));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_traffic_is_bounded_and_gives_the_same_findings_again(played in prop::collection::vec(interaction(), 0..400)) {
        let (mut baselines, mut again) = (Baselines::new(4), Baselines::new(4));
        prop_assert_eq!(play(&mut baselines, &played), play(&mut again, &played));
        prop_assert!(baselines.len() <= 4);
        // A number that is none would not be read back.
        let time_ms = MONDAY_MS * 100;
        let bytes = baselines.to_snapshot(time_ms);
        let mut restored = Baselines::from_snapshot(&bytes, 4, time_ms).expect("what was written is read");
        prop_assert_eq!(restored.to_snapshot(time_ms), bytes);
    }

    #[test]
    fn the_order_of_equal_times_makes_no_difference_to_what_is_learnt(played in prop::collection::vec(interaction(), 0..100)) {
        let at_once: Vec<_> = played.iter().map(|(_, _, seen)| {
            // Fingerprints are compared with those before, in the order in which they come.
            (0, 0, Observation { print: None, first_byte_us: None, input_tokens: seen.input_tokens % 1_000, output_tokens: 0, duration_us: 50_000, ..*seen })
        }).collect();
        let reversed: Vec<_> = at_once.iter().rev().copied().collect();
        let (mut one, mut other) = (Baselines::new(4), Baselines::new(4));
        play(&mut one, &at_once);
        play(&mut other, &reversed);
        let later = MONDAY_MS + HOUR_MS;
        let (one, other) = (one.to_snapshot(later), other.to_snapshot(later));
        prop_assert_eq!(one.len(), other.len());
        // All numbers of the season are counts, and equal; those of tails depend on what was the highest at any moment.
        prop_assert_eq!(&one[..64], &other[..64]);
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused(at in any::<prop::sample::Index>(), changed in any::<prop::sample::Index>(), flip in 1..=255_u8, junk in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Baselines::from_snapshot(&junk, 4, 0).is_err());
        let mut baselines = Baselines::new(4);
        baselines.observe(&name(1), &Observation { time_ms: MONDAY_MS, ..Observation::default() });
        let mut bytes = baselines.to_snapshot(MONDAY_MS);
        let cut = at.index(bytes.len());
        prop_assert!(Baselines::from_snapshot(&bytes[..cut], 4, 0).is_err());
        let place = changed.index(bytes.len());
        bytes[place] ^= flip;
        // Whatever is read can be used.
        if let Ok(mut read) = Baselines::from_snapshot(&bytes, 4, MONDAY_MS) {
            play(&mut read, &[(1, 0, Observation::default()), (1, 10_000_000, Observation::default())]);
            let again = read.to_snapshot(MONDAY_MS * 2);
            prop_assert!(Baselines::from_snapshot(&again, 4, 0).is_ok());
        }
    }
}

/// Five weeks of an application that answers people in the daytime, each minute a few requests.
fn weeks(baselines: &mut Baselines, weeks: u64) -> (u64, usize) {
    let (mut state, mut alarms) = (1_u64, 0);
    let end_ms = MONDAY_MS + weeks * 168 * HOUR_MS;
    let mut time_ms = MONDAY_MS;
    while time_ms < end_ms {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = ((state >> 33) as f64 + 1.0) / (1_u64 << 31) as f64;
        let is_day = (8..18).contains(&(time_ms / HOUR_MS % 24));
        let mean_ms = if is_day { 20_000.0 } else { 200_000.0 };
        time_ms += (-unit.ln() * mean_ms) as u64 + 1;
        alarms += baselines.observe(&name(1), &ordinary(time_ms, state)).len();
    }
    (end_ms, alarms)
}

fn ordinary(time_ms: u64, state: u64) -> Observation {
    Observation {
        time_ms,
        input_tokens: 200 + (state >> 40) % 800,
        output_tokens: 100 + (state >> 50) % 400,
        duration_us: 2_000_000 + (state >> 30) % 3_000_000,
        first_byte_us: Some(300_000 + (state >> 20) % 300_000),
        outcome: if state.is_multiple_of(97) { Outcome::Declined } else { Outcome::Answered },
        print: Some(Print { same: state, similar: state }),
    }
}

#[test]
fn floods_and_probes_are_found_and_worded_and_ordinary_weeks_are_not() {
    let mut baselines = Baselines::default();
    let (now_ms, alarms) = weeks(&mut baselines, 3);
    assert_eq!(alarms, 0);
    let scraped = (0..240_u64).flat_map(|second| {
        let seen = ordinary(now_ms + second * 500, second.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        baselines.clone().observe(&name(1), &seen);
        baselines.observe(&name(1), &seen)
    });
    let scraped: Vec<_> = scraped.collect();
    let first = scraped.first().expect("a flood is found");
    assert_eq!(first.kind.as_str(), "anomaly.scraping", "{first:?}");
    assert!(first.detail.contains("requests within"), "{}", first.detail);
    assert_eq!(scraped.len(), 1, "an anomaly is said once: {scraped:#?}");

    let (mut baselines, (now_ms, _)) = (Baselines::default(), (0, 0));
    let (later_ms, _) = weeks(&mut baselines, 3);
    let probed = (0..120_u64).flat_map(|probe| {
        let seen = Observation {
            outcome: Outcome::Blocked,
            ..ordinary(now_ms + later_ms + probe * 1_000, probe.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        };
        baselines.observe(&name(1), &seen)
    });
    let kinds: Vec<_> = probed.map(|found| found.kind.to_string()).collect();
    assert_eq!(kinds, ["anomaly.fuzzing"]);
}

#[test]
fn a_flood_over_many_models_is_seen_as_one() {
    let mut baselines = Baselines::default();
    let (now_ms, _) = weeks(&mut baselines, 3);
    let flood = (0..400_u64).flat_map(|at| {
        let seen = ordinary(now_ms + at * 300, at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let model = SeriesName { model: format!("m{}", at % 20), ..name(1) };
        baselines.observe(&model, &seen)
    });
    let flood: Vec<_> = flood.collect();
    assert_eq!(flood.len(), 1, "{flood:#?}");
    assert_eq!(flood[0].kind.as_str(), "anomaly.scraping");
    assert_eq!(flood[0].model.as_deref(), Some("(all)"));
}

#[test]
fn what_was_learnt_survives_a_restart() {
    let mut baselines = Baselines::default();
    let (now_ms, _) = weeks(&mut baselines, 3);
    let bytes = baselines.to_snapshot(now_ms);
    let mut restored = Baselines::from_snapshot(&bytes, 100, now_ms).expect("a snapshot");
    let mut fresh = Baselines::default();
    let flood = |baselines: &mut Baselines| {
        (0..100_u64).any(|at| {
            let seen = ordinary(now_ms + at * 600, at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            !baselines.observe(&name(1), &seen).is_empty()
        })
    };
    assert!(flood(&mut restored));
    assert!(!flood(&mut fresh), "a new series may begin as it likes");
}

/// Weeks of forty applications that each ask a little, and what is said of them together.
fn many(baselines: &mut Baselines, weeks: u64) -> (u64, usize) {
    let (mut state, mut alarms) = (7_u64, 0);
    let end_ms = MONDAY_MS + weeks * 168 * HOUR_MS;
    let mut time_ms = MONDAY_MS;
    while time_ms < end_ms {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = ((state >> 33) as f64 + 1.0) / (1_u64 << 31) as f64;
        let is_day = (8..18).contains(&(time_ms / HOUR_MS % 24));
        time_ms += (-unit.ln() * if is_day { 5_000.0 } else { 30_000.0 }) as u64 + 1;
        let caller = name(100 + (state >> 20) as usize % 40);
        alarms += baselines.observe(&caller, &ordinary(time_ms, state)).len();
    }
    (end_ms, alarms)
}

#[test]
fn what_is_spread_thinly_over_many_keys_is_seen_in_all_traffic_together() {
    let mut learnt = Baselines::default();
    let (now_ms, alarms) = many(&mut learnt, 3);
    assert_eq!(alarms, 0, "ordinary weeks are ordinary together too");
    let learnt = {
        let bytes = learnt.to_snapshot(now_ms);
        Baselines::from_snapshot(&bytes, 1_000, now_ms).expect("a snapshot")
    };
    let from_thousands = |at: u64| name(1_000 + at as usize % 300);
    for (outcome, kind) in
        [(Outcome::Blocked, "anomaly.fuzzing"), (Outcome::Answered, "anomaly.scraping")]
    {
        let mut baselines = learnt.clone();
        let found = (0..600_u64).flat_map(|at| {
            let seen = ordinary(now_ms + at * 500, at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            baselines.observe(&from_thousands(at), &Observation { outcome, ..seen })
        });
        let found: Vec<_> = found.filter(|found| found.kind.as_str() == kind).collect();
        assert_eq!(found.len(), 1, "two requests of each key: {found:#?}");
        assert_eq!(found[0].model.as_deref(), Some("(everybody)"));
        assert_eq!(found[0].principal, Principal::default());
        assert!(found[0].detail.starts_with("all callers together: "), "{}", found[0].detail);
    }

    // In the first week nobody knows what all traffic is like.
    let mut young = Baselines::default();
    let (now_young_ms, _) = many(&mut young, 0);
    for hour in 0..160_u64 {
        young.observe(&name(100), &ordinary(now_young_ms + hour * HOUR_MS, hour));
    }
    let later_ms = now_young_ms + 160 * HOUR_MS;
    let early = (0..600_u64).flat_map(|at| {
        let seen = ordinary(later_ms + at * 500, at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        young.observe(&from_thousands(at), &Observation { outcome: Outcome::Blocked, ..seen })
    });
    assert_eq!(early.count(), 0);

    // What one caller has been told of is not told of all once more; what hides behind it is.
    let mut baselines = learnt.clone();
    let loud = (0..2_000_u64).flat_map(|at| {
        let seen = ordinary(now_ms + at * 100, at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        baselines.observe(&name(101), &seen)
    });
    let loud: Vec<_> = loud.collect();
    assert!(loud.iter().all(|found| found.model.as_deref() == Some("m")), "{loud:#?}");
    assert!(!loud.is_empty());
    let later_ms = now_ms + 200_000;
    let thin = (0..600_u64).flat_map(|at| {
        let seen = ordinary(later_ms + at * 500, at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        baselines.observe(&from_thousands(at), &Observation { outcome: Outcome::Blocked, ..seen })
    });
    let kinds: Vec<_> = thin.map(|found| (found.kind.to_string(), found.model)).collect();
    assert_eq!(kinds, [("anomaly.fuzzing".to_owned(), Some("(everybody)".to_owned()))]);
}

/// While one caller is loud, and goes on, the same from many others shows, and what it does itself is said of itself alone.
#[test]
fn behind_a_loud_caller_others_still_show() {
    let mut learnt = Baselines::default();
    // The last of them asks a little after the end.
    let now_ms = many(&mut learnt, 3).0 + HOUR_MS;
    let hash = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for (outcome, kind) in
        [(Outcome::Blocked, "anomaly.fuzzing"), (Outcome::Answered, "anomaly.scraping")]
    {
        for others in [false, true] {
            let mut baselines = learnt.clone();
            let mut found = Vec::new();
            // Five requests a second of one caller for half an hour; in its last ten minutes, two a second of many.
            for at in 0..9_000_u64 {
                let time_ms = now_ms + at * 200;
                let seen = Observation { outcome, ..ordinary(time_ms, hash(at)) };
                found.extend(baselines.observe(&name(101), &seen));
                if others && at >= 6_000 && at.is_multiple_of(5) {
                    for twice in 0..2 {
                        let seen =
                            Observation { outcome, ..ordinary(time_ms, hash(2 * at + twice)) };
                        let caller = name(1_000 + (at as usize / 5 * 2 + twice as usize) % 300);
                        found.extend(baselines.observe(&caller, &seen));
                    }
                }
            }
            found.retain(|one| one.kind.as_str() == kind);
            let models: Vec<_> =
                found.iter().map(|one| one.model.as_deref().unwrap_or("")).collect();
            let expected: &[&str] = if others { &["m", "(everybody)"] } else { &["m"] };
            assert_eq!(models, expected, "{kind}: {found:#?}");
            // What is said of all of them leaves the loud one out.
            let of_others = found.get(1).map(|one| one.observed);
            assert!(of_others.is_none_or(|observed| observed < 1_500), "{of_others:?}");
        }
    }
}

/// A caller that was loud is like any other once it is quiet: what is left of its flood in the longest sums is no finding.
#[test]
fn a_caller_that_falls_silent_leaves_nothing_behind() {
    let mut baselines = Baselines::default();
    let now_ms = many(&mut baselines, 3).0 + HOUR_MS;
    let mut found = Vec::new();
    let flood = |at: u64| ordinary(now_ms + at * 200, at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    found.extend((0..9_000).flat_map(|at| baselines.observe(&name(101), &flood(at))));
    for minute in 0..24 * 60 {
        let time_ms = now_ms + HOUR_MS / 2 + minute * 60_000;
        let seen = ordinary(time_ms, minute.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        found.extend(baselines.observe(&name(100 + minute as usize % 40), &seen));
    }
    assert!(found.iter().all(|one| one.model.as_deref() == Some("m")), "{found:#?}");
    assert_eq!(found.len(), 1, "{found:#?}");
}
