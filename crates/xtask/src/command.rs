//! Starting other programs: quietly for their output, or aloud as a step of a lane.
//!
//! INVARIANT: a step prints the command line it runs before it runs it, so that a person can run it again by
//! hand. Not here: what the programs are for.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A command line to be run aloud.
#[derive(Debug)]
pub(crate) struct Step {
    command: Command,
}

impl Step {
    /// A program, to be run in `folder`.
    pub(crate) fn new(folder: &Path, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null());
        Self { command }
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Prints the command line, runs it, and says what went wrong if something did.
    pub(crate) fn run(mut self) -> Result<(), String> {
        println!("      $ {}", self.line());
        match self.command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`{}` ended with {status}", self.program())),
            Err(error) => Err(format!("`{}` could not be started: {error}", self.program())),
        }
    }

    fn program(&self) -> String {
        self.command.get_program().to_string_lossy().into_owned()
    }

    fn line(&self) -> String {
        let arguments = self.command.get_args().map(|argument| argument.to_string_lossy());
        let words = arguments.map(|word| {
            if word.contains(char::is_whitespace) { format!("'{word}'") } else { word.into_owned() }
        });
        [self.program()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// Standard output of a program that succeeded; nothing if it failed or is not there.
pub(crate) fn output_of(folder: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The platform this machine builds for.
pub(crate) fn host_triple(folder: &Path) -> String {
    let version = output_of(folder, "rustc", &["-vV"]).unwrap_or_default();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.unwrap_or("x86_64-unknown-linux-gnu").to_owned()
}
