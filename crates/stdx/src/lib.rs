//! What std lacks, for every room above.
//!
//! INVARIANT: no files, sockets, clocks, randomness or environment. A thing lives here only if two
//! rooms need it and it knows nothing about either.
//!
//! Not here: words of the domain (`events`), anything that talks to the network (`net`).

mod reservoir;
mod secret;
mod shared_secret;
mod split_mix;

pub use reservoir::Reservoir;
pub use secret::Secret;
pub use shared_secret::SharedSecret;
pub use split_mix::SplitMix64;
