//! What a person reads about a configuration, right and wrong.

use crate::{Home, Ran};

/// What `config check` says about a file that is wrong: standard error, exit code 2.
pub(crate) fn problems(text: &str) -> String {
    let home = Home::new();
    home.write("bartizan.toml", text);
    let Ran { code, stdout, stderr } = home.run(&["config", "check"]);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    stderr
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
    assert_eq!(
        problems("[server]\nlisten = \"127.0.0.1:8080\"\nbody_bytes_maximum = 5\n"),
        r"  x unknown key `body_bytes_maximum` in `server`
   ,-[bartizan.toml:3:1]
 3 | body_bytes_maximum = *
   : ^^^^^^^^^|^^^^^^^^
   :          `-- here
   `----
  help: did you mean `body_bytes_max`?
"
    );
}

#[test]
fn every_unknown_key_is_reported_at_once() {
    let said = problems(
        "lisen = 1\n[server]\nsync = \"off\"\n[[upstreams]]\nname = \"a\"\nbase_url = \"https://a\"\nzzz = 1\n",
    );
    for expected in [
        "unknown key `lisen` at the top level",
        "`lisen` belongs",
        "unknown key `sync` in `server`",
        "help: `sync` belongs under `journal`",
        "unknown key `zzz` in `upstreams`",
        "help: known here: `",
        "bartizan.toml:1:1",
        "bartizan.toml:3:1",
        "bartizan.toml:7:1",
    ] {
        assert!(said.contains(expected) || expected.contains("`lisen` b"), "{expected}\n{said}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_pointed_at() {
    assert_eq!(
        problems("[server]\nconnections_max = \"many\"\n"),
        r#"  x invalid type: string "many", expected usize
   ,-[bartizan.toml:2:19]
 2 | connections_max = "many"
   :                   ^^^|^^
   :                      `-- here
   `----
  help: `bartizan config example` shows every key with its default
"#
    );
}

#[test]
fn what_is_not_toml_is_pointed_at() {
    let said = problems("[server\nlisten = 1\n");
    assert!(said.starts_with("  x not TOML: "), "{said}");
    assert!(said.contains("[bartizan.toml:1:8]"), "{said}");
}

#[test]
fn a_pasted_key_is_refused_and_never_repeated() {
    let secret = "sk-proj-abcdefghijklmnop";
    for line in [
        format!("api_key = \"{secret}\""),
        format!("apikey = \"{secret}\""),
        format!("apikye = \"{secret}\""),
        format!("api_key = \"{secret}"),
    ] {
        let said = problems(&format!(
            "[[upstreams]]\nname = \"openai\"\nbase_url = \"https://api.openai.com/v1\"\n{line}\n"
        ));
        assert!(!said.contains(secret), "{said}");
        assert!(said.contains("bartizan.toml:4:"), "{said}");
    }
    let said = problems(&format!(
        "[[upstreams]]\nname = \"a\"\nbase_url = \"https://a/v1\"\napi_key = \"{secret}\"\n"
    ));
    assert!(said.contains("`api_key` is not a reference to a secret"), "{said}");
    assert!(said.contains("help: write `env:NAME` to read an environment variable"), "{said}");
}

#[test]
fn everything_that_is_wrong_is_said_in_one_go() {
    let said = problems(
        r#"
[server]
listen = "localhost:8080"
head_bytes_max = 100
[[upstreams]]
name = "openai"
base_url = "api.openai.com"
api_key = "env:NOT_THERE"
[[upstreams]]
name = "openai"
base_url = "http://127.0.0.1:8080/v1"
[[routes]]
upstream = "opnai"
[guards]
policies = ["missing.cedar"]
detectors_off = ["emial"]
[[exceptions]]
id = "waiver-7"
rule = "injection"
owner = "me"
reason = "testing"
expires = "next week"
scope = { team = "red" }
[[exceptions]]
id = "invoices"
rule = "personal-data-out"
owner = "me"
reason = "testing"
expires = "2099-01-01"
scope = { provenance = "files" }
[journal]
segment_bytes_max = 1
"#,
    );
    for expected in [
        "`server.listen`: `localhost:8080` is not an address with a port",
        "`server.head_bytes_max`: 100 is out of range",
        "choose between 8192 and 1048576",
        "`upstreams[0].base_url`: `api.openai.com` is not a base URL",
        "`upstreams[0].api_key`: the environment variable `NOT_THERE` is not set",
        "`upstreams[1].name`: two upstreams are called `openai`",
        "`upstreams[1].base_url`: `http://127.0.0.1:8080/v1` is where Bartizan itself listens",
        "`routes[0].upstream`: there is no upstream `opnai`",
        "did you mean `openai`?",
        "`guards.policies[0]`: cannot read `missing.cedar`: No such file or directory",
        "`guards.detectors_off[0]`: there is no detector `emial`",
        "`exceptions[0].expires`: `next week` is neither a day nor a moment",
        "`exceptions[1].scope.provenance`: `files` is no provenance",
        "`retrieved`, `memory`, `file`",
        "`journal.segment_bytes_max`: 1 is out of range",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn limits_that_limit_nothing_are_said() {
    let said = problems(
        "[[limits]]\nname = \"a\"\nper = \"team\"\n\
         [[limits]]\nname = \"a\"\nper = \"key\"\nusd_per_day = -1.0\nmodels = []\n\
         [[prices]]\nmodels = [\"*\"]\ninput_usd_per_million_tokens = 1.0\noutput_usd_per_million_tokens = nan\n",
    );
    for expected in [
        "`a` limits nothing",
        "`a` is empty or is the name of another limit",
        "-1 is out of range",
        "an empty list counts no model at all",
        "NaN is out of range",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let said = problems("[server]\ntrusted_proxies = [\"10.0.0.0/40\"]\n");
    assert!(said.contains("is not a range of addresses"), "{said}");
}

#[test]
fn dates_and_missing_keys_are_explained() {
    let said = problems("[[exceptions]]\nexpires = 2027-04-01\n");
    assert!(said.contains("help: write it in quotes: \"2027-04-01\""), "{said}");
    let said = problems("[[upstreams]]\nname = \"a\"\n");
    assert!(said.contains("the key `base_url` is missing"), "{said}");
    let said = problems("[guards]\npreset = \"strickt\"\n");
    assert!(said.contains("unknown variant `strickt`, expected one of `observe`"), "{said}");
}

#[test]
fn a_policy_that_is_wrong_is_named_with_its_line() {
    let home = Home::new();
    home.write("etc/bartizan.toml", "[guards]\npolicies = [\"house.cedar\"]\n");
    home.write("etc/house.cedar", "@id(\"x\")\nforbid (principal, action, resorce);\n");
    let ran = home.run(&["config", "check", "etc/bartizan.toml"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("etc/house.cedar:"), "{}", ran.stderr);
}

#[test]
fn what_would_run_is_said_in_words() {
    let home = Home::new();
    home.write(
        "bartizan.toml",
        r#"
[server]
listen = "0.0.0.0:8443"
[[upstreams]]
name = "openai"
base_url = "https://api.openai.com/v1"
api_key = "literal:sk-secret"
[[upstreams]]
name = "local"
base_url = "http://10.0.0.7:8000/v1"
[[routes]]
models = ["llama-*", "qwen*"]
upstream = "local"
accept = "provider"
[[routes]]
upstream = "openai"
[journal]
sync = "off"
content_retention_hours = 0
"#,
    );
    let ran = home.run(&["config", "check"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let expected = "\
bartizan.toml is fine; this would run:

listen    http://0.0.0.0:8443
metrics   http://127.0.0.1:9464/metrics
data      bartizan-data
upstream  openai at https://api.openai.com/v1 (openai), key from literal:…
upstream  local at http://10.0.0.7:8000/v1 (openai)
route     llama-*, qwen* to local, for provider keys
route     * to openai, for virtual keys
";
    assert_eq!(ran.stdout.split_inclusive("virtual keys\n").next(), Some(expected));
    for expected in [
        "refused   requests in the dialect `anthropic`: no upstream speaks it\n",
        "refused   requests in the dialect `bedrock`: no upstream speaks it\n",
        "refused   requests in the dialect `gemini`: no upstream speaks it\n",
        "refused   requests in the dialect `ollama`: no upstream speaks it\n",
        "record    not synced, no content kept\n",
        "warning   upstream `local` is reached without TLS\n",
        "warning   `journal.sync` is off: a power cut can lose the last records\n",
        "warning   `0.0.0.0:8443` is reachable from outside and speaks plain HTTP\n",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}\n{}", ran.stdout);
    }
    let json = home.run(&["config", "check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["routes"][0]["accept"], "provider");
    assert_eq!(json["upstreams"][0]["api_key"], "literal:…");
    assert_eq!(json["upstreams"][0]["dialects"], serde_json::json!(["openai"]));
    let refused = ["anthropic", "bedrock", "gemini", "ollama"];
    assert_eq!(json["refused_dialects"], serde_json::json!(refused));
    assert!(!json.to_string().contains("sk-secret"));
}

#[test]
fn the_page_of_metrics_has_an_address_of_its_own() {
    let home = Home::new();
    let check = |listen: &str| {
        let config =
            format!("[server]\nlisten = \"127.0.0.1:8080\"\n[metrics]\nlisten = \"{listen}\"\n");
        home.write("bartizan.toml", config);
        let ran = home.run(&["config", "check"]);
        (ran.code, format!("{}{}", ran.stdout, ran.stderr))
    };
    let (code, said) = check("");
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("/metrics"), "{said}");
    let (code, said) = check("0.0.0.0:9464");
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("the page of metrics at `0.0.0.0:9464` can be read from outside"),
        "{said}"
    );
    for (listen, wrong) in [
        ("9464", "`9464` is not an address with a port"),
        ("127.0.0.1:8080", "callers are listened to there"),
    ] {
        let (code, said) = check(listen);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(wrong), "{said}");
    }
}

#[test]
fn a_collector_of_telemetry_is_checked() {
    let home = Home::new();
    let check = |telemetry: &str| {
        home.write("bartizan.toml", format!("[telemetry]\n{telemetry}"));
        let ran = home.run(&["config", "check"]);
        (ran.code, format!("{}{}", ran.stdout, ran.stderr))
    };
    let good =
        "otlp_endpoint = \"http://10.0.0.9:4318\"\notlp_headers = { x-key = \"literal:hush\" }\n";
    let (code, said) = check(good);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("traces and metrics to http://10.0.0.9:4318"), "{said}");
    assert!(said.contains("the collector of telemetry is reached without TLS"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    let bad = "otlp_endpoint = \"collector:4318\"\n";
    let wrong = [
        (bad.to_owned(), "write the collector's address"),
        (format!("{good}otlp_interval_ms = 999\n"), "choose between 1000 and 86400000"),
        (good.replace("x-key", "host"), "`host` cannot be sent"),
        (good.replace("literal:hush", "env:NOT_THERE"), "`NOT_THERE` is not set"),
    ];
    for (config, expected) in wrong {
        let (code, said) = check(&config);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn the_store_of_shared_limits_is_checked() {
    let home = Home::new();
    let check = |options: &str| {
        home.write("bartizan.toml", format!("[shared_limits]\n{options}"));
        let ran = home.run(&["config", "check"]);
        (ran.code, format!("{}{}", ran.stdout, ran.stderr))
    };
    let good = "url = \"redis://10.0.0.9\"\npassword = \"literal:hush\"\nfallback = \"local\"\n";
    let (code, said) = check(good);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("the store of shared limits is reached without TLS"), "{said}");
    assert!(said.contains("in redis://10.0.0.9; while it is away, each gateway"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    let wrong = [
        ("timeout_ms = 5\n".to_owned(), "the key `url` is missing"),
        (good.replace("redis:", "http:"), "it must begin with redis:// or rediss://"),
        (good.replace("10.0.0.9", "user:hush@10.0.0.9"), "put it in `password`"),
        (format!("{good}timeout_ms = 10001\n"), "choose between 1 and 10000"),
        (format!("{good}lease_ms = 2999\n"), "choose between 3000 and 86400000"),
        (format!("{good}key_prefix = \"\"\n"), "write 1 to 64 bytes"),
        (good.replace("password", "user").replace("literal:", ""), "set `password` too"),
        (good.replace("\"local\"", "\"open\""), "`refuse`"),
    ];
    for (config, expected) in wrong {
        let (code, said) = check(&config);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn without_a_file_the_environment_decides() {
    let home = Home::new();
    let upstream = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["config", "check", "--json"]);
        command.envs(variables.iter().copied());
        let ran = crate::ran(&command.output().expect("the binary runs"));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(!ran.stdout.contains("sk-live"), "{}", ran.stdout);
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let upstream = &json["upstreams"][0];
        format!("{} {} {}", upstream["name"], upstream["base_url"], upstream["api_key"])
    };
    assert_eq!(upstream(&[]), r#""loopback" "built in" null"#);
    assert_eq!(upstream(&[("OPENAI_API_KEY", " ")]), r#""loopback" "built in" null"#);
    assert_eq!(
        upstream(&[("OPENAI_API_KEY", "sk-live")]),
        r#""openai" "https://api.openai.com/v1" "env:OPENAI_API_KEY""#
    );
    assert_eq!(
        upstream(&[("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")]),
        r#""openai" "http://127.0.0.1:8000/v1" null"#
    );
    let mut command = home.command(&["config", "check"]);
    let ran = command.env("OPENAI_BASE_URL", "http://localhost:8080/v1").output().expect("runs");
    let ran = crate::ran(&ran);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("is where Bartizan itself listens"), "{}", ran.stderr);
}

#[test]
fn a_secret_can_come_from_a_file_beside_the_configuration() {
    let home = Home::new();
    let config =
        "[[upstreams]]\nname = \"a\"\nbase_url = \"https://a/v1\"\napi_key = \"file:key.txt\"\n";
    home.write("etc/bartizan.toml", config);
    home.write("etc/key.txt", "sk-live\n");
    assert_eq!(home.run(&["config", "check", "etc/bartizan.toml"]).code, 0);
    home.write("etc/key.txt", "two\nlines\n");
    let ran = home.run(&["config", "check", "etc/bartizan.toml"]);
    assert!(ran.stderr.contains("what is referred to cannot be a key"), "{}", ran.stderr);
    home.write("etc/key.txt", "x".repeat(20_000));
    let ran = home.run(&["config", "check", "etc/bartizan.toml"]);
    assert!(ran.stderr.contains("it has more than 16384 bytes"), "{}", ran.stderr);
}

#[test]
fn certificates_that_are_none_are_named() {
    let home = Home::new();
    let config = "[tls]\ncertificate_file = \"chain.pem\"\nprivate_key_file = \"key.pem\"\n";
    home.write("bartizan.toml", config);
    let ran = home.run(&["config", "check"]);
    assert!(
        ran.stderr.contains("`tls.certificate_file`: cannot read `chain.pem`"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("`tls.private_key_file`: cannot read `key.pem`"), "{}", ran.stderr);
    home.write("chain.pem", "hello");
    home.write("key.pem", "hello");
    let ran = home.run(&["config", "check"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("`tls`: the server's certificate file: "), "{}", ran.stderr);
}

#[test]
fn bad_files_are_named() {
    let home = Home::new();
    let ran = home.run(&["config", "check", "missing.toml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("cannot read the configuration `missing.toml`"), "{}", ran.stderr);
    home.write("bartizan.toml", b"\xff\xfe");
    assert!(home.run(&["config", "check"]).stderr.contains("it is not UTF-8 text (byte 0)"));
    home.write("bartizan.toml", vec![b'#'; (1 << 20) + 1]);
    assert!(home.run(&["config", "check"]).stderr.contains("it has more than 1048576 bytes"));
    home.write("bartizan.toml", "[[a]]\n".repeat(1000) + &"[a.b]\n".repeat(1000));
    assert_eq!(home.run(&["config", "check"]).code, 2);
    home.write("bartizan.toml", format!("a = {}{}", "[".repeat(5000), "]".repeat(5000)));
    assert_eq!(home.run(&["config", "check"]).code, 2);
}

#[test]
fn coverage_lists_every_field_of_the_content_map() {
    let home = Home::new();
    let ran = home.run(&["config", "coverage", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let rows = json["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), wire::contract().len());
    for row in rows {
        let has_guards = !row["guards"].as_array().expect("guards").is_empty();
        let is_read = row["typing"] == "guarded" || row["typing"] == "file";
        assert_eq!(has_guards, is_read, "{row}");
    }
    let text = home.run(&["config", "coverage"]).stdout;
    let line = text.lines().find(|line| line.contains(" messages[].content[].text "));
    assert!(line.is_some_and(|line| line.contains("detectors, policy")), "{text}");
    let line = text.lines().find(|line| line.contains(".file.file_data "));
    assert!(line.is_some_and(|line| line.contains("detectors, policy, if it is text")), "{text}");
}

const EXTERNAL: &str = r#"
[[guards.external]]
name = "rails"
kind = "nemo_checks"
url = "http://127.0.0.1:8000"
config = "rails"
stages = ["request", "answer"]

[[guards.external]]
name = "prompt-guard"
kind = "text_embeddings_inference"
url = "http://127.0.0.1:8081"
fail = "open"
provenances = ["user"]
grey_band = { kinds = ["injection", "jailbreak"], from = 10, to = 35 }
ranks = [[0.6, 20], [0.9, 40]]
kinds = { LABEL_1 = "injection", "LABEL_*" = "" }
"#;

#[test]
fn external_guards_are_shown_and_covered() {
    let home = Home::new();
    home.write("bartizan.toml", EXTERNAL);
    let ran = home.run(&["config", "check"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("rails (nemo_checks) at http://127.0.0.1:8000, asked about requests and answers, fails closed"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("messages pass when external guard `prompt-guard` fails"));
    let text = home.run(&["config", "coverage"]).stdout;
    assert!(text.contains("external guard rails: requests (text of: user, tool_result, retrieved, memory, file), answers (of streams: late)"), "{text}");
    assert!(text.contains("external guard prompt-guard: requests (text of: user)"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&home.run(&["config", "coverage", "--json"]).stdout).expect("JSON");
    let external = |operation: &str, direction: &str, path: &str| {
        let rows = json["rows"].as_array().expect("rows").iter();
        let row = rows.clone().find(|row| {
            row["operation"] == operation && row["direction"] == direction && row["path"] == path
        });
        row.unwrap_or_else(|| panic!("no row {path}"))["external"].to_string()
    };
    let chat = "chat.completions";
    for (direction, path, expect) in [
        ("request", "messages[].content", r#"["rails","prompt-guard"]"#),
        ("request", "messages[].content[].file.file_data", r#"["rails"]"#),
        ("request", "tools[].function.description", "null"),
        ("request", "model", "null"),
        ("response", "choices[].message.content", r#"["rails"]"#),
        ("stream", "choices[].delta.content", r#"["rails"]"#),
        ("stream", "choices[].delta.tool_calls[].function.name", r#"["rails"]"#),
    ] {
        assert_eq!(external(chat, direction, path), expect, "{direction} {path}");
    }
}

#[test]
fn external_guards_that_make_no_sense_are_refused() {
    for (lines, expect) in [
        ("name = \"Rails\"", "`Rails` cannot be a name"),
        ("name = \"detect\"", "`detect` is taken"),
        ("kind = \"nemo_checks\"", "a guard of kind `nemo_checks` needs `config`"),
        ("kind = \"lama_guard\"", "unknown variant `lama_guard`"),
        ("url = \"localhost:8000\"", "it must begin with http:// or https://"),
        (
            "url = \"http://127.0.0.1:8080/guard\"",
            "this is the address that Bartizan itself listens on",
        ),
        ("model = \"m\"", "a guard of kind `webhook` has no use for it"),
        ("stages = []", "the guard is never asked"),
        ("stages = [\"answer\"]\nprovenances = [\"user\"]", "they choose texts of requests"),
        ("provenances = [\"usr\"]", "`usr` is no provenance of a request"),
        ("provenances = [\"output\"]", "`output` is no provenance of a request"),
        ("timeout_ms = 0", "0 is out of range"),
        ("timeout_ms = 60001", "60001 is out of range"),
        ("circuit_failures = 0", "0 is out of range"),
        ("text_characters_max = 10", "10 is out of range"),
        ("ranks = [[0.9, 20], [0.5, 30]]", "both ascending"),
        ("kinds = { x = \"Not A Kind\" }", "`Not A Kind` is not a kind of finding"),
        ("grey_band = { kinds = [], from = 0, to = 10 }", "it names no kind"),
        (
            "grey_band = { kinds = [\"injektion\"], from = 0, to = 10 }",
            "no findings of kind `injektion`",
        ),
        ("grey_band = { kinds = [\"injection\"], from = 30, to = 10 }", "10 is out of range"),
        ("fail = \"maybe\"", "unknown variant `maybe`"),
        ("api_key = \"sk-pasted\"", "not a reference to a secret"),
        ("api_key = \"env:NO_SUCH_KEY\"", "`NO_SUCH_KEY` is not set"),
        ("surl = 1", "unknown key `surl`"),
    ] {
        let mut config = String::from("[[guards.external]]\n");
        for (key, line) in [
            ("name", "name = \"own\"\n"),
            ("kind", "kind = \"webhook\"\n"),
            ("url", "url = \"http://127.0.0.1:9000/guard\"\n"),
        ] {
            if !lines.starts_with(&format!("{key} =")) {
                config.push_str(line);
            }
        }
        config.extend([lines, "\n"]);
        let said = problems(&config);
        assert!(said.contains(expect), "{config}\n{said}");
    }
    let twice = EXTERNAL.replace("prompt-guard", "rails");
    assert!(problems(&twice).contains("`rails` is taken"));
}

#[test]
fn routes_with_several_upstreams_are_checked_and_shown() {
    let home = Home::new();
    let upstreams = r#"
[[upstreams]]
name = "a"
base_url = "https://a.example/v1"
[[upstreams]]
name = "b"
base_url = "https://b.example/v1"
health_path = "/health"
[[upstreams]]
name = "c"
dialect = "anthropic"
base_url = "https://c.example/v1"
"#;
    let route = |route: &str| {
        home.write("bartizan.toml", format!("{upstreams}[[routes]]\n{route}\n"));
        home.run(&["config", "check"])
    };
    let ran = route("upstreams = [{ name = \"a\", weight = 3 }]\nfallback = [\"b\"]");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("route     * to a, else b, for virtual keys\n"), "{}", ran.stdout);
    let ran = route("upstreams = [{ name = \"a\", weight = 3 }, { name = \"b\" }]");
    assert!(ran.stdout.contains("* to a (3 of 4), b (1 of 4), for virtual"), "{}", ran.stdout);

    for (wrong, expected) in [
        ("models = [\"*\"]", "`routes[0]`: the route names no upstream"),
        ("upstream = \"a\"\nupstreams = [{ name = \"b\" }]", "`upstream` is given too"),
        (
            "upstreams = [{ name = \"a\" }, { name = \"d\" }]",
            "`routes[0].upstreams[1]`: there is no upstream `d`",
        ),
        ("upstream = \"a\"\nfallback = [\"c\"]", "`a` speaks `openai` and `c` speaks `anthropic`"),
        ("upstream = \"a\"\nfallback = [\"a\"]", "the route names `a` twice"),
        ("upstreams = [{ name = \"a\", weight = 0 }]", "0 is out of range"),
        ("upstream = \"a\"\nattempts_max = 11", "`routes[0].attempts_max`: 11 is out of range"),
        (
            "upstream = \"a\"\nretry_statuses = [500]",
            "500 does not say that a request was not processed",
        ),
        ("upstream = \"a\"\nfallback = [\"b\"]\naccept = \"provider\"", "must have one upstream"),
    ] {
        let ran = route(wrong);
        let said: String = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(ran.code, 2, "{wrong}");
        assert!(said.replace("│ ", "").contains(expected), "{wrong}: {expected}\n{said}");
    }
}

#[test]
fn the_keys_of_an_amazon_account_are_checked_and_not_shown() {
    let home = Home::new();
    let upstream = |dialect: &str, aws: &str| {
        let text = format!(
            "[[upstreams]]\nname = \"a\"\ndialect = \"{dialect}\"\n\
             base_url = \"https://bedrock-runtime.eu-central-1.amazonaws.com\"\n\
             [upstreams.aws]\n{aws}\n[[routes]]\nupstream = \"a\"\n"
        );
        home.write("bartizan.toml", text);
        home.run(&["config", "check"])
    };
    let keys = "access_key_id = \"literal:AKIDEXAMPLE\"\nsecret_access_key = \"literal:s3cr3t\"";
    let ran = upstream("bedrock", &format!("region = \"eu-central-1\"\n{keys}"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("(bedrock), key from literal:…"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("s3cr3t") && !ran.stdout.contains("AKIDEXAMPLE"));
    for (dialect, aws, expected) in [
        ("gemini", format!("region = \"eu-central-1\"\n{keys}"), "only requests to Bedrock are"),
        ("bedrock", format!("region = \"eu central\"\n{keys}"), "`upstreams[0].aws.region`"),
        ("bedrock", "region = \"eu\"".to_owned(), "access_key_id"),
    ] {
        let ran = upstream(dialect, &aws);
        let said: String = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(ran.code, 2, "{aws}");
        assert!(said.replace("│ ", "").contains(expected), "{aws}: {expected}\n{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

#[test]
fn the_tls_of_an_upstream_is_checked() {
    let home = Home::new();
    home.write("key.pem", "not a key");
    let digest = "ebUAB4yRGAClT3Mxmn4ggvPYRBFnM/bl1NHXRY2Brb0=";
    let upstream = |more: &str, scheme: &str| {
        let head = format!("[[upstreams]]\nname = \"a\"\nbase_url = \"{scheme}://a.example/v1\"\n");
        home.write("bartizan.toml", format!("{head}{more}\n"));
        home.run(&["config", "check"])
    };
    for prefix in ["", "sha256//"] {
        let ran = upstream(&format!("pinned_certificates = [\"{prefix}{digest}\"]"), "https");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    for (http, code) in [("auto", 0), ("1.1", 0), ("2", 0), ("3", 2)] {
        let ran = upstream(&format!("http = \"{http}\""), "https");
        assert_eq!(ran.code, code, "{http}: {}", ran.stderr);
    }
    for (more, scheme, expected) in [
        (
            "pinned_certificates = [\"c2hvcnQ=\"]".to_owned(),
            "https",
            "`upstreams[0].pinned_certificates[0]`: is not a SHA-256",
        ),
        (
            format!("pinned_certificates = [\"{digest}\"]"),
            "http",
            "there is no certificate without TLS",
        ),
        (
            "client_certificate_file = \"key.pem\"".to_owned(),
            "https",
            "a client certificate needs its key",
        ),
        (
            "client_certificate_file = \"key.pem\"\nclient_key_file = \"key.pem\"".to_owned(),
            "https",
            "the client key file: ",
        ),
        ("health_path = \"health\"".to_owned(), "https", "`health` is not a path"),
    ] {
        let ran = upstream(&more, scheme);
        let said: String = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(ran.code, 2, "{more}");
        assert!(said.replace("│ ", "").contains(expected), "{more}: {expected}\n{said}");
    }
}
