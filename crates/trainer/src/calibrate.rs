//! From margins of ordinary texts to the lowest margin of every rank.
//!
//! Where enough texts were measured, the threshold of rank r is the margin that a share of 10^(-r/10) of them reaches;
//! beyond that, the tail is continued as an exponential (Pickands, Balkema and de Haan with shape 0), fitted to
//! the highest texts.
//!
//! INVARIANT: thresholds rise. INVARIANT: a rank is never claimed that the continued tail does not give.

use detect::training::CALIBRATED_RANK_MAX;

/// Texts above a threshold that make its share believable.
const TEXTS_MIN: f64 = 6.0;
/// The share of texts that the tail is fitted to.
const TAIL_SHARE: f64 = 0.02;

/// A margin and how much its text counts.
pub(crate) type Weighted = (f32, f64);

/// The lowest margin of each rank from 1 on, so rare as a rank `stricter` higher; none is below `floor`.
pub(crate) fn thresholds(
    mut margins: Vec<Weighted>,
    floor: f32,
    stricter: usize,
) -> [f32; CALIBRATED_RANK_MAX] {
    margins.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total: f64 = margins.iter().map(|(_, weight)| weight).sum();
    let (tail_start, tail_mean) = tail(&margins, total);
    let mut thresholds = [f32::INFINITY; CALIBRATED_RANK_MAX];
    let mut lowest = floor;
    for (place, threshold) in thresholds.iter_mut().enumerate() {
        let share = share_of_rank(place + 1 + stricter);
        let measured =
            if share * total >= TEXTS_MIN { reached_by(&margins, share * total) } else { None };
        let margin = measured.unwrap_or_else(|| {
            let ratio = TAIL_SHARE / share;
            tail_start + tail_mean * natural_logarithm(ratio)
        });
        lowest = lowest.max(margin);
        *threshold = lowest;
    }
    thresholds
}

/// 10^(-rank/10), by multiplication, so that it is the same on every machine.
pub(crate) fn share_of_rank(rank: usize) -> f64 {
    // 10^(-1/10)
    const STEP: f64 = 0.794_328_234_724_281_5;
    (0..rank).fold(1.0, |share, _| share * STEP)
}

/// The margin that texts of weight `most` exceed: the next one that is higher than the one they stop at.
fn reached_by(margins: &[Weighted], most: f64) -> Option<f32> {
    let mut weight = 0.0;
    for (margin, own) in margins {
        weight += own;
        if weight > most {
            return Some(margin.next_up());
        }
    }
    None
}

/// Where the tail begins, and how far beyond it texts lie on average.
fn tail(margins: &[Weighted], total: f64) -> (f32, f32) {
    let start = reached_by(margins, total * TAIL_SHARE).unwrap_or(f32::INFINITY);
    let (mut sum, mut weight) = (0.0, 0.0);
    for (margin, own) in margins.iter().take_while(|(margin, _)| *margin >= start) {
        sum += f64::from(margin - start) * own;
        weight += own;
    }
    let mean = if weight > 0.0 { sum / weight } else { 1.0 };
    (start, (mean as f32).max(0.05))
}

/// ln(x) for x ≥ 1 by the area under 1/x, halved until small: the same on every machine.
fn natural_logarithm(x: f64) -> f32 {
    const LN_2: f64 = std::f64::consts::LN_2;
    let (mut rest, mut halvings) = (x, 0.0);
    while rest > 2.0 {
        rest /= 2.0;
        halvings += 1.0;
    }
    // ln(x) = 2 artanh((x-1)/(x+1))
    let y = (rest - 1.0) / (rest + 1.0);
    let (mut term, mut sum) = (y, 0.0);
    for odd in 0..20 {
        sum += term / f64::from(2 * odd + 1);
        term *= y * y;
    }
    (halvings * LN_2 + 2.0 * sum) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_rise_and_hold_their_share() {
        let margins: Vec<Weighted> = (0..10_000).map(|x| (x as f32 / 1000.0, 1.0)).collect();
        let thresholds = thresholds(margins.clone(), f32::NEG_INFINITY, 0);
        assert!(thresholds.is_sorted());
        let above = margins.iter().filter(|(margin, _)| *margin >= thresholds[19]).count();
        assert!((99..=100).contains(&above), "rank 20 is one in a hundred, rounded down: {above}");
        assert!(thresholds[44] > 10.0, "beyond the highest text measured");
    }

    #[test]
    fn logarithms_are_right() {
        for x in [1.0, 1.5, 2.0, 10.0, 1234.5] {
            assert!((f64::from(natural_logarithm(x)) - x.ln()).abs() < 1e-5, "{x}");
        }
    }
}
