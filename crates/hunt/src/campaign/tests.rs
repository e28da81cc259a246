//! What becomes a campaign, what does not, and who belongs to one.

use std::net::{IpAddr, Ipv4Addr};

use events::{CampaignPhase, CampaignShape, InteractionId, KeyId, Kind, Rank};

use super::testing::{sighting, sketch, variant};
use super::*;

const BEGIN_MS: u64 = 1_800_000_000_000;
const SECOND_MS: u64 = 1_000;

/// Requests, one after the other, and what came of them.
#[derive(Default)]
struct Bed {
    campaigns: Campaigns,
    time_ms: u64,
    number: u128,
    notices: Vec<CampaignNotice>,
}

impl Bed {
    /// A request of a key from an address, so long after the last one.
    fn ask(&mut self, key: u64, after_ms: u64, change: impl FnOnce(&mut Sighting)) -> Told {
        self.time_ms = self.time_ms.max(BEGIN_MS) + after_ms;
        self.number += 1;
        let mut seen = sighting(self.time_ms);
        seen.interaction = InteractionId::new(self.time_ms, self.number);
        seen.principal.key = Some(KeyId::new(key));
        seen.address = Some(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + ((key as u32) << 8))));
        change(&mut seen);
        let told = self.campaigns.observe(&seen);
        self.notices.extend(told.notices.iter().cloned());
        told
    }

    fn phases(&self) -> Vec<CampaignPhase> {
        self.notices.iter().map(|notice| notice.campaign.phase).collect()
    }

    fn last(&self) -> &events::Campaign {
        &self.notices.last().expect("something was told").campaign
    }
}

fn found(seen: &mut Sighting, kind: &'static str, rank: u8) {
    seen.notes(&Kind::of(kind), Rank::new(rank));
    seen.fate = if rank >= 30 { Fate::Refused } else { Fate::Passed };
}

#[test]
fn a_fuzzer_is_one_campaign_with_what_got_through() {
    let mut bed = Bed::default();
    let mut unknown = 0;
    for number in 0..10_000_u32 {
        let told = bed.ask(7, SECOND_MS, |seen| {
            seen.sketch = sketch(number);
            if number % 3 != 2 {
                found(
                    seen,
                    ["injection", "jailbreak"][number as usize % 2],
                    25 + (number % 20) as u8,
                );
            }
        });
        unknown += u32::from(told.campaign.is_none());
    }
    assert!(unknown < 15, "{unknown}");
    assert_eq!(bed.campaigns.open(), 1);
    assert!(bed.notices.len() < 20, "{} for 10,000 requests", bed.notices.len());
    assert_eq!(bed.phases()[0], CampaignPhase::Opened);
    let last = bed.last();
    assert_eq!(last.shape, CampaignShape::Fuzzing);
    assert!(last.passed > last.requests / 3, "what was not found is told too");
    assert_eq!((last.callers, last.keys.len(), last.techniques.len()), (1, 1, 2));
    assert!(last.links.iter().any(|link| link.share == "caller"), "{:?}", last.links);
    // It is over when nothing more comes.
    bed.ask(8, QUIET_MS + 2 * LOOK_MS, |_| ());
    assert_eq!(bed.phases().last(), Some(&CampaignPhase::Ended));
    let total = bed.last().requests;
    assert!(total >= 9_990, "what came before it was recognised counts: {total}");
}

#[test]
fn loud_traffic_without_findings_begins_and_keeps_nothing() {
    let mut bed = Bed::default();
    for number in 0..50_000_u32 {
        bed.ask(u64::from(number % 40), 10, |seen| seen.sketch = variant(1, number, 4));
    }
    assert!(bed.notices.is_empty());
    let Campaigns { strands, texts, flagged, unflagged, .. } = &bed.campaigns;
    assert_eq!((strands.len(), texts.len(), flagged.len(), unflagged.len()), (0, 0, 0, 0));
}

