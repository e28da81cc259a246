//! What a user of the policy engine sees, in one binary.

mod attempts;
mod default_set;
mod exceptions;
mod operator_rules;
mod presets;
