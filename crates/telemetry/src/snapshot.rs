//! What families say at one moment, before it is written in any format.

/// What a family is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name as OpenTelemetry has it, with dots: `bartizan.requests`.
    pub name: &'static str,
    /// In a sentence, for people.
    pub help: &'static str,
    /// What its series are.
    pub kind: Kind,
    /// What is counted.
    pub unit: Unit,
}

/// What a family is about, in few words.
pub const fn about(name: &'static str, help: &'static str, kind: Kind, unit: Unit) -> About {
    About { name, help, kind, unit }
}

/// What the series of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Comes and goes.
    Gauge,
    /// Buckets.
    Histogram,
}

/// What is counted, and its smallest part, in which it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things: requests, findings.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds, counted in microseconds.
    Seconds,
    /// Tokens of models.
    Tokens,
    /// US dollars, counted in thousand-millionths.
    Dollars,
}

impl Unit {
    /// As UCUM writes it, which OpenTelemetry wants; `{…}` is an annotation and no unit.
    pub const fn ucum(self) -> &'static str {
        match self {
            Self::Count => "1",
            Self::Bytes => "By",
            Self::Seconds => "s",
            Self::Tokens => "{token}",
            Self::Dollars => "{USD}",
        }
    }

    /// What a Prometheus name ends in because of it.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Count | Self::Tokens => "",
            Self::Bytes => "_bytes",
            Self::Seconds => "_seconds",
            Self::Dollars => "_usd",
        }
    }

    /// Whether what is counted is the unit itself.
    pub(crate) const fn is_whole(self) -> bool {
        self.digits() == 0
    }

    /// How many digits of what is counted stand after the point.
    const fn digits(self) -> u32 {
        match self {
            Self::Count | Self::Bytes | Self::Tokens => 0,
            Self::Seconds => 6,
            Self::Dollars => 9,
        }
    }

    /// What was counted, in the unit: exact, as a decimal number.
    pub fn decimal(self, counted: u64) -> String {
        let scale = 10_u64.pow(self.digits());
        let (whole, part) = (counted / scale, counted % scale);
        if part == 0 {
            return whole.to_string();
        }
        let part = format!("{part:0width$}", width = self.digits() as usize);
        format!("{whole}.{}", part.trim_end_matches('0'))
    }
}

/// What a family said at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilySnapshot {
    /// What it is about.
    pub about: About,
    /// Its series, in the order of their labels.
    pub series: Vec<Series>,
}

/// What one series said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// Names, with dots, and values.
    pub labels: Vec<(&'static str, String)>,
    /// What it said.
    pub point: Point,
}

/// What a counter, a gauge or a histogram said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// So many.
    Number(u64),
    /// So many between these bounds.
    Histogram {
        /// Upper bounds, inclusive, ascending.
        bounds: &'static [u64],
        /// For each bound those above the bound before it, then those above all.
        counts: Vec<u64>,
        /// All values together.
        sum: u64,
    },
}

impl FamilySnapshot {
    /// A number that somebody else counts, without labels.
    pub fn number(about: About, number: u64) -> Self {
        Self::point(about, Point::Number(number))
    }

    /// What somebody else counts, without labels.
    pub fn point(about: About, point: Point) -> Self {
        Self { about, series: vec![Series { labels: Vec::new(), point }] }
    }
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn what_was_counted_is_written_exactly() {
        let cases = [
            (Unit::Seconds, 0, "0"),
            (Unit::Seconds, 1, "0.000001"),
            (Unit::Seconds, 1_500_000, "1.5"),
            (Unit::Dollars, 2_000_000_001, "2.000000001"),
            (Unit::Bytes, u64::MAX, "18446744073709551615"),
        ];
        for (unit, counted, written) in cases {
            assert_eq!(unit.decimal(counted), written);
        }
    }
}
