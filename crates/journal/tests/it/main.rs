//! What the record promises, tested from outside: on a disk that loses power, fills up and lies, on bytes that
//! were tampered with, and on a process that is killed.

#![expect(clippy::expect_used, reason = "helpers of tests are tests")]

mod appending;
mod contents;
mod faults;
mod kill;
mod reading;
mod support;
mod tampering;
