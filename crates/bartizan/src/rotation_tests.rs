//! Rotations that are interrupted everywhere, against a provider that keeps count of its keys.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use connect::{ProviderKind, ProviderSettings};
use journal::{JournalSettings, Position, Reader, RealDisk};
use store::{LocalKey, Store};
use testkit::{FakeService, RecordedRequest, Served};

use super::*;
use crate::rotation_asked::{EXPOSED_PAUSE_MS, ask_to_give_up, give_up, left_behind, seen};
use events::EventBody;

/// What an OpenAI project knows.
#[derive(Default)]
struct Project {
    /// Id, name and key.
    accounts: Vec<(String, String, String)>,
    made: usize,
    /// Requests so far.
    count: usize,
    /// The one whose answer is lost; it is done all the same.
    loses: usize,
    /// Whether new keys work.
    rejects: bool,
}

impl Project {
    fn works(&self, key: &str) -> bool {
        self.accounts.iter().any(|(_, _, known)| known == key) && !(self.rejects && key != "sk-old")
    }

    fn answer(&mut self, request: &RecordedRequest) -> Served {
        self.count += 1;
        let served = self.done(request);
        if self.count == self.loses { Served::new(0, "") } else { served }
    }

    fn done(&mut self, request: &RecordedRequest) -> Served {
        let path = request.target.split('?').next().unwrap_or_default();
        let id = path.rsplit('/').next().unwrap_or_default();
        let bearer = request.header("authorization").and_then(|value| value.split(' ').nth(1));
        if path == "/models" {
            let works = bearer.is_some_and(|key| self.works(key));
            return Served::new(if works { 200 } else { 401 }, "{}");
        }
        assert_eq!(bearer, Some("sk-admin"), "{path}");
        match (request.method.as_str(), id) {
            ("GET", "service_accounts") => {
                let accounts = self.accounts.iter();
                let data =
                    accounts.map(|(id, name, _)| serde_json::json!({"id": id, "name": name}));
                let data: Vec<_> = data.collect();
                let list = serde_json::json!({"data": data, "has_more": false, "last_id": null});
                Served::new(200, list.to_string())
            }
            ("POST", _) => {
                self.made += 1;
                let (id, key) = (format!("svc_{}", self.made), format!("sk-{}", self.made));
                let name = request.json()["name"].as_str().unwrap_or_default().to_owned();
                self.accounts.push((id.clone(), name, key.clone()));
                let made = serde_json::json!({"id": id, "api_key": {"value": key}});
                Served::new(200, made.to_string())
            }
            ("GET", id) if self.accounts.iter().any(|(known, _, _)| known == id) => {
                Served::new(200, serde_json::json!({"id": id}).to_string())
            }
            ("DELETE", id) if self.accounts.iter().any(|(known, _, _)| known == id) => {
                self.accounts.retain(|(known, _, _)| known != id);
                Served::new(200, "{}")
            }
            _ => Served::new(404, "{}"),
        }
    }
}

/// A provider, and a data folder that outlives whoever works on it.
struct Bed {
    folder: tempfile::TempDir,
    project: Arc<Mutex<Project>>,
    service: FakeService,
}

impl Bed {
    fn new(loses: usize) -> Self {
        let accounts = vec![("svc_old".to_owned(), "by hand".to_owned(), "sk-old".to_owned())];
        let project = Project { accounts, loses, ..Project::default() };
        let project = Arc::new(Mutex::new(project));
        let serving = Arc::clone(&project);
        let service = FakeService::start(move |request| {
            serving.lock().unwrap_or_else(PoisonError::into_inner).answer(request)
        });
        let service = service.expect("a free port");
        Self { folder: tempfile::tempdir().expect("a folder"), project, service }
    }

    fn project(&self) -> std::sync::MutexGuard<'_, Project> {
        self.project.lock().expect("not poisoned")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether the provider takes this key.
    fn works(&self, key: &str) -> bool {
        self.project().works(key)
    }

    /// A process that begins to work on the folder.
    async fn process(&self) -> Rotator {
        let store = Store::open(&self.path().join("state.db")).await.expect("opened");
        let (journal, _) =
            Journal::open(self.path(), JournalSettings::default(), Arc::new(RealDisk))
                .expect("opened");
        let provider = ProviderAdmin::new(ProviderSettings {
            account: "proj_abc".to_owned(),
            admin_url: Some(self.service.url()),
            ca_pem: None,
            client_id: None,
            credential: SharedSecret::new(Secret::new("sk-admin".to_owned())),
            kind: ProviderKind::OpenAi,
            service_url: Some(self.service.url()),
            token_url: None,
        });
        let provider = Arc::new(provider.expect("settings"));
        let settings = RotationSettings { on_exposure: true, overlap_ms: 0, provider };
        let sealing = Sealing::new(Box::new(LocalKey::new(Secret::new([7; 32]))), Vec::new());
        Rotator {
            journal,
            places: BTreeMap::from([("openai".to_owned(), SharedSecret::default())]),
            rotations: BTreeMap::from([("openai".to_owned(), settings)]),
            sealing: Arc::new(sealing),
            secrets: SealedSecrets::new(store),
        }
    }

