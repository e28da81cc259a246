//! `bartizan config check|example|schema|coverage`.

use crate::cli::ConfigCommand;
use crate::config;
use crate::exit::{Exit, Failure};
use crate::output::Output;

pub(crate) fn run(command: &ConfigCommand) -> Result<Exit, Failure> {
    let mut output = Output::new();
    match command {
        ConfigCommand::Check { file, format } => {
            let settings = config::load(file.as_deref(), &super::surroundings())?;
            config::summary::print(&settings, format.is_json(), &mut output)?;
        }
        ConfigCommand::Coverage { config: file, format } => {
            let settings = config::load(file.as_deref(), &super::surroundings())?;
            config::coverage::print(&settings, format.is_json(), &mut output)?;
        }
        ConfigCommand::Example => output.text(&config::example::example())?,
        ConfigCommand::Schema => output.json(&config::schema::schema())?,
    }
    output.finish()?;
    Ok(Exit::Fine)
}
