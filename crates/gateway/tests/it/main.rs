//! The gateway as a whole, in this process: real sockets, a real record, upstreams of ours.
//!
//! Not here: the official clients (`cargo xtask test` runs them against the binary), killing the
//! process (`crates/bartizan`).

#![expect(
    clippy::expect_used,
    reason = "fixtures fail the test by panicking; nothing here meets hostile input"
)]

mod addresses;
mod answer_form;
mod attachments;
mod audio;
mod azure;
mod bad_input;
mod batches;
mod bed;
mod bedrock;
mod campaigns;
mod canary;
mod citations;
mod collector;
mod dialects;
mod escapes;
mod exposure;
mod external;
mod faults;
mod forms;
mod gemini;
mod http2;
mod http2_upstream;
mod images;
mod isolation;
mod joined;
mod leaks;
mod limits;
mod main_job;
mod message_batches;
mod messages;
mod metrics;
mod ollama;
mod realtime;
mod realtime_bounds;
mod reload;
mod reports;
mod responses;
mod risk;
mod shared_limits;
mod trace;
mod upstreams;
mod vllm;
mod ways_in;
