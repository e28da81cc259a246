//! How much one subject has used of one limit: buckets for minutes, windows for days and months.
//!
//! INVARIANT: pure: time is passed in, and a clock that is set back fills nothing and empties nothing.

use connect::Maximum;
use serde::{Deserialize, Serialize};
use store::Quota;

const MINUTE_MS: u64 = 60_000;
/// When to try again if too many requests are under way.
const CONCURRENT_PAUSE_MS: u64 = 1_000;
pub(crate) const DAY_MS: u64 = 86_400_000;
pub(crate) const MICROUSD_NANO: u64 = 1_000;

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QuotaRefusal {
    /// The limits are shared, and their store is away.
    Away,
    /// Later it may be.
    Later { limit: String, what: &'static str, after_ms: u64 },
    /// The day's or month's budget is used up.
    UsedUp { limit: String, what: &'static str },
    /// It asks for more than the limit ever gives.
    TooLarge { limit: String, what: &'static str },
    /// A limit counts money and the model has no price.
    NoPrice { limit: String },
    /// There is no counter left.
    Full,
}

impl QuotaRefusal {
    /// Why a limit does not let a request in: this maximum, for so long; nothing is for good.
    pub(crate) const fn of(limit: String, maximum: Maximum, after_ms: Option<u64>) -> Self {
        let what = match maximum {
            Maximum::Concurrent => "requests under way",
            Maximum::RequestsPerMinute => "requests in a minute",
            Maximum::TokensPerMinute => "tokens in a minute",
            Maximum::TokensPerDay => "tokens in a day",
            Maximum::TokensPerMonth => "tokens in a month",
            Maximum::MoneyPerDay => "money in a day",
            Maximum::MoneyPerMonth => "money in a month",
        };
        match (maximum, after_ms) {
            (_, Some(after_ms)) => Self::Later { limit, what, after_ms },
            (Maximum::Concurrent | Maximum::RequestsPerMinute | Maximum::TokensPerMinute, None) => {
                Self::TooLarge { limit, what }
            }
            _ => Self::UsedUp { limit, what },
        }
    }
}

/// How much one subject has used of one limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counter {
    pub(crate) requests: Bucket,
    pub(crate) tokens: Bucket,
    pub(crate) concurrent: u64,
    pub(crate) reserved: Amount,
    pub(crate) day: Window,
    pub(crate) month: Window,
}

/// Tokens, and money in thousand-millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amount {
    pub(crate) tokens: u64,
    pub(crate) nanousd: u64,
}

impl Amount {
    const fn plus(self, more: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(more.tokens),
            nanousd: self.nanousd.saturating_add(more.nanousd),
        }
    }

    const fn minus(self, less: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_sub(less.tokens),
            nanousd: self.nanousd.saturating_sub(less.nanousd),
        }
    }
}

/// A day or a month, and what was used in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    number: u64,
    pub(crate) used: Amount,
}

impl Window {
    /// What was used in the window `number`.
    pub(crate) const fn of(number: u64, used: Amount) -> Self {
        Self { number, used }
    }

    /// Whether it counts in the window `number`. An older one is over; one that is a single one ahead counts too: the
    /// clock was set back across its beginning.
    const fn counts_in(self, number: u64) -> bool {
        self.number == number || self.number == number + 1
    }

    /// What was used in the window `number`.
    pub(crate) const fn used_in(self, number: u64) -> Amount {
        if self.counts_in(number) { self.used } else { Amount { tokens: 0, nanousd: 0 } }
    }

    const fn add(&mut self, number: u64, amount: Amount) {
        let kept = if self.counts_in(number) { self.number } else { number };
        *self = Self { number: kept, used: self.used_in(number).plus(amount) };
    }

    /// What was counted in the window `number` was another amount.
    const fn correct(&mut self, number: u64, counted: Amount, right: Amount) {
        if self.number == number {
            self.used = self.used.minus(counted).plus(right);
        }
    }
}

/// A bucket that is full at first and fills within a minute, in thousandths of a second times its size.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// What is missing to be full.
    missing: u64,
    at_ms: u64,
}

impl Bucket {
    /// What is missing now. A clock that was set back fills nothing.
    fn missing_at(self, now_ms: u64, size: u64) -> u64 {
        let elapsed_ms = now_ms.saturating_sub(self.at_ms).min(MINUTE_MS);
        self.missing.saturating_sub(elapsed_ms.saturating_mul(size))
    }

    /// When `amount` can be taken, in milliseconds from now; nothing if never.
    fn wait_ms(self, now_ms: u64, size: u64, amount: u64) -> Option<u64> {
        if amount > size {
            return None;
        }
        let missing =
            self.missing_at(now_ms, size).saturating_add(amount.saturating_mul(MINUTE_MS));
        let beyond = missing.saturating_sub(size.saturating_mul(MINUTE_MS));
        Some(beyond.div_ceil(size.max(1)))
    }

    fn take(&mut self, now_ms: u64, size: u64, amount: u64) {
        let missing =
            self.missing_at(now_ms, size).saturating_add(amount.saturating_mul(MINUTE_MS));
        *self = Self { missing, at_ms: now_ms };
    }

    fn give_back(&mut self, now_ms: u64, size: u64, amount: u64) {
        let missing =
            self.missing_at(now_ms, size).saturating_sub(amount.saturating_mul(MINUTE_MS));
        *self = Self { missing, at_ms: now_ms };
    }
}

