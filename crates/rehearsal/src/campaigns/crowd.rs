//! Ordinary traffic as campaigns see it: who asks from where, texts as parts of which some recur, and false findings as often as their ranks promise, or more.
//!
//! INVARIANT: a false finding belongs to a part of a text: a template or a text that is pasted has it whenever it is said, other texts by themselves.

use std::net::{IpAddr, Ipv4Addr};

use events::{InteractionId, KeyId, Kind, Rank};
use hunt::{Fate, Outcome, SKETCH_VALUES, Sighting, Sketch};

use crate::caller::{Caller, Sort};
use crate::random::Random;
use crate::weather::Weather;

/// Kinds of false findings, and of attacks.
pub(crate) const KINDS: [&str; 8] = [
    "injection",
    "jailbreak",
    "extraction",
    "exfiltration",
    "tool_abuse",
    "obfuscation.invisible",
    "obfuscation.encoded",
    "canary.verbatim",
];
/// Texts that are pasted in a week: error messages, forms, what colleagues pass on.
const PASTED_TEXTS: usize = 40;
/// The share of what people ask that is a pasted text.
const PASTED_SHARE: f64 = 0.05;
/// Offices whose people share an address.
const OFFICES: usize = 8;
/// How many times as often as others a security team writes what looks like an attack.
const SECURITY_TEAM: f64 = 8.0;
/// Parts of a text that is not a template.
const PARTS: (f64, f64) = (12.0, 80.0);
/// Parts of a template, and of what its slots are filled with.
const TEMPLATE_PARTS: usize = 40;
const SLOT_PARTS: usize = 15;

/// A text: its parts, and the rank of what is found in it, if anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) sketch: Sketch,
    pub(crate) rank: u8,
}

/// Who asks, as campaigns see it.
#[derive(Clone, Debug)]
struct Face {
    addresses: Vec<IpAddr>,
    /// How many end users it has; of none it says nothing.
    end_users: usize,
    /// How many times as often as on ordinary text its texts have findings.
    domain: f64,
    template: u64,
    template_rank: u8,
    /// The rank of what its template has, with what that is worth in an hour.
    templates: f64,
}

/// Everybody.
#[derive(Clone)]
pub(crate) struct Crowd {
    callers: Vec<Caller>,
    faces: Vec<Face>,
    pasted: Vec<(u64, u8)>,
    random: Random,
    number: u128,
}

/// The sketch of a text that has these parts.
pub(crate) fn sketch(parts: impl Iterator<Item = u64>) -> Sketch {
    let mut values: Vec<u32> = parts.map(|part| (Random::new(part).bits() >> 32) as u32).collect();
    values.sort_unstable();
    values.dedup();
    values.resize(SKETCH_VALUES, u32::MAX);
    Sketch::new(values.try_into().unwrap_or([u32::MAX; SKETCH_VALUES]))
}

/// A rank as often as ranks promise, or so many times as often.
fn false_rank(times: f64, random: &mut Random) -> u8 {
    (-10.0 * (random.unit() / times).log10()).clamp(0.0, 60.0) as u8
}

/// The address of a number; those of one office share it.
pub(crate) fn address(number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + (number as u32) * 0x101))
}

