//! The one binary: configuration, commands, wiring, signals, exit codes.
//!
//! INVARIANT: this is the only room that reads the command line and the environment, prints, and
//! decides exit codes. INVARIANT: data goes to standard output, everything else to standard error.
//!
//! Not here: what the rooms below do; a command opens them, asks, and prints.

mod cli;
mod cli_break_glass;
mod cli_campaigns;
mod cli_export;
mod cli_hunt;
mod cli_secrets;
mod commands;
mod config;
mod data_dir;
mod exit;
mod files;
mod hunting;
mod key_command;
mod output;
mod protected;
mod rotation;
mod rotation_asked;
mod telemetry;
mod time;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use exit::Failure;

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Up(args) => commands::up::run(&args),
        Command::BreakGlass(command) => commands::break_glass::run(&command),
        Command::Config(command) => commands::config::run(&command),
        Command::Feedback(command) => commands::feedback::run(&command),
        Command::Hunt(command) => commands::hunt::run(&command),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Isolate(args) => commands::isolate::isolate(&args),
        Command::Keys(command) => commands::keys::run(command),
        Command::Log(command) => commands::log::run(&command),
        Command::Protect(command) => commands::protect::run(&command),
        Command::Restore(args) => commands::isolate::restore(&args),
        Command::Secrets(command) => commands::secrets::run(&command),
    };
    let exit = match ended {
        Ok(exit) => exit,
        Err(Failure::ReaderLeft) => exit::Exit::Fine,
        Err(Failure::Problems(exit, problems)) => {
            problems.iter().for_each(output::report);
            exit
        }
    };
    ExitCode::from(exit.code())
}
