//! Events of the record in the formats that SIEMs take, one line for each.
//!
//! ```text
//! Event ─▶ facts (`walk`) ─┬─▶ ECS, OpenTelemetry, CEF, LEEF   by the table of fields (`field`)
//!                          └─▶ OCSF                            by class (`ocsf`)
//! ```
//!
//! Every event is taken apart into facts once; what a format calls each is a row of one table, which is also the reference
//! page. OCSF has classes with their own shape, so it has code.
//!
//! INVARIANT: no files, sockets, clocks or randomness: records come in, lines go out. INVARIANT: no content of any interaction
//! is exported: no event has any, and nothing here reads the content that is kept. INVARIANT: every record that is selected
//! becomes at least one line, whatever is in it, and a line is never half.
//!
//! Not here: reading the record (`journal`), choosing a format (the command line), sending it anywhere (`connect`).

mod campaign;
mod cef;
mod ecs;
mod entry;
mod fact;
mod field;
mod format;
mod leef;
mod message;
mod object;
mod ocsf;
mod otel;
mod plain;
mod redact;
mod reference;
mod select;
mod severity;
pub mod testing;
mod walk;

pub use entry::{Entry, INTERACTIONS_REMEMBERED_MAX};
pub use fact::{Facts, TEXT_BYTES_MAX, Value, calendar};
pub use field::Field;
pub use format::{Exporter, Format};
pub use plain::{LINE_BYTES_MAX, VALUE_BYTES_MAX};
pub use redact::{KeyedHash, Redact, RedactError, Redaction};
pub use reference::reference_markdown;
pub use select::{Condition, ConditionError, Selection};
pub use severity::severity_of;
pub use walk::{FactReader, class};