impl Crowd {
    pub(crate) fn new(count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x00c0_ffee);
        let callers: Vec<Caller> = (0..count).map(|number| Caller::new(number, seed)).collect();
        let faces = callers.iter().enumerate().map(|(number, caller)| {
            let is_of_people = matches!(caller.sort, Sort::People | Sort::Developers);
            let addresses = if is_of_people {
                (0..2).map(|_| address(random.below(OFFICES))).collect()
            } else {
                (0..3).map(|one| address(1_000 + number * 4 + one)).collect()
            };
            // One team in the crowd writes about attacks for a living.
            let domain = if number == 5 { SECURITY_TEAM } else { random.size(0.3, 2.5) };
            Face {
                addresses,
                end_users: if caller.sort == Sort::People { 20 + random.below(400) } else { 0 },
                domain,
                template: random.bits(),
                template_rank: false_rank(domain, &mut random),
                templates: caller.templates,
            }
        });
        let faces = faces.collect();
        let mut crowd = Self { callers, faces, pasted: Vec::new(), random, number: 0 };
        crowd.paste();
        crowd
    }

    /// A new week: other texts are pasted.
    pub(crate) fn paste(&mut self) {
        let random = &mut self.random;
        self.pasted = (0..PASTED_TEXTS).map(|_| (random.bits(), false_rank(1.0, random))).collect();
    }

    /// An hour of everybody, in order.
    pub(crate) fn hour(&mut self, hour: u64, weather: &Weather) -> Vec<Sighting> {
        let mut all = Vec::new();
        for number in 0..self.callers.len() {
            let Some(caller) = self.callers.get_mut(number) else { continue };
            let seen = caller.hour(hour, weather);
            // A release, once a month, has another template.
            if self.random.chance(1.0 / (4.0 * 168.0))
                && let Some(face) = self.faces.get_mut(number)
            {
                face.template = self.random.bits();
                face.template_rank = false_rank(face.domain, &mut self.random);
            }
            for one in seen {
                let said = self.said(number);
                let fate = match one.outcome {
                    Outcome::Failed | Outcome::Other => Fate::Other,
                    Outcome::Declined => Fate::Declined,
                    _ if said.rank >= 30 => Fate::Refused,
                    _ => Fate::Passed,
                };
                let seen = self.ask(number, one.time_ms, (said, fate));
                all.push(seen);
            }
        }
        all.sort_by_key(|seen| seen.time_ms);
        all
    }

    /// What a caller writes.
    fn said(&mut self, number: usize) -> Said {
        let Some(face) = self.faces.get(number) else {
            return Said { sketch: Sketch::NOTHING, rank: 0 };
        };
        let random = &mut self.random;
        if face.end_users > 0 && random.chance(PASTED_SHARE) {
            let (text, rank) =
                self.pasted.get(random.below(self.pasted.len())).copied().unwrap_or_default();
            return Said { sketch: sketch((0..40).map(|part| text.wrapping_add(part))), rank };
        }
        let rank = false_rank(face.domain, random);
        if random.chance(face.templates) {
            let (template, slot) = (face.template, random.bits());
            let parts = (0..TEMPLATE_PARTS).map(|part| template.wrapping_add(part as u64));
            let slots = (0..SLOT_PARTS).map(|part| slot.wrapping_add(part as u64));
            return Said { sketch: sketch(parts.chain(slots)), rank: rank.max(face.template_rank) };
        }
        let (text, parts) = (random.bits(), random.size(PARTS.0, PARTS.1) as u64);
        Said { sketch: sketch((0..parts).map(|part| text.wrapping_add(part))), rank }
    }

    /// A request of a caller of the crowd.
    pub(crate) fn ask(
        &mut self,
        number: usize,
        time_ms: u64,
        (said, fate): (Said, Fate),
    ) -> Sighting {
        self.number += 1;
        let interaction = InteractionId::new(time_ms, self.number);
        let random = &mut self.random;
        let Some((caller, face)) = self.callers.get(number).zip(self.faces.get(number)) else {
            return stranger(number, interaction, time_ms);
        };
        let mut principal = caller.name.principal.clone();
        principal.key = Some(KeyId::new(number as u64));
        principal.end_user =
            (face.end_users > 0).then(|| format!("u{}", random.below(face.end_users)));
        let mut seen = Sighting {
            address: face.addresses.get(random.below(face.addresses.len())).copied(),
            fate,
            model: Some(caller.name.model.clone()),
            principal,
            sketch: said.sketch,
            ..stranger(number, interaction, time_ms)
        };
        let kind = KINDS.get(random.below(5)).copied().unwrap_or_default();
        seen.notes(&Kind::of(kind), Rank::new(said.rank));
        seen
    }

    /// A request of a key that is not of the crowd, from an address of its own.
    pub(crate) fn stranger(&mut self, number: usize, time_ms: u64) -> Sighting {
        self.number += 1;
        stranger(number, InteractionId::new(time_ms, self.number), time_ms)
    }

    /// Callers with end users.
    pub(crate) fn with_end_users(&self) -> Vec<usize> {
        let faces = self.faces.iter().enumerate();
        faces.filter(|(_, face)| face.end_users > 0).map(|(number, _)| number).collect()
    }
}

fn stranger(number: usize, interaction: InteractionId, time_ms: u64) -> Sighting {
    Sighting {
        address: Some(address(100_000 + number)),
        conversation: None,
        fate: Fate::Passed,
        interaction,
        kinds: Vec::new(),
        model: None,
        principal: events::Principal {
            key: Some(KeyId::new(1 << 40 | number as u64)),
            ..events::Principal::default()
        },
        sketch: Sketch::NOTHING,
        techniques: Vec::new(),
        time_ms,
    }
}
