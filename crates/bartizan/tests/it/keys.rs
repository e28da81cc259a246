//! `bartizan keys`: made once, listed without the secret, revoked for good.

use std::os::unix::fs::PermissionsExt as _;

use crate::Home;

fn create(home: &Home, more: &[&str]) -> (String, String) {
    let ran = home.run(&[&["keys", "create", "--name", "ci"][..], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let key = ran.stdout.trim_end().to_owned();
    let id = events::parse_virtual_key(&key).expect("a virtual key").to_string();
    assert_eq!(
        ran.stderr,
        format!("key {id} was made; it is not stored and cannot be shown again\n")
    );
    (id, key)
}

#[test]
fn a_key_is_printed_once_and_listed_without_its_secret() {
    let home = Home::new();
    let (id, key) = create(
        &home,
        &[
            "--team",
            "payments",
            "--application",
            "shop",
            "--model",
            "gpt-4*",
            "--expires",
            "2999-01-01",
        ],
    );
    let mode = std::fs::metadata(home.path("bartizan-data")).expect("made").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    let list = home.run(&["keys", "list"]);
    assert_eq!((list.code, list.stderr.as_str()), (0, ""));
    let created = list.stdout.lines().nth(1).and_then(|line| line.get(49..68)).expect("a time");
    assert_eq!(
        list.stdout,
        format!(
            "ID          NAME  STATUS  FOR            MODELS  CREATED              EXPIRES\n\
             {id}  ci    active  payments/shop  gpt-4*  {created}  2999-01-01 00:00:00\n"
        )
    );
    let secret = key.rsplit('_').next().expect("a secret part");
    for arguments in [&["keys", "list", "--json"][..], &["keys", "show", &id, "--format", "json"]] {
        let ran = home.run(arguments);
        assert!(!ran.stdout.contains(secret) && ran.stdout.contains(&id), "{}", ran.stdout);
    }
    let json: serde_json::Value =
        serde_json::from_str(&home.run(&["keys", "show", &id, "--json"]).stdout).expect("JSON");
    assert_eq!(json["expires"], "2999-01-01T00:00:00Z");
    assert_eq!(json["models"], serde_json::json!(["gpt-4*"]));
}

#[test]
fn rotating_gives_a_new_secret_and_keeps_the_rest() {
    let home = Home::new();
    let limits = [
        "--address",
        "192.0.2.0/24",
        "--hours",
        "mon-fri 8-18",
        "--route",
        "main",
        "--action",
        "infer",
    ];
    let (id, first) = create(&home, &limits);
    let ran = home.run(&["keys", "rotate", &id, "--overlap", "2h"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let second = ran.stdout.trim_end();
    assert_eq!(events::parse_virtual_key(second).map(|of| of.to_string()), Some(id.clone()));
    assert!(second != first && ran.stderr.contains("(UTC) too"), "{}", ran.stderr);
    let shown = home.run(&["keys", "show", &id]).stdout;
    for line in
        ["addresses", "192.0.2.0/24", "mon,tue,wed,thu,fri 8-18 UTC", "overlap until", "rotated"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let ran = home.run(&["keys", "rotate", &id, "--overlap", "0s"]);
    assert!(ran.stderr.contains("does not work any more"), "{}", ran.stderr);
    let log = home.run(&["log", "tail", "--format", "json"]).stdout;
    assert_eq!(log.lines().filter(|line| line.contains("key.rotate")).count(), 2, "{log}");

    assert_eq!(home.run(&["keys", "rotate", &id, "--overlap", "soon"]).code, 2);
    assert_eq!(home.run(&["keys", "revoke", &id]).code, 0);
    let ran = home.run(&["keys", "rotate", &id]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("is revoked, so it gets no new secret"), "{}", ran.stderr);
}

#[test]
fn limits_that_mean_nothing_are_refused() {
    let home = Home::new();
    for (limit, why) in [
        (["--address", "192.0.2.0/40"], "is not a range of addresses"),
        (["--hours", "8 to 18"], "does not name hours"),
        (["--action", "fly"], "choose one of infer"),
    ] {
        let ran = home.run(&[&["keys", "create", "--name", "ci"][..], &limit].concat());
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
}

#[test]
fn an_audit_says_what_should_be_done() {
    let home = Home::new();
    let (wide, _) = create(&home, &[]);
    let narrow = [
        "--model",
        "m",
        "--address",
        "192.0.2.0/24",
        "--expires",
        "2999-01-01",
        "--tokens-per-day",
        "5",
    ];
    let ran = home.run(&[&["keys", "create", "--name", "narrow"][..], &narrow].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = home.run(&["keys", "audit"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("never expires") && ran.stdout.contains("has no quota"),
        "{}",
        ran.stdout
    );
    let ran = home.run(&["keys", "audit", "--days", "0", "--json"]);
    assert_eq!(ran.code, 1, "unused keys are something to act on");
    let views: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let of = |id: &str| {
        let views = views.as_array().expect("keys").iter();
        views.clone().find(|view| view["id"] == id).expect("the key")["advice"].clone()
    };
    assert_eq!(of(&wide)[0]["code"], "unused");
    assert_eq!(views.as_array().map(Vec::len), Some(2));
}

#[test]
fn revoking_is_for_good() {
    let home = Home::new();
    let (id, _) = create(&home, &[]);
    let ran = home.run(&["keys", "revoke", &id]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("status   revoked\n"), "{}", ran.stdout);
    assert_eq!(home.run(&["keys", "revoke", &id]).stdout, ran.stdout, "the first time counts");
    assert!(home.run(&["keys", "list"]).stdout.contains("  revoked  "));
}

#[test]
fn changes_are_on_record_when_no_gateway_runs() {
    let home = Home::new();
    let (id, _) = create(&home, &[]);
    assert_eq!(home.run(&["keys", "revoke", &id]).code, 0);
    assert_eq!(home.run(&["keys", "revoke", &id]).code, 0);
    let log = home.run(&["log", "tail", "--format", "json"]).stdout;
    let changes: Vec<&str> = ["key.create", "key.revoke"]
        .into_iter()
        .filter(|operation| {
            log.lines().filter(|line| line.contains(operation) && line.contains(&id)).count() == 1
        })
        .collect();
    assert_eq!(changes, ["key.create", "key.revoke"], "{log}");
    assert_eq!(home.run(&["log", "verify"]).code, 0);
}

#[test]
fn what_cannot_be_done_is_said() {
    let home = Home::new();
    let ran = home.run(&["keys", "list"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(ran.stderr.contains("cannot open the data folder `bartizan-data`"), "{}", ran.stderr);
    assert!(!home.path("bartizan-data").exists(), "reading leaves nothing behind");

    std::fs::create_dir(home.path("bartizan-data")).expect("made");
    assert_eq!(home.run(&["keys", "list"]).stdout.lines().count(), 1, "only the heading");
    for arguments in [["keys", "show", "0123456789"], ["keys", "revoke", "0123456789"]] {
        let ran = home.run(&arguments);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("there is no virtual key `0123456789`"), "{}", ran.stderr);
    }
    assert_eq!(home.run(&["keys", "show", "not-an-id"]).code, 2);
    let ran = home.run(&["keys", "create", "--name", " "]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("the name is empty"), "{}", ran.stderr);
    let ran = home.run(&["keys", "create", "--name", "ci", "--expires", "yesterday"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("`yesterday` is not a time"), "{}", ran.stderr);
    let ran = home.run(&["keys", "create", "--name", "ci", "--expires", "1999-01-01"]);
    assert!(ran.stderr.contains("the key would expire before it is made"), "{}", ran.stderr);
}

#[test]
fn a_damaged_database_is_said_to_be_damaged() {
    let home = Home::new();
    home.write("bartizan-data/state.db", "not a database at all".repeat(100));
    let ran = home.run(&["keys", "list"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("`bartizan-data/state.db` is damaged"), "{}", ran.stderr);
    assert!(ran.stderr.contains("help: restore `state.db` from a copy"), "{}", ran.stderr);
}

#[test]
fn the_data_folder_is_the_one_that_the_configuration_names() {
    let home = Home::new();
    home.write("etc/bartizan.toml", "[data]\ndir = \"state\"\n");
    let (id, _) = create(&home, &["--config", "etc/bartizan.toml"]);
    assert!(home.path("etc/state/state.db").exists());
    let ran = home.run(&["keys", "list", "--data", "etc/state"]);
    assert!(ran.stdout.contains(&id), "{}", ran.stdout);
}
