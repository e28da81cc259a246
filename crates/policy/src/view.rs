//! The facts as the policies can see them, and the Cedar request made of them.
//!
//! INVARIANT: the Cedar request is a function of the view alone, and so is the key under which an
//! answer is remembered; so a remembered answer is the answer. INVARIANT: two different views have
//! different keys.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

use events::{LocatedFinding, Principal, Trust};

use crate::grants::{Clock, Granted};
use crate::reads::{KindsReading, Reads};
use crate::vocabulary::{COLUMNS, FAMILIES, family_of};
use crate::{Facts, Resource, Stage, Verb};

/// The name of the caller where a route takes callers without a key. No key id is four long.
pub(crate) const NO_KEY: &str = "none";

/// Ranks by family and column.
pub(crate) type Ranks = [[u8; COLUMNS.len()]; FAMILIES.len()];

/// The facts as the policies can see them. What no policy reads is blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View<'a> {
    pub(crate) action: Verb,
    pub(crate) client_address: Option<IpAddr>,
    pub(crate) end_user: &'a str,
    pub(crate) granted: Granted,
    /// Sorted, without repeats.
    pub(crate) kinds: Vec<Cow<'a, str>>,
    pub(crate) numbers: Numbers,
    pub(crate) principal: Option<&'a Principal>,
    pub(crate) ranks: Ranks,
    pub(crate) resource: Option<Resource<'a>>,
    pub(crate) stage: Stage,
    pub(crate) streamed: bool,
    pub(crate) tainted: bool,
}

/// The facts that are numbers, each coarsened as far as policies allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) hour: i64,
    pub(crate) request_bytes: i64,
    pub(crate) risk: i64,
    pub(crate) unix_s: i64,
    pub(crate) unknown_fields: i64,
    pub(crate) unscanned: i64,
    pub(crate) weekday: i64,
}

impl<'a> View<'a> {
    /// The view of these facts, with the findings that `counts` lets through.
    pub(crate) fn of(
        facts: &Facts<'a>,
        reads: &'a Reads,
        counts: impl Fn(&LocatedFinding) -> bool,
    ) -> Self {
        let clock = Clock::at(facts.time_ms);
        let findings = || facts.findings.iter().filter(|located| counts(located));
        Self {
            action: facts.action,
            client_address: facts
                .client_address
                .filter(|_| reads.client_address.is_read())
                .map(|address| address.to_canonical()),
            end_user: facts
                .principal
                .end_user
                .as_deref()
                .filter(|_| reads.end_user.is_read())
                .unwrap_or_default(),
            granted: facts.grants.judge(facts),
            kinds: kinds(findings(), &reads.kinds),
            numbers: Numbers {
                hour: reads.hour.representative(clock.hour),
                request_bytes: reads.request_bytes.representative(facts.request_bytes),
                risk: reads.risk.representative(facts.risk.into()),
                unix_s: reads.unix_s.representative(clock.unix_s),
                unknown_fields: reads.unknown_fields.representative(facts.unknown_fields.into()),
                unscanned: reads.unscanned.representative(facts.unscanned.into()),
                weekday: reads.weekday.representative(clock.weekday),
            },
            principal: reads.principal.then_some(facts.principal),
            ranks: ranks(findings(), reads),
            resource: reads.resource.then_some(facts.resource),
            stage: facts.stage,
            streamed: facts.streamed && reads.streamed.is_read(),
            tainted: facts.tainted && reads.tainted.is_read(),
        }
    }