#[test]
fn false_findings_at_the_rate_of_their_ranks_are_no_campaign() {
    let mut bed = Bed::default();
    let mut random = stdx::SplitMix64::new(3);
    for number in 0..200_000_u32 {
        let share = random.below(1_000_000) as f32 / 1e6;
        bed.ask(u64::from(number % 20), 500, |seen| {
            let rank = (-10.0 * share.max(1e-6).log10()) as u8;
            seen.sketch =
                if number % 4 == 0 { variant(number % 20, number, 5) } else { sketch(number) };
            found(seen, "injection", rank);
        });
    }
    assert!(bed.notices.is_empty(), "{:?}", bed.notices.first().map(|one| &one.detail));
}

#[test]
fn a_botnet_is_joined_by_its_text() {
    let mut bed = Bed::default();
    for number in 0..600_u32 {
        bed.ask(u64::from(100 + number % 200), 20 * SECOND_MS, |seen| {
            seen.sketch = variant(1, number, 6);
            if number % 5 != 0 {
                found(seen, "jailbreak", 38);
            }
        });
    }
    assert_eq!(bed.campaigns.open(), 1);
    bed.ask(1, QUIET_MS + 2 * LOOK_MS, |_| ());
    let last = bed.last();
    assert_eq!((last.shape, last.callers), (CampaignShape::SharedText, 200));
    assert!(last.requests >= 595, "{}", last.requests);
    assert!(last.networks_total >= 190 && last.networks.len() <= LISTED_MAX);
}

#[test]
fn who_shares_an_office_with_an_attacker_does_not_belong_to_it() {
    let mut bed = Bed::default();
    let office = |seen: &mut Sighting| seen.address = "192.0.2.1".parse().ok();
    let mut strangers = 0;
    for number in 0..4_000_u32 {
        let is_attack = number % 20 == 0;
        let told = bed.ask(if is_attack { 1 } else { u64::from(2 + number % 9) }, 5_000, |seen| {
            office(seen);
            seen.sketch = sketch(number);
            if is_attack {
                found(seen, "extraction", 33);
            }
        });
        strangers += u32::from(!is_attack && told.campaign.is_some());
    }
    assert_eq!((bed.campaigns.open(), strangers), (1, 0));
}

#[test]
fn end_users_of_one_key_are_told_apart() {
    let mut bed = Bed::default();
    let mut bystanders = 0;
    for number in 0..3_000_u32 {
        let is_attack = number % 10 == 0;
        let told = bed.ask(1, 5_000, |seen| {
            seen.sketch = sketch(number);
            let user = if is_attack { "mallory".to_owned() } else { format!("u{}", number % 50) };
            seen.principal.end_user = Some(user);
            if is_attack {
                found(seen, "injection", 40);
            }
        });
        bystanders += u32::from(!is_attack && told.campaign.is_some());
    }
    assert_eq!((bed.campaigns.open(), bystanders), (1, 0));
    assert_eq!(bed.last().end_users, ["mallory"]);
}

#[test]
fn two_campaigns_that_turn_out_to_be_one_are_told_as_one() {
    let mut bed = Bed::default();
    let attack = |bed: &mut Bed, key: u64, text: u32| {
        bed.ask(key, SECOND_MS, |seen| {
            seen.sketch = sketch(text);
            found(seen, "injection", 45);
        })
    };
    for number in 0..20 {
        attack(&mut bed, 1, number);
        attack(&mut bed, 2, 1_000 + number);
    }
    assert_eq!(bed.campaigns.open(), 2);
    // Both keys from one address.
    for number in 0..12 {
        bed.ask(1 + number % 2, SECOND_MS, |seen| {
            seen.sketch = sketch(2_000 + number as u32);
            seen.address = "203.0.113.9".parse().ok();
            found(seen, "injection", 45);
        });
    }
    assert_eq!(bed.campaigns.open(), 1);
    let ended = bed.notices.iter().find(|one| one.campaign.phase == CampaignPhase::Ended);
    assert!(ended.is_some_and(|one| one.detail.starts_with("part of cmp_")));
    bed.ask(9, QUIET_MS + 2 * LOOK_MS, |_| ());
    assert_eq!((bed.last().requests, bed.last().absorbed.len()), (52, 1));
}

