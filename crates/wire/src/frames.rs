//! The open objects and arrays of a message, and the path of what is read in the innermost one.

use crate::document::EchoOf;
use crate::json::Text;
use crate::machine::NodeId;
use crate::path::{PathId, Paths, Step};

/// A value that is taken whole, or of which the length matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It repeats guarded text.
    Echo(EchoOf),
    /// It is a message that another map reads.
    Message,
    /// It is an answer with what is said of it, and is looked into.
    Answer,
    /// It is what a model has written.
    Written,
}

/// An open object or array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Its state.
    pub(crate) node: NodeId,
    /// The state of the member that is read now.
    pub(crate) child: NodeId,
    pub(crate) object: bool,
    /// Leaving it leaves a scope.
    pub(crate) scoped: bool,
    /// In an object, the key of the member that is read now.
    pub(crate) key: Text,
    /// In an array, the position of the member that is read now.
    pub(crate) index: u32,
    /// What the member that is read now is called, if not by its key.
    name: Option<&'static str>,
    /// Its own path, once anything below it was asked for its path.
    path: Option<PathId>,
    /// Where it starts and what it is, if it is taken whole and its place matters.
    pub(crate) taken: Option<(usize, Taken)>,
    /// What an array was last listed as unread for, so that it is listed once and not per element.
    pub(crate) unscanned: Option<&'static str>,
}

impl Frame {
    pub(crate) fn new(node: NodeId, child: NodeId, object: bool) -> Self {
        Self {
            node,
            child,
            object,
            scoped: false,
            key: Text::default(),
            index: u32::MAX,
            name: None,
            path: None,
            taken: None,
            unscanned: None,
        }
    }

    /// With its own path known beforehand.
    pub(crate) const fn at(mut self, path: PathId) -> Self {
        self.path = Some(path);
        self
    }

    /// With a name for the member that is read now.
    pub(crate) const fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// The step from here to the member that is read now.
    const fn step(&self) -> Step {
        if let Some(name) = self.name {
            Step::Name(name)
        } else if self.object {
            let key = self.key;
            Step::Key { start: key.start as u32, end: key.end as u32, hash: key.hash }
        } else {
            Step::Index(self.index)
        }
    }
}

/// The path of the member that is read now in the innermost of `frames`.
pub(crate) fn path_of_member(frames: &mut [Frame], paths: &mut Paths) -> PathId {
    let known = frames.iter().rposition(|frame| frame.path.is_some());
    let mut path = PathId::ROOT;
    for frame in frames.iter_mut().skip(known.unwrap_or(0)) {
        let own = *frame.path.get_or_insert(path);
        path = paths.push(own, frame.step());
    }
    path
}
