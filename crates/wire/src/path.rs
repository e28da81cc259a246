//! Paths of a message, kept as links to the parent and written out only when somebody asks.
//!
//! INVARIANT: a rendered path holds no free text: keys are shown only if they look like identifiers,
//! and a path is at most [`PATH_BYTES_MAX`] bytes. INVARIANT: a step costs the same whatever its depth,
//! so deep documents cost no more per byte than flat ones.

use crate::json_text::key_hash;

/// The longest rendered path; what is beyond is `…`.
pub(crate) const PATH_BYTES_MAX: usize = 256;
/// The most steps kept for one message. Beyond, a path ends at the place above; only a message made of
/// thousands of deep chains comes there, and what its text says is read all the same.
pub(crate) const STEPS_MAX: usize = 1 << 18;
/// The longest key shown in a path.
const SHOWN_KEY_BYTES_MAX: usize = 64;

/// A path in [`Paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PathId(u32);

impl PathId {
    /// The whole message.
    pub(crate) const ROOT: Self = Self(0);
}

/// One step down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the value of a key: its raw bytes in the message, and the hash of what they decode to.
    Key { start: u32, end: u32, hash: u64 },
    /// To an element.
    Index(u32),
    /// To what has a name of ours: a part of a form.
    Name(&'static str),
    /// To a line of a file, from 1.
    Line(u32),
}

#[derive(Clone, Copy, Debug)]
struct Link {
    parent: u32,
    step: Step,
    hash: u64,
}

/// All the paths that a document refers to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    links: Vec<Link>,
}

impl Paths {
    /// The path one step below `parent`.
    pub(crate) fn push(&mut self, parent: PathId, step: Step) -> PathId {
        if self.links.len() >= STEPS_MAX {
            return parent;
        }
        let above = self.hash(parent);
        let hash = match step {
            Step::Key { hash, .. } => {
                (above.rotate_left(5) ^ hash).wrapping_mul(0x0000_0100_0000_01b3)
            }
            Step::Index(_) | Step::Line(_) => above,
            Step::Name(name) => {
                (above.rotate_left(5) ^ key_hash(name)).wrapping_mul(0x0000_0100_0000_01b3)
            }
        };
        self.links.push(Link { parent: parent.0, step, hash });
        PathId(self.links.len() as u32)
    }

    /// A hash of the keys of a path, without its array positions.
    pub(crate) fn hash(&self, path: PathId) -> u64 {
        self.link(path).map_or(0xcbf2_9ce4_8422_2325, |link| link.hash)
    }

    /// Which element of its list a path ends at.
    pub(crate) fn element(&self, path: PathId) -> Option<u32> {
        match self.link(path)?.step {
            Step::Index(index) => Some(index),
            Step::Key { .. } | Step::Name(_) | Step::Line(_) => None,
        }
    }

    fn link(&self, path: PathId) -> Option<&Link> {
        (path.0 as usize).checked_sub(1).and_then(|index| self.links.get(index))
    }

    /// `messages[2].content`; the empty text for the root.
    pub(crate) fn render(&self, source: &str, path: PathId) -> String {
        let mut steps = Vec::new();
        let mut at = path;
        while let Some(link) = self.link(at) {
            steps.push(link.step);
            at = PathId(link.parent);
        }
        let mut text = String::new();
        for step in steps.into_iter().rev() {
            push_step(&mut text, source, step);
            if text.len() > PATH_BYTES_MAX {
                // Everything pushed is ASCII, so any byte is a boundary.
                text.truncate(PATH_BYTES_MAX - '…'.len_utf8());
                text.push('…');
                break;
            }
        }
        text
    }
}

fn push_step(text: &mut String, source: &str, step: Step) {
    match step {
        Step::Index(index) => {
            text.push('[');
            text.push_str(&index.to_string());
            text.push(']');
        }
        Step::Line(line) => {
            text.push_str("#line ");
            text.push_str(&line.to_string());
        }
        Step::Name(name) => {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(name);
        }
        Step::Key { start, end, .. } => {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(shown(source.get(start as usize..end as usize).unwrap_or_default()));
        }
    }
}

/// The key if it looks like an identifier (and so not like a name, a number or a sentence), else `*`.
fn shown(key: &str) -> &str {
    let mut digits = 0;
    let identifier = key.len() <= SHOWN_KEY_BYTES_MAX
        && key.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '$'))
        && key.bytes().all(|byte| {
            digits += usize::from(byte.is_ascii_digit());
            byte.is_ascii_alphanumeric() || b"_-$".contains(&byte)
        });
    // Six digits and more are a number that somebody may own.
    if identifier && digits < 6 { key } else { "*" }
}

#[cfg(test)]
mod tests {
    use super::{PATH_BYTES_MAX, PathId, Paths, STEPS_MAX, Step};

    fn rendered(keys: &[&str]) -> String {
        let (mut paths, mut source, mut path) = (Paths::default(), String::new(), PathId::ROOT);
        for key in keys {
            let start = source.len() as u32;
            source.push_str(key);
            path = paths.push(path, Step::Key { start, end: source.len() as u32, hash: 1 });
            path = paths.push(path, Step::Index(3));
        }
        paths.render(&source, path)
    }

    #[test]
    fn keys_and_positions_are_joined() {
        assert_eq!(rendered(&["messages", "content"]), "messages[3].content[3]");
        assert_eq!(rendered(&[]), "");
    }

    #[test]
    fn keys_that_could_be_content_are_not_shown() {
        for key in ["Anna Schmidt", "a@b.example", "123-45-6789", "k4111111111111111", "", "ä"] {
            assert_eq!(rendered(&[key]), "*[3]", "{key}");
        }
        assert_eq!(rendered(&["x-request_id2"]), "x-request_id2[3]");
    }

    #[test]
    fn steps_beyond_the_limit_end_at_the_place_above() {
        let (mut paths, mut path) = (Paths::default(), PathId::ROOT);
        for _ in 0..STEPS_MAX {
            path = paths.push(PathId::ROOT, Step::Index(0));
        }
        assert_eq!(paths.push(path, Step::Index(1)), path);
    }

    #[test]
    fn long_paths_are_cut() {
        let long = rendered(&["abcdefghijklmnopqrstuvwxyz"; 20]);
        assert!(long.len() <= PATH_BYTES_MAX && long.ends_with('…'), "{long}");
    }
}
