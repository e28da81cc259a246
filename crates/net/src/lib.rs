//! Listeners, TLS, upstream connections with pinned addresses, limits on the wire.
