//! The page of figures on campaigns.
//!
//! INVARIANT: a plant that was not recognised counts: with no recall, and in the quantiles as never.

use std::fmt::Write as _;

use super::plot::PLANTS;
use super::trial::{Results, Tried};
use crate::Plan;
use crate::trial::CALLERS;

/// The page, as Markdown.
pub(crate) fn render(plan: &Plan, results: &Results) -> String {
    let mut page = String::from("# Benchmark: campaigns\n\n");
    let weeks = plan.weeks as f64;
    let _never_fails = write!(
        page,
        "Written by `cargo xtask eval-campaigns`. {} weeks of generated traffic of {CALLERS} callers ({:.1} million interactions, seed {}): the callers of the \
         page on baselines, with end users and shared offices, half of their texts from templates, and texts that people pass on and paste. Nothing of it is an attack, but {:.2} % \
         of it has a finding of rank 20 or more that speaks of one: false findings as often as ranks promise, or up to 2.5 times as often, of one team that writes about \
         attacks 8 times; those in templates and pasted texts come with every request that says them. Among it, each campaign below is planted {} times, at hours chosen at random. \
         Of what is planted, a stated share is found, with a rank from 20 to 50.\n\n\
         It is made-up traffic: the figures compare ways of grouping with each other, and say little about yours.\n\n",
        plan.weeks,
        results.interactions as f64 / 1e6,
        plan.seed,
        results.flagged as f64 * 100.0 / results.interactions.max(1) as f64,
        plan.plants,
    );
    let _never_fails = write!(
        page,
        "## False campaigns\n\n{} in {} weeks: {:.2} a week, of {:.0} requests with false findings a week; {:.1} records of them a week.\n\n",
        results.opened,
        plan.weeks,
        results.opened as f64 / weeks,
        results.flagged as f64 / weeks,
        results.notices as f64 / weeks,
    );
    for example in &results.examples {
        let _never_fails = writeln!(page, "- {example}");
    }
    page.push_str(
        "\n## What is planted\n\n\
         | planted | requests | hours | found in | recognised | median request | 90 % of all by | precision | recall | records |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (plant, tried) in PLANTS.iter().zip(&results.tried) {
        let count = tried.len().max(1) as f64;
        let recognised = tried.iter().filter(|one| one.requests.is_some()).count() as f64;
        let mean = |of: fn(&Tried) -> f64| tried.iter().map(of).sum::<f64>() / count;
        let _never_fails = writeln!(
            page,
            "| {} | {} | {} | {:.0} % | {:.0} % | {} | {} | {:.3} | {:.3} | {:.1} |",
            plant.name,
            plant.requests,
            plant.hours,
            plant.found * 100.0,
            recognised * 100.0 / count,
            quantile(tried, 0.5),
            quantile(tried, 0.9),
            mean(|one| one.precision),
            mean(|one| one.recall),
            mean(|one| one.notices as f64),
        );
    }
    let _never_fails = write!(
        page,
        "\nThe median request is the one with which half of all plants were recognised. Precision and recall are of pairs of interactions: of those that were put \
         together with anything planted, which belong together, and of those that belong together, which were put together. Records are what a SIEM gets.\n\n\
         ## Cost\n\n{:.0} ns for an interaction, {} bytes of a snapshot, on the machine of this run.\n",
        results.took.as_nanos() as f64 / results.interactions.max(1) as f64,
        results.snapshot_bytes,
    );
    page
}

/// The request by which a share of all was recognised.
fn quantile(tried: &[Tried], share: f64) -> String {
    let mut requests: Vec<usize> =
        tried.iter().map(|one| one.requests.unwrap_or(usize::MAX)).collect();
    requests.sort_unstable();
    let at = ((requests.len() as f64 * share).ceil() as usize).saturating_sub(1);
    match requests.get(at) {
        Some(&usize::MAX) | None => String::from("—"),
        Some(request) => request.to_string(),
    }
}
