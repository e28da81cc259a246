//! Networks as they are typed.
//!
//! INVARIANT: what is no network is refused with its place in the file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A network in CIDR form, or one address: `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.7`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct AddressRange(#[schemars(with = "String")] pub(crate) policy::AddressRange);
