//! The state machine that a content map is compiled to: one state per place, one look-up per key.
//!
//! INVARIANT: a look-up costs one probe and one comparison whatever the size of the table, so reading
//! is linear in the bytes. INVARIANT: every place has a state; what no row names is [`UNKNOWN`].

use std::borrow::Cow;

use crate::document::EchoOf;
use crate::json_text::key_hash;
use crate::route::Direction;
use crate::table::{Fact, MessageTable, Origin, Row, Rule, Scope, Segment, segments};

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u16);

/// Anything below a place that no row names: read as free guarded text, and reported.
pub(crate) const UNKNOWN: NodeId = NodeId(0);
/// Anything below a value that is taken whole: not looked at.
pub(crate) const SKIPPED: NodeId = NodeId(1);
/// The message.
pub(crate) const ROOT: NodeId = NodeId(2);

/// What may stand at a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) text: Option<&'static Row>,
    pub(crate) number: Option<&'static Row>,
    pub(crate) flag: Option<&'static Row>,
    pub(crate) whole: Option<&'static Row>,
    pub(crate) presence: Option<&'static Row>,
    /// What stands here repeats this, and is looked into.
    pub(crate) repeats: Option<EchoOf>,
    /// The row that says what keys without a state of their own are.
    pub(crate) keys: Option<&'static Row>,
    pub(crate) scope: Option<Scope>,
    /// An object with named keys may stand here.
    named: bool,
    any_key: Option<NodeId>,
    element: Option<NodeId>,
}

/// A place where nothing may stand.
static NOWHERE: Node = Node {
    text: None,
    number: None,
    flag: None,
    whole: None,
    presence: None,
    repeats: None,
    keys: None,
    scope: None,
    named: false,
    any_key: None,
    element: None,
};

impl Node {
    /// Whether an object (or else an array) may stand here.
    pub(crate) const fn opens(&self, object: bool) -> bool {
        if object { self.named || self.any_key.is_some() } else { self.element.is_some() }
    }

    /// The state of the elements of an array that stands here.
    pub(crate) const fn element(&self) -> NodeId {
        match self.element {
            Some(node) => node,
            None => UNKNOWN,
        }
    }

    /// The state of an object that stands here instead of an array of one.
    pub(crate) const fn only_element(&self) -> Option<NodeId> {
        match self.element {
            Some(node) if !self.opens(true) => Some(node),
            _ => None,
        }
    }

    /// A row whose form a value of another type violates.
    pub(crate) fn constraint(&self) -> Option<&'static Row> {
        [self.text, self.number, self.flag, self.whole].into_iter().flatten().find(|row| {
            matches!(
                row.rule,
                Rule::Constrained(_)
                    | Rule::OpaqueForm(..)
                    | Rule::Media(_)
                    | Rule::File(_)
                    | Rule::Attachment(_)
                    | Rule::Message(_)
            )
        })
    }
}

#[derive(Clone, Debug)]
struct Edge {
    from: NodeId,
    hash: u64,
    key: Cow<'static, str>,
    to: NodeId,
}

/// A compiled content map.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) table: &'static MessageTable,
    /// Whether an object is taken for an array of one, as the dialect's servers do with requests.
    pub(crate) is_one_many: bool,
    nodes: Vec<Node>,
    edges: Vec<Option<Edge>>,
}

/// What stands under [`UNKNOWN`] in a request.
static UNKNOWN_ASKED: Row = Row::guarded("**", Origin::Participant).free().fact(Fact::Unnamed);
/// What stands under [`UNKNOWN`] in an answer.
static UNKNOWN_SAID: Row = Row::said("**");
/// The row that text of an answer is read by where its own row does not admit it.
pub(crate) static MISFIT_SAID: Row = Row::said("**");

/// The row that text is read by where no other row is.
pub(crate) const fn unknown_row(direction: Direction) -> &'static Row {
    match direction {
        Direction::Request | Direction::RequestLine => &UNKNOWN_ASKED,
        Direction::Response | Direction::ResponseLine | Direction::Stream => &UNKNOWN_SAID,
    }
}

/// Whether no row is there for a text of an answer that is read by this one.
pub(crate) fn is_unknown(row: &'static Row) -> bool {
    std::ptr::eq(row, &raw const UNKNOWN_SAID)
}

impl Machine {
    /// Compiles a table. Every table is compiled in the tests, which compare the result with its rows.
    pub(crate) fn compile(table: &'static MessageTable) -> Self {
        let unknown = unknown_row(table.direction);
        let is_protobuf = table.operation.dialect().is_protobuf();
        let mut builder = Builder { nodes: Vec::new(), edges: Vec::new(), is_protobuf };
        // In the order of their constants.
        builder.deep(unknown);
        builder.nodes.push(Node { any_key: Some(SKIPPED), element: Some(SKIPPED), ..NOWHERE });
        builder.nodes.push(Node { named: true, ..NOWHERE });
        for row in table.rows() {
            let (node, deep) = builder.walk(row.path, row);
            builder.put(node, row, deep);
        }
        for (path, scope) in table.scopes {
            let (node, _) = builder.walk(path, unknown);
            if let Some(node) = builder.node(node) {
                node.scope = Some(*scope);
            }
        }
        let is_one_many = is_protobuf && table.direction == Direction::Request;
        Self { table, is_one_many, edges: hashed(builder.edges), nodes: builder.nodes }
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(usize::from(id.0)).unwrap_or(&NOWHERE)
    }

