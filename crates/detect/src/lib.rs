//! Text to findings: normalise, decode, match, score; whole or in a stream.
//!
//! [`Engine::inspect`] reads a whole text; [`Engine::stream`] gives a [`Scanner`] for one lane of a
//! stream. Both run the same pass over the same normalised text, so that a value is found
//! however the stream was cut.
//!
//! INVARIANT: pure. No files, sockets, clocks, randomness or environment, and no panic on any text.
//! INVARIANT: a finding says *that* something is there and how rare that is; it never decides.
//!
//! Not here: which field a text came from (`wire`), what follows from a finding (`policy`), masks
//! and their restoration (`gateway`).

mod calibration;
mod card;
mod characters;
mod conversation;
mod corpus;
mod custom;
mod decode;
mod detectors;
mod engine;
mod escaped;
mod fold;
mod heads;
mod json_schema;
mod literals;
mod names;
mod normalise;
mod offsets;
mod pass;
mod reference;
mod rows;
mod score;
mod selftest;
mod settings;
mod sketch;
mod skim;
mod soup;
mod stream;
mod text;
pub mod training;
mod watch;
mod words;

pub use calibration::{RANK_OFFSET_MAX, RankOffsetError};
pub use card::{DetectorCard, Reach, reference_markdown};
pub use conversation::{Risk, RiskScore, TurnFacts, TurnPrint};
pub use corpus::{
    CORPUS_DOCUMENTS_MAX, CORPUS_PRINTS_MAX, Corpus, CorpusDocument, CorpusError,
    DOCUMENT_NAME_BYTES_MAX,
};
pub use custom::{
    ALLOW_PATTERNS_MAX, ALLOW_VALUES_MAX, AUTOMATA_BYTES_MAX, CONTEXT_WORDS_MAX, CustomError,
    DICTIONARIES_MAX, DICTIONARY_BYTES_MAX, DICTIONARY_WORDS_MAX, KIND_BYTES_MAX, MATCH_BYTES_MAX,
    PATTERN_AUTOMATON_BYTES_MAX, PATTERN_BYTES_MAX, PATTERNS_MAX,
};
pub use detectors::acrostic::ACROSTIC_LETTERS_MAX;
pub use detectors::canary::{CANARIES_MAX, CANARY_BYTES_MAX, CANARY_BYTES_MIN};
pub use detectors::citation::SOURCES_BYTES_MAX;
pub use detectors::language::UnknownLanguage;
pub use detectors::schema::AnswerForm;
pub use detectors::system_prompt::{KNOWN_WORDS_MAX, PROMPT_WORDS_MAX};
pub use engine::{Decoded, Engine, Inspection, SelfTestError, TEXT_BYTES_MAX};
pub use heads::{Head, Heads, Ranks, Scores};
pub use json_schema::SCHEMA_NODES_MAX;
pub use reference::Reference;
pub use score::{Explanation, Term};
pub use settings::{BadCanary, DetectSettings, UnknownDetector};
pub use sketch::{SKETCH_VALUES, SketchKey};
pub use stream::{HOLD_BYTES_MAX, Scanner, coalesce};
