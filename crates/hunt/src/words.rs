//! Findings in words: what, how much above the ordinary, since when.
//!
//! INVARIANT: no content and no name that a caller chose.

use crate::measure::{
    BLOCKED, COST, ERRORS, FIRST_BYTE, LATENCY, Pattern, REFUSALS, REPHRASED, REQUESTS,
    SCALE_SECONDS,
};
use crate::series::Alarm;

/// What an alarm says.
pub(crate) fn detail(alarm: &Alarm, time_ms: u64) -> String {
    let Alarm { observed, ordinary, .. } = *alarm;
    let within = within(alarm.scale);
    let count = observed.round();
    let what = match alarm.measure {
        REQUESTS => format!("{count:.0} requests within {within}, {}", ordinary_words(alarm)),
        COST => format!(
            "{count:.0} units of cost (an output token is 4) within {within}, {}",
            ordinary_words(alarm)
        ),
        BLOCKED => format!("{count:.0} blocked within {within}, {}", ordinary_words(alarm)),
        REPHRASED => format!(
            "{count:.0} requests within {within} say others again in other words, {}",
            ordinary_words(alarm)
        ),
        ERRORS => format!("{count:.0} failed within {within}, {}", ordinary_words(alarm)),
        REFUSALS => {
            format!("{count:.0} declined by the model within {within}, {}", ordinary_words(alarm))
        }
        LATENCY => format!("answers take {} within {within}", times(observed, ordinary)),
        FIRST_BYTE => {
            format!("first bytes of streams take {} within {within}", times(observed, ordinary))
        }
        _ => String::new(),
    };
    let distinct = match alarm.pattern {
        Pattern::Scraping => format!("; {:.0} % of them new", alarm.distinct * 100.0),
        Pattern::Cost if alarm.measure == REQUESTS => {
            String::from("; the same ones again and again")
        }
        _ => String::new(),
    };
    format!("{what}{distinct}; above the ordinary {}", since(time_ms, alarm.since_ms))
}

fn within(scale: usize) -> &'static str {
    // A sum that fades over a length of time is about that length.
    ["15 seconds", "2 minutes", "20 minutes", "4 hours"].get(scale).copied().unwrap_or("a while")
}

/// The time an alarm is about, in seconds.
pub(crate) fn window_s(scale: usize) -> u32 {
    SCALE_SECONDS.get(scale).map_or(0, |seconds| *seconds as u32)
}

fn ordinary_words(alarm: &Alarm) -> String {
    match alarm.ordinary {
        few if few < 0.5 => String::from("where hardly any are ordinary"),
        some => format!("{} ({some:.0})", times(alarm.observed, some)),
    }
}

fn times(observed: f32, ordinary: f32) -> String {
    let times = observed / ordinary.max(1e-6);
    if times >= 10.0 {
        format!("{times:.0} times as much as is ordinary")
    } else {
        format!("{times:.1} times as much as is ordinary")
    }
}

fn since(time_ms: u64, since_ms: u64) -> String {
    let seconds = time_ms.saturating_sub(since_ms) / 1_000;
    match seconds {
        0..=1 => String::from("just now"),
        2..=119 => format!("for {seconds} seconds"),
        120..=7_199 => format!("for {} minutes", seconds / 60),
        _ => format!("for {} hours", seconds / 3_600),
    }
}
