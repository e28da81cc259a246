//! The fake upstream as a program, for tests in other languages.
//!
//! `fake-upstream [--listen ADDRESS] [--admin ADDRESS] [--scenario NAME]`; it prints one line of
//! JSON, `{"listen":"127.0.0.1:40001","admin":"127.0.0.1:40002"}`, and runs until its standard input
//! is closed, or for ever when it is a terminal.
//!
//! Not here: what it answers, see `testkit::FakeUpstream`.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use testkit::{FakeUpstream, UpstreamOptions};

/// Bytes of standard input read while waiting for its end.
const INPUT_BYTES_MAX: u64 = 1024 * 1024;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "fake-upstream: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = UpstreamOptions {
        admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..UpstreamOptions::default()
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{option}` needs a value"))?;
        match option.as_str() {
            "--listen" => options.listen = value.parse()?,
            "--admin" => options.admin = Some(value.parse()?),
            "--scenario" => options.scenario = value.parse()?,
            other => return Err(format!("no option `{other}`").into()),
        }
    }
    let upstream = FakeUpstream::start_with(options)?;
    let mut stdout = std::io::stdout();
    let admin = upstream.admin_address().map(|address| address.to_string());
    writeln!(
        stdout,
        "{}",
        serde_json::json!({ "listen": upstream.address().to_string(), "admin": admin })
    )?;
    stdout.flush()?;
    let _ = std::io::stdin().take(INPUT_BYTES_MAX).read_to_end(&mut Vec::new());
    Ok(())
}
