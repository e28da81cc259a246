//! What tests of the whole stand on: a fake upstream, a raw client, and children that can be killed.
//!
//! Everything here is blocking and runs on its own threads, so that it behaves the same under any
//! async runtime and under none, and writes its HTTP by hand, so that every byte on the wire is
//! chosen by the test. In an async test, call it from `spawn_blocking` or use a multi-threaded
//! runtime.
//!
//! INVARIANT: deterministic: the same request to the same scenario gives the same bytes.
//! INVARIANT: everything is bounded; a test that goes wrong fails in seconds rather than hanging.
//!
//! Not here: attack texts, and anything a shipped crate may depend on.

mod bedrock;
mod child;
mod client;
mod collector;
mod cut;
mod documents;
mod fixtures;
mod gateway;
mod gemini;
mod http;
mod kill;
mod messages;
mod nats_server;
mod ollama;
mod programs;
mod random;
mod realtime;
mod redis;
mod reply;
mod reply_responses;
mod rsyslog;
mod scenario;
mod script;
mod service;
mod sse;
mod upstream;

pub use bedrock::{converse_frame, event_frame};
pub use child::{Child, free_port, target_binary};
pub use client::{Client, Connection, Ending, Request, Response};
pub use collector::FakeCollector;
pub use cut::Cut;
pub use documents::{docx, pdf, stream, zip};
pub use fixtures::{FIXTURES, fixture};
pub use gateway::{Gateway, Said};
pub use kill::{KillPlan, KillReport, kill_in_the_middle};
pub use nats_server::NatsServer;
pub use programs::{
    NATS_PROGRAMS, PRLIMIT_PROGRAMS, PROGRAMS_REQUIRED, REDIS_PROGRAMS, RSYSLOG_PROGRAMS, program,
    rsa_key,
};
pub use random::Random;
pub use realtime::{
    FakeRealtime, Heard, Say, Script, SessionClient, echo_session, realtime_response,
};
pub use redis::{FakeStore, RedisServer};
pub use rsyslog::{RsyslogServer, SyslogWay};
pub use scenario::{Kind, Newline, Scenario, Split, UnknownScenario};
pub use script::{PII_VALUES, REASONING_PREFIX};
pub use service::{FakeService, Served};
pub use sse::{Lane, SseCollected, SseEvent};
pub use upstream::{FakeUpstream, RecordedRequest, UpstreamOptions};
