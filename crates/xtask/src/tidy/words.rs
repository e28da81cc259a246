//! Words that say "not finished", and paths that exist on one machine only.
//!
//! INVARIANT: nothing is left for later in the code (an open end is an issue, not a comment), no test is switched
//! off, and nothing names the folder it was written in. Not here: spelling.

use super::Problem;
use crate::rust_source::RustSource;
use crate::workspace::Workspace;

const RULE: &str = "words";
/// Words of comments and prose that mean "not finished".
const OPEN_ENDS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];
/// Macros that mean the same.
const OPEN_MACROS: &[&str] = &["todo", "unimplemented"];
/// Shorter roots than this, in bytes, are folders that many machines have.
const ROOT_BYTES_MIN: usize = 6;
/// Folders of one person's machine, wherever that is.
const MACHINE_FOLDERS: &[&str] = &["/Users/", ".cargo/registry/src"];

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let root = workspace.root.to_string_lossy().into_owned();
    let mut folders: Vec<&str> = MACHINE_FOLDERS.to_vec();
    if root.len() >= ROOT_BYTES_MIN {
        folders.push(&root);
    }
    let mut problems = Vec::new();
    for source in &workspace.sources {
        problems.extend(open_ends_in_code(source));
        if !is_about_paths(&source.path) {
            problems.extend(machine_paths(&source.path, &source.text, &folders));
        }
    }
    for file in &workspace.texts {
        problems.extend(open_ends(&file.path, &file.text, 1));
        problems.extend(machine_paths(&file.path, &file.text, &folders));
    }
    problems
}

/// This file has to name what it bans.
fn is_about_paths(path: &str) -> bool {
    path.ends_with("xtask/src/tidy/words.rs")
}

fn open_ends_in_code(source: &RustSource) -> Vec<Problem> {
    let mut problems = Vec::new();
    for comment in &source.comments {
        let line = source.line_of(comment.start);
        problems.extend(open_ends(&source.path, source.slice(comment), line));
    }
    for (index, token) in source.tokens.iter().enumerate() {
        let after =
            |ahead: usize| source.tokens.get(index + ahead).map(|token| token.text.as_str());
        if OPEN_MACROS.contains(&token.text.as_str()) && after(1) == Some("!") {
            let message = format!("`{}!` is not finished; finish it or leave it out", token.text);
            problems.push(Problem::new(RULE, source.place(token.at), message));
        }
        if token.text == "#" && after(1) == Some("[") && after(2) == Some("ignore") {
            let message = "a test that is switched off; mend it, remove it, or make it a long run";
            problems.push(Problem::new(RULE, source.place(token.at), message));
        }
    }
    problems
}

fn open_ends(path: &str, text: &str, first_line: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        if let Some(word) = words.find(|word| OPEN_ENDS.contains(word)) {
            let message = format!("`{word}`: finish it, or write an issue and leave it out");
            problems.push(Problem::new(RULE, format!("{path}:{}", first_line + index), message));
        }
    }
    problems
}

fn machine_paths(path: &str, text: &str, folders: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(folder) = folders.iter().find(|folder| line.contains(*folder)) {
            let message = format!("`{folder}` exists on one machine only; write a relative path");
            problems.push(Problem::new(RULE, format!("{path}:{}", index + 1), message));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{machine_paths, open_ends, open_ends_in_code};
    use crate::rust_source::RustSource;

    fn count(text: &str) -> usize {
        let source = RustSource::parse("crates/x/src/lib.rs", text).expect("the fixture parses");
        open_ends_in_code(&source).len()
    }

    #[test]
    fn open_ends_are_found_in_comments_and_not_in_strings() {
        let word = "TO".to_owned() + "DO";
        assert_eq!(count(&format!("// {word}: later\nfn f() {{}}")), 1);
        assert_eq!(count(&format!("/// {word}\nfn f() {{}}")), 1);
        assert_eq!(count(&format!("const A: &str = \"{word}\";")), 0);
        assert_eq!(count("fn f() { todo!() }"), 1);
        assert_eq!(count("#[test]\n#[ignore = \"slow\"]\nfn f() {}"), 1);
        assert_eq!(count("fn todo() { let ignore = 1; }"), 0);
        let found = open_ends("a.md", &format!("fine\n- {word} tomorrow"), 1);
        assert_eq!(found.len(), 1);
        assert!(found[0].place.ends_with(":2"));
    }

    #[test]
    fn a_machine_path_is_found() {
        assert_eq!(machine_paths("a.md", "see /opt/checkout/docs", &["/opt/checkout"]).len(), 1);
        assert_eq!(machine_paths("a.md", "see docs/", &["/opt/checkout"]).len(), 0);
    }
}
