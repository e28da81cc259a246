//! Sinks against real servers: rsyslog and NATS of this machine. Without them the tests are skipped, and say so.

use std::collections::BTreeSet;
use std::time::Duration;

use connect::{SinkKind, SinkReport, SinkSettings};
use export::Format;
use serde_json::{Value, json};
use stdx::{Secret, SharedSecret};
use testkit::{NatsServer, RsyslogServer, SyslogWay};

use crate::sink_bed::{Bed, eventually, interaction, numbers, quick};

/// A certificate of this machine that is its own authority, and its key.
fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).expect("names").self_signed(&key);
    (certificate.expect("a certificate").pem(), key.serialize_pem())
}

/// The messages that a server received, by their places.
fn received(server: &RsyslogServer) -> Vec<(u64, Vec<String>)> {
    let text = server.received();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let messages = whole.lines().map(|line| {
        let parts: Vec<String> = line.splitn(7, '|').map(str::to_owned).collect();
        let sequence = parts[5].split_once("sequence=\"").expect("a place").1;
        let sequence = sequence.split_once('"').expect("its end").0.parse().expect("a number");
        (sequence, parts)
    });
    messages.collect()
}

async fn holds_to_syslog(bed: &Bed, server: &RsyslogServer, settings: SinkSettings) {
    bed.log(0, 30);
    for event in interaction(1, "größer 好 \"quoted\" ]") {
        bed.append(&event);
    }
    bed.sinks.change(vec![settings]);
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.logged), (32, 32));
    eventually(|| received(server).len() >= 32).await.expect("all of them");
    let messages = received(server);
    let places: Vec<u64> = messages.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(places, (0..32).collect::<Vec<_>>(), "in order, each once");
    let [priority, time, node, application, class, structured, message] = messages[31].1.as_slice()
    else {
        panic!("{messages:?}")
    };
    assert_eq!(
        (priority.as_str(), application.as_str()),
        ("110", "bartizan"),
        "log audit, informational"
    );
    assert_eq!(time, "2027-01-15T08:00:00.001Z");
    assert_eq!(
        (node.as_str(), class.as_str()),
        (&*bed.journal.node().to_string(), "interaction_closed")
    );
    let event: Value = serde_json::from_str(message.trim_start()).expect("JSON, whole");
    let leaf = event["leaf"].as_str().expect("a leaf");
    assert!(
        structured.starts_with(&format!("[bartizan@32473 id=\"{leaf}\" sequence=\"31\"]")),
        "{structured}"
    );
}

