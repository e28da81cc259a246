//! `cargo xtask tidy`: the rules of this code base that the compiler does not hold.
//!
//! INVARIANT: one rule, one file; every problem names its place, what is wrong and what to do.
//! Not here: lints that clippy has (see the workspace's `[lints]` and `clippy.toml`), and whether the
//! generated references are up to date, which the `reference` test of `bartizan` holds.

mod banned;
mod floors;
mod headers;
mod lengths;
mod licences;
mod manifests;
mod ratchet;
mod receipts;
mod words;

use std::path::Path;

use crate::workspace::{Workspace, WorkspaceError};

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// `path` or `path:line`.
    place: String,
    /// The rule's name.
    rule: &'static str,
    /// What is wrong, and what to do.
    message: String,
}

impl Problem {
    fn new(rule: &'static str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), rule, message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: [{}] {}", self.place, self.rule, self.message)
    }
}

/// What tidy found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What must be mended.
    pub(crate) problems: Vec<Problem>,
    /// What is worth knowing: stale receipts, checks that could not run.
    pub(crate) notes: Vec<String>,
}

/// Runs every rule over the checkout at `root`.
pub(crate) fn check(root: &Path) -> Result<Report, WorkspaceError> {
    let workspace = Workspace::read(root)?;
    let mut problems = Vec::new();
    problems.extend(manifests::check(&workspace));
    problems.extend(floors::check(&workspace));
    problems.extend(headers::check(&workspace));
    problems.extend(banned::check(&workspace));
    problems.extend(lengths::check(&workspace));
    problems.extend(words::check(&workspace));
    let (licence_problems, licence_note) = licences::check(root);
    problems.extend(licence_problems);
    problems.sort();
    let mut notes = receipts::stale(&workspace);
    notes.extend(licence_note);
    Ok(Report { problems, notes })
}

/// Runs every rule, prints what it found, and fails if there is a problem.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let report = check(root).map_err(|error| error.to_string())?;
    for note in &report.notes {
        println!("      note: {note}");
    }
    for problem in &report.problems {
        println!("      {problem}");
    }
    match report.problems.len() {
        0 => Ok(()),
        count => Err(format!("{count} untidy places")),
    }
}

/// Lowers and removes the entries of the ratchet lists that are larger than they need to be.
pub(crate) fn shrink_ratchets(root: &Path) -> Result<usize, WorkspaceError> {
    let workspace = Workspace::read(root)?;
    lengths::shrink(&workspace)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::workspace::Workspace;

    #[test]
    fn the_workspace_is_tidy() {
        let report = check(&Workspace::root()).expect("the workspace can be read");
        let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    }
}
