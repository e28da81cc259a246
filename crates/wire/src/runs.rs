//! Which texts of a message are read on from one to the next: the parts of a message, and messages of the same role.
//!
//! A caller, and a model, may cut what they say into as many pieces as they like; whoever reads it reads it as one. So guards have to.
//!
//! INVARIANT: the texts of a run have one provenance, are of one member, and stand in the order of the message. In a request nothing
//! that somebody else says stands between them; in an answer, other kinds of output may, since clients show these elsewhere.
//! INVARIANT: what is answered, or read, apart is in no run together: the requests of a batch, the choices of an answer.
//!
//! Not here: what reading them as one finds (`gateway`). No pieces: names, keys, definitions, arguments and results in JSON, which
//! are read with what stands between them.

use events::Provenance;

use crate::document::{Document, Embedded, Field};
use crate::lane::Channel;
use crate::table::{Origin, Row, Rule};

/// The last keys of the paths where messages hold what they say, in every dialect.
const PIECES: &[&str] = &[
    "content",
    "content[]",
    "input",
    "instructions",
    "output",
    "prompt",
    "refusal",
    "system",
    "text",
    "thinking",
];

/// What the texts of a run have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    /// The member that they are of, from 1.
    member: usize,
    part_of: u32,
    provenance: Provenance,
    is_reasoning: bool,
}

impl Row {
    /// Whether text here is a piece of what is read as one: its writer may as well have put what follows into the same piece.
    pub(crate) fn is_piece(&self) -> bool {
        let Rule::Guarded { origin, channel, embedded: Embedded::Plain, free: false } = self.rule
        else {
            return false;
        };
        if let Some(channel) = channel {
            return channel.is_read_on();
        }
        let last = self.path.rsplit('.').next().unwrap_or_default();
        let is_said =
            !matches!(origin, Origin::Is(Provenance::ToolDefinition | Provenance::ToolCall));
        is_said && PIECES.contains(&last)
    }
}

impl Document<'_> {
    /// The runs of two texts or more, by the index of their fields.
    pub fn runs(&self) -> Vec<Vec<usize>> {
        let mut runs: Vec<(Key, Vec<usize>)> = Vec::new();
        let mut member = 0;
        // Most messages have not even two pieces.
        if self.fields.iter().filter(|field| field.part_of.is_some()).nth(1).is_none() {
            return Vec::new();
        }
        for (index, field) in self.fields.iter().enumerate() {
            let Some(part_of) = field.part_of else { continue };
            while self.members.get(member).is_some_and(|one| one.fields.end <= index) {
                member += 1;
            }
            let is_of_member =
                self.members.get(member).is_some_and(|one| one.fields.contains(&index));
            let Some(is_reasoning) = is_reasoning(field) else { continue };
            let key = Key {
                member: if is_of_member { member + 1 } else { 0 },
                part_of,
                provenance: field.provenance,
                is_reasoning,
            };
            let is_answer = field.lane.is_some();
            let known = match runs.last() {
                Some((last, _)) if *last == key => runs.last_mut(),
                // Few, unless somebody means to cost time.
                _ if is_answer && runs.len() < OPEN_RUNS_MAX => {
                    runs.iter_mut().find(|(known, _)| *known == key)
                }
                _ => None,
            };
            match known {
                Some((_, run)) => run.push(index),
                None => runs.push((key, vec![index])),
            }
        }
        let runs = runs.into_iter().map(|(_, run)| run);
        runs.filter(|run| run.len() > 1).collect()
    }
}

/// Runs of one answer that are looked through for the one that a text belongs to. Choices are at most 128.
const OPEN_RUNS_MAX: usize = 512;

/// Whether a text is of the model's reasoning; nothing, if it is read by itself after all.
fn is_reasoning(field: &Field<'_>) -> Option<bool> {
    match field.lane.map(|lane| lane.channel) {
        None | Some(Channel::Other(_)) => Some(false),
        Some(channel) if channel.is_read_on() => Some(channel.is_reasoning()),
        Some(_) => None,
    }
}
