//! One file for each vendor's contract.
//!
//! INVARIANT: what a file says of a contract is from the vendor's public reference, named there, and its
//! fixtures under `fixtures/` have that form. Not here: what is common to all (`adapter`).

pub(crate) mod azure;
pub(crate) mod lakera;
pub(crate) mod llama_guard;
pub(crate) mod moderations;
pub(crate) mod nemo;
pub(crate) mod predict;
pub(crate) mod presidio;
pub(crate) mod webhook;

#[cfg(test)]
mod tests;
