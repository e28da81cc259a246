//! Who may ask from where, through proxies and load balancers, and within the limits of a key.

use std::io::{Read as _, Write as _};

use gateway::{AddressRules, AddressSettings};
use policy::AddressRange;
use store::GrantOptions;
use testkit::Request;

use crate::bed::{Bed, COMPLETION, Canned, Plan};

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;

fn ranges(texts: &[&str]) -> Vec<AddressRange> {
    texts.iter().map(|text| text.parse().expect("a range")).collect()
}

fn bed(plan: Plan) -> (Canned, Bed) {
    let upstream = Canned::start();
    upstream.answer("application/json", COMPLETION);
    let bed = Bed::new(&upstream.base_url, plan);
    (upstream, bed)
}

/// The status, and the code of an error, for somebody whose request the proxy says came from there.
fn asked(bed: &Bed, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = Request::post("/v1/chat/completions", ASK);
    for (name, value) in headers {
        request = request.with_header(name, value);
    }
    let answer = bed.client().send(&request).expect("an answer");
    (answer.status, answer.error_code().unwrap_or_default())
}

#[test]
fn a_listener_lets_in_whom_it_is_told_to() {
    let rules = AddressRules { deny: ranges(&["203.0.113.0/24"]), ..AddressRules::default() };
    let trusted_proxies = ranges(&["127.0.0.0/8"]);
    let addresses = AddressSettings { rules, trusted_proxies, ..AddressSettings::default() };
    let (upstream, bed) = bed(Plan { addresses, ..Plan::default() });
    let from = |forwarded: &str| asked(&bed, &[("x-forwarded-for", forwarded)]);
    assert_eq!(from("198.51.100.9").0, 200);
    assert_eq!(from("198.51.100.9, 203.0.113.1"), (403, "address_not_allowed".to_owned()));
    // What a client writes itself stands further left.
    assert_eq!(from("203.0.113.1, 198.51.100.9").0, 200);
    assert_eq!(from("nonsense"), (403, "address_not_allowed".to_owned()));
    assert_eq!(upstream.take_received().len(), 2);
    let seen: Vec<String> = bed.opened().into_iter().map(|opened| opened.client_address).collect();
    assert_eq!(seen, ["198.51.100.9", "203.0.113.1", "198.51.100.9", "unknown"]);
}

#[test]
fn a_key_and_a_route_know_their_networks() {
    let addresses =
        AddressSettings { trusted_proxies: ranges(&["127.0.0.1"]), ..AddressSettings::default() };
    let grant = GrantOptions { addresses: ranges(&["192.0.2.0/24"]), ..GrantOptions::default() };
    let route_addresses = AddressRules { deny: ranges(&["192.0.2.66"]), ..AddressRules::default() };
    let (upstream, bed) = bed(Plan { addresses, grant, route_addresses, ..Plan::default() });
    let from = |forwarded: &str| asked(&bed, &[("x-forwarded-for", forwarded)]);
    assert_eq!(from("192.0.2.7").0, 200);
    assert_eq!(from("192.0.2.66"), (403, "address_not_allowed".to_owned()));
    assert_eq!(from("192.0.3.7"), (403, "not_authorised".to_owned()));
    assert_eq!(from("nonsense"), (403, "address_not_allowed".to_owned()));
    assert_eq!(upstream.take_received().len(), 1);
    let rules: Vec<String> = bed
        .opened()
        .into_iter()
        .flat_map(|opened| opened.decision.rules)
        .map(|rule| rule.id)
        .collect();
    assert_eq!(rules, ["address-not-granted"]);
}

#[test]
fn a_key_knows_its_routes_and_a_model_must_be_named() {
    let grant = GrantOptions { routes: vec!["other".to_owned()], ..GrantOptions::default() };
    let (upstream, other) = bed(Plan { grant, ..Plan::default() });
    assert_eq!(asked(&other, &[]), (403, "not_authorised".to_owned()));
    assert!(upstream.take_received().is_empty());

    let grant = GrantOptions { models: vec!["m*".to_owned()], ..GrantOptions::default() };
    let (upstream, named) = bed(Plan { grant, ..Plan::default() });
    assert_eq!(asked(&named, &[]).0, 200);
    let nameless = r#"{"messages":[{"role":"user","content":"hello"}]}"#;
    let answer =
        named.client().send(&Request::post("/v1/chat/completions", nameless)).expect("an answer");
    assert!((400..500).contains(&answer.status), "the upstream would choose one");
    assert_eq!(upstream.take_received().len(), 1);
}