    /// The state under `key`, whose hash is `hash`, of an object at `from`. The flag says whether the
    /// key is named in the table and not free-form.
    #[inline]
    pub(crate) fn under(&self, from: NodeId, hash: u64, key: &str) -> Option<(NodeId, bool)> {
        let mask = self.edges.len() - 1;
        let mut slot = place(from, hash) & mask;
        while let Some(Some(edge)) = self.edges.get(slot) {
            if edge.hash == hash && edge.from == from && edge.key == key {
                return Some((edge.to, true));
            }
            slot = (slot + 1) & mask;
        }
        self.nodes.get(usize::from(from.0))?.any_key.map(|node| (node, false))
    }

    /// Whether `key` is a named key of an object at `from` but for its case. Servers written in Go read
    /// `Messages` as `messages`, with the Kelvin sign and the long s as letters.
    pub(crate) fn folds_to_named(&self, from: NodeId, key: &str) -> bool {
        if key.len() > FOLDED_KEY_BYTES_MAX {
            return false;
        }
        let folded: String = key
            .chars()
            .map(|character| match character {
                '\u{212a}' => 'k',
                '\u{17f}' => 's',
                other => other.to_ascii_lowercase(),
            })
            .collect();
        matches!(self.under(from, key_hash(&folded), &folded), Some((_, true)))
    }
}

/// Keys of at most this many bytes are compared without regard to case; the named ones are shorter.
const FOLDED_KEY_BYTES_MAX: usize = 64;

fn place(from: NodeId, hash: u64) -> usize {
    let mixed = (hash ^ u64::from(from.0).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed >> 32) as usize
}

/// Open addressing with at least half of the places free, so that a probe ends.
fn hashed(edges: Vec<Edge>) -> Vec<Option<Edge>> {
    let size = (edges.len() * 2 + 1).next_power_of_two();
    let mut places = vec![None; size];
    for edge in edges {
        let mut slot = place(edge.from, edge.hash) & (size - 1);
        while let Some(taken) = places.get_mut(slot) {
            if taken.is_none() {
                *taken = Some(edge);
                break;
            }
            slot = (slot + 1) & (size - 1);
        }
    }
    places
}

/// `systemInstruction` as its protocol buffer has it: `system_instruction`.
pub(crate) fn with_underscores(key: &str) -> String {
    let mut name = String::with_capacity(key.len() + 4);
    for character in key.chars() {
        if character.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

struct Builder {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// Whether every key may be written as in the table, and with underscores.
    is_protobuf: bool,
}

impl Builder {
    fn node(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(usize::from(id.0))
    }

    fn add(&mut self) -> NodeId {
        self.nodes.push(NOWHERE);
        NodeId((self.nodes.len() - 1) as u16)
    }

    /// A state below which everything is `row`'s.
    fn deep(&mut self, row: &'static Row) -> NodeId {
        let id = self.add();
        self.put(id, row, false);
        if let Some(node) = self.node(id) {
            (node.any_key, node.element, node.keys) = (Some(id), Some(id), Some(row));
        }
        id
    }

    /// The state at `path`, and whether the path ends in `.**`.
    fn walk(&mut self, path: &'static str, row: &'static Row) -> (NodeId, bool) {
        let mut at = ROOT;
        if path.is_empty() {
            return (at, false);
        }
        for segment in segments(path) {
            at = match segment {
                Segment::Below => return (at, true),
                Segment::Key(key) => self.step(at, key),
                Segment::AnyKey => self.any_key(at, row),
                Segment::Element => self.element(at),
            };
        }
        (at, false)
    }

    fn step(&mut self, from: NodeId, key: &'static str) -> NodeId {
        if let Some(edge) = self.edges.iter().find(|edge| edge.from == from && edge.key == key) {
            return edge.to;
        }
        let to = self.add();
        self.edges.push(Edge { from, hash: key_hash(key), key: key.into(), to });
        if self.is_protobuf && key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let key = with_underscores(key);
            self.edges.push(Edge { from, hash: key_hash(&key), key: key.into(), to });
        }
        if let Some(node) = self.node(from) {
            node.named = true;
        }
        to
    }

    fn any_key(&mut self, from: NodeId, row: &'static Row) -> NodeId {
        if let Some(node) = self.node(from).and_then(|node| node.any_key) {
            return node;
        }
        let to = self.add();
        if let Some(node) = self.node(from) {
            (node.any_key, node.keys) = (Some(to), Some(row));
        }
        to
    }

    fn element(&mut self, from: NodeId) -> NodeId {
        if let Some(node) = self.node(from).and_then(|node| node.element) {
            return node;
        }
        let to = self.add();
        if let Some(node) = self.node(from) {
            node.element = Some(to);
        }
        to
    }

    fn put(&mut self, at: NodeId, row: &'static Row, deep: bool) {
        let below = deep.then(|| self.deep(row));
        let Some(node) = self.node(at) else { return };
        let takes = row.takes();
        for (slot, taken) in [
            (&mut node.text, takes.text),
            (&mut node.number, takes.number),
            (&mut node.flag, takes.flag),
            (&mut node.whole, takes.whole),
            (&mut node.presence, matches!(row.rule, Rule::Presence(_))),
        ] {
            if taken && slot.is_none() {
                *slot = Some(row);
            }
        }
        if let Rule::Repeats(of) = row.rule {
            node.repeats = Some(of);
        }
        if let Some(below) = below {
            node.any_key.get_or_insert(below);
            node.element.get_or_insert(below);
            node.keys.get_or_insert(row);
        }
    }
}
