//! Who a caller without a virtual key is: a token (JWT) or a client certificate, checked and mapped to a principal
//! and a grant.
//!
//! Read `issuer.rs` for what a token has to satisfy, in order; `grant_table.rs` for how claims become a grant;
//! `certificate.rs` for what a client certificate says.
//!
//! INVARIANT: nothing here opens a file or a socket or reads a clock: keys, tokens and the time come in from
//! outside. INVARIANT: only the configured issuer, audiences, asymmetric algorithms and keys count: what a token
//! says about where its key is (`jku`, `jwk`, `x5u`, `x5c`) is not read. INVARIANT: whom no row of a grant table
//! fits may do nothing.
//!
//! Not here: virtual keys (`store`), fetching keys (`connect`), what follows for a request (`gateway`).

mod algorithm;
mod certificate;
mod claims;
mod grant_table;
mod issuer;
mod json;
mod key_set;
mod mapping;
mod refusal;
mod token;
mod verified;

pub use algorithm::Algorithm;
pub use certificate::{CERTIFICATE_NAMES_MAX, CertificateError, CertificateNames};
pub use claims::ClaimPath;
pub use grant_table::{Condition, GrantRow, GrantTable};
pub use issuer::{ISSUER_TYPES_DEFAULT, Issuer, IssuerSettings};
pub use key_set::{KEY_SET_BYTES_MAX, KEYS_MAX, KeySet, KeySetError};
pub use mapping::{Admitted, CERTIFICATE_ISSUER, Mapping, NAME_BYTES_MAX};
pub use refusal::TokenRefusal;
pub use token::{TOKEN_BYTES_MAX, Token};
pub use verified::{VERIFIED_MAX, Verified};
