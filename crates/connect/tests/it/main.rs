//! External guards against services that answer, fail, dawdle and lie; sinks against receivers that do.

#![expect(
    clippy::expect_used,
    reason = "fixtures fail the test by panicking; nothing here meets hostile input"
)]

mod faults;
mod keys;
mod providers;
mod questions;
mod shared_limits;
mod sink_bed;
mod sink_files;
mod sink_kinds;
mod sink_servers;
mod sinks;
mod tokens;
