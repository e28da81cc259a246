//! What was learnt, as bytes that survive a restart.
//!
//! ```text
//! magic "BTZHUNT3"; the fleet; whether there is one of everybody u8, its fleet and what it learnt; series u32; then each, least recently used first: its name, what it learnt
//! ```
//!
//! Numbers are little-endian; texts have their length (u16) before them. One function for each structure says its layout for both directions.
//!
//! INVARIANT: reading what was written gives the same numbers. INVARIANT: bytes that are not a snapshot are refused, and never make a number that could not have been learnt.
//!
//! Not here: fading sums. What happened just before a restart no longer counts.

use events::{KeyId, Principal};

use crate::baselines::{Baselines, Everybody, MODEL_NAME_BYTES_MAX};
use crate::familiar::Family;
use crate::fleet::Fleet;
use crate::learnt::Learnt;
use crate::loud::Loud;
use crate::observation::SeriesName;
use crate::season::Season;
use crate::series::Series;
use crate::tail::Tail;

const MAGIC: &[u8; 8] = b"BTZHUNT3";
/// Bytes of a name in a snapshot.
const TEXT_BYTES_MAX: usize = 1_024;

/// Bytes that are no snapshot of this version. Whoever reads them goes on without what was learnt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a snapshot of this version: {what}")]
pub struct SnapshotError {
    what: &'static str,
}

pub(crate) const fn wrong(what: &'static str) -> SnapshotError {
    SnapshotError { what }
}

type Step = Result<(), SnapshotError>;

/// Bytes being written, or what is left to read.
enum Codec<'a> {
    Write(Vec<u8>),
    Read(&'a [u8]),
}

impl Codec<'_> {
    fn bytes(&mut self, bytes: &mut [u8]) -> Step {
        match self {
            Self::Write(written) => written.extend_from_slice(bytes),
            Self::Read(rest) => {
                let (now, later) =
                    rest.split_at_checked(bytes.len()).ok_or(wrong("it ends too early"))?;
                bytes.copy_from_slice(now);
                *rest = later;
            }
        }
        Ok(())
    }

    fn count(&mut self, number: &mut u32) -> Step {
        let mut bytes = number.to_le_bytes();
        self.bytes(&mut bytes)?;
        *number = u32::from_le_bytes(bytes);
        Ok(())
    }

    fn number(&mut self, number: &mut f32) -> Step {
        let mut bytes = number.to_le_bytes();
        self.bytes(&mut bytes)?;
        *number = f32::from_le_bytes(bytes);
        Ok(())
    }

    fn numbers<'n>(&mut self, numbers: impl IntoIterator<Item = &'n mut f32>) -> Step {
        numbers.into_iter().try_for_each(|number| self.number(number))
    }

    fn text(&mut self, text: &mut String) -> Step {
        let mut bytes = std::mem::take(text).into_bytes();
        bytes.truncate(TEXT_BYTES_MAX);
        let mut length = (bytes.len() as u16).to_le_bytes();
        self.bytes(&mut length)?;
        let length = usize::from(u16::from_le_bytes(length));
        if length > TEXT_BYTES_MAX {
            return Err(wrong("a name is too long"));
        }
        bytes.resize(length, 0);
        self.bytes(&mut bytes)?;
        *text = String::from_utf8(bytes).map_err(|_| wrong("a name is not UTF-8"))?;
        Ok(())
    }

    fn maybe(&mut self, text: &mut Option<String>) -> Step {
        let mut is_there = [u8::from(text.is_some())];
        self.bytes(&mut is_there)?;
        if is_there == [0] {
            *text = None;
            return Ok(());
        }
        let mut given = text.take().unwrap_or_default();
        self.text(&mut given)?;
        *text = Some(given);
        Ok(())
    }

    fn tail(&mut self, tail: &mut Tail) -> Step {
        self.numbers([&mut tail.level, &mut tail.excess, &mut tail.hours])
    }

    fn family(&mut self, family: &mut Family) -> Step {
        let mut similar = family.similar.to_le_bytes();
        self.bytes(&mut similar)?;
        family.similar = u64::from_le_bytes(similar);
        self.count(&mut family.hour)?;
        let mut hours = [family.hours];
        self.bytes(&mut hours)?;
        [family.hours] = hours;
        Ok(())
    }

    fn season(&mut self, season: &mut Season) -> Step {
        self.numbers(&mut season.week)?;
        self.bytes(&mut season.weeks)?;
        self.numbers(&mut season.day)?;
        self.bytes(&mut season.days)?;
        self.numbers([&mut season.level, &mut season.hours, &mut season.recent])
    }

    fn learnt(&mut self, learnt: &mut Learnt) -> Step {
        self.season(&mut learnt.season)?;
        learnt.tails.iter_mut().flatten().try_for_each(|tail| self.tail(tail))?;
        self.numbers(&mut learnt.totals)?;
        self.numbers(&mut learnt.times)?;
        self.numbers(learnt.time_of_day.iter_mut().flatten())?;
        learnt.families.iter_mut().try_for_each(|family| self.family(family))?;
        self.number(&mut learnt.hours)
    }

    fn fleet(&mut self, fleet: &mut Fleet) -> Step {
        self.number(&mut fleet.log_level)?;
        self.numbers(&mut fleet.profile)?;
        self.numbers(&mut fleet.shares)?;
        fleet.tails.iter_mut().flatten().try_for_each(|tail| self.tail(tail))?;
        self.number(&mut fleet.hours)
    }

    fn name(&mut self, name: &mut SeriesName) -> Step {
        let Principal { agent, application, end_user, issuer, key, team, tenant, user } =
            &mut name.principal;
        let mut key_text = key.map(|key| key.to_string());
        for text in [agent, application, end_user, issuer, &mut key_text, team, tenant, user] {
            self.maybe(text)?;
        }
        let parsed = key_text.map(|text| text.parse::<KeyId>()).transpose();
        *key = parsed.map_err(|_| wrong("a key's id is none"))?;
        self.text(&mut name.model)?;
        self.text(&mut name.upstream)
    }
}

