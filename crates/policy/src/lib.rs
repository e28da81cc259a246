//! Facts to decisions: Cedar schema, authorisation, consequences, and the [`Cleared`] token.
//!
//! Two sets of Cedar policies are evaluated apart. *Authorisation* says whether this principal may
//! do this at all (default deny, `permit` and `forbid`). *Consequences* say what follows from the
//! facts: a `forbid` with an `@action`. INVARIANT: a consequence only tightens; no consequence,
//! shadow rule or exception lets through what authorisation refused. INVARIANT: an error while
//! evaluating any rule refuses the message (`policy_error`). INVARIANT: the same facts give the same
//! judgement; there are no files, clocks or sockets here, and what is remembered between calls never
//! changes an answer.
//!
//! Not here: finding things (`detect`), masking them (`gateway`), recording decisions (`journal`).

mod card;
mod engine;
mod error;
mod facts;
mod grants;
mod judgement;
mod options;
mod vocabulary;

pub use card::{Coverage, RuleCard, RuleSet, Severity};
pub use engine::Engine;
pub use error::{Place, PolicyError};
pub use facts::{Facts, Resource, Stage, Verb};
pub use grants::{AddressRange, Grants, Hours, ParseAddressRangeError};
pub use judgement::{Cleared, Judgement};
pub use options::{ExceptionOptions, ExceptionScope, PolicyOptions, PolicySource, Preset};
pub use vocabulary::{FAMILIES, OTHER_FAMILY};
