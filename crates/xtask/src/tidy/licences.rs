//! Every package we build with may be given away under our licence.
//!
//! INVARIANT: the licence expression of every package that this platform's build resolves is satisfied by
//! [`ALLOWED`] alone. The same list is in `deny.toml`, for all platforms, for those who have cargo-deny.
//! Not here: Python and npm packages, which only tests use and nothing ships.

use std::path::Path;

use super::Problem;
use crate::command::{host_triple, output_of};
use crate::workspace::read_text;

const RULE: &str = "licence";
/// Where cargo-deny reads the same list.
const DENY_PATH: &str = "deny.toml";

/// SPDX identifiers that may be combined with Apache-2.0 in one binary without further duties than notice.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Problems, and a note when the packages could not be listed.
pub(super) fn check(root: &Path) -> (Vec<Problem>, Option<String>) {
    let host = host_triple(root);
    let arguments = ["metadata", "--format-version=1", "--locked", "--filter-platform", &host];
    let listed = output_of(root, "cargo", &arguments)
        .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let Some(listed) = listed else {
        let message = "`cargo metadata --locked` failed; is Cargo.lock up to date?";
        return (vec![Problem::new(RULE, "Cargo.lock", message)], None);
    };
    let packages = listed.get("packages").and_then(serde_json::Value::as_array);
    let packages = packages.map(Vec::as_slice).unwrap_or_default();
    let mut problems: Vec<_> = packages.iter().filter_map(problem_in).collect();
    problems.extend(other_list(root));
    (problems, Some(format!("licences of {} packages read", packages.len())))
}

/// A problem if `deny.toml` allows something else than [`ALLOWED`].
fn other_list(root: &Path) -> Option<Problem> {
    let text = read_text(&root.join(DENY_PATH)).unwrap_or_default();
    let table = text.parse::<toml::Table>().unwrap_or_default();
    let allowed = table.get("licenses").and_then(|licences| licences.get("allow"));
    let allowed = allowed.and_then(toml::Value::as_array).into_iter().flatten();
    let mut allowed: Vec<&str> = allowed.filter_map(toml::Value::as_str).collect();
    allowed.sort_unstable();
    let message = "`[licenses] allow` is not the list in crates/xtask/src/tidy/licences.rs";
    (allowed != ALLOWED).then(|| Problem::new(RULE, DENY_PATH, message))
}

fn problem_in(package: &serde_json::Value) -> Option<Problem> {
    let text = |key: &str| package.get(key).and_then(serde_json::Value::as_str);
    let name = format!("{} {}", text("name")?, text("version")?);
    let message = match text("license") {
        None => "states no licence expression".to_owned(),
        Some(expression) if is_allowed(expression) => return None,
        Some(expression) => format!("`{expression}` is not within the allowed licences"),
    };
    Some(Problem::new(RULE, name, message))
}

/// Whether some choice the expression offers uses allowed licences only.
fn is_allowed(expression: &str) -> bool {
    // The old form `MIT/Apache-2.0` means `OR`.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Expression { words: &words };
    reader.either().unwrap_or(false) && reader.words.is_empty()
}

/// Reads an SPDX expression: `AND` binds closer than `OR`, `WITH` closer than both.
struct Expression<'words> {
    words: &'words [&'words str],
}

impl Expression<'_> {
    fn take(&mut self, word: &str) -> bool {
        let rest = self.words.split_first().filter(|(first, _)| **first == word);
        rest.is_some_and(|(_, rest)| {
            self.words = rest;
            true
        })
    }

    fn either(&mut self) -> Option<bool> {
        let mut allowed = self.both()?;
        while self.take("OR") {
            allowed |= self.both()?;
        }
        Some(allowed)
    }

    fn both(&mut self) -> Option<bool> {
        let mut allowed = self.one()?;
        while self.take("AND") {
            allowed &= self.one()?;
        }
        Some(allowed)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let allowed = self.either()?;
            return self.take(")").then_some(allowed);
        }
        let (name, rest) = self.words.split_first()?;
        self.words = rest;
        if !self.take("WITH") {
            return Some(ALLOWED.contains(name));
        }
        let (exception, rest) = self.words.split_first()?;
        self.words = rest;
        Some(ALLOWED.contains(&format!("{name} WITH {exception}").as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 AND ISC",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR Apache-2.0) AND OpenSSL",
            "Apache-2.0 WITH Swift-exception",
            "",
            "MIT OR",
            "(MIT",
            "MIT MIT",
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }
}
