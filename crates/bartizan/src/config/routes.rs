//! Routes: which models go to which upstreams.
//!
//! INVARIANT: the upstreams of one route speak the same dialect, so that any of them understands its requests.
//! INVARIANT: callers' own keys go to one upstream only: what they have with one provider is nothing for another.

use std::time::Duration;

use gateway::{Accept, AddressRules, RetrySettings, RouteSettings};
use policy::NamePattern;

use super::known_keys::nearest;
use super::options::{AcceptOption, RouteOptions};
use super::settings::{Checker, TIMEOUT_MS_MAX, UpstreamCard, address_rules};

/// Upstreams of one route.
const UPSTREAMS_MAX: usize = 64;
/// The largest share of an upstream.
const WEIGHT_MAX: u32 = 10_000;
/// Attempts for one request.
const ATTEMPTS_MAX: usize = 10;
/// The statuses that can mean that a request was not processed: RFC 6585 and RFC 9110, and Anthropic's `overloaded`.
const RETRY_STATUSES: [u16; 5] = [429, 502, 503, 504, 529];

impl Checker<'_> {
    pub(super) fn routes(
        &mut self,
        routes: &[RouteOptions],
        upstreams: &[UpstreamCard],
    ) -> Vec<RouteSettings> {
        if let ([], [only]) = (routes, upstreams) {
            return vec![RouteSettings {
                accept: Accept::VirtualKey,
                addresses: AddressRules::default(),
                fallback: Vec::new(),
                models: vec![NamePattern::new("*")],
                name: only.name.clone(),
                retries: RetrySettings::default(),
                upstreams: vec![(only.name.clone(), 1)],
            }];
        }
        if routes.is_empty() {
            let message = format!("there are {} upstreams and no routes", upstreams.len());
            let help = "say which models go where with `[[routes]]`";
            self.problem("upstreams", message, help);
        }
        let checked = routes.iter().enumerate();
        checked
            .map(|(index, route)| self.route(&format!("routes[{index}]"), route, upstreams))
            .collect()
    }

    fn route(
        &mut self,
        path: &str,
        route: &RouteOptions,
        upstreams: &[UpstreamCard],
    ) -> RouteSettings {
        let spread = self.route_upstreams(path, route, upstreams);
        if route.models.is_empty() {
            self.problem(
                &format!("{path}.models"),
                "an empty list takes no model at all",
                "leave it out to take every model",
            );
        }
        if route.accept == AcceptOption::Provider && spread.len() + route.fallback.len() > 1 {
            let message = "a route that forwards the callers' own keys must have one upstream";
            let help = "give each provider a route of its own: a key of one is nothing for another";
            self.problem(&format!("{path}.accept"), message, help);
        }
        let first = spread.first().map(|(name, _)| name.clone());
        RouteSettings {
            accept: match route.accept {
                AcceptOption::Virtual => Accept::VirtualKey,
                AcceptOption::Provider => Accept::ProviderKey,
            },
            addresses: address_rules(&route.allow_addresses, &route.deny_addresses),
            fallback: route.fallback.clone(),
            models: route.models.iter().map(|model| NamePattern::new(model)).collect(),
            name: route.name.clone().or(first).unwrap_or_default(),
            retries: self.retries(path, route),
            upstreams: spread,
        }
    }

    /// The upstreams that a route is spread over, with their shares.
    fn route_upstreams(
        &mut self,
        path: &str,
        route: &RouteOptions,
        known: &[UpstreamCard],
    ) -> Vec<(String, u32)> {
        let both = format!("{path}.upstreams");
        let mut places = Vec::new();
        let spread: Vec<(String, u32)> = match (&route.upstream, &*route.upstreams) {
            (Some(name), []) => {
                places.push(format!("{path}.upstream"));
                vec![(name.clone(), 1)]
            }
            (None, [_, ..]) => {
                places.extend((0..route.upstreams.len()).map(|index| format!("{both}[{index}]")));
                route.upstreams.iter().map(|one| (one.name.clone(), one.weight)).collect()
            }
            (Some(_), _) => {
                let help = "name one with `upstream`, or several with `upstreams`";
                self.problem(&both, "`upstream` is given too", help);
                return Vec::new();
            }
            (None, []) => {
                let help = "name one with `upstream`, or several with `upstreams`";
                self.problem(path, "the route names no upstream", help);
                return Vec::new();
            }
        };
        for ((_, weight), place) in spread.iter().zip(&places) {
            self.within(&format!("{place}.weight"), *weight, 1, WEIGHT_MAX);
        }
        let fallback = route.fallback.iter().enumerate();
        places.extend(fallback.map(|(index, _)| format!("{path}.fallback[{index}]")));
        let names = spread.iter().map(|(name, _)| name).chain(&route.fallback);
        let names: Vec<&str> = names.map(String::as_str).collect();
        self.within(&both, names.len(), 1, UPSTREAMS_MAX);
        for (at, (name, place)) in names.iter().zip(&places).enumerate() {
            self.route_upstream(place, (name, names.get(..at).unwrap_or_default()), known);
        }
        spread
    }

    /// One upstream of a route, and those that it names before.
    fn route_upstream(
        &mut self,
        place: &str,
        (name, before): (&str, &[&str]),
        known: &[UpstreamCard],
    ) {
        let card = |name: &str| known.iter().find(|card| card.name == name);
        let Some(found) = card(name) else {
            let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
            let help = match nearest(name, &names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("configured: {}", names.join(", ")),
            };
            return self.problem(place, format!("there is no upstream `{name}`"), &help);
        };
        if before.contains(&name) {
            let message = format!("the route names `{name}` twice");
            return self.problem(place, message, "name each upstream once, with a weight");
        }
        if let Some(first) = before.first().and_then(|first| card(first))
            && first.dialects != found.dialects
        {
            let words = |card: &UpstreamCard| {
                let names: Vec<&str> =
                    card.dialects.iter().map(|dialect| dialect.as_str()).collect();
                format!("`{}` speaks `{}`", card.name, names.join("`, `"))
            };
            let message = format!("{} and {}", words(first), words(found));
            let help = "requests are not translated: the upstreams of one route speak one dialect";
            self.problem(place, message, help);
        }
    }

    fn retries(&mut self, path: &str, route: &RouteOptions) -> RetrySettings {
        self.within(&format!("{path}.attempts_max"), route.attempts_max, 1, ATTEMPTS_MAX);
        for (key, milliseconds) in [
            ("retry_timeout_ms", route.retry_timeout_ms),
            ("retry_after_ms_max", route.retry_after_ms_max),
        ] {
            self.within(&format!("{path}.{key}"), milliseconds, 0, TIMEOUT_MS_MAX);
        }
        for status in &route.retry_statuses {
            if !RETRY_STATUSES.contains(status) {
                let message = format!("{status} does not say that a request was not processed");
                let names: Vec<String> = RETRY_STATUSES.map(|status| status.to_string()).into();
                let help = format!("choose among {}", names.join(", "));
                self.problem(&format!("{path}.retry_statuses"), message, &help);
            }
        }
        RetrySettings {
            attempts_max: route.attempts_max,
            retry_after_max: Duration::from_millis(route.retry_after_ms_max),
            statuses: route.retry_statuses.clone(),
            time_max: Duration::from_millis(route.retry_timeout_ms),
        }
    }
}
