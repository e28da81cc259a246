//! The words in which limits are shared: what is asked of the script in the store, and what it answers.
//!
//! INVARIANT: an answer that the script cannot have given is none. INVARIANT: no number is larger than the store counts
//! exactly.
//!
//! Not here: asking (`limit_store`), leases (`shared_limits`).

use std::time::Duration;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use stdx::Secret;

/// The most that a counter counts, tokens or thousand-millionths of a dollar (nine million dollars): the store counts
/// in doubles, which are exact up to here. Larger maxima are held to it.
pub const COUNT_MAX: u64 = (1 << 53) - 1;
/// The most of a minute: a bucket counts its size in milliseconds.
pub const PER_MINUTE_MAX: u64 = COUNT_MAX / 60_000;
/// Where and how limits are shared.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a password")]
pub struct SharedLimitsSettings {
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// What every key begins with.
    pub key_prefix: String,
    /// How long a reservation outlives its gateway.
    pub lease: Duration,
    /// The password, if one is asked for.
    pub password: Option<Secret<String>>,
    /// Time for one question, its connection included.
    pub time_max: Duration,
    /// `redis://HOST:PORT/DATABASE`, or `rediss://`.
    pub url: String,
    /// The user that the password belongs to, if not the default one.
    pub user: Option<String>,
}

impl SharedLimitsSettings {
    /// Whether both say the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let Self { ca_pem, key_prefix, lease, password, time_max, url, user } = self;
        let secret = |password: &Option<Secret<String>>| {
            password
                .as_ref()
                .map(|password| digest(&SHA256, password.expose().as_bytes()).as_ref().to_vec())
        };
        (ca_pem, key_prefix, lease) == (&other.ca_pem, &other.key_prefix, &other.lease)
            && (time_max, url, user) == (&other.time_max, &other.url, &other.user)
            && secret(password) == secret(&other.password)
    }
}

/// Tokens, and money in thousand-millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedAmount {
    /// Tokens.
    pub tokens: u64,
    /// Money.
    pub nanousd: u64,
}

/// What a counter allows at most; nothing is no maximum. In the order of [`Maximum::ALL`].
pub type Maxima = [Option<u64>; 7];

/// Which maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maximum {
    /// Requests under way.
    Concurrent,
    /// Requests in a minute.
    RequestsPerMinute,
    /// Tokens in a minute.
    TokensPerMinute,
    /// Tokens in a day.
    TokensPerDay,
    /// Tokens in a month.
    TokensPerMonth,
    /// Money in a day.
    MoneyPerDay,
    /// Money in a month.
    MoneyPerMonth,
}

impl Maximum {
    /// Every maximum, in the script's order.
    pub const ALL: [Self; 7] = [
        Self::Concurrent,
        Self::RequestsPerMinute,
        Self::TokensPerMinute,
        Self::TokensPerDay,
        Self::TokensPerMonth,
        Self::MoneyPerDay,
        Self::MoneyPerMonth,
    ];

    const fn most(self) -> u64 {
        match self {
            Self::RequestsPerMinute | Self::TokensPerMinute => PER_MINUTE_MAX,
            _ => COUNT_MAX,
        }
    }
}

/// A counter that a request asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCounter {
    /// Which limit, by its name; nothing for a key's own.
    pub limit: Option<String>,
    /// Whose.
    pub subject: String,
    /// What it allows.
    pub maxima: Maxima,
}

impl SharedCounter {
    /// The keys of its sums and of its open requests.
    pub(crate) fn keys(&self, prefix: &str) -> [String; 2] {
        let hash = digest(&SHA256, self.subject.as_bytes());
        let subject = HEXLOWER.encode(hash.as_ref().get(..16).unwrap_or_default());
        // A subject has always as many characters, so no two counters have the same key.
        let counter = match &self.limit {
            None => format!("key:{subject}"),
            Some(limit) => format!("limit:{limit}:{subject}"),
        };
        [format!("{prefix}:sums:{counter}"), format!("{prefix}:open:{counter}")]
    }
}

/// What all gateways together have used, as far as the store knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedUse {
    /// The day's number, since 1970, and what was used in it.
    pub day: (u64, SharedAmount),
    /// The month's number, as `gateway::counter` counts them, and what was used in it.
    pub month: (u64, SharedAmount),
}

/// A maximum as the script takes it.
pub(crate) fn maximum(max: Option<u64>, which: Maximum) -> String {
    max.map_or_else(|| "-1".to_owned(), |max| max.min(which.most()).to_string())
}

/// What the script says to a request for a reservation.
pub(crate) enum Answer {
    Admitted(Vec<SharedUse>),
    Refused(usize, Maximum, Option<u64>),
}

/// Reads an answer about so many counters; nothing, if the script cannot have given it.
pub(crate) fn answer_of(answer: &[i64], counters: usize) -> Option<Answer> {
    match answer {
        [0, used @ ..] if used.len() == counters * 6 => {
            let used: Vec<u64> =
                used.iter().map(|it| u64::try_from(*it)).collect::<Result<_, _>>().ok()?;
            let (uses, _) = used.as_chunks::<6>();
            let amount = |tokens, nanousd| SharedAmount { tokens, nanousd };
            let uses = uses.iter().map(|[day, day_tokens, day_nanousd, month, tokens, nanousd]| {
                SharedUse {
                    day: (*day, amount(*day_tokens, *day_nanousd)),
                    month: (*month, amount(*tokens, *nanousd)),
                }
            });
            Some(Answer::Admitted(uses.collect()))
        }
        [1, counter, maximum, after_ms] => {
            let counter = usize::try_from(*counter).ok()?.checked_sub(1);
            let counter = counter.filter(|counter| *counter < counters)?;
            let place = usize::try_from(*maximum).ok()?.checked_sub(1)?;
            let maximum = *Maximum::ALL.get(place)?;
            Some(Answer::Refused(counter, maximum, u64::try_from(*after_ms).ok()))
        }
        _ => None,
    }
}

/// Reads an answer that says only that it is done.
pub(crate) fn done(answer: &[i64]) -> Option<()> {
    (answer == [0]).then_some(())
}
