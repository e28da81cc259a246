//! What is measured of a series, and from where on a difference matters at all.
//!
//! INVARIANT: one table; the rest of the crate knows measures by their number.

/// How many things are measured.
pub(crate) const MEASURES: usize = 8;
/// How many lengths of time sums fade over.
pub(crate) const SCALES: usize = 4;
/// The lengths of time, in seconds: what is older counts `exp(-age / length)`.
pub(crate) const SCALE_SECONDS: [f32; SCALES] = [15.0, 120.0, 1_200.0, 14_400.0];

/// The number of each measure, as an index into [`TABLE`].
pub(crate) const REQUESTS: usize = 0;
pub(crate) const COST: usize = 1;
pub(crate) const BLOCKED: usize = 2;
pub(crate) const REPHRASED: usize = 3;
pub(crate) const ERRORS: usize = 4;
pub(crate) const REFUSALS: usize = 5;
pub(crate) const LATENCY: usize = 6;
pub(crate) const FIRST_BYTE: usize = 7;

/// What an anomaly looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Scraping,
    Fuzzing,
    Cost,
    Latency,
    Errors,
    Refusals,
}

/// How many patterns there are.
pub(crate) const PATTERNS: usize = 6;

impl Pattern {
    pub(crate) const fn kind(self) -> events::Kind {
        events::Kind::of(match self {
            Self::Scraping => "anomaly.scraping",
            Self::Fuzzing => "anomaly.fuzzing",
            Self::Cost => "anomaly.cost",
            Self::Latency => "anomaly.latency",
            Self::Errors => "anomaly.errors",
            Self::Refusals => "anomaly.refusals",
        })
    }
}

/// What one measure is called and when it matters.
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) pattern: Pattern,
    /// The share of hours whose highest values make its tail. What is rare is nothing in most hours, so its tail begins higher.
    pub(crate) above: f32,
    /// How many times the ordinary it must at least be, by scale; less is nobody's business, however rare.
    pub(crate) times_min: [f32; SCALES],
    /// How many more than ordinary there must be within the scale, as interactions.
    pub(crate) excess_min: f32,
}

const fn measure(
    name: &'static str,
    pattern: Pattern,
    above: f32,
    times_min: [f32; SCALES],
    excess_min: f32,
) -> Measure {
    Measure { name, pattern, above, times_min, excess_min }
}

/// All measures.
pub(crate) const TABLE: [Measure; MEASURES] = [
    measure("requests", Pattern::Scraping, 0.25, [3.0, 2.0, 1.7, 1.5], 20.0),
    measure("cost", Pattern::Cost, 0.25, [3.0, 3.0, 2.0, 1.7], 20.0),
    measure("blocked", Pattern::Fuzzing, 0.1, [3.0, 3.0, 2.0, 2.0], 5.0),
    measure("rephrased", Pattern::Fuzzing, 0.1, [3.0, 2.0, 2.0, 2.0], 8.0),
    measure("errors", Pattern::Errors, 0.1, [3.0, 3.0, 2.0, 2.0], 15.0),
    measure("refusals", Pattern::Refusals, 0.1, [3.0, 3.0, 2.0, 2.0], 5.0),
    measure("latency", Pattern::Latency, 0.1, [1.7, 1.6, 1.5, 1.4], 5.0),
    measure("first_byte", Pattern::Latency, 0.1, [1.7, 1.6, 1.5, 1.4], 5.0),
];
