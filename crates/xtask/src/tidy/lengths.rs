//! Functions and files stay short.
//!
//! INVARIANT: a function has at most [`FUNCTION_LINES_MAX`] lines and a file [`FILE_LINES_MAX`] without its tests,
//! but for those in `ratchet.toml`; no file passes [`FILE_LINES_WALL`]. An item under the comment
//! `// tidy: table` is data and does not count; say after a dash what it is a table of.
//! Not here: the lists themselves and how they shrink, which are in `ratchet`.

use std::collections::BTreeMap;

use super::Problem;
use super::ratchet::{self, Lists, RATCHET_PATH};
use crate::rust_source::RustSource;
use crate::workspace::{Workspace, WorkspaceError};

/// The longest function, from its signature to its closing brace, in lines.
const FUNCTION_LINES_MAX: usize = 70;
/// The longest file without tests and tables, in lines.
const FILE_LINES_MAX: usize = 500;
/// What no list can excuse.
const FILE_LINES_WALL: usize = 1000;
const RULE: &str = "length";

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let lists = match Lists::read(&workspace.root) {
        Ok(lists) => lists,
        Err(error) => return vec![Problem::new(RULE, RATCHET_PATH, error.to_string())],
    };
    let mut problems = Vec::new();
    let (functions, files) = (function_lengths(workspace), file_lengths(workspace));
    for (path, lines) in files.iter().filter(|(_, lines)| **lines > FILE_LINES_WALL) {
        let message =
            format!("{lines} lines without tests; the wall is {FILE_LINES_WALL}: split it");
        problems.push(Problem::new(RULE, path, message));
    }
    let over = ratchet::compare("function", &functions, FUNCTION_LINES_MAX, &lists.functions);
    problems.extend(over.into_iter().map(|(place, message)| Problem::new(RULE, place, message)));
    let over = ratchet::compare("file", &files, FILE_LINES_MAX, &lists.files);
    problems.extend(over.into_iter().map(|(place, message)| Problem::new(RULE, place, message)));
    let grown = ratchet::grown(&workspace.root, &lists);
    problems.extend(grown.into_iter().map(|message| Problem::new(RULE, RATCHET_PATH, message)));
    problems
}

/// Brings the lists down to what is needed; returns how many entries changed.
pub(super) fn shrink(workspace: &Workspace) -> Result<usize, WorkspaceError> {
    let lists = Lists::read(&workspace.root)?;
    let functions =
        ratchet::shrunk(&function_lengths(workspace), FUNCTION_LINES_MAX, &lists.functions);
    let files = ratchet::shrunk(&file_lengths(workspace), FILE_LINES_MAX, &lists.files);
    let shrunk = Lists { functions, files };
    let changed = lists.difference(&shrunk);
    if changed > 0 {
        shrunk.write(&workspace.root)?;
    }
    Ok(changed)
}

fn function_lengths(workspace: &Workspace) -> BTreeMap<String, usize> {
    let mut lengths = BTreeMap::new();
    for source in &workspace.sources {
        for function in &source.functions {
            let at = function.span.start;
            if source.is_test(at) || source.is_table(at) {
                continue;
            }
            let name = format!("{}::{}", source.path, function.name);
            let lines = source.lines_in(&function.span);
            let longest = lengths.entry(name).or_insert(0);
            *longest = lines.max(*longest);
        }
    }
    lengths
}

fn file_lengths(workspace: &Workspace) -> BTreeMap<String, usize> {
    workspace.sources.iter().map(|source| (source.path.clone(), file_length(source))).collect()
}

fn file_length(source: &RustSource) -> usize {
    if source.is_test(0) { 0 } else { source.counted_lines() }
}
