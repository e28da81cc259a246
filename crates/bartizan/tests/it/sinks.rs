//! `[[sinks]]`: checked, run, reloaded, killed, and accounted for by `bartizan log sinks`.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{FakeService, Served};

use crate::config::problems;
use crate::reload::reload;
use crate::up::{ask, first_key, start_with};
use crate::{Home, Ran};

const PATIENCE: Duration = Duration::from_secs(30);
const LISTEN: &str = "[metrics]\nlisten = \"127.0.0.1:0\"\n[server]\nlisten = \"127.0.0.1:0\"\n";

fn file_sink(name: &str) -> String {
    format!(
        "[[sinks]]\nname = \"{name}\"\nkind = \"file\"\nformat = \"jsonl\"\npath = \"{name}.jsonl\"\nbatch_age_ms = 10\n"
    )
}

/// What `log sinks --json` says, once it says that these sinks are up to date.
fn settled(home: &Home, sinks: &[&str]) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let Ran { stdout, .. } = home.run(&["log", "sinks", "--json", "--config", "bartizan.toml"]);
        let reports: Vec<Value> =
            stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let is_settled = |name: &&str| {
            reports
                .iter()
                .any(|one| one["sink"] == **name && one["waiting"] == 0 && one["sent"] != 0)
        };
        if sinks.iter().all(is_settled) {
            return reports;
        }
        assert!(Instant::now() < deadline, "{stdout}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn sequences(home: &Home, file: &str) -> Vec<u64> {
    let text = home.read(file);
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("whole lines"));
    lines.filter_map(|line| line["sequence"].as_u64()).collect()
}

