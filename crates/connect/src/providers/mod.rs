//! One file for each provider whose keys are rotated.
//!
//! INVARIANT: functions of what they are given and of nothing else; what is not the contract is an error.

pub(crate) mod azure_openai;
pub(crate) mod openai;
pub(crate) mod pinecone;
