//! The page of figures: how it is laid out and worded, from the results of a trial.
//!
//! INVARIANT: a plant that was not found took for ever: quantiles are of all plants, not of those that were found.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Plan;
use crate::plant::{PLANTS, Plant};
use crate::thin::{KEYS, THIN};
use crate::trial::{CALLERS, LEARNING_WEEKS, Results, TRAFFIC_MIN, Tried};

/// What is aimed at for scraping and fuzzing, in seconds.
const SOON_S: f64 = 120.0;

/// The page, as Markdown.
pub(crate) fn render(plan: &Plan, results: &Results) -> String {
    let mut page = String::from("# Benchmark: baselines\n\n");
    let _never_fails = write!(
        page,
        "Written by `cargo xtask eval-baselines`. {} weeks of generated traffic of {} principals with {CALLERS} series ({:.1} million interactions, \
         seed {}): people, services, agents, nightly jobs and developers, from 3 to 4,000 requests in the busiest hour, with days, weekends and holidays, growth, releases that change \
         prompts, speed and volume for good, jobs started by hand, and providers that are slow for a quarter of an hour or faulty for a minute. All of that is ordinary: whatever is found in it \
         is a false alarm. The first {LEARNING_WEEKS} weeks are learnt from; in the others, each change below is planted {} times, at a caller and an hour chosen at random.\n\n\
         It is made-up traffic: the figures compare ways of finding with each other, and say little about yours.\n\n",
        plan.weeks,
        results.principals,
        results.interactions as f64 / 1e6,
        plan.seed,
        plan.plants,
    );
    false_alarms(&mut page, plan, results);
    page.push_str("\n## Time to detect\n\n");
    times(&mut page, PLANTS.iter().zip(&results.tried));
    let _never_fails = write!(
        page,
        "\nA plant lasts 50 minutes, a ramp 12 hours. Those that change a caller's own traffic (latency, errors, refusals) are planted where the hour has at least {TRAFFIC_MIN} requests. \
         Scraping counts as found only as `anomaly.scraping`, fuzzing as `anomaly.fuzzing`, cost as either of `anomaly.cost` and `anomaly.scraping`. {} plants were left out because the same kind was found just before.\n\n",
        results.spoilt,
    );
    by_sort(&mut page, results);
    over_many_keys(&mut page, plan, results);
    let _never_fails = write!(
        page,
        "## Cost\n\n{:.0} ns for an interaction, {} bytes of a series in a snapshot, on the machine of this run.\n",
        results.took.as_nanos() as f64 / results.interactions.max(1) as f64,
        results.snapshot_bytes / CALLERS,
    );
    page
}

fn false_alarms(page: &mut String, plan: &Plan, results: &Results) {
    page.push_str("## False alarms\n\n| | alarms | principal-weeks | per principal-week | one in |\n|---|---|---|---|---|\n");
    let settled_weeks = plan.weeks.saturating_sub(LEARNING_WEEKS);
    let learning = format!("weeks 1 to {LEARNING_WEEKS}, nothing known at first");
    let settled = format!("weeks {} to {}", LEARNING_WEEKS + 1, plan.weeks);
    let rows =
        [(learning, &results.learning, LEARNING_WEEKS), (settled, &results.settled, settled_weeks)];
    for (name, alarms, weeks) in rows {
        let count = alarms.values().sum::<usize>();
        let weeks = (weeks * results.principals as u64) as f64;
        let (rate, one_in) = (count as f64 / weeks.max(1.0), weeks / count.max(1) as f64);
        let _never_fails =
            writeln!(page, "| {name} | {count} | {weeks:.0} | {rate:.3} | {one_in:.0} weeks |");
    }
    let _never_fails = write!(
        page,
        "\nThe aim is one in 20 weeks. In the later weeks by kind: {}; by sort of caller: {}. The first of them:\n\n",
        listed(&results.settled),
        listed(&results.by_sort)
    );
    for example in &results.examples {
        let _never_fails = writeln!(page, "- {example}");
    }
}

fn times<'r>(page: &mut String, results: impl Iterator<Item = (&'r Plant, &'r Vec<Tried>)>) {
    page.push_str("| planted | size | found | within 2 minutes | median | 90 % of all within |\n|---|---|---|---|---|---|\n");
    for (plant, tried) in results {
        let all = tried.len().max(1) as f64;
        let mut seconds: Vec<f64> = tried.iter().filter_map(|one| one.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        let soon = seconds.iter().filter(|time| **time <= SOON_S).count() as f64;
        let quantile = |share: f64| {
            let at = (share * all).ceil() as usize;
            seconds.get(at.max(1) - 1).map_or_else(|| String::from("—"), |time| duration(*time))
        };
        let _never_fails = writeln!(
            page,
            "| {} | {} | {:.0} % | {:.0} % | {} | {} |",
            plant.name,
            plant.size,
            100.0 * seconds.len() as f64 / all,
            100.0 * soon / all,
            quantile(0.5),
            quantile(0.9),
        );
    }
}

/// What is spread so thinly that hardly any key shows it.
fn over_many_keys(page: &mut String, plan: &Plan, results: &Results) {
    let _never_fails = write!(
        page,
        "## Over many keys\n\nThe same, spread at random over {KEYS} keys that nobody has seen before, beside everybody's ordinary traffic. A series of its own watches all traffic together. In the last rows one caller does the same from the beginning of the hour until its end, and more of it.\n\n",
    );
    times(page, THIN.iter().map(|thin| &thin.plant).zip(&results.thin));
    let found = results.thin.iter().flatten().filter(|one| one.seconds.is_some());
    let (everybody, all) = found.fold((0, 0), |(everybody, all), one| {
        (everybody + usize::from(one.sort == "everybody"), all + 1)
    });
    let [learning, settled] = results.together;
    let _never_fails = write!(
        page,
        "\nOf {all} that were found, {everybody} were found in all traffic together, the others first at one of the keys. False alarms of that series, which are among those above: {learning} in weeks 1 to \
         {LEARNING_WEEKS}, {settled} in the {} weeks after.\n\n",
        plan.weeks.saturating_sub(LEARNING_WEEKS),
    );
}

/// Who is quick to show: a caller's own bursts are what an attack hides in.
fn by_sort(page: &mut String, results: &Results) {
    page.push_str("Within 2 minutes, by sort of caller:\n\n");
    let mut sorts: Vec<&str> =
        results.tried.iter().flatten().map(|one| one.sort.as_str()).collect();
    sorts.sort_unstable();
    sorts.dedup();
    let _never_fails = writeln!(page, "| planted | size | {} |", sorts.join(" | "));
    let _never_fails = writeln!(page, "|---|---|{}", "---|".repeat(sorts.len()));
    let quick = |name: &str| name.starts_with("scraping") || name.starts_with("fuzzing");
    for (plant, tried) in PLANTS.iter().zip(&results.tried).filter(|(plant, _)| quick(plant.name)) {
        let share = |sort: &&str| {
            let of_sort: Vec<&Tried> = tried.iter().filter(|one| one.sort == *sort).collect();
            let is_soon = |one: &&&Tried| one.seconds.is_some_and(|time| time <= SOON_S);
            let soon = of_sort.iter().filter(is_soon).count();
            format!(
                "{:.0} % of {}",
                100.0 * soon as f64 / of_sort.len().max(1) as f64,
                of_sort.len()
            )
        };
        let cells: Vec<String> = sorts.iter().map(share).collect();
        let _never_fails =
            writeln!(page, "| {} | {} | {} |", plant.name, plant.size, cells.join(" | "));
    }
    page.push('\n');
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
