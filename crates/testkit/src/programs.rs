//! Programs of the machine that some tests need, and what becomes of a test where they are missing.
//!
//! INVARIANT: a test that does nothing says so on its standard error, with the reason; `cargo xtask test` counts it as skipped.
//! INVARIANT: with [`PROGRAMS_REQUIRED`] set, it fails instead.

use std::io::{Error, ErrorKind, Result};
use std::process::Command;

/// With this variable set, a machine without a program fails the tests that need it.
pub const PROGRAMS_REQUIRED: &str = "BARTIZAN_PROGRAMS_REQUIRED";

/// A server that keeps limits which gateways share: either will do.
pub const REDIS_PROGRAMS: &[&str] = &["redis-server", "valkey-server"];

/// What changes the limits of a running process.
pub const PRLIMIT_PROGRAMS: &[&str] = &["prlimit"];

/// The first of these programs that is on this machine. Nothing if none is: the test is skipped, and that is said.
pub fn program(of: &[&'static str]) -> Result<Option<&'static str>> {
    let is_here = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    let found = of.iter().copied().find(is_here);
    if found.is_none() {
        let why = format!("{} is not installed on this machine", of.join(" or "));
        if std::env::var_os(PROGRAMS_REQUIRED).is_some() {
            return Err(Error::new(ErrorKind::NotFound, why));
        }
        #[expect(clippy::print_stderr, reason = "whoever reads a test's output is to know")]
        {
            eprintln!("skipped: {why}");
        }
    }
    Ok(found)
}
