//! The page of figures.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Plan;
use crate::plant::PLANTS;
use crate::trial::{CALLERS, LEARNING_WEEKS, Results, TRAFFIC_MIN};

/// The page, as Markdown.
pub(crate) fn render(plan: &Plan, results: &Results) -> String {
    let mut page = String::from("# Benchmark: baselines\n\n");
    let settled_weeks = plan.weeks.saturating_sub(LEARNING_WEEKS) as f64;
    let _never_fails = write!(
        page,
        "Written by `cargo xtask eval-baselines`. {} weeks of generated traffic of {} principals with {CALLERS} series ({:.1} million interactions, \
         seed {}): people, services, agents, nightly jobs and developers, from 3 to 4,000 requests in the busiest hour, with days, weekends and holidays, growth, releases that change \
         prompts, speed and volume for good, jobs started by hand, and providers that are slow for a quarter of an hour or faulty for a minute. All of that is ordinary: whatever is found in it \
         is a false alarm. The first {LEARNING_WEEKS} weeks are learnt from; in the others, each change below is planted {} times, at a caller and an hour chosen at random.\n\n",
        plan.weeks,
        results.principals,
        results.interactions as f64 / 1e6,
        plan.seed,
        plan.plants,
    );
    page.push_str("## False alarms\n\n| | alarms | principal-weeks | per principal-week | one in |\n|---|---|---|---|---|\n");
    let rows = [
        (
            format!("weeks 1 to {LEARNING_WEEKS}, nothing known at first"),
            &results.learning,
            LEARNING_WEEKS as f64,
        ),
        (
            format!("weeks {} to {}", LEARNING_WEEKS + 1, plan.weeks),
            &results.settled,
            settled_weeks,
        ),
    ];
    for (name, alarms, weeks) in rows {
        let (count, weeks) = (alarms.values().sum::<usize>(), weeks * results.principals as f64);
        let rate = count as f64 / weeks.max(1.0);
        let one_in = weeks / (count.max(1)) as f64;
        let _never_fails =
            writeln!(page, "| {name} | {count} | {weeks:.0} | {rate:.3} | {one_in:.0} weeks |");
    }
    let _never_fails = write!(
        page,
        "\nIn the later weeks by kind: {}; by sort of caller: {}.\n\n",
        listed(&results.settled),
        listed(&results.by_sort)
    );
    page.push_str("## Time to detect\n\n| planted | size | found | within 2 minutes | median | 90 % of all within |\n|---|---|---|---|---|---|\n");
    for (plant, found) in PLANTS.iter().zip(&results.found) {
        let all = found.len().max(1) as f64;
        let mut times: Vec<f64> = found.iter().flatten().copied().collect();
        times.sort_by(f64::total_cmp);
        let soon = times.iter().filter(|time| **time <= 120.0).count() as f64;
        // A plant that was not found took for ever.
        let quantile = |share: f64| {
            let at = (share * all).ceil() as usize;
            times.get(at.max(1) - 1).map_or_else(|| String::from("—"), |time| duration(*time))
        };
        let _never_fails = writeln!(
            page,
            "| {} | {} | {:.0} % | {:.0} % | {} | {} |",
            plant.name,
            plant.size,
            100.0 * times.len() as f64 / all,
            100.0 * soon / all,
            quantile(0.5),
            quantile(0.9),
        );
    }
    let _never_fails = write!(
        page,
        "\nA plant lasts 50 minutes, a ramp 12 hours. Those that change a caller's own traffic (latency, errors, refusals) are planted where the hour has at least {TRAFFIC_MIN} requests. \
         Scraping counts as found only as `anomaly.scraping`, fuzzing as `anomaly.fuzzing`, cost as either of `anomaly.cost` and `anomaly.scraping`. {} plants were left out because the same kind was found just before.\n\n\
         ## Cost\n\n{:.0} ns for an interaction, {} bytes of a series in a snapshot, on the machine of this run.\n",
        results.spoilt,
        results.took.as_nanos() as f64 / results.interactions.max(1) as f64,
        results.snapshot_bytes / CALLERS,
    );
    page
}

fn listed(counts: &BTreeMap<String, usize>) -> String {
    let words: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if words.is_empty() { String::from("none") } else { words.join(", ") }
}

fn duration(seconds: f64) -> String {
    match seconds {
        short if short < 120.0 => format!("{short:.0} s"),
        long if long < 7_200.0 => format!("{:.0} min", long / 60.0),
        hours => format!("{:.1} h", hours / 3_600.0),
    }
}
