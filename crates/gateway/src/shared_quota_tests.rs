//! The script in the store against the counters of one process: they let in the same.

use std::time::{Duration, Instant};

use connect::{SharedLimits, SharedLimitsSettings};
use events::Principal;
use testkit::{Random, RedisServer};

use super::*;
use crate::quota::{LimitSettings, Per, Price, QuotaSettings, Uses};

/// How long a run of steps may take: so little comes back into a bucket of [`SIZE_MAX`] a minute that it is no whole token.
const RUN_MAX: Duration = Duration::from_secs(1);
const SIZE_MAX: usize = 40;

fn random_quota(random: &mut Random) -> Quota {
    let mut maybe = |most: usize| (random.one_to(2) == 1).then(|| random.one_to(most) as u64);
    Quota {
        requests_per_minute: maybe(SIZE_MAX),
        tokens_per_minute: maybe(SIZE_MAX),
        concurrent_max: maybe(4),
        tokens_per_day: maybe(200),
        tokens_per_month: maybe(300),
        microusd_per_day: maybe(1),
        microusd_per_month: maybe(2),
    }
}

fn settings(random: &mut Random, shared: Option<SharedQuota>) -> QuotaSettings {
    let limits = [("teams", Per::Team), ("all", Per::All)];
    let limits = limits.map(|(name, per)| LimitSettings {
        name: name.to_owned(),
        per,
        models: vec!["*".into()],
        quota: random_quota(random),
    });
    let prices = vec![Price { models: vec!["*".into()], input_nanousd: 7, output_nanousd: 13 }];
    QuotaSettings { limits: limits.into(), prices, shared, ..QuotaSettings::default() }
}

/// Why a request is refused, but for when it may come again.
fn why(refusal: QuotaRefusal) -> (String, &'static str, bool) {
    match refusal {
        QuotaRefusal::Later { limit, what, .. } => (limit, what, true),
        QuotaRefusal::UsedUp { limit, what } | QuotaRefusal::TooLarge { limit, what } => {
            (limit, what, false)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_lets_in_what_one_process_would() {
    const RUNS: u64 = 40;
    const STEPS: usize = 60;
    let Some(server) = RedisServer::start(&[]).expect("a server that starts") else { return };
    let mut refused = 0;
    for run in 0..RUNS {
        let limits = SharedLimits::new(&SharedLimitsSettings {
            ca_pem: None,
            key_prefix: format!("run-{run}"),
            lease: Duration::from_mins(1),
            password: None,
            time_max: Duration::from_secs(5),
            url: server.url(),
            user: None,
        });
        let limits = limits.expect("settings");
        let (shutdown, tasks) = (Shutdown::default(), Tasks::default());
        tasks.spawn(limits.clone().run(shutdown.clone()));
        let shared = Some(SharedQuota { limits: limits.clone(), on_away: OnAway::Refuse });
        let together = Quotas::new(settings(&mut Random::new(run), shared));
        let alone = Quotas::new(settings(&mut Random::new(run), None));
        let mut random = Random::new(run ^ 0x5eed);
        let began = Instant::now();
        let mut held: Vec<(Reservation, Reservation)> = Vec::new();
        for step in 0..STEPS {
            if began.elapsed() > RUN_MAX {
                break;
            }
            let team = Some(["red", "blue"][random.one_to(2) - 1].to_owned());
            let principal = Principal { team, ..Principal::default() };
            let ask = Ask {
                principal: &principal,
                of_key: &Quota::default(),
                model: "m",
                route: "main",
                request_bytes: random.one_to(60) as u64,
                tokens: None,
                answers: 1,
                output_tokens_max: random.one_to(25) as u64,
                uses: [Uses::Nothing, Uses::Input, Uses::InputAndOutput][random.one_to(3) - 1],
            };
            let claim = || together.claim(&ask).expect("priced").expect("limited");
            match (together.ask(claim()).await, alone.admit(claim(), now_ms())) {
                (Ok(one), Ok(other)) => held.push((one, other)),
                (Err(one), Err(other)) => {
                    assert_eq!(why(one), why(other), "run {run}, step {step}");
                    refused += 1;
                }
                (one, other) => panic!("run {run}, step {step}: {one:?}, alone {other:?}"),
            }
            if random.one_to(3) == 1 && !held.is_empty() {
                let (mut one, mut other) = held.swap_remove(random.one_to(held.len()) - 1);
                let used = events::TokenUsage { input: random.one_to(30) as u64, output: 3 };
                one.used(used);
                other.used(used);
                drop((one, other));
                limits.is_settled().await;
            }
        }
        held.clear();
        shutdown.begin();
    }
    assert!(refused > 100, "{refused}: the runs tell nothing");
}
