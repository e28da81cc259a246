//! The binary as a person and a script see it: what is printed where, and how it ends.

#![expect(
    clippy::expect_used,
    reason = "fixtures fail the test by panicking; nothing here meets hostile input"
)]

mod break_glass;
mod config;
mod export;
mod feedback;
mod full_disk;
mod identity;
mod inspect;
mod keys;
mod kill;
mod log;
mod own_detection;
mod protect;
mod reference;
mod reload;
mod secrets;
mod sinks;
mod up;

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Bytes of a file that are read.
const READ_BYTES_MAX: u64 = 64 << 20;

/// A working directory of its own, removed with the value.
struct Home(tempfile::TempDir);

/// How a run of the binary ended.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    /// What a file says.
    fn read(&self, name: &str) -> String {
        let file = std::fs::File::open(self.path(name)).expect("opened");
        let mut text = String::new();
        file.take(READ_BYTES_MAX).read_to_string(&mut text).expect("text");
        text
    }

    /// The binary, in this directory, with nothing from the environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.0.path()).env_clear();
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        // A command that does not read its input closes the pipe; that is its right.
        let _unread = child.stdin.take().expect("a pipe").write_all(input).is_err();
        ran(&child.wait_with_output().expect("the binary ends"))
    }
}

fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Ran {
        code: output.status.code().expect("it was not killed"),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bartizan"))
}

#[test]
fn usage_errors_end_with_2_and_a_suggestion() {
    let home = Home::new();
    let ran = home.run(&["kyes", "list"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("a similar subcommand exists: 'keys'"), "{}", ran.stderr);
    assert_eq!(home.run(&[]).code, 2);
    let ran = home.run(&["--version"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "bartizan 0.1.0\n"));
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let home = Home::new();
    let mut command = home.command(&["config", "coverage", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    drop(child.stdout.take());
    let ran = ran(&child.wait_with_output().expect("the binary ends"));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}
