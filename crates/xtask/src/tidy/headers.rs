//! Every Rust file says at its top what it is for.
//!
//! INVARIANT: a file opens with `//!`, [`HEADER_CHARS_MIN`] characters or more. Not here: whether the sentence is a good one.

use super::Problem;
use crate::workspace::Workspace;

/// The shortest header that can say what a file is for, in characters.
const HEADER_CHARS_MIN: usize = 40;

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let sources = workspace.sources.iter();
    sources.filter_map(|source| problem_in(&source.path, &source.text)).collect()
}

fn problem_in(path: &str, text: &str) -> Option<Problem> {
    let header = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let said = header.collect::<Vec<_>>().join(" ").trim().chars().count();
    (said < HEADER_CHARS_MIN).then(|| {
        let message = format!(
            "opens with {said} characters of `//!`; say in {HEADER_CHARS_MIN} or more what it is for"
        );
        Problem::new("header", path, message)
    })
}

#[cfg(test)]
mod tests {
    use super::problem_in;

    #[test]
    fn a_sentence_passes_and_a_word_does_not() {
        let good =
            "//! What std lacks: bounded readers,\n//! and secrets that cannot be printed.\n";
        assert_eq!(problem_in("a.rs", good), None);
        assert!(
            problem_in("a.rs", "//! Utilities.\n\n//! Much longer text that comes too late.\n")
                .is_some()
        );
        assert!(
            problem_in("a.rs", "use std::fmt;\n//! long enough but not at the very top of it\n")
                .is_some()
        );
        assert!(problem_in("a.rs", "").is_some());
    }
}
