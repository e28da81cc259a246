//! What other rooms rely on, over thousands of made messages and streams.

#![expect(clippy::expect_used, reason = "helpers of tests, where a panic is the failure")]

mod bedrock;
mod forms;
mod gemini;
mod hostile;
mod messages;
mod reading;
mod splicing;
mod streams;
mod uploads;
mod writing;

/// Cases per property: the landing lane's number.
const CASES: u32 = 10_000;

fn config() -> proptest::test_runner::Config {
    proptest::test_runner::Config { cases: CASES, failure_persistence: None, ..Default::default() }
}
