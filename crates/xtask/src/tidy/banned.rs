//! Calls that may not be written, by their path.
//!
//! INVARIANT: floors 0 and 1 have no files, sockets, clocks, randomness, environment, threads or `async`; nowhere
//! is there a queue without a limit, and only the rooms in [`COMMAND_ROOMS`] start other programs. Tests
//! are exempt from the rules for pure rooms. Not here: what `clippy.toml` bans, with types at hand.

use super::Problem;
use super::floors::PURE_FLOOR_MAX;
use crate::rust_source::{RustSource, Token};
use crate::workspace::Workspace;

const RULE: &str = "banned";

/// Paths that pure rooms may not name, nor anything below them.
const IMPURE_PATHS: &[(&str, &str)] = &[
    ("getrandom", "take the bytes as an argument"),
    ("rand", "take the bytes as an argument"),
    ("ring::rand", "take the bytes as an argument"),
    ("std::env", "take the value as an argument"),
    ("std::fs", "take the bytes or a `Read` as an argument"),
    ("std::io::stderr", "return the text"),
    ("std::io::stdin", "take a `Read` as an argument"),
    ("std::io::stdout", "return the text"),
    ("std::net::TcpListener", "sockets live in `net`"),
    ("std::net::TcpStream", "sockets live in `net`"),
    ("std::net::ToSocketAddrs", "names are resolved in `net`"),
    ("std::net::UdpSocket", "sockets live in `net`"),
    ("std::os", "pure rooms know no operating system"),
    ("std::process", "pure rooms start and end nothing"),
    ("std::thread", "the caller owns the threads"),
    ("std::time::Instant::now", "take the time as an argument"),
    ("std::time::SystemTime::now", "take the time as an argument"),
    ("tokio", "pure rooms are not async"),
];
/// Methods that read a clock, whatever they are called on.
const IMPURE_METHODS: &[(&str, &str)] = &[("elapsed", "take the time as an argument")];
/// Words of the language that pure rooms do without.
const IMPURE_WORDS: &[(&str, &str)] = &[
    ("async", "the caller awaits; a pure room takes bytes and returns values"),
    ("await", "the caller awaits; a pure room takes bytes and returns values"),
];
/// Names that may be written nowhere, whatever they are imported as.
const BANNED_NAMES: &[(&str, &str)] = &[
    ("unbounded_channel", "every queue has a limit: use `mpsc::channel(queue_items_max)`"),
    ("UnboundedSender", "every queue has a limit: use `mpsc::Sender`"),
    ("UnboundedReceiver", "every queue has a limit: use `mpsc::Receiver`"),
];
/// The rooms that may start other programs: the binary re-executes itself, the jail runs tools, and
/// the rooms for developers run builds and servers.
const COMMAND_ROOMS: &[&str] = &["bartizan", "bench", "sandbox", "testkit", "xtask"];

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in &workspace.sources {
        let room = workspace.room_of(&source.path);
        let floor = room.and_then(crate::workspace::Room::floor);
        problems.extend(banned_names(source));
        if floor.is_some_and(|floor| floor <= PURE_FLOOR_MAX) && source.path.contains("/src/") {
            problems.extend(impure(source));
        }
        if room.is_some_and(|room| !COMMAND_ROOMS.contains(&room.name.as_str())) {
            problems.extend(commands(source));
        }
    }
    problems
}

fn banned_names(source: &RustSource) -> Vec<Problem> {
    let named = source.tokens.iter().filter_map(|token| {
        let (_, instead) = BANNED_NAMES.iter().find(|(name, _)| *name == token.text)?;
        Some(problem(source, token.at, &token.text, instead))
    });
    named.collect()
}

fn impure(source: &RustSource) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, at) in paths(source) {
        if source.is_test(at) {
            continue;
        }
        let banned = IMPURE_PATHS.iter().find(|(banned, _)| is_below(&path, banned));
        problems.extend(banned.map(|(_, instead)| problem(source, at, &path, instead)));
    }
    for (index, token) in source.tokens.iter().enumerate() {
        if source.is_test(token.at) {
            continue;
        }
        let before = index.checked_sub(1).and_then(|before| source.tokens.get(before));
        let is_method = before.is_some_and(|before| before.text == ".");
        let list = if is_method && token.text != "await" { IMPURE_METHODS } else { IMPURE_WORDS };
        let banned = list.iter().find(|(name, _)| *name == token.text);
        problems.extend(banned.map(|(name, instead)| problem(source, token.at, name, instead)));
    }
    problems
}

fn commands(source: &RustSource) -> Vec<Problem> {
    let found = paths(source).into_iter().filter(|(path, at)| {
        !source.is_test(*at)
            && (is_below(path, "std::process::Command") || is_below(path, "tokio::process"))
    });
    let instead = "only the binary, the jail and the rooms for developers start programs";
    found.map(|(path, at)| problem(source, at, &path, instead)).collect()
}

