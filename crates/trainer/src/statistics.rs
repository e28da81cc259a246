//! Shares, and how far they can be trusted: Wilson intervals.

/// 95 % of a normal distribution lie within so many standard deviations.
const Z: f64 = 1.959_964;

/// The 95 % interval of a share of `hits` in `all` (Wilson 1927).
pub(crate) fn wilson(hits: usize, all: usize) -> (f64, f64) {
    if all == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (all as f64, hits as f64 / all as f64);
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::wilson;

    #[test]
    fn the_interval_holds_the_share_and_narrows() {
        let (low, high) = wilson(9, 10);
        assert!(low > 0.59 && low < 0.6 && high > 0.98 && high < 0.983);
        let (low, high) = wilson(900, 1000);
        assert!(low > 0.87 && high < 0.92);
    }
}
