//! Facts to decisions: Cedar schema, authorisation, consequences, and the Cleared token.
