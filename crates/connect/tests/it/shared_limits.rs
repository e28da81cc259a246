//! Limits that are shared, over a real Redis where there is one, and over stores that fail in every way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connect::{
    COUNT_MAX, Maxima, Maximum, PER_MINUTE_MAX, SharedAmount, SharedCounter, SharedLimits,
    SharedLimitsSettings, Verdict,
};
use futures_util::FutureExt as _;
use net::Shutdown;
use stdx::Secret;
use telemetry::Point;
use testkit::{FakeStore, RedisServer};

const NONE: Maxima = [None; 7];

/// A server of this test's own; nothing where there is no such program, and then the test is skipped.
pub(crate) fn server(more: &[&str]) -> Option<RedisServer> {
    RedisServer::start(more).expect("a server that starts")
}

fn settings(url: &str) -> SharedLimitsSettings {
    SharedLimitsSettings {
        ca_pem: None,
        key_prefix: "test".to_owned(),
        lease: Duration::from_secs(30),
        password: None,
        time_max: Duration::from_secs(5),
        url: url.to_owned(),
        user: None,
    }
}

fn limits(settings: &SharedLimitsSettings) -> SharedLimits {
    SharedLimits::new(settings).expect("settings")
}

fn counter(maxima: Maxima) -> Vec<SharedCounter> {
    vec![SharedCounter { limit: Some("house".to_owned()), subject: "all".to_owned(), maxima }]
}

fn tokens(tokens: u64) -> SharedAmount {
    SharedAmount { tokens, nanousd: 0 }
}

/// A number that is measured, of all its series together.
fn measured(limits: &SharedLimits, name: &str, label: &str) -> u64 {
    let families = limits.snapshot();
    let family = families.iter().find(|family| family.about.name == name).expect("a family");
    let is_meant = |series: &&telemetry::Series| {
        label.is_empty() || series.labels.iter().any(|(_, value)| value == label)
    };
    let points = family.series.iter().filter(is_meant).map(|series| match &series.point {
        Point::Number(number) => *number,
        Point::Histogram { counts, .. } => counts.iter().sum(),
    });
    points.sum()
}

/// Waits until everything is settled.
async fn settled(limits: &SharedLimits) {
    let settled = tokio::time::timeout(Duration::from_secs(20), limits.is_settled()).await;
    assert!(settled.is_ok(), "nothing is settled: {:?}", limits.snapshot());
}