fn problem(source: &RustSource, at: usize, what: &str, instead: &str) -> Problem {
    Problem::new(RULE, source.place(at), format!("`{what}` is banned here; {instead}"))
}

fn is_below(path: &str, banned: &str) -> bool {
    path.strip_prefix(banned).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path in the file, with names that were imported spelt out, and where it starts.
fn paths(source: &RustSource) -> Vec<(String, usize)> {
    let mut found: Vec<_> =
        source.imports.iter().map(|import| (normal(&import.path), import.at)).collect();
    let mut tokens = source.tokens.iter().peekable();
    let mut before: Option<&Token> = None;
    while let Some(token) = tokens.next() {
        // What follows `.` is a field or a method, and imports are read already.
        let starts = is_name(&token.text)
            && before.is_none_or(|before| before.text != "." && before.text != "use");
        before = Some(token);
        if !starts {
            continue;
        }
        let mut parts = vec![token.text.as_str()];
        while tokens.next_if(|next| next.text == ":").is_some() {
            // A single colon is a type's, two are a path's.
            if tokens.next_if(|next| next.text == ":").is_none() {
                break;
            }
            let Some(part) = tokens.next_if(|next| is_name(&next.text)) else { break };
            before = Some(part);
            parts.push(&part.text);
        }
        found.push((spelt_out(source, &parts), token.at));
    }
    found
}

fn spelt_out(source: &RustSource, parts: &[&str]) -> String {
    let written = parts.join("::");
    let Some((first, rest)) = parts.split_first() else { return written };
    let import = source.imports.iter().find(|import| import.name == *first);
    // A lone name is reported at its import, or is a variable or an item of this file.
    if rest.is_empty() {
        return String::new();
    }
    let path = match import {
        Some(import) => format!("{}::{}", import.path, rest.join("::")),
        None => written,
    };
    normal(&path)
}

/// `core` and `alloc` are read as `std`.
fn normal(path: &str) -> String {
    let path = path.strip_prefix("r#").unwrap_or(path);
    match path.split_once("::") {
        Some(("core" | "alloc", rest)) => format!("std::{rest}"),
        _ => path.to_owned(),
    }
}

fn is_name(text: &str) -> bool {
    text.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
}

#[cfg(test)]
mod tests {
    use super::{banned_names, commands, impure};
    use crate::rust_source::RustSource;

    fn parse(text: &str) -> RustSource {
        RustSource::parse("crates/x/src/lib.rs", text).expect("the fixture parses")
    }

    fn check(text: &str, expected: &[&str]) {
        let source = parse(text);
        let found: Vec<_> = impure(&source).into_iter().map(|p| p.message).collect();
        assert_eq!(found.len(), expected.len(), "{text}\n{found:#?}");
        for (message, expected) in found.iter().zip(expected) {
            assert!(message.starts_with(&format!("`{expected}`")), "{message} is not {expected}");
        }
    }

    #[test]
    fn pure_code_passes() {
        check(
            "use std::net::IpAddr;\nuse std::time::Duration;\nfn f(a: IpAddr) -> std::io::Result<()> { Ok(()) }",
            &[],
        );
        check("const A: &str = \"std::fs::read\"; // std::fs::read", &[]);
        check("fn f(fs: u8) { let env = fs; g(env); }", &[]);
        check("const V: &str = env!(\"CARGO_PKG_VERSION\");", &[]);
    }

    #[test]
    fn impure_code_is_named_however_it_is_imported() {
        check("fn f() { std::fs::read(\"x\"); }", &["std::fs::read"]);
        check("use std::{fs, fmt};\nfn f() { fs::read(\"x\"); }", &["std::fs", "std::fs::read"]);
        check("use std::time::Instant as I;\nfn f() { I::now(); }", &["std::time::Instant::now"]);
        check(
            "use std::time;\nfn f() { vec![time::SystemTime::now()]; }",
            &["std::time::SystemTime::now"],
        );
        check("fn f(a: I) { a.elapsed(); }", &["elapsed"]);
        check("async fn f() {}", &["async"]);
        check("fn f(a: F) { a.await }", &["await"]);
        check("use tokio::io::AsyncRead;", &["tokio::io::AsyncRead"]);
    }

    #[test]
    fn tests_may_read_files() {
        check("#[cfg(test)] mod tests { use std::fs; fn f() { fs::read(\"x\"); } }", &[]);
    }

    #[test]
    fn queues_without_limit_and_stray_commands_are_found() {
        let source = parse(
            "use tokio::sync::mpsc as q;\nfn f() { q::unbounded_channel(); std::process::Command::new(\"a\"); }",
        );
        assert_eq!(banned_names(&source).len(), 1);
        assert_eq!(commands(&source).len(), 1);
    }
}
