//! `bartizan secrets`: what is sealed, who gets it, and what happens when it does not open.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use testkit::{Client, FakeService, Request, Served};

use crate::Home;
use crate::up::{PATIENCE, ask, first_key, start_with};

const COMPLETION: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}"#;

fn provider() -> FakeService {
    FakeService::start(|_| Served::new(200, COMPLETION)).expect("a free port")
}

/// An upstream whose key is sealed.
fn upstream(provider: &FakeService, more: &str) -> String {
    format!(
        "[[upstreams]]\nname = \"test\"\nbase_url = \"{}/v1\"\napi_key = \"sealed:openai\"\n{more}",
        provider.url()
    )
}

/// The key that came with the last request.
fn shown(provider: &FakeService) -> Option<String> {
    let requests = provider.requests();
    Some(requests.last()?.header("authorization")?.to_owned())
}

fn within_a_second(holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

#[test]
fn a_sealed_key_is_used_exchanged_and_missed_without_a_restart() {
    let home = Home::new();
    let provider = provider();
    let added =
        home.run_with(&["secrets", "add", "openai", "--provider-id", "key_1"], b"sk-first\n");
    assert_eq!((added.code, added.stderr.as_str()), (0, ""));
    assert_eq!(added.stdout, "openai is sealed; refer to it as `sealed:openai`\n");
    let again = home.run_with(&["secrets", "add", "openai"], b"sk-other");
    assert!(again.code == 2 && again.stderr.contains("--replace"), "{}", again.stderr);

    let mut gateway = start_with(&home, &upstream(&provider, ""));
    let key = first_key(&home);
    assert_eq!(ask(&gateway, &key), 200);
    assert_eq!(shown(&provider).as_deref(), Some("Bearer sk-first"));

    let replaced = home.run_with(&["secrets", "add", "openai", "--replace"], b"  sk-second\n");
    assert_eq!(replaced.code, 0, "{}", replaced.stderr);
    let is_second =
        || ask(&gateway, &key) == 200 && shown(&provider).as_deref() == Some("Bearer sk-second");
    assert!(within_a_second(is_second), "the new key is in use");

    assert_eq!(home.run(&["secrets", "remove", "openai"]).code, 0);
    assert!(within_a_second(|| ask(&gateway, &key) == 503), "nothing goes out without a key");
    assert_eq!(home.run(&["secrets", "remove", "openai"]).code, 2);
    assert_eq!(home.run_with(&["secrets", "add", "openai"], b"sk-third").code, 0);
    assert!(within_a_second(|| ask(&gateway, &key) == 200), "it is back");

    gateway.child.terminate().expect("signalled");
    gateway.child.wait(PATIENCE).expect("it ends");
    let tail = home.run(&["log", "tail", "-n", "200"]).stdout;
    for operation in ["add", "replace", "remove"] {
        let expected = format!("secret.{operation} sealed:openai by cli");
        assert!(tail.contains(&expected), "{expected}\n{tail}");
    }
    let said = [tail, gateway.child.stdout(), gateway.child.stderr()].concat();
    for secret in ["sk-first", "sk-second", "sk-third"] {
        assert!(!said.contains(secret), "{said}");
    }
    let list = home.run(&["secrets", "list", "--json"]).stdout;
    assert!(list.contains("\"name\": \"openai\"") && !list.contains("sk-"), "{list}");
}

#[test]
fn what_does_not_open_does_not_start() {
    let home = Home::new();
    let provider = provider();
    let fails = |more: &str, why: &str| {
        let config = upstream(&provider, more);
        home.write("bartizan.toml", format!("[server]\nlisten = \"127.0.0.1:0\"\n{config}"));
        let ran = home.run(&["up"]);
        assert!(ran.code != 0 && ran.stderr.contains(why), "{more}: {} {}", ran.code, ran.stderr);
    };
    fails("", "keys/sealing");
    assert_eq!(home.run_with(&["secrets", "add", "other"], b"sk-1").code, 0);
    fails("", "there is no sealed secret `openai`");
    let sealing = home.path("bartizan-data/keys/sealing");
    let kept = home.path("kept");
    std::fs::rename(&sealing, &kept).expect("moved away");
    // A new key would open nothing that is there, so none is made.
    let ran = home.run_with(&["secrets", "add", "openai"], b"sk-1");
    assert!(ran.code == 3 && ran.stderr.contains("keys/sealing"), "{}", ran.stderr);
    std::fs::rename(&kept, &sealing).expect("moved back");
    assert_eq!(home.run_with(&["secrets", "add", "openai"], b"sk-1").code, 0);
    let key = |digit: &str| format!("[secrets]\nkey = \"literal:{}\"\n", digit.repeat(64));
    std::fs::remove_file(&sealing).expect("lost");
    fails(&key("a"), "was sealed with the key `local:");
    fails("[secrets]\nkey = \"literal:abc\"\n", "is not 64 hexadecimal digits");
    fails("[secrets]\nkey = \"sealed:openai\"\n", "cannot be sealed itself");
    fails("[secrets]\ncommand = [\"kms\"]\n", "no absolute path");
    fails("[secrets]\ncommand_timeout_ms = 0\n", "is out of range");
    fails("[secrets]\ncommand_environment = [\"A=b\"]\n", "names of variables");
    let many = vec!["\"A\""; 65].join(", ");
    fails(&format!("[secrets]\ncommand_environment = [{many}]\n"), "names of variables");
}

#[test]
fn rewrapping_moves_all_secrets_to_another_key() {
    let home = Home::new();
    let (old, new) = ("a".repeat(64), "b".repeat(64));
    home.write("bartizan.toml", format!("[secrets]\nkey = \"literal:{old}\"\n"));
    for name in ["openai", "azure"] {
        assert_eq!(home.run_with(&["secrets", "add", name], b"sk-1").code, 0);
    }
    home.write("bartizan.toml", format!("[secrets]\nkey = \"literal:{new}\"\n"));
    let ran = home.run(&["secrets", "rewrap"]);
    assert!(ran.code == 3 && ran.stderr.contains("previous_keys"), "{}", ran.stderr);
    let both = format!("[secrets]\nkey = \"literal:{new}\"\nprevious_keys = [\"literal:{old}\"]\n");
    home.write("bartizan.toml", both);
    let ran = home.run(&["secrets", "rewrap"]);
    assert!(ran.stdout.starts_with("2 sealed with `local:"), "{}{}", ran.stdout, ran.stderr);
    assert!(home.run(&["secrets", "rewrap"]).stdout.starts_with("0 sealed"));
    home.write("bartizan.toml", format!("[secrets]\nkey = \"literal:{new}\"\n"));
    assert!(home.run(&["secrets", "rewrap"]).stdout.starts_with("0 sealed"));
    let tail = home.run(&["log", "tail"]).stdout;
    assert_eq!(tail.matches("secret.rewrap sealed:").count(), 2, "{tail}");
}

#[test]
fn keys_come_from_where_they_are_and_never_from_arguments() {
    let home = Home::new();
    home.write("key.txt", "sk-file\n");
    assert_eq!(home.run(&["secrets", "add", "a", "--from", "file:key.txt"]).code, 0);
    let mut command = home.command(&["secrets", "add", "b", "--from", "env:KEY"]);
    assert!(command.env("KEY", "sk-env").status().expect("it runs").success());
    for (arguments, input, why) in [
        (&["secrets", "add", "c", "--from", "literal:sk-1"][..], "", "takes `env:NAME`"),
        (&["secrets", "add", "c", "--from", "sk-1"], "", "takes `env:NAME`"),
        (&["secrets", "add", "c", "--from", "env:NOT_THERE"], "", "is not set"),
        (&["secrets", "add", "c", "--from", "file:not-there"], "", "cannot read"),
        (&["secrets", "add", "c"], "", "cannot be a key"),
        (&["secrets", "add", "c"], "two\nlines", "cannot be a key"),
        (&["secrets", "add", "../c"], "sk-1", "is not a name"),
        (&["secrets", "add", "c", "--provider-id", "../x"], "sk-1", "--provider-id"),
    ] {
        let ran = home.run_with(arguments, input.as_bytes());
        assert!(ran.code == 2 && ran.stderr.contains(why), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("sk-1"), "{}", ran.stderr);
    }
    let long = "k".repeat(store::SEALED_BYTES_MAX + 1);
    assert_eq!(home.run_with(&["secrets", "add", "c"], long.as_bytes()).code, 2);
    let names = home.run(&["secrets", "list"]).stdout;
    assert_eq!(names.lines().count(), 3, "{names}");
}

/// An OpenAI project: ids and keys of its service accounts.
type Project = Arc<Mutex<Vec<(String, String)>>>;

/// Its administrative API and its models, on one address.
fn openai(project: &Project) -> FakeService {
    let project = Arc::clone(project);
    let service = FakeService::start(move |request| {
        let mut accounts = project.lock().expect("not poisoned");
        let path = request.target.split('?').next().unwrap_or_default();
        let id = path.rsplit('/').next().unwrap_or_default().to_owned();
        let bearer = request.header("authorization").and_then(|text| text.split(' ').nth(1));
        let bearer = bearer.unwrap_or_default();
        let works = accounts.iter().any(|(_, key)| key == bearer);
        if path.starts_with("/v1/") {
            let body = if path == "/v1/models" { "{}" } else { COMPLETION };
            return if works { Served::new(200, body) } else { Served::new(401, "{}") };
        }
        assert_eq!(bearer, "sk-admin");
        match (request.method.as_str(), id.as_str()) {
            ("POST", _) => {
                let (id, key) = ("svc_new".to_owned(), NEW_KEY.to_owned());
                let made = serde_json::json!({"id": id, "api_key": {"value": key}});
                accounts.push((id, key));
                Served::new(200, made.to_string())
            }
            ("GET", "service_accounts") => Served::new(200, r#"{"data":[],"has_more":false}"#),
            ("GET", _) if accounts.iter().any(|(known, _)| *known == id) => {
                Served::new(200, serde_json::json!({"id": id}).to_string())
            }
            ("DELETE", _) => {
                accounts.retain(|(known, _)| *known != id);
                Served::new(200, "{}")
            }
            _ => Served::new(404, "{}"),
        }
    });
    service.expect("a free port")
}

const OLD_KEY: &str = "sk-proj-Zr4Kq9Lw2Xc7Vb1Nm5Tg8Hj3Fd6Sa0PeYu4Iw8Oq2Rk6Ja9";
const NEW_KEY: &str = "sk-proj-Mn7Bv3Cx9Zl2Kj8Hg4Fd1Sa6Qw5Er0TyUi3Op7Az1Sx5Dc8";

fn project() -> Project {
    Arc::new(Mutex::new(vec![("svc_old".to_owned(), OLD_KEY.to_owned())]))
}

fn ids(project: &Project) -> Vec<String> {
    project.lock().expect("not poisoned").iter().map(|(id, _)| id.clone()).collect()
}

/// How the key of the upstream is rotated.
fn rotation(service: &FakeService, more: &str) -> String {
    let url = service.url();
    format!(
        "[[secrets.rotations]]\nname = \"openai\"\nprovider = \"openai\"\naccount = \"proj_abc\"\n\
         admin_key = \"sealed:admin\"\nadmin_url = \"{url}\"\nservice_url = \"{url}/v1\"\n\
         overlap_s = 0\n{more}\n"
    )
}

fn seal(home: &Home, id: &[&str]) {
    let arguments = [&["secrets", "add", "openai"][..], id].concat();
    assert_eq!(home.run_with(&arguments, OLD_KEY.as_bytes()).code, 0);
    assert_eq!(home.run_with(&["secrets", "add", "admin"], b"sk-admin").code, 0);
}

#[test]
fn a_running_gateway_rotates_when_it_is_told_to() {
    let (home, project) = (Home::new(), project());
    let service = openai(&project);
    seal(&home, &["--provider-id", "svc_old"]);
    let mut gateway = start_with(&home, &upstream(&service, &rotation(&service, "")));
    let key = first_key(&home);
    assert_eq!(ask(&gateway, &key), 200);
    let ran = home.run(&["keys", "rotate-provider", "openai", "--why", "a drill", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(within_a_second(|| ids(&project) == ["svc_new"]), "{:?}", ids(&project));
    assert_eq!(ask(&gateway, &key), 200, "the new key is in use at once");
    gateway.child.terminate().expect("signalled");
    gateway.child.wait(PATIENCE).expect("it ends");
    let tail = home.run(&["log", "tail", "-n", "200"]).stdout;
    for step in ["begun", "made", "verified", "switched", "old_deleted"] {
        let said = format!("provider_key.{step} sealed:openai by cli");
        assert_eq!(tail.matches(&said).count(), 1, "{said}\n{tail}");
    }
    assert!(!tail.contains("sk-") && !gateway.child.stderr().contains("sk-"), "{tail}");
}

#[test]
fn the_command_rotates_itself_when_no_gateway_runs() {
    let (home, project) = (Home::new(), project());
    let service = openai(&project);
    home.write("bartizan.toml", upstream(&service, &rotation(&service, "")));
    seal(&home, &[]);
    let ran = home.run(&["keys", "rotate-provider", "openai"]);
    assert!(ran.code == 2 && ran.stderr.contains("--provider-id"), "{}", ran.stderr);
    let replace = ["--replace", "--provider-id", "svc_old"];
    let arguments = [&["secrets", "add", "openai"][..], &replace].concat();
    assert_eq!(home.run_with(&arguments, OLD_KEY.as_bytes()).code, 0);
    assert_eq!(home.run(&["keys", "rotate-provider", "azure"]).code, 2);
    assert_eq!(home.run(&["keys", "rotate-provider", "openai", "--overlap", "soon"]).code, 2);

    let ran = home.run(&["keys", "rotate-provider", "openai", "--overlap", "1h"]);
    assert!(ran.stdout.contains("the old key is deleted by the gateway"), "{}", ran.stderr);
    assert_eq!(ids(&project), ["svc_old", "svc_new"]);
    let held = home.run_with(&arguments, OLD_KEY.as_bytes());
    assert!(held.code == 2 && held.stderr.contains("being rotated"), "{}", held.stderr);
    let list = home.run(&["secrets", "list"]).stdout;
    assert!(list.contains("switched") && list.contains("svc_new"), "{list}");

    assert!(held.stderr.contains("rotate-provider openai --give-up"), "{}", held.stderr);
    let give_up = ["keys", "rotate-provider", "openai", "--give-up", "--why", "it hangs"];
    let ran = home.run(&give_up);
    assert!(ran.code == 0 && ran.stdout.contains("the key `svc_old`"), "{}", ran.stderr);
    assert_eq!(ids(&project), ["svc_old", "svc_new"], "the provider is not asked");
    let ran = home.run(&give_up);
    assert!(ran.code == 2 && ran.stderr.contains("no rotation of"), "{}", ran.stderr);
    assert_eq!(home.run_with(&arguments, OLD_KEY.as_bytes()).code, 0);
    let tail = home.run(&["log", "tail", "-n", "200"]).stdout;
    assert!(
        tail.contains("provider_key.given_up sealed:openai by cli: it hangs; left is"),
        "{tail}"
    );
}

#[test]
fn a_running_gateway_gives_up_what_it_is_not_configured_to_rotate() {
    let (home, project) = (Home::new(), project());
    let service = openai(&project);
    home.write("bartizan.toml", upstream(&service, &rotation(&service, "")));
    seal(&home, &["--provider-id", "svc_old"]);
    assert_eq!(home.run(&["keys", "rotate-provider", "openai", "--overlap", "1h"]).code, 0);
    let _gateway = start_with(&home, &upstream(&service, ""));
    let ran = home.run(&["keys", "rotate-provider", "openai", "--give-up", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("\"left\": \"the key `svc_old`"), "{}", ran.stdout);
    assert!(home.run(&["secrets", "list"]).stdout.lines().all(|line| !line.contains("switched")));
    let tail = || home.run(&["log", "tail", "-n", "200"]).stdout;
    let said = "provider_key.given_up sealed:openai by cli: left is";
    assert!(within_a_second(|| tail().matches(said).count() == 1), "{}", tail());
}

#[test]
fn a_sealed_key_that_is_seen_is_rotated_if_the_configuration_says_so() {
    for (more, ids_after) in [("", "svc_old"), ("on_exposure = true", "svc_new")] {
        let (home, project) = (Home::new(), project());
        let service = openai(&project);
        seal(&home, &["--provider-id", "svc_old"]);
        let gateway = start_with(&home, &upstream(&service, &rotation(&service, more)));
        let text = format!("why does {OLD_KEY} not work?");
        let request = Request::chat("loopback", &text, &serde_json::json!({}));
        let request = request.key(&first_key(&home));
        Client::new(gateway.address).send(&request).expect("answered");
        let rotated = within_a_second(|| ids(&project) == ["svc_new"]);
        assert_eq!(rotated, ids_after == "svc_new");
        assert_eq!(ids(&project), [ids_after]);
        let tail = home.run(&["log", "tail", "-n", "200"]).stdout;
        assert!(tail.contains("key.exposed sealed:openai by "), "{tail}");
        let said = "provider_key.begun sealed:openai by key.exposed: it was seen in plain text";
        assert_eq!(tail.contains(said), rotated, "{tail}");
        if !rotated {
            continue;
        }
        // The new key is seen too: within the hour that is noted, and no more.
        let text = format!("and {NEW_KEY}?");
        let request = Request::chat("loopback", &text, &serde_json::json!({}));
        let request = request.key(&first_key(&home));
        Client::new(gateway.address).send(&request).expect("answered");
        let tail = || home.run(&["log", "tail", "-n", "200"]).stdout;
        assert!(
            within_a_second(|| tail().contains("is exchanged when an hour has passed")),
            "{}",
            tail()
        );
        assert_eq!(ids(&project), ["svc_new"]);
    }
}