    /// The operations and the reasons on record.
    fn record(&self) -> Vec<String> {
        let reader = Reader::new(self.path(), Arc::new(RealDisk));
        let records = reader.records(Position::Start).expect("readable");
        let said = |body| match body {
            EventBody::Administration(one) => {
                Some(format!("{} {}", one.operation, one.why.unwrap_or_default()))
            }
            _ => None,
        };
        records.filter_map(|record| said(record.expect("readable").event.body)).collect()
    }
}

async fn asked(rotator: &Rotator, id: Option<&str>, overlap_ms: u64) {
    let sealed = rotator.sealed("openai", Secret::new("sk-old".to_owned())).await.expect("sealed");
    let added = rotator.secrets.add("openai", sealed, id.map(str::to_owned), 1).await;
    let record = added.expect("added");
    ask(&rotator.secrets, record, ("cli", Some("a test".to_owned())), overlap_ms)
        .await
        .expect("asked");
}

/// The key that a gateway would use now.
async fn in_use(rotator: &Rotator) -> String {
    let record = rotator.secrets.get("openai").await.expect("read").expect("a record");
    rotator.opened("openai", &record.sealed).await.expect("opened").expose().clone()
}

async fn end(rotator: Rotator) {
    let Rotator { journal, secrets, .. } = rotator;
    secrets.store().close().await;
    journal.close().expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_makes_tries_switches_and_deletes_and_says_so() {
    let bed = Bed::new(0);
    let rotator = bed.process().await;
    asked(&rotator, Some("svc_old"), 0).await;
    let mut steps = 0;
    while rotator.step("openai").await.expect("a step") == Progress::Stepped {
        steps += 1;
        let key = in_use(&rotator).await;
        assert!(bed.works(&key));
    }
    assert_eq!((steps, in_use(&rotator).await.as_str()), (4, "sk-1"));
    let place = rotator.places["openai"].current().expect("a key");
    assert_eq!(place.expose(), "sk-1", "the running gateway has it");
    let ids: Vec<String> = bed.project().accounts.iter().map(|one| one.0.clone()).collect();
    assert_eq!(ids, ["svc_1"]);
    let record = rotator.secrets.get("openai").await.expect("read").expect("a record");
    assert!(record.rotation.is_none() && record.provider_id.as_deref() == Some("svc_1"));
    end(rotator).await;
    assert_eq!(
        bed.record(),
        [
            "provider_key.begun a test",
            "provider_key.made svc_1",
            "provider_key.verified svc_1",
            "provider_key.switched svc_old to svc_1",
            "provider_key.old_deleted svc_old",
        ]
    );
}

/// Whoever is killed between two steps, or between what the provider did and noting it, leaves a key that works; and whoever
/// comes next ends it, with the old key gone and no other left behind.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_anywhere_leaves_a_key_that_works() {
    let whole = {
        let bed = Bed::new(0);
        let rotator = bed.process().await;
        asked(&rotator, Some("svc_old"), 0).await;
        while rotator.step("openai").await.expect("a step") == Progress::Stepped {}
        end(rotator).await;
        bed.project().count
    };
    assert!(whole >= 7, "{whole}");
    for loses in 0..=whole + 1 {
        for steps_of_a_process in [1, 2, 100] {
            let bed = Bed::new(loses);
            let mut rotator = bed.process().await;
            asked(&rotator, Some("svc_old"), 0).await;
            let mut processes = 1;
            loop {
                let mut progress = Progress::Stepped;
                for _ in 0..steps_of_a_process {
                    // A lost answer ends the process: what was done is not noted.
                    let Ok(made) = rotator.step("openai").await else { break };
                    progress = made;
                    if made != Progress::Stepped {
                        break;
                    }
                }
                let key = in_use(&rotator).await;
                assert!(bed.works(&key), "{loses} {steps_of_a_process}: {key}");
                end(rotator).await;
                rotator = bed.process().await;
                processes += 1;
                assert!(processes < 50, "{loses} {steps_of_a_process}: it does not end");
                if progress == Progress::Ended {
                    break;
                }
            }
            let key = in_use(&rotator).await;
            end(rotator).await;
            let project = bed.project();
            assert!(project.works(&key) && key != "sk-old");
            let left: Vec<&str> = project.accounts.iter().map(|one| one.0.as_str()).collect();
            assert_eq!(left.len(), 1, "{loses} {steps_of_a_process}: {left:?}");
            drop(project);
            let record = bed.record();
            for step in ["begun", "made", "verified", "switched", "old_deleted"] {
                let said = format!("provider_key.{step} ");
                assert!(record.iter().any(|one| one.starts_with(&said)), "{loses}: {record:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_key_works_until_the_overlap_is_over() {
    let bed = Bed::new(0);
    let rotator = bed.process().await;
    asked(&rotator, Some("svc_old"), 3_600_000).await;
    let progress = loop {
        match rotator.step("openai").await.expect("a step") {
            Progress::Stepped => {}
            progress => break progress,
        }
    };
    assert!(matches!(progress, Progress::Waits(until) if until > now_ms()));
    let key = in_use(&rotator).await;
    assert!(key == "sk-1" && bed.works(&key) && bed.works("sk-old"));
    end(rotator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_succeed_is_given_up_and_changes_nothing() {
    for (id, why) in [
        (None, "not known what the provider calls the key"),
        (Some("svc_typo"), "looking the key up was refused with status 404"),
        (Some("a/b"), "is not the id of the key"),
    ] {
        let bed = Bed::new(0);
        let rotator = bed.process().await;
        asked(&rotator, id, 0).await;
        let error = rotator.step("openai").await.expect_err("it cannot succeed").to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(rotator.step("openai").await.expect("nothing to do"), Progress::Ended);
        assert_eq!(in_use(&rotator).await, "sk-old");
        end(rotator).await;
        assert_eq!(bed.project().accounts.len(), 1);
        assert!(bed.record().iter().any(|one| one.starts_with("provider_key.given_up ")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_work_is_deleted_again() {
    let bed = Bed::new(0);
    bed.project().rejects = true;
    let rotator = bed.process().await;
    asked(&rotator, Some("svc_old"), 0).await;
    assert_eq!(rotator.step("openai").await.expect("begun"), Progress::Stepped);
    assert_eq!(rotator.step("openai").await.expect("made"), Progress::Stepped);
    let error = rotator.step("openai").await.expect_err("it does not work");
    assert!(matches!(error, RotationError::NotAccepted), "{error}");
    assert_eq!(in_use(&rotator).await, "sk-old");
    let ids: Vec<String> = bed.project().accounts.iter().map(|one| one.0.clone()).collect();
    assert_eq!(ids, ["svc_old"]);
    end(rotator).await;
}

/// Wherever a rotation is given up, and whoever is killed before it has ended: the key in use works and stays, what is left
/// at the provider is named on record, and another rotation may begin.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_given_up_wherever_it_is() {
    let new = "the key `svc_1`, which nobody uses";
    for (steps, in_use_then, left) in [
        (0, "sk-old", None),
        (1, "sk-old", Some("a key called `bartizan-openai-")),
        (2, "sk-old", Some(new)),
        (3, "sk-old", Some(new)),
        (4, "sk-1", Some("the key `svc_old`, which was in use before")),
    ] {
        let bed = Bed::new(0);
        let rotator = bed.process().await;
        asked(&rotator, Some("svc_old"), 3_600_000).await;
        for _ in 0..steps {
            assert_eq!(rotator.step("openai").await.expect("a step"), Progress::Stepped);
        }
        let asked_of_provider = bed.project().count;
        let by = ("cli", Some("it hangs"));
        let noted = ask_to_give_up(&rotator.secrets, "openai", by).await.expect("noted");
        let said = left_behind(noted.expect("a rotation").rotation.as_ref().expect("one"));
        assert_eq!(
            said.as_deref().map(|said| said.starts_with(left.unwrap_or("?"))),
            left.map(|_| true)
        );
        assert_eq!(rotator.step("openai").await.expect("none is made"), Progress::Ended);
        end(rotator).await;

        let rotator = bed.process().await;
        let by = ("cli", None);
        let noted = ask_to_give_up(&rotator.secrets, "openai", by).await.expect("noted again");
        let noted = noted.expect("it is still to be given up");
        give_up(&rotator.secrets, &rotator.journal, noted).await.expect("given up");
        let record = rotator.secrets.get("openai").await.expect("read").expect("a record");
        assert_eq!(record.rotation, None);
        assert_eq!(in_use(&rotator).await, in_use_then);
        assert!(bed.works(in_use_then));
        let again = ask_to_give_up(&rotator.secrets, "openai", by).await.expect("read");
        assert_eq!(again, None, "there is nothing to give up");
        end(rotator).await;
        assert_eq!(bed.project().count, asked_of_provider, "the provider is not asked");
        let record = bed.record();
        let said = format!(
            "provider_key.given_up it hangs; {}",
            left.map_or("nothing is left".to_owned(), |left| format!("left is {left}"))
        );
        assert_eq!(record.iter().filter(|one| one.starts_with(&said)).count(), 1, "{record:?}");
    }
}

/// Lets an hour pass since the last rotation began.
async fn an_hour_later(rotator: &Rotator) {
    let mut record = rotator.secrets.get("openai").await.expect("read").expect("a record");
    record.rotated_ms = record.rotated_ms.map(|at_ms| at_ms - EXPOSED_PAUSE_MS);
    rotator.secrets.put(record, now_ms()).await.expect("written");
}

/// A key that is seen is not in use an hour later, whatever was going on when it was seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_seen_while_it_is_rotated_is_exchanged() {
    for (steps, waits, keys) in [
        // The one that is on its way out: it does not work for the overlap.
        (0, false, ["sk-1", "sk-1"]),
        (2, false, ["sk-1", "sk-1"]),
        // The one that has just come: another hour, another key, though the overlap is longer.
        (4, true, ["sk-1", "sk-2"]),
    ] {
        let bed = Bed::new(0);
        let rotator = bed.process().await;
        asked(&rotator, Some("svc_old"), 24 * 3_600_000).await;
        for _ in 0..steps {
            assert_eq!(rotator.step("openai").await.expect("a step"), Progress::Stepped);
        }
        assert_eq!(seen(&rotator.secrets, "openai").await.expect("noted"), waits, "{steps}");
        assert!(!seen(&rotator.secrets, "openai").await.expect("known"), "said once");
        end(rotator).await;

        let rotator = bed.process().await;
        let at_rest =
            async || while rotator.step("openai").await.expect("a step") == Progress::Stepped {};
        at_rest().await;
        assert_eq!(in_use(&rotator).await, keys[0], "{steps}");
        an_hour_later(&rotator).await;
        at_rest().await;
        at_rest().await;
        assert_eq!(in_use(&rotator).await, keys[1], "{steps}");
        for key in ["sk-old", "sk-1", "sk-2"] {
            assert_eq!(bed.works(key), key == keys[1], "{steps} {key}");
        }
        let record = rotator.secrets.get("openai").await.expect("read").expect("a record");
        assert_eq!((record.rotation, record.exposed_ms), (None, None), "{steps}");
        end(rotator).await;
    }
}

/// Who gives up the exchange of a key that was seen has decided about that: it begins no other. Another sighting does, and so does
/// one of the key that had come by then, about which nobody has decided.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_begins_again_only_if_the_key_is_seen_again() {
    let by = ("cli", Some("it hangs"));
    for steps in 0..=4 {
        let is_switched = steps == 4;
        let bed = Bed::new(0);
        let rotator = bed.process().await;
        asked(&rotator, Some("svc_old"), 24 * 3_600_000).await;
        for _ in 0..steps {
            assert_eq!(rotator.step("openai").await.expect("a step"), Progress::Stepped);
        }
        seen(&rotator.secrets, "openai").await.expect("noted");
        an_hour_later(&rotator).await;
        let noted = ask_to_give_up(&rotator.secrets, "openai", by).await.expect("noted");
        let noted = noted.expect("a rotation");
        give_up(&rotator.secrets, &rotator.journal, noted).await.expect("given up");
        let key = in_use(&rotator).await;
        let at_once = rotator.step("openai").await.expect("looked at");
        let expected = if is_switched { Progress::Stepped } else { Progress::Ended };
        assert_eq!(at_once, expected, "{steps}");
        if !is_switched {
            seen(&rotator.secrets, "openai").await.expect("noted again");
        }
        while rotator.step("openai").await.expect("a step") == Progress::Stepped {}
        assert_ne!(in_use(&rotator).await, key, "{steps}");
        end(rotator).await;
        let record = bed.record();
        let said = record.iter().filter(|one| one.starts_with("provider_key.given_up "));
        let said: Vec<_> =
            said.map(|one| one.contains("; the key in use was seen in plain text")).collect();
        assert_eq!(said, [!is_switched], "{record:?}");
    }
}

/// What is seen after somebody has given up, and before that has ended, is seen again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_seen_while_a_rotation_ends_is_not_forgotten() {
    let bed = Bed::new(0);
    let rotator = bed.process().await;
    asked(&rotator, Some("svc_old"), 0).await;
    seen(&rotator.secrets, "openai").await.expect("noted");
    an_hour_later(&rotator).await;
    ask_to_give_up(&rotator.secrets, "openai", ("cli", None)).await.expect("noted");
    seen(&rotator.secrets, "openai").await.expect("noted again");
    let noted = rotator.secrets.get("openai").await.expect("read").expect("a record");
    give_up(&rotator.secrets, &rotator.journal, noted).await.expect("given up");
    assert_eq!(rotator.step("openai").await.expect("it begins"), Progress::Stepped);
    end(rotator).await;
}
