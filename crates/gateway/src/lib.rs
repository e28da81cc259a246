//! The inference data plane: see, judge, act, record, for every request and stream.
