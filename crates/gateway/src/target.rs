//! One upstream as routes use it, and in which order a route's upstreams are asked.
//!
//! Of several upstreams a conversation keeps the one it has, so that the provider's prompt cache stays warm: each gets a
//! number from the conversation and its own name, drawn by its weight (weighted rendezvous hashing), and the highest is
//! asked first. When one is added or goes away, only the conversations that it wins or had move.
//!
//! INVARIANT: a function of the seed, the names and the weights alone; no clock, no randomness.
//!
//! Not here: what is healthy (`health`), what is tried again (`attempts`).

use std::sync::Arc;

use connect::TokenSource;
use net::Upstream;
use ring::digest::{SHA256, digest};
use stdx::SharedSecret;
use wire::Dialect;

use crate::{
    health::Health,
    settings::{HealthCheck, UpstreamKind},
    sigv4::AwsCredentials,
};

/// An upstream, with its key.
pub(crate) struct Target {
    pub(crate) api_key: Option<SharedSecret>,
    pub(crate) aws: Option<AwsCredentials>,
    pub(crate) check: Option<HealthCheck>,
    pub(crate) dialects: Vec<Dialect>,
    pub(crate) health: Arc<Health>,
    pub(crate) kind: UpstreamKind,
    /// Where it is, as the configuration says it.
    pub(crate) place: String,
    /// Who grants the token that is its key.
    pub(crate) token: Option<TokenSource>,
    pub(crate) upstream: Upstream,
}

impl Target {
    /// The configured name.
    pub(crate) fn name(&self) -> &str {
        self.upstream.name()
    }

    /// Whether its key was taken away.
    pub(crate) fn lacks_key(&self) -> bool {
        self.api_key.as_ref().is_some_and(|key| key.current().is_none())
    }
}

/// What is spread over several upstreams by one number: a conversation's id, or an interaction's.
pub(crate) type Seed = [u8; 16];

/// The names in the order in which they are asked: the place of each in `weighted`.
pub(crate) fn spread(seed: Seed, weighted: &[(&str, u32)]) -> Vec<usize> {
    let mut drawn: Vec<(f64, usize)> = weighted
        .iter()
        .enumerate()
        .map(|(place, (name, weight))| (drawn(seed, name) / f64::from((*weight).max(1)), place))
        .collect();
    drawn.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    drawn.into_iter().map(|(_, place)| place).collect()
}

/// The logarithm of a number between 0 and 1 that looks drawn at random.
fn drawn(seed: Seed, name: &str) -> f64 {
    let digest = digest(&SHA256, &[&seed[..], name.as_bytes()].concat());
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_ref()[..8]);
    // As many bits as the fraction of a double has; never 0 and never 1.
    let bits = u64::from_be_bytes(first) >> 12;
    ((bits as f64 + 0.5) / (1_u64 << 52) as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(number: u32) -> Seed {
        let mut seed = [0; 16];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        seed
    }

    #[test]
    fn requests_are_spread_by_weight() {
        let weighted = [("a", 3), ("b", 1)];
        let first_is_a = (0..10_000).filter(|n| spread(seed(*n), &weighted)[0] == 0).count();
        assert!(
            (7_300..7_700).contains(&first_is_a),
            "{first_is_a} of 10,000, for weights 3 and 1"
        );
    }

    #[test]
    fn only_conversations_of_an_upstream_that_goes_away_move() {
        let (all, left) = ([("a", 1), ("b", 2), ("c", 1)], [("a", 1), ("b", 2)]);
        for number in 0..1_000 {
            let before = all[spread(seed(number), &all)[0]].0;
            let after = left[spread(seed(number), &left)[0]].0;
            assert!(before == after || before == "c", "{number}: {before} became {after}");
        }
    }

    #[test]
    fn the_order_is_a_function_of_the_conversation() {
        let weighted = [("a", 1), ("b", 1), ("c", 1)];
        let order = spread(seed(7), &weighted);
        assert_eq!(spread(seed(7), &weighted), order);
        let mut places = order;
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2], "each is there once");
        assert!(spread(seed(7), &[]).is_empty());
    }
}
