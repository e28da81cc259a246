//! Limits, where they are counted, and prices.
//!
//! INVARIANT: amounts of money are whole numbers of thousand-millionths of a US dollar from here on.

use std::time::Duration;

use connect::{SharedLimits, SharedLimitsSettings};
use gateway::{LimitSettings, OnAway, Per, Price, QuotaSettings, SharedQuota};
use policy::NamePattern;
use store::Quota;

use super::limit_options::{LimitOptions, PerOption, PriceOptions};
use super::settings::{Checker, PEM_BYTES_MAX, TIMEOUT_MS_MAX};
use super::shared_limit_options::{FallbackOption, SharedLimitsOptions};
use super::upstreams::is_local;

/// Millionths of a dollar in a dollar.
const MICROUSD: f64 = 1e6;
/// The most that a limit or a price can be, in US dollars.
const USD_MAX: f64 = 1e9;
/// A US dollar for a million tokens is so many thousand-millionths for each.
const NANOUSD_PER_TOKEN: f64 = 1e3;
/// The longest time for a question about shared limits, in milliseconds: requests wait for it.
const QUESTION_MS_MAX: u64 = 10_000;
/// The shortest lease, in milliseconds: it is renewed when a third of it is over.
const LEASE_MS_MIN: u64 = 3_000;
/// Bytes of what keys begin with.
const KEY_PREFIX_BYTES_MAX: usize = 64;

impl Checker<'_> {
    pub(super) fn quotas(
        &mut self,
        limits: &[LimitOptions],
        prices: &[PriceOptions],
        shared: Option<SharedLimitsOptions>,
    ) -> QuotaSettings {
        let limits = limits.iter().enumerate().map(|(index, limit)| {
            let path = format!("limits[{index}]");
            self.limit(&path, limit, &limits[..index])
        });
        let limits = limits.collect();
        let prices = prices.iter().enumerate().map(|(index, price)| self.price(index, price));
        let prices = prices.collect();
        let shared = shared.and_then(|shared| self.shared(shared));
        QuotaSettings { limits, prices, shared, ..QuotaSettings::default() }
    }

    fn shared(&mut self, options: SharedLimitsOptions) -> Option<SharedQuota> {
        self.within("shared_limits.timeout_ms", options.timeout_ms, 1, QUESTION_MS_MAX);
        self.within("shared_limits.lease_ms", options.lease_ms, LEASE_MS_MIN, TIMEOUT_MS_MAX);
        let prefix = &options.key_prefix;
        if prefix.is_empty() || prefix.len() > KEY_PREFIX_BYTES_MAX {
            let message = format!("`{prefix}` is empty or too long");
            let help = format!("write 1 to {KEY_PREFIX_BYTES_MAX} bytes");
            self.problem("shared_limits.key_prefix", message, &help);
        }
        if options.user.is_some() && options.password.is_none() {
            let message = "a user without a password";
            self.problem("shared_limits.user", message, "set `password` too");
        }
        if options.url.starts_with("redis://") && !is_local(&options.url) {
            self.warn("the store of shared limits is reached without TLS");
        }
        let ca =
            options.ca_file.map(|file| self.file("shared_limits.ca_file", &file, PEM_BYTES_MAX));
        let password = options
            .password
            .map(|reference| self.secret_at_hand("shared_limits.password", reference));
        let settings = SharedLimitsSettings {
            ca_pem: ca.flatten(),
            key_prefix: options.key_prefix,
            lease: Duration::from_millis(options.lease_ms),
            password: password.flatten(),
            time_max: Duration::from_millis(options.timeout_ms),
            url: options.url,
            user: options.user,
        };
        let on_away = match options.fallback {
            FallbackOption::Refuse => OnAway::Refuse,
            FallbackOption::Local => OnAway::Local,
        };
        match SharedLimits::new(&settings) {
            Ok(limits) => Some(SharedQuota { limits, on_away }),
            Err(error) => {
                let help = "write where Redis or Valkey is, like `redis://127.0.0.1:6379/0`";
                self.problem("shared_limits.url", error.to_string(), help);
                None
            }
        }
    }

    fn limit(
        &mut self,
        path: &str,
        options: &LimitOptions,
        others: &[LimitOptions],
    ) -> LimitSettings {
        if options.name.trim().is_empty() || others.iter().any(|other| other.name == options.name) {
            let message = format!("`{}` is empty or is the name of another limit", options.name);
            self.problem(&format!("{path}.name"), message, "give each limit a name of its own");
        }
        let quota = Quota {
            requests_per_minute: options.requests_per_minute,
            tokens_per_minute: options.tokens_per_minute,
            concurrent_max: options.concurrent_max,
            tokens_per_day: options.tokens_per_day,
            tokens_per_month: options.tokens_per_month,
            microusd_per_day: self.microusd(&format!("{path}.usd_per_day"), options.usd_per_day),
            microusd_per_month: self
                .microusd(&format!("{path}.usd_per_month"), options.usd_per_month),
        };
        if quota.is_unlimited() {
            let help = "say how much: `requests_per_minute`, `tokens_per_day`, `usd_per_month`, …";
            self.problem(path, format!("`{}` limits nothing", options.name), help);
        }
        LimitSettings {
            name: options.name.clone(),
            per: match options.per {
                PerOption::Key => Per::Key,
                PerOption::Application => Per::Application,
                PerOption::Team => Per::Team,
                PerOption::Tenant => Per::Tenant,
                PerOption::Model => Per::Model,
                PerOption::Route => Per::Route,
                PerOption::All => Per::All,
            },
            models: self.patterns(&format!("{path}.models"), &options.models),
            quota,
        }
    }

    fn price(&mut self, index: usize, options: &PriceOptions) -> Price {
        let path = format!("prices[{index}]");
        let mut nanousd = |key: &str, usd: f64| {
            self.within(&format!("{path}.{key}"), usd, 0.0, USD_MAX);
            (usd * NANOUSD_PER_TOKEN).round() as u64
        };
        let input = options.input_usd_per_million_tokens;
        let input_nanousd = nanousd("input_usd_per_million_tokens", input);
        let output = options.output_usd_per_million_tokens;
        let output_nanousd = nanousd("output_usd_per_million_tokens", output);
        let models = self.patterns(&format!("{path}.models"), &options.models);
        Price { models, input_nanousd, output_nanousd }
    }

    fn microusd(&mut self, path: &str, usd: Option<f64>) -> Option<u64> {
        let usd = usd?;
        self.within(path, usd, 0.0, USD_MAX);
        Some((usd * MICROUSD).round() as u64)
    }

    fn patterns(&mut self, path: &str, models: &[String]) -> Vec<NamePattern> {
        if models.is_empty() {
            self.problem(
                path,
                "an empty list counts no model at all",
                "leave it out to count every model",
            );
        }
        models.iter().map(|model| NamePattern::new(model)).collect()
    }
}
