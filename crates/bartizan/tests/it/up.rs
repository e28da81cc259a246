//! `bartizan up`: the newcomer's first minutes, and the ways a start can fail.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use testkit::{Child, Client, Request};

use crate::Home;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway with the built-in model, on a port of its own.
pub(crate) struct Gateway {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

fn start(home: &Home) -> Gateway {
    start_with(home, "")
}

pub(crate) fn start_with(home: &Home, more: &str) -> Gateway {
    home.write(
        "bartizan.toml",
        format!("[metrics]\nlisten = \"127.0.0.1:0\"\n[server]\nlisten = \"127.0.0.1:0\"\n{more}"),
    );
    let mut child = Child::start(home.command(&["up"])).expect("started");
    let listens = |child: &Child| child.stdout().contains("Bartizan listens on ");
    assert!(child.wait_for(PATIENCE, listens), "{}{}", child.stdout(), child.stderr());
    let stdout = child.stdout();
    let address = stdout.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.and_then(|text| text.parse().ok()).expect("an address");
    Gateway { child, address }
}

pub(crate) fn first_key(home: &Home) -> String {
    let path = home.path("bartizan-data/first-key.txt");
    let mode = std::fs::metadata(&path).expect("the first key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut key = String::new();
    let file = std::fs::File::open(path).expect("opened");
    std::io::Read::read_to_string(&mut std::io::Read::take(file, 100), &mut key).expect("read");
    key.trim_end().to_owned()
}

pub(crate) fn ask(gateway: &Gateway, key: &str) -> u16 {
    let request = Request::chat("loopback", "What is a bartizan?", &serde_json::json!({})).key(key);
    Client::new(gateway.address).send(&request).expect("answered").status
}

#[test]
fn the_first_start_makes_a_key_and_says_what_to_try() {
    let home = Home::new();
    let mut gateway = start(&home);
    let key = first_key(&home);
    assert!(events::parse_virtual_key(&key).is_some());
    assert!(gateway.child.wait_for(PATIENCE, |child| child.stdout().contains("bartizan log tail")));
    let said = gateway.child.stdout();
    assert_eq!(said.matches("curl -s ").count(), 3, "{said}");
    assert!(!said.contains(&key), "the key is printed on terminals only: {said}");
    assert!(said.contains("for trying out"), "{said}");
    assert_eq!(ask(&gateway, &key), 200);
    let message = Request::messages("loopback", "/echo hello", &serde_json::json!({}));
    let message = message.with_header("x-api-key", &key);
    let answer = Client::new(gateway.address).send(&message).expect("answered");
    assert_eq!(
        answer.json()["content"][0]["text"],
        "hello",
        "the built-in model speaks both dialects"
    );
    assert_eq!(ask(&gateway, &events::compose_virtual_key(events::KeyId::new(1), &[7; 32])), 401);

    gateway.child.terminate().expect("signalled");
    let status = gateway.child.wait(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", gateway.child.stderr());
    let tail = home.run(&["log", "tail"]).stdout;
    for expected in [
        "started: bartizan ",
        "key.create ",
        " by first-start",
        "answered 200",
        "stopped: after SIGTERM",
    ] {
        assert!(tail.contains(expected), "{expected}\n{tail}");
    }
    assert_eq!(home.run(&["log", "verify"]).code, 0);

    // The second start makes no key.
    let again = start(&home);
    assert_eq!(ask(&again, &key), 200);
    assert!(!again.child.stdout().contains("first virtual key"));
}

#[test]
fn a_key_that_another_process_revokes_stops_working_within_a_second() {
    let home = Home::new();
    let gateway = start(&home);
    let made = home.run(&["keys", "create", "--name", "ci"]).stdout;
    let key = made.trim_end();
    let within_a_second = |status: u16| {
        let deadline = std::time::Instant::now() + Duration::from_secs(1);
        while std::time::Instant::now() < deadline {
            if ask(&gateway, key) == status {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    };
    assert!(within_a_second(200), "the new key works");
    let id = events::parse_virtual_key(key).expect("a key").to_string();
    assert_eq!(home.run(&["keys", "revoke", &id]).code, 0);
    assert!(within_a_second(401), "the revoked key does not");
    let tail = home.run(&["log", "tail"]).stdout;
    assert!(tail.contains(&format!("key.revoke {id} by cli")), "{tail}");
}

#[test]
fn a_start_that_cannot_succeed_says_why() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    home.write(
        "bartizan.toml",
        format!("[server]\nlisten = \"127.0.0.1:{port}\"\n[metrics]\nlisten = \"\"\n"),
    );
    let ran = home.run(&["up"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", ran.stderr);

    let metrics =
        format!("[server]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:{port}\"\n");
    home.write("bartizan.toml", metrics);
    let ran = home.run(&["up"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("another with `[metrics] listen`"), "{}", ran.stderr);
    assert!(
        !home.path("bartizan-data/first-key.txt").exists(),
        "the next start makes and tells it"
    );

    let _gateway = start(&home);
    let ran = home.run(&["up"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("is in use by another process"), "{}", ran.stderr);

    home.write("occupied", "");
    let ran = home.run(&["up", "--data", "occupied/data"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot make the data folder"), "{}", ran.stderr);
}

#[test]
fn what_to_try_is_in_the_dialect_of_the_upstream() {
    let home = Home::new();
    let upstream = "[[upstreams]]\nname = \"a\"\ndialect = \"anthropic\"\nbase_url = \"https://a.example/v1\"\n";
    let mut gateway = start_with(&home, upstream);
    assert!(gateway.child.wait_for(PATIENCE, |child| child.stdout().contains("bartizan log tail")));
    let said = gateway.child.stdout();
    assert_eq!(
        said.matches("/v1/messages -H 'anthropic-version: 2023-06-01' ").count(),
        3,
        "{said}"
    );
    assert_eq!(said.matches("\"max_tokens\":256,\"messages\"").count(), 3, "{said}");
}

#[test]
fn what_another_process_isolates_is_cut_off_within_a_second() {
    let home = Home::new();
    let gateway = start(&home);
    let key = first_key(&home);
    let within_a_second = |status: u16| {
        let deadline = std::time::Instant::now() + Duration::from_secs(2);
        while std::time::Instant::now() < deadline {
            if ask(&gateway, &key) == status {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    };
    assert!(within_a_second(200));
    let ran = home.run(&["isolate", "upstream:lopback", "--why", "it leaks"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("there is no upstream `lopback`"), "{}", ran.stderr);
    assert_eq!(home.run(&["isolate", "upstream:loopback"]).code, 2, "why?");
    assert_eq!(home.run(&["isolate", "loopback", "--why", "x"]).code, 2, "what is loopback?");

    let ran = home.run(&["isolate", "upstream:loopback", "--for", "30m", "--why", "it leaks"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(within_a_second(403), "isolated");
    let listed = home.run(&["isolate", "--json"]).stdout;
    assert!(listed.contains("upstream:loopback") && listed.contains("it leaks"), "{listed}");

    assert_eq!(home.run(&["restore", "upstream:loopback"]).code, 0);
    assert!(within_a_second(200), "restored");
    assert_eq!(home.run(&["restore", "upstream:loopback"]).code, 2, "it was not isolated");
    assert_eq!(home.run(&["isolate", "model:loop*", "--for", "1s", "--why", "drill"]).code, 0);
    assert!(within_a_second(403), "isolated");
    std::thread::sleep(Duration::from_secs(1));
    assert!(within_a_second(200), "its time is over");
    assert_eq!(home.run(&["isolate"]).stdout, "nothing is isolated\n");

    let tail = home.run(&["log", "tail", "-n", "1000"]).stdout;
    for expected in [
        "isolate upstream:loopback by cli: it leaks",
        "restore upstream:loopback by cli",
        "isolate model:loop* by cli: drill",
        "restore model:loop* by expiry",
    ] {
        assert_eq!(tail.matches(expected).count(), 1, "{expected}\n{tail}");
    }
}

#[test]
fn what_is_isolated_while_nothing_runs_is_isolated_from_the_start() {
    let home = Home::new();
    drop(start(&home));
    let key = first_key(&home);
    assert_eq!(home.run(&["isolate", "upstream:loopback", "--why", "bad"]).code, 0);
    let gateway = start(&home);
    assert_eq!(ask(&gateway, &key), 403);
    let tail = home.run(&["log", "tail", "-n", "1000"]).stdout;
    assert_eq!(tail.matches("isolate upstream:loopback by cli: bad").count(), 1, "{tail}");
}