    /// The key: every field, each with its length where that varies, so that no two views share one.
    pub(crate) fn key(&self) -> Vec<u8> {
        // Naming every field makes a new one a compile error here.
        let Self {
            action,
            client_address,
            end_user,
            granted,
            kinds,
            numbers,
            principal,
            ranks,
            resource,
            stage,
            streamed,
            tainted,
        } = self;
        let Granted { action: may, address, hours, in_force, model, route, tools } = *granted;
        let flags = [
            may,
            address,
            hours,
            in_force,
            route,
            model,
            tools,
            *streamed,
            *tainted,
            principal.is_some(),
            resource.is_some(),
            *stage == Stage::Response,
        ];
        let mut key = Vec::with_capacity(384);
        key.extend(flags.map(u8::from));
        key.push(*action as u8);
        key.extend_from_slice(ranks.as_flattened());
        numbers.write(&mut key);
        match client_address {
            None => key.push(0),
            Some(IpAddr::V4(address)) => {
                key.push(4);
                key.extend_from_slice(&address.octets());
            }
            Some(IpAddr::V6(address)) => {
                key.push(6);
                key.extend_from_slice(&address.octets());
            }
        }
        write_text(&mut key, end_user);
        // Rules see applications, teams and tenants, not people.
        if let Some(Principal { application, key: id, team, tenant, .. }) = principal {
            for name in [application, team, tenant] {
                write_text(&mut key, name.as_deref().unwrap_or_default());
            }
            write_text(&mut key, id.as_ref().map_or(NO_KEY, |id| id.as_str()));
        }
        if let Some(Resource { name, route, upstream }) = resource {
            for name in [name, route, upstream] {
                write_text(&mut key, name);
            }
        }
        for kind in kinds {
            write_text(&mut key, kind);
        }
        key
    }
}

impl Numbers {
    fn write(&self, key: &mut Vec<u8>) {
        let Self { hour, request_bytes, risk, unix_s, unknown_fields, unscanned, weekday } = *self;
        for number in [hour, request_bytes, risk, unix_s, unknown_fields, unscanned, weekday] {
            key.extend_from_slice(&number.to_le_bytes());
        }
    }
}

fn write_text(key: &mut Vec<u8>, text: &str) {
    key.extend_from_slice(&(text.len() as u64).to_le_bytes());
    key.extend_from_slice(text.as_bytes());
}

fn ranks<'a>(findings: impl Iterator<Item = &'a LocatedFinding>, reads: &Reads) -> Ranks {
    let mut highest = Ranks::default();
    for located in findings {
        let rank = located.finding.rank.get();
        let low_trust = located.provenance.trust() == Trust::Low;
        let Some(row) = highest.get_mut(family_of(located.finding.kind.as_str())) else { continue };
        for (column, cell) in row.iter_mut().enumerate() {
            let counts = match column {
                0 => true,
                1 => low_trust,
                _ => column - 2 == located.provenance as usize,
            };
            *cell = if counts { rank.max(*cell) } else { *cell };
        }
    }
    for (row, readings) in highest.iter_mut().zip(&reads.ranks) {
        for (cell, reading) in row.iter_mut().zip(readings).filter(|(cell, _)| **cell > 0) {
            // A representative is at most the rank itself.
            *cell = u8::try_from(reading.representative((*cell).into())).unwrap_or(u8::MAX);
        }
    }
    highest
}

/// The kinds that are found and matter, as `pii.email` and as `pii.email@user`.
fn kinds<'a>(
    findings: impl Iterator<Item = &'a LocatedFinding> + Clone,
    reading: &'a KindsReading,
) -> Vec<Cow<'a, str>> {
    match reading {
        KindsReading::Members(members) => members
            .iter()
            .filter(|member| findings.clone().any(|located| is_named(located, member)))
            .map(|member| Cow::Borrowed(member.as_str()))
            .collect(),
        KindsReading::Exact => findings
            .flat_map(|located| {
                let kind = located.finding.kind.as_str();
                [Cow::Borrowed(kind), Cow::Owned(format!("{kind}@{}", located.provenance))]
            })
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
    }
}

fn is_named(located: &LocatedFinding, member: &str) -> bool {
    match member.strip_prefix(located.finding.kind.as_str()) {
        None => false,
        Some(rest) => {
            rest.is_empty() || rest.strip_prefix('@') == Some(located.provenance.as_str())
        }
    }
}
