//! Tokens and client certificates in the configuration: what is said about them, right and wrong.

use crate::Home;

const KEYS: &str = include_str!("../../../identity/tests/fixtures/rsa-keys.json");
const GOOD: &str = r#"
[[identity.jwt]]
name = "corp"
issuer = "https://login.example.com"
audiences = ["bartizan"]
jwks_file = "keys.json"
claims = { team = "/realm/team", application = "azp" }

[[identity.jwt.grants]]
when = { groups = ["ml", "ml-*"], tid = "7" }
models = ["gpt-*"]
routes = ["main"]
actions = ["infer"]
addresses = ["192.0.2.0/24"]
hours = "mon-fri 8-18"
team = "research"

[[identity.jwt.grants]]
when = { groups = "ops" }
models = ["*"]
"#;

fn check(config: &str) -> crate::Ran {
    let home = Home::new();
    home.write("keys.json", KEYS);
    home.write("private.json", KEYS.replace("\"e\"", "\"d\": \"AQAB\",\n   \"e\""));
    home.write("bartizan.toml", config);
    home.run(&["config", "check"])
}

#[test]
fn a_good_configuration_says_whose_tokens_are_taken() {
    let ran = check(GOOD);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let expected = "corp: of https://login.example.com, signed with RS256 or ES256 or EdDSA, keys from keys.json, 2 grants";
    assert!(ran.stdout.contains(expected), "{}", ran.stdout);
}

#[test]
fn what_could_be_meant_otherwise_is_warned_of() {
    for (from, to, expected) in [
        (
            "{ groups = \"ops\" }",
            "{}",
            "whom both fit gets what `identity.jwt[0].grants[0]` grants, and not what `identity.jwt[0].grants[1]` does",
        ),
        (
            "{ groups = \"ops\" }",
            "{ groups = \"ml-eu\", tid = \"7\" }",
            "`identity.jwt[0].grants[1]` never decides: `identity.jwt[0].grants[0]` fits whoever it fits",
        ),
        (
            "{ team =",
            "{ user = \"email\", team =",
            "`identity.jwt[0].claims.user` is `email`, which people can change",
        ),
        (
            "application = \"azp\"",
            "application = \"sub\"",
            "`identity.jwt[0].claims` takes two names from the claim `sub`",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let ran = check(&GOOD.replace(from, to));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains(expected), "{expected}\n{}", ran.stdout);
        assert!(!check(GOOD).stdout.contains(expected));
    }
    let (issuer, _) = GOOD.split_once("[[identity.jwt.grants]]").expect("grants");
    assert!(check(issuer).stdout.contains("tokens of `corp` open nothing: it has no grants"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let keys = "jwks_file = \"keys.json\"";
    let url = |url: &str| format!("jwks_url = \"{url}\"");
    let replaced = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replace(from, to)
    };
    let with = |line: &str| replaced(keys, &format!("{keys}\n{line}"));
    for (config, expected) in [
        (replaced("\"corp\"", "\"certificate\""), "`certificate` is taken"),
        (replaced("\"corp\"", "\"Corp\""), "`Corp` cannot be a name"),
        (replaced("\"https://login.example.com\"", "\"\""), "`identity.jwt[0].issuer`: is empty"),
        (format!("{GOOD}{}", GOOD.replace("corp", "other")), "`https://login.example.com` is configured twice"),
        (replaced("[\"bartizan\"]", "[]"), "tokens for anybody else would be taken too"),
        (with("algorithms = [\"HS256\"]"), "`HS256` is not taken"),
        (with("algorithms = [\"none\"]"), "`none` is not taken"),
        (with("algorithms = []"), "no token could be signed so"),
        (replaced(keys, ""), "the issuer's keys must come from one place"),
        (with(&url("https://login.example.com/keys")), "the issuer's keys must come from one place"),
        (replaced(keys, &url("http://login.example.com/keys")), "whoever is between could send keys of their own"),
        (replaced(keys, &url("http://127.0.0.1:8080/keys")), "the address that Bartizan itself listens on"),
        (replaced(keys, &url("ftp://x")), "it must begin with http:// or https://"),
        (replaced(keys, "jwks_file = \"private.json\""), "the key set holds a private key"),
        (replaced(keys, "jwks_file = \"bartizan.toml\""), "not a JWK set"),
        (with("ca_file = \"ca.pem\""), "nothing is fetched"),
        (with("leeway_s = 301"), "`identity.jwt[0].leeway_s`: 301 is out of range"),
        (with("lifetime_s_max = 59"), "`identity.jwt[0].lifetime_s_max`: 59 is out of range"),
        (with("stale_s = 899"), "`identity.jwt[0].stale_s`: 899 is out of range"),
        (with("unknown_key_pause_s = 0"), "`identity.jwt[0].unknown_key_pause_s`: 0 is out of range"),
        (with("types = []"), "no token is of a type"),
        (replaced("\"/realm/team\"", "\"/\""), "`/` names no claim"),
        (replaced("models = [\"*\"]", ""), "the key `models` is missing"),
        (replaced("models = [\"*\"]", "models = []"), "an empty list fits nothing"),
        (replaced("{ groups = \"ops\" }", "{ groups = [] }"), "an empty list fits nothing"),
        (replaced("{ groups = \"ops\" }", "{ groups = 7 }"), "a text or a list of texts is expected"),
        (replaced("[\"infer\"]", "[\"infr\"]"), "did you mean `infer`?"),
        (replaced("mon-fri 8-18", "always"), "does not name hours"),
        (replaced("\"research\"", "\"\""), "a text is empty, too long or more than one line"),
        ("[[identity.certificates]]\nwhen = { uri = \"spiffe://x/*\" }\nmodels = [\"*\"]\n".to_owned(), "clients are not asked for certificates"),
        ("[[identity.certificates]]\nwhen = { cn = \"x\" }\nmodels = [\"*\"]\n".to_owned(), "certificates say nothing about `cn`"),
        ("[tls]\ncertificate_file = \"a\"\nprivate_key_file = \"a\"\nclient_certificates = \"required\"\n".to_owned(), "no authority is named that could have issued them"),
    ] {
        let ran = check(&config);
        assert_eq!(ran.code, 2, "{expected}\n{config}\n{}", ran.stdout);
        let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{expected}\n{}", ran.stderr);
    }
}
