//! Weeks of ordinary traffic, and plants on copies of everything: how soon each is recognised, and who is put together with whom.
//!
//! INVARIANT: false campaigns are counted in traffic without plants.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use events::{CampaignId, CampaignPhase, InteractionId};
use hunt::{Campaigns, Sighting, Told};

use super::crowd::Crowd;
use super::plot::{PLANTS, Plant};
use crate::Plan;
use crate::random::Random;
use crate::trial::{BEGIN_HOUR, CALLERS, WEEK};
use crate::weather::Sky;

/// False campaigns that are shown.
const EXAMPLES_MAX: usize = 12;
/// Hours of ordinary traffic after a plant, in which it is not to grow.
const AFTER_HOURS: u64 = 6;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) tried: Vec<Vec<Tried>>,
    pub(crate) interactions: u64,
    pub(crate) flagged: u64,
    /// Campaigns that began with ordinary traffic, and what was told of them.
    pub(crate) opened: usize,
    pub(crate) notices: usize,
    pub(crate) examples: Vec<String>,
    pub(crate) took: Duration,
    pub(crate) snapshot_bytes: usize,
}

/// One plant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    /// Its requests until it was recognised, if it was.
    pub(crate) requests: Option<usize>,
    /// Of pairs that were put together, the share that belongs together; of pairs that belong together, the share that was put together.
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    /// What was told of it.
    pub(crate) notices: usize,
}

pub(crate) fn run(plan: &Plan) -> Results {
    let mut results =
        Results { tried: PLANTS.iter().map(|_| Vec::new()).collect(), ..Results::default() };
    let mut crowd = Crowd::new(CALLERS, plan.seed);
    let mut campaigns = Campaigns::default();
    let mut sky = Sky::new(plan.seed ^ 0xabcd);
    let mut random = Random::new(plan.seed ^ 0x1234);
    let hours = plan.weeks * WEEK;
    let trials = plan.plants * PLANTS.len();
    let mut done = 0;
    for hour in 0..hours {
        // The first days have nothing before them.
        while hour > 100 && done < trials * (hour + 1) as usize / hours as usize {
            let stage = (&campaigns, &crowd, &sky, BEGIN_HOUR + hour);
            let plant = done % PLANTS.len();
            if let (Some(plant), Some(tried)) = (PLANTS.get(plant), results.tried.get_mut(plant)) {
                tried.push(attempt(stage, plant, done, &mut random));
            }
            done += 1;
        }
        if hour % WEEK == 0 {
            crowd.paste();
            eprintln!("week {} of {}: {} false", hour / WEEK + 1, plan.weeks, results.opened);
        }
        let weather = sky.next(BEGIN_HOUR + hour);
        let all = crowd.hour(BEGIN_HOUR + hour, &weather);
        results.interactions += all.len() as u64;
        results.flagged += all.iter().filter(|seen| !seen.kinds.is_empty()).count() as u64;
        let began = Instant::now();
        let told: Vec<Told> = all.iter().map(|seen| campaigns.observe(seen)).collect();
        results.took += began.elapsed();
        for notice in told.into_iter().flat_map(|told| told.notices) {
            results.notices += 1;
            if notice.campaign.phase == CampaignPhase::Opened {
                results.opened += 1;
                if results.examples.len() < EXAMPLES_MAX {
                    let links = notice.campaign.links.iter();
                    let links: Vec<String> =
                        links.map(|link| format!("{} {}", link.share, link.what)).collect();
                    let score = notice.campaign.score;
                    results.examples.push(format!(
                        "{} (score {score}: {})",
                        notice.detail,
                        links.join(", ")
                    ));
                }
            }
        }
    }
    results.snapshot_bytes = campaigns.to_snapshot().len();
    results
}

/// What a plant is tried on: copies of these are.
type Stage<'a> = (&'a Campaigns, &'a Crowd, &'a Sky, u64);

/// Who was put where.
#[derive(Default)]
struct Groups {
    of: HashMap<InteractionId, CampaignId>,
    into: HashMap<CampaignId, CampaignId>,
}

impl Groups {
    fn note(&mut self, seen: InteractionId, told: &Told) {
        let Some(id) = told.campaign else { return };
        self.of.insert(seen, id);
        self.of.extend(told.also.iter().map(|also| (*also, id)));
        let ended = told.notices.iter().filter(|one| one.campaign.phase == CampaignPhase::Ended);
        for other in ended.filter(|one| one.detail.starts_with("part of ")) {
            self.into.insert(other.campaign.id, id);
        }
    }

    fn get(&self, seen: InteractionId) -> Option<CampaignId> {
        let mut id = *self.of.get(&seen)?;
        while let Some(into) = self.into.get(&id) {
            id = *into;
        }
        Some(id)
    }
}

fn attempt(
    (campaigns, crowd, sky, hour): Stage<'_>,
    plant: &Plant,
    number: usize,
    random: &mut Random,
) -> Tried {
    let (mut campaigns, mut crowd, mut sky) = (campaigns.clone(), crowd.clone(), sky.clone());
    let planted = plant.requests(&mut crowd, hour, number, random);
    let mut rest: &[Sighting] = &planted;
    let (mut groups, mut asked, mut recognised) = (Groups::default(), 0, None);
    let mut told_of: Vec<CampaignId> = Vec::new();
    for hour in hour..hour + plant.hours + AFTER_HOURS {
        let ordinary = crowd.hour(hour, &sky.next(hour));
        let end_ms = (hour + 1) * crate::caller::HOUR_MS;
        let due = rest.partition_point(|seen| seen.time_ms < end_ms);
        let (now, later) = rest.split_at(due);
        rest = later;
        let mut all: Vec<(&Sighting, bool)> = ordinary
            .iter()
            .map(|seen| (seen, false))
            .chain(now.iter().map(|seen| (seen, true)))
            .collect();
        all.sort_by_key(|(seen, _)| seen.time_ms);
        for (seen, is_planted) in all {
            let told = campaigns.observe(seen);
            groups.note(seen.interaction, &told);
            told_of.extend(told.notices.iter().map(|notice| notice.campaign.id));
            asked += usize::from(is_planted);
            if is_planted && told.campaign.is_some() && recognised.is_none() {
                recognised = Some(asked);
            }
        }
    }
    let (precision, recall) = rated(&groups, &planted);
    let its: Vec<CampaignId> =
        planted.iter().filter_map(|seen| groups.get(seen.interaction)).collect();
    let notices = told_of.iter().filter(|id| its.contains(id)).count();
    Tried { requests: recognised, precision, recall, notices }
}

/// Pairwise precision and recall of what is planted.
fn rated(groups: &Groups, planted: &[Sighting]) -> (f64, f64) {
    let pairs = |count: usize| (count * count.saturating_sub(1) / 2) as f64;
    let mut its: HashMap<CampaignId, usize> = HashMap::new();
    for id in planted.iter().filter_map(|seen| groups.get(seen.interaction)) {
        *its.entry(id).or_default() += 1;
    }
    let mut all: HashMap<CampaignId, usize> = HashMap::new();
    for id in groups.of.keys().filter_map(|seen| groups.get(*seen)) {
        *all.entry(id).or_default() += 1;
    }
    let together: f64 = its.values().map(|count| pairs(*count)).sum();
    let put: f64 = its.keys().filter_map(|id| all.get(id)).map(|count| pairs(*count)).sum();
    let precision = if put > 0.0 { together / put } else { 1.0 };
    (precision, together / pairs(planted.len()).max(1.0))
}