#[test]
fn a_slow_attacker_is_seen_over_days() {
    let mut bed = Bed::default();
    for number in 0..60_u32 {
        bed.ask(3, 2 * 3_600_000, |seen| {
            seen.sketch = sketch(number);
            if number % 4 == 0 {
                found(seen, "jailbreak", 32);
            }
        });
    }
    assert_eq!(bed.campaigns.open(), 1);
    assert_eq!(bed.last().shape, CampaignShape::Probing);
}

#[test]
fn a_wave_has_only_its_technique_in_common() {
    let mut bed = Bed::default();
    for number in 0..20_000_u32 {
        let is_attack = number >= 18_000 && number % 20 == 0;
        let key = if is_attack { 1_000 + u64::from(number) } else { u64::from(number % 30) };
        bed.ask(key, 1_000, |seen| {
            seen.sketch = sketch(number);
            if is_attack {
                found(seen, "extraction", 35);
            }
        });
    }
    assert_eq!(bed.campaigns.open(), 1);
    assert_eq!(bed.last().shape, CampaignShape::Wave);
}

#[test]
fn a_restart_changes_nothing() {
    let (mut one, mut other) = (Bed::default(), Bed::default());
    let ask = |bed: &mut Bed, number: u32| {
        bed.ask(u64::from(number % 5), 30_000, |seen| {
            seen.sketch = variant(number % 3, number, 5);
            if !number.is_multiple_of(3) {
                found(seen, "injection", 20 + (number % 30) as u8);
            }
        })
    };
    for number in 0..400 {
        let told = ask(&mut one, number);
        if number % 50 == 0 {
            let kept = other.campaigns.to_snapshot();
            other.campaigns = Campaigns::from_snapshot(&kept).expect("what was written");
        }
        assert_eq!(ask(&mut other, number), told, "{number}");
    }
    assert!(!one.notices.is_empty());
}

#[test]
fn what_is_no_snapshot_is_refused() {
    let mut bed = Bed::default();
    for number in 0..40 {
        bed.ask(1, SECOND_MS, |seen| {
            seen.sketch = sketch(number);
            found(seen, "injection", 45);
        });
    }
    let text = String::from_utf8(bed.campaigns.to_snapshot()).expect("JSON");
    assert!(Campaigns::from_snapshot(text.as_bytes()).is_ok());
    let broken = [
        String::new(),
        text.replace("\"version\":1", "\"version\":2"),
        text[..text.len() / 2].to_owned(),
        text.replacen("\"requests\":", "\"requests\":-", 1),
        text.replace("\"open\":[{", "\"open\":[],\"x\":[{"),
    ];
    for bytes in broken {
        assert!(Campaigns::from_snapshot(bytes.as_bytes()).is_err());
    }
}

#[test]
fn everything_is_bounded_and_what_is_forgotten_is_counted() {
    let mut bed = Bed::default();
    let strands = STRANDS_MAX as u64;
    for number in 0..strands {
        // As often as ranks promise, or they would be one wave.
        for _ in 0..40 {
            bed.ask(number, 10, |_| ());
        }
        bed.ask(number, 10, |seen| {
            seen.sketch = sketch(number as u32);
            found(seen, "injection", 22);
        });
    }
    let Campaigns { strands, texts, flagged, .. } = &bed.campaigns;
    assert!(strands.len() <= STRANDS_MAX && texts.len() <= TEXTS_MAX);
    assert_eq!(flagged.len(), FLAGGED_MAX);
    let forgotten = bed.campaigns.forgotten();
    assert!(forgotten.strands > 0 && forgotten.texts > 0 && forgotten.sightings > 0);
    assert!(bed.campaigns.to_snapshot().len() < CAMPAIGNS_BYTES_MAX);
    // More campaigns at once than there is room for.
    let mut bed = Bed::default();
    for number in 0..(OPEN_MAX as u64 + 1) * 10 {
        bed.ask(number / 10, 10, |seen| {
            seen.sketch = sketch(number as u32);
            // Each a technique of its own, or they would be one wave.
            seen.notes(&Kind::named(format!("injection.{}", number / 10)), Rank::new(45));
        });
    }
    assert_eq!(bed.campaigns.open(), OPEN_MAX);
    assert!(bed.campaigns.forgotten().campaigns > 0);
}