fn tls_sink(server: &RsyslogServer, ca: &str) -> SinkSettings {
    let mut settings = quick("siem", SinkKind::Syslog, &format!("tls://{}", server.address()));
    settings.ca_pem = Some(ca.as_bytes().to_vec());
    settings.format = Format::JsonLines;
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_gets_every_record_over_tls_and_those_of_its_absence_when_it_is_back() {
    let (certificate, key) = certificate();
    let way = SyslogWay::Tls { certificate: &certificate, key: &key };
    let Some(mut server) = RsyslogServer::start(way).expect("starts") else { return };
    let bed = Bed::new();
    holds_to_syslog(&bed, &server, tls_sink(&server, &certificate)).await;
    server.kill().expect("killed");
    bed.log(32, 20);
    bed.until("siem", |report| report.trouble.is_some()).await;
    server.restart().expect("starts");
    bed.settled("siem").await;
    let all = || received(&server).iter().map(|(sequence, _)| *sequence).collect::<BTreeSet<_>>();
    // What went on record of the sink itself comes too.
    eventually(|| all().is_superset(&(0..52).collect())).await.expect("no record is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_syslog_server_that_is_another_one_gets_nothing() {
    let ((certificate, key), (other, _)) = (certificate(), certificate());
    let way = SyslogWay::Tls { certificate: &certificate, key: &key };
    let Some(server) = RsyslogServer::start(way).expect("starts") else { return };
    let bed = Bed::new();
    bed.log(0, 3);
    bed.sinks.change(vec![tls_sink(&server, &other)]);
    let report = bed.until("siem", |report| report.trouble.is_some()).await;
    assert_eq!((report.sent, server.received().as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn rsyslog_gets_every_record_over_tcp_and_over_udp() {
    for (way, scheme) in [(SyslogWay::Tcp, "tcp"), (SyslogWay::Udp, "udp")] {
        let Some(server) = RsyslogServer::start(way).expect("starts") else { return };
        let mut settings =
            quick("siem", SinkKind::Syslog, &format!("{scheme}://{}", server.address()));
        settings.format = Format::JsonLines;
        holds_to_syslog(&Bed::new(), &server, settings).await;
    }
}

fn jetstream(server: &NatsServer) -> SinkSettings {
    let mut settings = quick("bus", SinkKind::Nats, &format!("nats://{}", server.address()));
    settings.key = Some(SharedSecret::new(Secret::new("s3cret".to_owned())));
    settings.details = [("subject", "bartizan.events".to_owned())].into();
    settings.format = Format::JsonLines;
    settings
}

fn stream(server: &NatsServer) {
    let stream = json!({
        "name": "EVENTS", "subjects": ["bartizan.>"], "retention": "limits", "storage": "file", "num_replicas": 1,
        "max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "duplicate_window": 120_000_000_000_u64,
    });
    let made = server.ask("$JS.API.STREAM.CREATE.EVENTS", &stream).expect("answers");
    assert!(made["error"].is_null(), "{made}");
}

fn stored(server: &NatsServer) -> u64 {
    let info = server.ask("$JS.API.STREAM.INFO.EVENTS", &json!({})).expect("answers");
    info["state"]["messages"].as_u64().unwrap_or_default()
}

/// Waits until a stream has as many messages as there are records, each once.
async fn all_stored(bed: &Bed, server: &NatsServer) -> SinkReport {
    let mut last = None;
    let holds = || {
        last = bed.report("bus").filter(|report| report.waiting == 0);
        last.as_ref().is_some_and(|report| report.logged == stored(server))
    };
    eventually(holds).await.expect("as many as there are records");
    last.expect("there is one")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_nats_has_every_record_once_whatever_is_sent_again() {
    let Some(mut server) = NatsServer::start("s3cret").expect("starts") else { return };
    let bed = Bed::new();
    bed.log(0, 25);
    bed.sinks.change(vec![jetstream(&server)]);
    let why = bed.until("bus", |report| report.trouble.is_some()).await.trouble.expect("one").why;
    assert_eq!(why, "no stream has this subject");
    stream(&server);
    let report = all_stored(&bed, &server).await;
    assert_eq!((report.sent, report.dead), (report.logged, 0));
    // The cursor is lost: everything is sent again, and the stream has it already.
    let disks = bed.killed().await;
    journal::Disk::remove(&disks.sinks, std::path::Path::new("data/sinks/bus.json"))
        .expect("removed");
    let bed = Bed::on(disks);
    bed.sinks.change(vec![jetstream(&server)]);
    all_stored(&bed, &server).await;
    // What is logged while the server is away comes when it is back.
    server.kill().expect("killed");
    bed.log(25, 10);
    bed.until("bus", |report| report.trouble.is_some()).await;
    server.restart().expect("starts");
    all_stored(&bed, &server).await;
    let first = server.ask("$JS.API.STREAM.MSG.GET.EVENTS", &json!({ "seq": 1 })).expect("answers");
    let data = first["message"]["data"].as_str().expect("bytes");
    let line = data_encoding::BASE64.decode(data.as_bytes()).expect("base64");
    let targets = crate::sink_bed::targets(&String::from_utf8(line).expect("text"));
    // What of a batch came before there was a stream was refused, and sent again after the rest of it.
    assert!(numbers(0, 25).contains(&targets[0]), "{targets:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_for_nats_is_waited_for() {
    let Some(server) = NatsServer::start("s3cret").expect("starts") else { return };
    stream(&server);
    let bed = Bed::new();
    bed.log(0, 3);
    let key = Some(SharedSecret::new(Secret::new("other".to_owned())));
    bed.sinks.change(vec![SinkSettings { key, ..jetstream(&server) }]);
    let report = bed.until("bus", |report| report.trouble.is_some()).await;
    assert_eq!((report.sent, report.dead), (0, 0));
    assert!(report.trouble.is_some_and(|trouble| trouble.why.contains("Authorization")));
    assert_eq!(stored(&server), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_of_nats_begins_after_its_greeting() {
    let (certificate, key) = certificate();
    let Some(server) = NatsServer::start_tls(&certificate, &key).expect("starts") else { return };
    let bed = Bed::new();
    bed.log(0, 3);
    let mut settings = jetstream(&server);
    (settings.url, settings.key) = (format!("tls://{}", server.address()), None);
    settings.ca_pem = Some(certificate.into_bytes());
    settings.time_max = Duration::from_secs(10);
    bed.sinks.change(vec![settings]);
    let why = bed.until("bus", |report| report.trouble.is_some()).await.trouble.expect("one").why;
    assert_eq!(why, "no stream has this subject", "it was understood, over TLS");
}
