//! The append-only record: segments, hash chain, group commit, recovery, encrypted content.