#[test]
fn sinks_get_the_record_through_reloads_and_kills() {
    let home = Home::new();
    let mut gateway = start_with(&home, &file_sink("first"));
    let key = first_key(&home);
    assert_eq!(ask(&gateway, &key), 200);
    settled(&home, &["first"]);
    // A second sink, by a reload: it gets what was before it too.
    reload(
        &home,
        &mut gateway,
        &format!("{LISTEN}{}{}", file_sink("first"), file_sink("second")),
        1,
    );
    assert_eq!(ask(&gateway, &key), 200);
    settled(&home, &["first", "second"]);
    // The first is taken out, and comes back after the process was killed.
    reload(&home, &mut gateway, &format!("{LISTEN}{}", file_sink("second")), 2);
    assert_eq!(ask(&gateway, &key), 200);
    settled(&home, &["second"]);
    let ran = home.run(&["log", "sinks", "--config", "bartizan.toml"]);
    assert!(ran.stdout.contains("not configured any more"), "{}", ran.stdout);
    gateway.child.kill().expect("killed");
    let mut gateway = start_with(&home, &format!("{}{}", file_sink("first"), file_sink("second")));
    assert_eq!(ask(&gateway, &key), 200);
    settled(&home, &["first", "second"]);
    gateway.child.terminate().expect("signalled");
    let status = gateway.child.wait(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", gateway.child.stderr());
    for file in ["first.jsonl", "second.jsonl"] {
        let mut places = sequences(&home, file);
        assert!(places.is_sorted(), "{file} {places:?}");
        places.dedup();
        assert_eq!(
            places,
            (0..places.len() as u64).collect::<Vec<_>>(),
            "{file}: nothing is missing"
        );
    }
    let ran = home.run(&["log", "sinks", "--json", "--config", "bartizan.toml"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    for line in ran.stdout.lines() {
        let report: Value = serde_json::from_str(line).expect("JSON");
        let count = |name: &str| report[name].as_u64().expect("a number");
        assert_eq!(report["reconciled"], true);
        let settled = count("sent") + count("filtered") + count("dead") + count("lost");
        assert_eq!(count("logged"), settled + count("waiting"));
    }
}

#[test]
fn what_a_receiver_refused_is_a_finding() {
    let home = Home::new();
    let service = FakeService::start(|request| {
        Served::new(if request.text().contains("\"started\"") { 400 } else { 200 }, "")
    });
    let service = service.expect("a free port");
    let sink = format!(
        "[[sinks]]\nname = \"siem\"\nkind = \"webhook\"\nformat = \"jsonl\"\nurl = \"{}\"\nkey = \"literal:k\"\nbatch_age_ms = 10\n",
        service.url()
    );
    let gateway = start_with(&home, &sink);
    assert_eq!(ask(&gateway, &first_key(&home)), 200);
    let reports = settled(&home, &["siem"]);
    assert_eq!(
        (&reports[0]["dead"], &reports[0]["refused"]),
        (&1.into(), &1.into()),
        "{reports:?}"
    );
    let ran = home.run(&["log", "sinks", "--config", "bartizan.toml"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    let dead = home.read("bartizan-data/sinks/siem.dead.jsonl");
    assert!(dead.contains("status 400") && dead.lines().count() == 1, "{dead}");
}

#[test]
fn without_sinks_that_is_said() {
    let home = Home::new();
    let gateway = start_with(&home, "");
    drop(gateway);
    let ran = home.run(&["log", "sinks", "--config", "bartizan.toml"]);
    assert_eq!((ran.code, ran.stdout.contains("there are no sinks")), (0, true), "{}", ran.stdout);
}

#[test]
fn sinks_are_shown_without_their_keys() {
    let home = Home::new();
    home.write(
        "bartizan.toml",
        "[[sinks]]\nname = \"siem\"\nkind = \"splunk_hec\"\nformat = \"cef\"\nurl = \"https://splunk.example.com:8088\"\nkey = \"literal:hec-token\"\n\
         where = [\"severity>=3\"]\nredact = { \"principal.user\" = \"hash\", \"client_address\" = \"remove\" }\n",
    );
    let ran = home.run(&["config", "check"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let expected =
        "siem (splunk_hec) at https://splunk.example.com:8088, as cef, key from literal:…";
    assert!(ran.stdout.contains(expected), "{}", ran.stdout);
    assert!(!ran.stdout.contains("hec-token"));
}

#[test]
fn sinks_that_make_no_sense_are_refused() {
    let webhook = "kind = \"webhook\"\nurl = \"https://siem.example.com\"";
    for (lines, expect) in [
        ("kind = \"webhook\"".to_owned(), "a sink of kind `webhook` needs `url`"),
        ("kind = \"file\"".to_owned(), "a sink of kind `file` needs `path`"),
        ("kind = \"elastic\"\nurl = \"https://e.example.com\"".to_owned(), "needs `details.index`"),
        ("kind = \"splunk\"".to_owned(), "unknown variant `splunk`"),
        ("kind = \"file\"\npath = \"x\"\nurl = \"https://x\"".to_owned(), "has no use for it"),
        (format!("{webhook}\nformat = \"csv\""), "unknown variant `csv`"),
        (
            "kind = \"elastic\"\nurl = \"https://e.example.com\"\nformat = \"cef\"\ndetails = { index = \"i\" }".to_owned(),
            "`elastic` does not take `cef`",
        ),
        (
            "kind = \"syslog\"\nurl = \"tls://s.example.com:6514\"\nformat = \"otel\"".to_owned(),
            "`syslog` does not take `otel`",
        ),
        ("kind = \"syslog\"\nurl = \"udp://192.0.2.1:514\"".to_owned(), "UDP is for 127.0.0.1"),
        ("kind = \"syslog\"\nurl = \"https://s.example.com\"".to_owned(), "tls://HOST:6514"),
        (format!("{webhook}\ndetails = {{ indx = \"x\" }}"), "has no use for it"),
        (
            "kind = \"elastic\"\nurl = \"https://e.example.com\"\ndetails = { indx = \"x\" }".to_owned(),
            "did you mean `index`?",
        ),
        (
            "kind = \"elastic\"\nurl = \"https://e.example.com\"\ndetails = { index = \"a/../b\" }".to_owned(),
            "write the name of an index",
        ),
        (format!("{webhook}\nwhere = [\"colour=red\"]"), "events have no field `colour`"),
        (format!("{webhook}\nwhere = [\"principal.usr=x\"]"), "did you mean `principal.user`?"),
        (format!("{webhook}\nredact = {{ severity = \"remove\" }}"), "`severity` cannot be redacted"),
        (format!("{webhook}\nredact = {{ \"trace.trace\" = \"hash\" }}"), "can only be removed"),
        (format!("{webhook}\nbatch_records_max = 0"), "0 is out of range"),
        (format!("{webhook}\nbatch_bytes_max = 100000000"), "100000000 is out of range"),
        (format!("{webhook}\nkey = \"pasted\""), "not a reference to a secret"),
        (format!("{webhook}\nkey = \"env:NO_SUCH_KEY\""), "`NO_SUCH_KEY` is not set"),
        (format!("{webhook}\nheaders = {{ host = \"literal:x\" }}"), "is no header that can be sent"),
        (format!("{webhook}\nca_file = \"nowhere.pem\""), "cannot read"),
        (format!("{webhook}\nserverity = 1"), "unknown key `serverity`"),
        ("kind = \"webhook\"\nurl = \"http://127.0.0.1:8080/hook\"".to_owned(), "Bartizan itself"),
        ("kind = \"webhook\"\nurl = \"siem.example.com\"".to_owned(), "it must begin with http:// or https://"),
    ] {
        let said = problems(&format!("[[sinks]]\nname = \"siem\"\n{lines}\n"));
        assert!(said.contains(expect), "{lines}\n{said}");
    }
    let twice = format!("[[sinks]]\nname = \"a\"\n{webhook}\n").repeat(2);
    assert!(problems(&twice).contains("`a` is taken"));
    let name = format!("[[sinks]]\nname = \"../a\"\n{webhook}\n");
    assert!(problems(&name).contains("`../a` cannot be a name"));
}
