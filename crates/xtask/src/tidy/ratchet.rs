//! Lists of exceptions that may only shrink.
//!
//! INVARIANT: an entry is exactly as large as what it excuses; one that is larger, no longer needed, new, or raised
//! since the commit before fails, so the lists only get shorter. `cargo xtask tidy --shrink` lowers and
//! removes entries and never adds or raises one. Not here: what is measured (`lengths`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::command::output_of;
use crate::workspace::{WorkspaceError, read_text};

/// Where the lists are kept.
pub(super) const RATCHET_PATH: &str = "crates/xtask/ratchet.toml";
const HINT: &str = "run `cargo xtask tidy --shrink`";
const HEADER: &str = "\
# What is longer than the rules allow, and how long it is. Entries may only get smaller and go away:
# `cargo xtask tidy --shrink` does both. Shorten what you add instead of listing it; tidy compares
# this file with the commit before and refuses an entry that is new or larger.
";

/// The lists: what is excused, and its size.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lists {
    /// `path::Type::function`, and its lines.
    pub(super) functions: BTreeMap<String, usize>,
    /// `path`, and its lines without tests.
    pub(super) files: BTreeMap<String, usize>,
}

impl Lists {
    /// Reads the lists of the checkout at `root`; no file means empty lists.
    pub(super) fn read(root: &Path) -> Result<Self, WorkspaceError> {
        let path = root.join(RATCHET_PATH);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = read_text(&path)
            .map_err(|error| WorkspaceError(format!("could not read the lists: {error}")))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, WorkspaceError> {
        let table = text
            .parse::<toml::Table>()
            .map_err(|error| WorkspaceError(format!("not a list of exceptions: {error}")))?;
        let list = |name: &str| {
            let entries = table.get(name).and_then(toml::Value::as_table).into_iter().flatten();
            let sized = entries.map(|(key, value)| {
                let size = value.as_integer().and_then(|size| usize::try_from(size).ok());
                (key.clone(), size.unwrap_or(0))
            });
            sized.collect()
        };
        Ok(Self { functions: list("functions"), files: list("files") })
    }

    /// Writes the lists.
    pub(super) fn write(&self, root: &Path) -> Result<(), WorkspaceError> {
        let mut text = HEADER.to_owned();
        for (name, list) in [("functions", &self.functions), ("files", &self.files)] {
            let _ = write!(text, "\n[{name}]\n");
            for (key, size) in list {
                let _ = writeln!(text, "\"{key}\" = {size}");
            }
        }
        std::fs::write(root.join(RATCHET_PATH), text)
            .map_err(|error| WorkspaceError(format!("could not write the lists: {error}")))
    }

    /// How many entries are not the same in `other`.
    pub(super) fn difference(&self, other: &Self) -> usize {
        let changed = |ours: &BTreeMap<String, usize>, theirs: &BTreeMap<String, usize>| {
            ours.iter().filter(|(key, size)| theirs.get(*key) != Some(size)).count()
        };
        changed(&self.functions, &other.functions) + changed(&self.files, &other.files)
    }
}

/// Compares what was measured with a list; gives the places and messages of what does not fit.
pub(super) fn compare(
    what: &str,
    measured: &BTreeMap<String, usize>,
    size_max: usize,
    list: &BTreeMap<String, usize>,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, &size) in measured {
        let message = match list.get(name) {
            None if size > size_max => {
                format!("a {what} of {size} lines; the limit is {size_max}: shorten it")
            }
            Some(&listed) if size > listed => {
                format!("a {what} of {size} lines was {listed}; what is too long may only shrink")
            }
            Some(_) if size <= size_max => format!("no longer needs its exception; {HINT}"),
            Some(&listed) if size < listed => {
                format!("has {size} lines and an exception for {listed}; {HINT}")
            }
            _ => continue,
        };
        found.push((name.clone(), message));
    }
    for name in list.keys().filter(|name| !measured.contains_key(*name)) {
        found.push((name.clone(), format!("has an exception and does not exist; {HINT}")));
    }
    found
}

/// A list brought down to what is needed.
pub(super) fn shrunk(
    measured: &BTreeMap<String, usize>,
    size_max: usize,
    list: &BTreeMap<String, usize>,
) -> BTreeMap<String, usize> {
    let kept = list.iter().filter_map(|(name, &listed)| {
        let size = *measured.get(name)?;
        (size > size_max).then(|| (name.clone(), size.min(listed)))
    });
    kept.collect()
}

/// What is new or larger than in the version before this one, if the history is at hand.
pub(super) fn grown(root: &Path, lists: &Lists) -> Vec<String> {
    let Some(before) = version_before(root, lists) else { return Vec::new() };
    let mut found = Vec::new();
    for (now, before) in [(&lists.functions, &before.functions), (&lists.files, &before.files)] {
        for (name, size) in now {
            match before.get(name) {
                None => found.push(format!("`{name}` was added; shorten it instead")),
                Some(old) if size > old => found.push(format!("`{name}` was raised from {old}")),
                Some(_) => {}
            }
        }
    }
    found
}

/// The last committed version that is not this one. The commit that laid the lists down has none.
fn version_before(root: &Path, lists: &Lists) -> Option<Lists> {
    let log = ["log", "-2", "--format=%H", "--", RATCHET_PATH];
    let commits = output_of(root, "git", &log)?;
    let versions = commits.lines().filter_map(|commit| {
        let text = output_of(root, "git", &["show", &format!("{commit}:{RATCHET_PATH}")])?;
        Lists::parse(&text).ok()
    });
    versions.into_iter().find(|version| version != lists)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Lists, compare, shrunk};

    fn map(entries: &[(&str, usize)]) -> BTreeMap<String, usize> {
        entries.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect()
    }

    #[test]
    fn an_exact_entry_is_the_only_one_that_passes() {
        let check = |size, listed: &[(&str, usize)]| {
            compare("file", &map(&[("a", size)]), 10, &map(listed)).len()
        };
        assert_eq!(check(10, &[]), 0, "at the limit");
        assert_eq!(check(11, &[]), 1, "over the limit");
        assert_eq!(check(12, &[("a", 12)]), 0, "excused");
        assert_eq!(check(13, &[("a", 12)]), 1, "grown");
        assert_eq!(check(11, &[("a", 12)]), 1, "the entry is too large");
        assert_eq!(check(10, &[("a", 12)]), 1, "the entry is not needed");
        assert_eq!(check(10, &[("b", 12)]), 1, "the entry excuses nothing");
    }

    #[test]
    fn shrinking_never_adds_or_raises() {
        let measured = map(&[("a", 11), ("b", 20), ("c", 5), ("d", 30)]);
        let list = map(&[("a", 15), ("b", 18), ("c", 12), ("gone", 40)]);
        assert_eq!(shrunk(&measured, 10, &list), map(&[("a", 11), ("b", 18)]));
    }

    #[test]
    fn the_lists_read_back() {
        let lists = Lists::parse("[functions]\n\"a::b\" = 80\n[files]\n\"c.rs\" = 600\n");
        let lists = lists.expect("the fixture parses");
        assert_eq!(lists.functions, map(&[("a::b", 80)]));
        assert_eq!(lists.files, map(&[("c.rs", 600)]));
        assert_eq!(lists.difference(&Lists::default()), 2);
    }
}
