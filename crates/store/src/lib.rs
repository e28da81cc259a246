//! Control-plane documents in SQLite: virtual keys today, more later.
