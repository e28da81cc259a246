//! The score: how much a text looks like an attack on a model.
//!
//! INVARIANT: linear, small and explainable: every point of a score belongs to a piece of text.
//!
//! Not here: training (`cargo xtask train`), what follows from a score (`policy`).

mod concepts;
pub(crate) mod explain;
pub(crate) mod features;
mod lexicon;
pub(crate) mod model;
mod sub_kinds;
pub(crate) mod windows;

pub use explain::{Explanation, Term};
pub(crate) use model::{Group, Model, Reading};
