//! Fixtures, fake upstreams and fault layers for tests.
