//! Break-glass as documents: who may approve what, until when.

use events::KeyId;
use policy::ExceptionScope;
use store::{
    APPROVAL_MS_MAX, BREAK_GLASS_MS_MAX, BREAK_GLASS_RULES_MAX, BreakGlassError, BreakGlassRequest,
    BreakGlassRequests, BreakGlassState,
};

use crate::Home;

const ASKED_MS: u64 = 1_000_000_000;

fn request() -> BreakGlassRequest {
    BreakGlassRequest {
        by: KeyId::new(1),
        rules: vec!["injection-from-user".into()],
        scope: ExceptionScope { team: Some("red".into()), ..ExceptionScope::default() },
        time_ms: 60_000,
        why: "the incident of today".into(),
    }
}

#[tokio::test]
async fn what_nobody_can_have_is_refused() {
    let home = Home::new();
    let requests = BreakGlassRequests::new(home.open().await);
    let refused = |change: fn(&mut BreakGlassRequest)| {
        let mut request = request();
        change(&mut request);
        let requests = requests.clone();
        async move { requests.ask(request, ASKED_MS).await.is_err() }
    };
    assert!(!refused(|_| {}).await);
    assert!(!refused(|one| one.time_ms = BREAK_GLASS_MS_MAX).await);
    assert!(refused(|one| one.time_ms = BREAK_GLASS_MS_MAX + 1).await);
    assert!(refused(|one| one.time_ms = 0).await);
    assert!(refused(|one| one.scope = ExceptionScope::default()).await, "for everybody");
    assert!(refused(|one| one.rules.clear()).await);
    assert!(!refused(|one| one.rules = vec!["r".into(); BREAK_GLASS_RULES_MAX]).await);
    assert!(refused(|one| one.rules = vec!["r".into(); BREAK_GLASS_RULES_MAX + 1]).await);
}

#[tokio::test]
async fn another_key_approves_in_time_and_once() {
    let home = Home::new();
    let requests = BreakGlassRequests::new(home.open().await);
    let (one, other) = (KeyId::new(1), KeyId::new(2));
    let asked = requests.ask(request(), ASKED_MS).await.expect("asked");
    let same = requests.approve(&asked.id, one, ASKED_MS).await;
    assert!(matches!(same, Err(BreakGlassError::SameKey(_))));
    for now_ms in [ASKED_MS + APPROVAL_MS_MAX + 1, ASKED_MS - 1, 0, u64::MAX] {
        let late = requests.approve(&asked.id, other, now_ms).await;
        assert!(matches!(late, Err(BreakGlassError::TooLate)), "{now_ms}");
    }
    let now_ms = ASKED_MS + APPROVAL_MS_MAX;
    let approved = requests.approve(&asked.id, other, now_ms).await.expect("approved");
    assert_eq!(approved.state, BreakGlassState::Approved { at_ms: now_ms, by: other });
    assert_eq!(approved.request, request(), "what is approved is what was asked for");
    let again = requests.approve(&asked.id, other, now_ms).await;
    assert!(matches!(again, Err(BreakGlassError::WrongState { .. })));
    assert!(requests.approve("no such", other, now_ms).await.is_err());

    let ended = requests.end(&asked.id, "expiry", now_ms).await.expect("ended");
    assert_eq!(ended.state, BreakGlassState::Ended { by: "expiry".into() });
    for dead in [
        requests.end(&asked.id, "expiry", now_ms).await,
        requests.approve(&asked.id, other, now_ms).await,
    ] {
        assert!(matches!(dead, Err(BreakGlassError::WrongState { .. })), "what has ended stays so");
    }
    let next = requests.ask(request(), now_ms).await.expect("asked");
    assert_eq!(requests.list().await.expect("list"), [next], "what is over is cleared away");
}