impl Counter {
    /// Whether another request is let in.
    pub(crate) fn admits(
        &self,
        limit: &str,
        quota: &Quota,
        cost: Amount,
        now_ms: u64,
    ) -> Result<(), QuotaRefusal> {
        let refused =
            |maximum, after_ms| Err(QuotaRefusal::of(limit.to_owned(), maximum, after_ms));
        if quota.concurrent_max.is_some_and(|max| self.concurrent >= max) {
            return refused(Maximum::Concurrent, Some(CONCURRENT_PAUSE_MS));
        }
        for (size, bucket, amount, maximum) in [
            (quota.requests_per_minute, self.requests, 1, Maximum::RequestsPerMinute),
            (quota.tokens_per_minute, self.tokens, cost.tokens, Maximum::TokensPerMinute),
        ] {
            let Some(size) = size.filter(|_| amount > 0) else { continue };
            match bucket.wait_ms(now_ms, size, amount) {
                Some(0) => {}
                after_ms => return refused(maximum, after_ms),
            }
        }
        let day = self.day.used_in(day(now_ms)).plus(self.reserved).plus(cost);
        let month = self.month.used_in(month(now_ms)).plus(self.reserved).plus(cost);
        let (microusd_day, microusd_month) = (quota.microusd_per_day, quota.microusd_per_month);
        for (max, amount, sum, maximum) in [
            (quota.tokens_per_day, cost.tokens, day.tokens, Maximum::TokensPerDay),
            (quota.tokens_per_month, cost.tokens, month.tokens, Maximum::TokensPerMonth),
            (in_nanousd(microusd_day), cost.nanousd, day.nanousd, Maximum::MoneyPerDay),
            (in_nanousd(microusd_month), cost.nanousd, month.nanousd, Maximum::MoneyPerMonth),
        ] {
            if amount > 0 && max.is_some_and(|max| sum > max) {
                return refused(maximum, None);
            }
        }
        Ok(())
    }

    pub(crate) fn reserve(&mut self, quota: &Quota, cost: Amount, now_ms: u64) {
        self.concurrent += 1;
        self.reserved = self.reserved.plus(cost);
        if let Some(size) = quota.requests_per_minute {
            self.requests.take(now_ms, size, 1);
        }
        if let Some(size) = quota.tokens_per_minute {
            self.tokens.take(now_ms, size, cost.tokens);
        }
    }

    pub(crate) fn settle(&mut self, quota: &Quota, reserved: Amount, used: Amount, now_ms: u64) {
        self.concurrent = self.concurrent.saturating_sub(1);
        self.reserved = self.reserved.minus(reserved);
        self.day.add(day(now_ms), used);
        self.month.add(month(now_ms), used);
        if let Some(size) = quota.tokens_per_minute {
            self.tokens.give_back(now_ms, size, reserved.tokens);
            self.tokens.take(now_ms, size, used.tokens);
        }
    }

    /// Counts what is no request. An error, if it would not have been let in.
    pub(crate) fn charge(
        &mut self,
        limit: &str,
        quota: &Quota,
        used: Amount,
        now_ms: u64,
    ) -> Result<(), QuotaRefusal> {
        let of_amounts = Quota { concurrent_max: None, requests_per_minute: None, ..quota.clone() };
        let admitted = self.admits(limit, &of_amounts, used, now_ms);
        self.day.add(day(now_ms), used);
        self.month.add(month(now_ms), used);
        if let Some(size) = quota.tokens_per_minute {
            self.tokens.take(now_ms, size, used.tokens);
        }
        admitted
    }

    /// What was counted at a time was another amount. Minutes have passed, and days and months that are over stay as they were.
    pub(crate) const fn correct(&mut self, at_ms: u64, counted: Amount, right: Amount) {
        self.day.correct(day(at_ms), counted, right);
        self.month.correct(month(at_ms), counted, right);
    }

    /// Whether forgetting it changes nothing.
    pub(crate) fn is_at_rest(&self, now_ms: u64) -> bool {
        self.concurrent == 0
            && self.month.used_in(month(now_ms)) == Amount::default()
            && [self.requests, self.tokens]
                .iter()
                .all(|bucket| now_ms.saturating_sub(bucket.at_ms) >= MINUTE_MS)
    }
}

fn in_nanousd(microusd: Option<u64>) -> Option<u64> {
    microusd.map(|microusd| microusd.saturating_mul(MICROUSD_NANO))
}

/// Days since 1970.
const fn day(now_ms: u64) -> u64 {
    now_ms / DAY_MS
}

/// Months since March of the year 0.
pub(crate) const fn month(now_ms: u64) -> u64 {
    let (year, day_of_year) = since_march(day(now_ms));
    year * 12 + (5 * day_of_year + 2) / 153
}

/// Year, month and day of the month, of a day counted from 1970.
pub(crate) const fn civil(days: u64) -> (u64, u64, u64) {
    let (year, day_of_year) = since_march(days);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    // January and February end the year that began in March.
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// The year, which begins in March, and the day in it, of a day counted from 1970 (days from civil, Howard Hinnant).
const fn since_march(days: u64) -> (u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    (era * 400 + year_of_era, day_of_year)
}

/// What tokens of a request and an answer cost, at a price for each.
pub(crate) const fn cost(input: u64, output: u64, price: (u64, u64)) -> Amount {
    let nanousd = input.saturating_mul(price.0).saturating_add(output.saturating_mul(price.1));
    Amount { tokens: input.saturating_add(output), nanousd }
}
