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

/// What receives syslog; TLS is a package of its own, `rsyslog-gnutls`.
pub const RSYSLOG_PROGRAMS: &[&str] = &["rsyslogd"];

/// What stores messages in streams.
pub const NATS_PROGRAMS: &[&str] = &["nats-server"];

/// What makes keys that our own libraries only use.
const OPENSSL_PROGRAMS: &[&str] = &["openssl"];

/// What changes the limits of a running process.
pub const PRLIMIT_PROGRAMS: &[&str] = &["prlimit"];

/// The first of these programs that is on this machine. Nothing if none is: the test is skipped, and that is said.
pub fn program(of: &[&'static str]) -> Result<Option<&'static str>> {
    let is_here = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    let found = of.iter().copied().find(is_here);
    is_there(&of.join(" or "), || found.is_some()).map(|_| found)
}

/// An RSA key of its own for a test, as PEM. Nothing if nothing here makes one: the test is skipped, and that is said.
pub fn rsa_key() -> Result<Option<String>> {
    let Some(openssl) = program(OPENSSL_PROGRAMS)? else { return Ok(None) };
    let arguments = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let made = Command::new(openssl).args(arguments).output()?;
    Ok(Some(String::from_utf8_lossy(&made.stdout).into_owned()))
}

/// Whether something is on this machine; if it is not, the test is skipped, and that is said.
pub(crate) fn is_there(what: &str, holds: impl FnOnce() -> bool) -> Result<bool> {
    let is_there = holds();
    if !is_there {
        let why = format!("{what} is not installed on this machine");
        if std::env::var_os(PROGRAMS_REQUIRED).is_some() {
            return Err(Error::new(ErrorKind::NotFound, why));
        }
        #[expect(clippy::print_stderr, reason = "whoever reads a test's output is to know")]
        {
            eprintln!("skipped: {why}");
        }
    }
    Ok(is_there)
}