fn keep(limits: &SharedLimits) {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(limits.clone().run(Shutdown::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_is_no_answer() {
    for (answer, reason) in [
        ("*-1\r\n", "unreadable"),
        ("*0\r\n", "unreadable"),
        ("$-1\r\n", "unreadable"),
        (":0\r\n", "unreadable"),
        ("+OK\r\n", "unreadable"),
        ("*2\r\n:0\r\n:1\r\n", "unreadable"),
        ("*7\r\n:0\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:-1\r\n", "unreadable"),
        ("*4\r\n:1\r\n:2\r\n:1\r\n:0\r\n", "unreadable"),
        ("*4\r\n:1\r\n:1\r\n:8\r\n:0\r\n", "unreadable"),
        ("*4\r\n:1\r\n:0\r\n:1\r\n:0\r\n", "unreadable"),
        ("*1\r\n*1\r\n:0\r\n", "unreadable"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "unreachable"),
        ("-LOADING Redis is loading the dataset in memory\r\n", "refused"),
        ("-OOM command not allowed when used memory > 'maxmemory'.\r\n", "refused"),
        ("-READONLY You can't write against a read only replica.\r\n", "refused"),
        ("-NOAUTH Authentication required.\r\n", "refused"),
        ("-ERR unknown command\r\n", "refused"),
        ("*1000000000\r\n:0\r\n", "timed_out"),
        ("$500000000\r\nx", "timed_out"),
        ("", "timed_out"),
    ] {
        let store = FakeStore::start(answer).expect("a store");
        let time_max = Duration::from_millis(400);
        let limits = limits(&SharedLimitsSettings { time_max, ..settings(&store.url()) });
        let began = Instant::now();
        let verdict = limits.reserve(&counter(NONE), tokens(1)).await;
        assert!(matches!(verdict, Verdict::Away), "{answer:?}: {verdict:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{answer:?}");
        let failed = measured(&limits, "bartizan.limits.shared.failures", reason);
        assert_eq!(failed, 1, "{answer:?}: {:?}", limits.snapshot());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_is_left_alone_after_three_questions() {
    let nobody = testkit::free_port().expect("a port");
    let limits = limits(&settings(&format!("redis://{nobody}")));
    for _ in 0..10 {
        assert!(matches!(limits.reserve(&counter(NONE), tokens(1)).await, Verdict::Away));
    }
    let failures = |reason| measured(&limits, "bartizan.limits.shared.failures", reason);
    assert_eq!((failures("unreachable"), failures("circuit_open")), (3, 7));
    assert!(*limits.away().borrow());
    assert_eq!(measured(&limits, "bartizan.limits.shared.away", ""), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_maximum_is_held_by_all_gateways_together() {
    let Some(server) = server(&[]) else { return };
    let money = |nanousd| SharedAmount { tokens: 0, nanousd };
    // (maximum, its size, amounts, how many are let in, when the next may be, in milliseconds, at most)
    let cases = [
        (Maximum::Concurrent, 3, tokens(0), 3, Some(1_000)),
        (Maximum::RequestsPerMinute, 3, tokens(0), 3, Some(20_000)),
        (Maximum::TokensPerMinute, 100, tokens(40), 2, Some(12_000)),
        (Maximum::TokensPerDay, 100, tokens(40), 2, None),
        (Maximum::TokensPerMonth, 100, tokens(50), 2, None),
        (Maximum::MoneyPerDay, 1_000, money(300), 3, None),
        (Maximum::MoneyPerMonth, 1_000, money(1_000), 1, None),
        // What is larger than can be counted is held to what can.
        (Maximum::TokensPerDay, u64::MAX, tokens(u64::MAX), 1, None),
        (Maximum::TokensPerMinute, u64::MAX, tokens(PER_MINUTE_MAX), 1, Some(60_000)),
    ];
    for (place, (maximum, size, amount, let_in, after)) in cases.into_iter().enumerate() {
        let settings =
            SharedLimitsSettings { key_prefix: format!("case-{place}"), ..settings(&server.url()) };
        let gateways = [limits(&settings), limits(&settings)];
        let index = Maximum::ALL.iter().position(|one| *one == maximum).expect("one of all");
        let mut maxima = NONE;
        maxima[index] = Some(size);
        let mut held = Vec::new();
        for number in 0..let_in {
            let gateway = &gateways[number % 2];
            match gateway.reserve(&counter(maxima), amount).await {
                Verdict::Admitted(lease, used) => {
                    assert_eq!(used[0].day.1, SharedAmount::default(), "nothing is used yet");
                    held.push(lease);
                }
                other => panic!("{maximum:?} {number}: {other:?}"),
            }
        }
        match gateways[let_in % 2].reserve(&counter(maxima), amount).await {
            Verdict::Refused { counter: 0, maximum: by, after_ms } => {
                assert_eq!(by, maximum);
                assert_eq!(after_ms.is_some(), after.is_some(), "{maximum:?}");
                assert!(after_ms <= after && after_ms.is_none_or(|it| it > 0), "{after_ms:?}");
            }
            other => panic!("{maximum:?}: {other:?}"),
        }
    }
    // Nine million dollars can be counted.
    const { assert!(COUNT_MAX > 9_000_000 * 1_000_000_000) };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_let_in_by_all_its_counters_or_counted_by_none() {
    let Some(server) = server(&[]) else { return };
    let limits = limits(&settings(&server.url()));
    keep(&limits);
    let mut small = NONE;
    small[Maximum::TokensPerDay as usize] = Some(100);
    let mut both = counter(NONE);
    both.push(SharedCounter { limit: None, subject: "key".to_owned(), maxima: small });
    for _ in 0..3 {
        let verdict = limits.reserve(&both, tokens(101)).await;
        assert!(matches!(verdict, Verdict::Refused { counter: 1, .. }), "{verdict:?}");
    }
    let mut one = NONE;
    one[Maximum::Concurrent as usize] = Some(1);
    let Verdict::Admitted(mut lease, _) = limits.reserve(&counter(one), tokens(10)).await else {
        panic!("what was refused is not under way")
    };
    lease.used(tokens(7));
    drop(lease);
    settled(&limits).await;
    let Verdict::Admitted(_lease, used) = limits.reserve(&counter(one), tokens(10)).await else {
        panic!("it has ended")
    };
    assert_eq!((used[0].day.1, used[0].month.1), (tokens(7), tokens(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_dies_gives_its_place_back_and_owes_what_it_reserved() {
    let Some(server) = server(&[]) else { return };
    let short =
        SharedLimitsSettings { lease: Duration::from_millis(600), ..settings(&server.url()) };
    let (dead, alive) = (limits(&short), limits(&short));
    keep(&alive);
    let mut maxima = NONE;
    maxima[Maximum::Concurrent as usize] = Some(2);
    let Verdict::Admitted(lost, _) = dead.reserve(&counter(maxima), tokens(40)).await else {
        panic!("the first")
    };
    // Nobody renews or settles it.
    std::mem::forget(lost);
    let Verdict::Admitted(mut held, _) = alive.reserve(&counter(maxima), tokens(5)).await else {
        panic!("the second")
    };
    let full = alive.reserve(&counter(maxima), tokens(1)).await;
    assert!(matches!(full, Verdict::Refused { maximum: Maximum::Concurrent, .. }), "{full:?}");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let Verdict::Admitted(third, used) = alive.reserve(&counter(maxima), tokens(1)).await else {
        panic!("the dead one's place is free")
    };
    assert_eq!(used[0].day.1, tokens(40), "what it had reserved counts as used");
    let full = alive.reserve(&counter(maxima), tokens(1)).await;
    assert!(matches!(full, Verdict::Refused { .. }), "a request that lasts keeps its place");
    held.used(tokens(3));
    drop((held, third));
    settled(&alive).await;
    let Verdict::Admitted(_, used) = alive.reserve(&counter(maxima), tokens(1)).await else {
        panic!("all have ended")
    };
    assert_eq!(used[0].month.1, tokens(43));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_waiting_for_an_answer_is_taken_back() {
    let Some(server) = server(&[]) else { return };
    let limits = limits(&settings(&server.url()));
    keep(&limits);
    let mut maxima = NONE;
    maxima[Maximum::Concurrent as usize] = Some(1);
    assert!(matches!(limits.reserve(&counter(maxima), tokens(1)).await, Verdict::Admitted(..)));
    settled(&limits).await;
    // The question has left, and its answer is not read.
    server.pause(true).expect("paused");
    let counters = counter(maxima);
    let left = limits.reserve(&counters, tokens(1));
    assert!(tokio::time::timeout(Duration::from_millis(100), left).await.is_err());
    server.pause(false).expect("goes on");
    settled(&limits).await;
    let verdict = limits.reserve(&counter(maxima), tokens(1)).await;
    assert!(matches!(verdict, Verdict::Admitted(..)), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_meanwhile_is_told_afterwards() {
    let Some(mut server) = server(&[]) else { return };
    let limits = limits(&settings(&server.url()));
    keep(&limits);
    let Verdict::Admitted(mut lease, _) = limits.reserve(&counter(NONE), tokens(10)).await else {
        panic!("it is there")
    };
    server.kill().expect("killed");
    assert!(matches!(limits.reserve(&counter(NONE), tokens(1)).await, Verdict::Away));
    for _ in 0..5 {
        let mut alone = limits.on_its_own(&counter(NONE));
        alone.used(tokens(100));
    }
    lease.used(tokens(9));
    drop(lease);
    server.restart().expect("again");
    settled(&limits).await;
    let Verdict::Admitted(_, used) = limits.reserve(&counter(NONE), tokens(1)).await else {
        panic!("it is back")
    };
    assert_eq!(used[0].day.1, tokens(509), "five of 100, and the one that was under way");
    assert!(!*limits.away().borrow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_sent_and_a_wrong_one_is_no_answer() {
    let Some(server) = server(&["--requirepass", "open-sesame"]) else { return };
    // Who does not log in at all is cut off, since such questions are longer than strangers may ask.
    for (password, failure) in
        [(Some("open-sesame"), None), (Some("wrong"), Some("refused")), (None, Some("unreachable"))]
    {
        let password = password.map(|password| Secret::new(password.to_owned()));
        let limits = limits(&SharedLimitsSettings { password, ..settings(&server.url()) });
        let verdict = limits.reserve(&counter(NONE), tokens(1)).await;
        assert_eq!(matches!(verdict, Verdict::Admitted(..)), failure.is_none(), "{verdict:?}");
        let failures = |reason| measured(&limits, "bartizan.limits.shared.failures", reason);
        assert_eq!(failures(""), u64::from(failure.is_some()), "{:?}", limits.snapshot());
        assert_eq!(failures(""), failures(failure.unwrap_or_default()), "{:?}", limits.snapshot());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_pass_no_maximum() {
    const GATEWAYS: usize = 3;
    const EACH: usize = 200;
    let Some(server) = server(&[]) else { return };
    let mut maxima = NONE;
    maxima[Maximum::TokensPerDay as usize] = Some(1_000);
    maxima[Maximum::Concurrent as usize] = Some(7);
    let mut tasks = tokio::task::JoinSet::new();
    let under_way = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut gateways = Vec::new();
    for _ in 0..GATEWAYS {
        let limits = limits(&settings(&server.url()));
        keep(&limits);
        gateways.push(limits.clone());
        for _ in 0..EACH {
            let (limits, under_way) = (limits.clone(), Arc::clone(&under_way));
            tasks.spawn(async move {
                let order = std::sync::atomic::Ordering::SeqCst;
                match limits.reserve(&counter(maxima), tokens(30)).await {
                    Verdict::Admitted(mut lease, _) => {
                        assert!(under_way.fetch_add(1, order) < 7, "too many under way");
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        under_way.fetch_sub(1, order);
                        lease.used(tokens(20));
                        20
                    }
                    Verdict::Refused { .. } => 0,
                    Verdict::Away => panic!("it is there"),
                }
            });
        }
    }
    let used: u64 = tasks.join_all().await.into_iter().sum();
    assert!((7 * 20..=1_000).contains(&used), "{used}");
    for limits in &gateways {
        settled(limits).await;
    }
    let Verdict::Admitted(_, known) = gateways[0].reserve(&counter(NONE), tokens(0)).await else {
        panic!("nothing is asked for")
    };
    assert_eq!(known[0].day.1, tokens(used));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_reserved_before_a_change_is_settled_where_it_was() {
    let Some(server) = server(&[]) else { return };
    let short =
        SharedLimitsSettings { lease: Duration::from_millis(600), ..settings(&server.url()) };
    let before = limits(&short);
    let mut running = Box::pin(before.clone().run(Shutdown::default()));
    assert!(running.as_mut().now_or_never().is_none());
    let again = before.clone().run(Shutdown::default()).now_or_never();
    assert!(again.is_some(), "once is enough");
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    let running = tokio::spawn(running);
    let mut maxima = NONE;
    maxima[Maximum::Concurrent as usize] = Some(1);
    let Verdict::Admitted(mut held, _) = before.reserve(&counter(maxima), tokens(40)).await else {
        panic!("the first")
    };
    let longer = SharedLimitsSettings { lease: Duration::from_secs(5), ..short };
    let after = limits(&longer).after(&before);
    keep(&after);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let full = after.reserve(&counter(maxima), tokens(1)).await;
    assert!(matches!(full, Verdict::Refused { .. }), "its lease is renewed: {full:?}");
    held.used(tokens(7));
    drop(held);
    settled(&before).await;
    // A request that came under the former configuration, and asks only now.
    let Verdict::Admitted(mut late, _) = before.reserve(&counter(maxima), tokens(40)).await else {
        panic!("the first has ended")
    };
    drop(before);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let full = after.reserve(&counter(maxima), tokens(1)).await;
    assert!(matches!(full, Verdict::Refused { .. }), "its lease is renewed: {full:?}");
    late.used(tokens(5));
    drop(late);
    let ended = tokio::time::timeout(Duration::from_secs(10), running).await;
    assert!(matches!(ended, Ok(Ok(()))), "nobody needs the former limits any longer");
    let Verdict::Admitted(_, used) = after.reserve(&counter(maxima), tokens(1)).await else {
        panic!("it has ended")
    };
    assert_eq!(used[0].day.1, tokens(12));
}
