//! The content maps of all dialects, and the machines they are compiled to.
//!
//! INVARIANT: a dialect is a list of tables of its own; nothing else in this crate names one of its fields.

use std::sync::LazyLock;

use crate::anthropic;
use crate::bedrock;
use crate::gemini;
use crate::machine::Machine;
use crate::ollama;
use crate::openai;
use crate::route::{Direction, Operation};
use crate::table::MessageTable;

/// The tables of each dialect.
static DIALECTS: [&[&MessageTable]; 5] =
    [openai::TABLES, anthropic::TABLES, bedrock::TABLES, gemini::TABLES, ollama::TABLES];

static MACHINES: LazyLock<Vec<Machine>> =
    LazyLock::new(|| tables().map(Machine::compile).collect());

/// Every message of every dialect.
pub(crate) fn tables() -> impl Iterator<Item = &'static MessageTable> {
    DIALECTS.iter().flat_map(|tables| tables.iter().copied())
}

/// The compiled map of a message; `None` if the operation has no such message.
pub(crate) fn machine(operation: Operation, direction: Direction) -> Option<&'static Machine> {
    MACHINES.iter().find(|machine| {
        machine.table.operation == operation && machine.table.direction == direction
    })
}