impl Baselines {
    /// What was learnt until `time_ms` (milliseconds since 1970), as bytes.
    pub fn to_snapshot(&mut self, time_ms: u64) -> Vec<u8> {
        self.advance(time_ms);
        let mut codec = Codec::Write(MAGIC.to_vec());
        // Writing into memory has nothing that could fail.
        let _never_fails = codec.fleet(&mut self.fleet.clone());
        let _never_fails = codec.bytes(&mut [u8::from(self.everybody.is_some())]);
        if let Some(everybody) = &self.everybody {
            let _never_fails = codec.fleet(&mut everybody.fleet.clone());
            let _never_fails = codec.learnt(&mut everybody.series.learnt.clone());
        }
        let _never_fails = codec.count(&mut (self.len() as u32));
        for slot in self.in_order() {
            let mut learnt = slot.series.learnt.clone();
            let _never_fails = codec.name(&mut SeriesName::clone(&slot.name));
            let _never_fails = codec.learnt(&mut learnt);
        }
        match codec {
            Codec::Write(bytes) => bytes,
            Codec::Read(_) => Vec::new(),
        }
    }

    /// What was learnt, from bytes, to go on at `time_ms`; with more than `series_max` series, the least recently used leave.
    ///
    /// The time between is not known to have been silent, and nothing is learnt of it.
    pub fn from_snapshot(
        bytes: &[u8],
        series_max: usize,
        time_ms: u64,
    ) -> Result<Self, SnapshotError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(wrong("it begins with something else"))?;
        let mut codec = Codec::Read(rest);
        let mut baselines = Self::new(series_max);
        codec.fleet(&mut baselines.fleet)?;
        if !baselines.fleet.is_sound() {
            return Err(wrong("a number cannot have been learnt"));
        }
        let mut is_there = [0];
        codec.bytes(&mut is_there)?;
        if is_there != [0] {
            let (mut fleet, mut learnt) = (Fleet::default(), Learnt::default());
            codec.fleet(&mut fleet)?;
            codec.learnt(&mut learnt)?;
            if !fleet.is_sound() || !learnt.is_sound() {
                return Err(wrong("a number cannot have been learnt"));
            }
            let series = Series::resume(learnt, time_ms, &fleet);
            baselines.everybody = Some(Everybody { fleet, loud: Loud::default(), series });
        }
        let mut series = 0;
        codec.count(&mut series)?;
        for _ in 0..series {
            let (mut name, mut learnt) = (SeriesName::default(), Learnt::default());
            codec.name(&mut name)?;
            codec.learnt(&mut learnt)?;
            if !learnt.is_sound() || name.model.len() > MODEL_NAME_BYTES_MAX {
                return Err(wrong("a number cannot have been learnt"));
            }
            let series = Series::resume(learnt, time_ms, &baselines.fleet);
            baselines.put_again(name, series);
        }
        match codec {
            Codec::Read([]) => Ok(baselines),
            _ => Err(wrong("something follows its end")),
        }
    }
}