#[test]
fn a_load_balancer_says_whose_connection_it_is() {
    let rules = AddressRules { allow: ranges(&["192.0.2.7"]), ..AddressRules::default() };
    let proxy_protocol_from = ranges(&["127.0.0.1"]);
    let addresses = AddressSettings { rules, proxy_protocol_from, ..AddressSettings::default() };
    let (_upstream, bed) = bed(Plan { addresses, ..Plan::default() });
    let header = |source: [u8; 4]| {
        let addresses = [&source[..], &[127, 0, 0, 1, 0x12, 0x67, 0x1f, 0x90]].concat();
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &addresses].concat()
    };
    let first_line = |beginning: &[u8]| {
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{ASK}",
            bed.key,
            ASK.len()
        );
        let mut connection = std::net::TcpStream::connect(bed.address).expect("connected");
        let mut answer = Vec::new();
        let sent = connection.write_all(&[beginning, request.as_bytes()].concat());
        let _cut_off = sent.and_then(|()| connection.read_to_end(&mut answer)).is_err();
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(first_line(&header([192, 0, 2, 7])), "HTTP/1.1 200 OK");
    assert_eq!(first_line(&header([192, 0, 2, 8])), "HTTP/1.1 403 Forbidden");
    assert_eq!(first_line(b""), "", "without the header nothing is answered");
    let seen: Vec<String> = bed.opened().into_iter().map(|opened| opened.client_address).collect();
    assert_eq!(seen, ["192.0.2.7", "192.0.2.8"]);
}

#[test]
fn a_key_knows_the_tools_that_it_may_offer() {
    let grant = GrantOptions { tools: vec!["get_*".to_owned()], ..GrantOptions::default() };
    let (upstream, bed) = bed(Plan { grant, ..Plan::default() });
    let ask = |tools: &str| {
        let body = ASK.replace(r#""messages""#, &format!(r#""tools":{tools},"messages""#));
        let answer = bed.client().send(&Request::post("/v1/chat/completions", body.as_str()));
        let answer = answer.expect("an answer");
        (answer.status, answer.error_code().unwrap_or_default())
    };
    let refused = (403, "not_authorised".to_owned());
    assert_eq!(ask("[]").0, 200);
    for tools in [
        r#"[{"type":"function","function":{"name":"get_weather"}}]"#,
        r#"[],"chat_template_kwargs":{"tools":[{"function":{"name":"get_weather"}}],"enable_thinking":false}"#,
        r#"[],"disable_tool_validation":true,"server_tools":[]"#,
    ] {
        assert_eq!(ask(tools).0, 200, "{tools}");
    }
    for tools in [
        r#"[{"type":"function","function":{"name":"get_weather"}},{"type":"function","function":{"name":"run_shell"}}]"#,
        r#"[{"type":"custom","custom":{"name":"shell"}}]"#,
        r#"[{"type":"function","function":{"name":"\u0073hell"}}]"#,
        r#"[{"type":"browser_search"}]"#,
        // Definitions that no row knows, though unknown members pass elsewhere.
        r#"[{"type":"function","get_weather":{"name":"get_weather"},"shell":{"name":"run"}}]"#,
        r#"[{"new_kind":{}}]"#,
        r#"[{"type":"function"}]"#,
        r#""all""#,
        r#"[],"server_tools":[{"name":"get_weather"}]"#,
        r#"[],"chat_template_kwargs":{"tools":[{"function":{"name":"run_shell"}}]}"#,
        r#"[],"chat_template_kwargs":{"xml_tools":[{"name":"get_weather"}]}"#,
    ] {
        assert_eq!(ask(tools), refused, "{tools}");
    }
    assert_eq!(upstream.take_received().len(), 4);
    let rules = bed.opened().into_iter().flat_map(|opened| opened.decision.rules);
    assert!(rules.map(|rule| rule.id).all(|id| id == "tool-not-granted"));
}
