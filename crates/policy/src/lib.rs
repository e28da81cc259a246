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

mod annotations;
mod card;
mod compile;
mod engine;
mod error;
mod exceptions;
mod facts;
mod grants;
mod judgement;
mod memo;
mod options;
mod outline;
mod pattern;
mod reads;
mod reference;
mod request;
#[cfg(test)]
mod tests;
mod view;
mod vocabulary;

pub use annotations::ID_CHARACTERS_MAX;
pub use card::{Coverage, RuleCard, RuleSet, Severity};
pub use compile::{NESTING_MAX, RULE_BYTES_MAX, RULE_DEPTH_MAX, RULES_MAX, SOURCE_BYTES_MAX};
pub use engine::{Engine, REASON_BLOCK, REASON_ERROR, REASON_NOT_AUTHORISED};
pub use error::{Place, PolicyError};
pub use exceptions::{EXCEPTIONS_MAX, Suspensions};
pub use facts::{Facts, Resource, Stage, Verb};
pub use grants::{AddressRange, Grants, Hours, ParseAddressRangeError, ParseHoursError};
pub use judgement::{Cleared, Judgement};
pub use memo::{MEMO_ENTRIES_MAX, MEMO_KEY_BYTES_MAX};
pub use options::{ExceptionOptions, ExceptionScope, PolicyOptions, PolicySource, Preset};
pub use pattern::NamePattern;
pub use reference::reference_markdown;
pub use vocabulary::{FAMILIES, OTHER_FAMILY};
