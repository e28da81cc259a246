//! The text exposition format of Prometheus, version 0.0.4.
//!
//! Names follow from those of OpenTelemetry by the rules of its compatibility specification: dots become
//! underscores, the unit and, for counters, `_total` are added.
//!
//! INVARIANT: whatever a label's value holds, a line stays a line.

use std::fmt::Write as _;

use crate::snapshot::{About, FamilySnapshot, Kind, Point, Series};

/// The media type of what [`prometheus_text`] writes.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The name of a family in Prometheus.
pub fn prometheus_name(about: &About) -> String {
    let total = if about.kind == Kind::Counter { "_total" } else { "" };
    format!("{}{}{total}", underscored(about.name), about.unit.suffix())
}

fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

/// Writes families, each with its help and type. Those without series are left out.
pub fn prometheus_text(families: &[FamilySnapshot]) -> String {
    let mut text = String::new();
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        let name = prometheus_name(&family.about);
        let kind = match family.about.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = family.about.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _never_fails = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for series in &family.series {
            write_series(&mut text, &name, &family.about, series);
        }
    }
    text
}

fn write_series(text: &mut String, name: &str, about: &About, series: &Series) {
    let unit = about.unit;
    match &series.point {
        Point::Number(number) => {
            line(text, name, &series.labels, None, &unit.decimal(*number));
        }
        Point::Histogram { bounds, counts, sum } => {
            let bucket = format!("{name}_bucket");
            let mut so_far = 0_u64;
            let bounds = bounds.iter().map(|bound| unit.decimal(*bound));
            for (bound, count) in bounds.chain([String::from("+Inf")]).zip(counts) {
                so_far += count;
                line(text, &bucket, &series.labels, Some(&bound), &so_far.to_string());
            }
            line(text, &format!("{name}_sum"), &series.labels, None, &unit.decimal(*sum));
            line(text, &format!("{name}_count"), &series.labels, None, &so_far.to_string());
        }
    }
}

fn line(
    text: &mut String,
    name: &str,
    labels: &[(&'static str, String)],
    bound: Option<&str>,
    value: &str,
) {
    text.push_str(name);
    let mut open = '{';
    let own = labels.iter().map(|(label, value)| (underscored(label), value.as_str()));
    for (label, value) in own.chain(bound.map(|bound| (String::from("le"), bound))) {
        let _never_fails = write!(text, "{open}{label}=\"");
        open = ',';
        for character in value.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    let close = if open == ',' { "}" } else { "" };
    let _never_fails = writeln!(text, "{close} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Family;
    use crate::meter::{Counter, Histogram};
    use crate::snapshot::Unit;

    #[test]
    fn a_page_is_as_the_format_has_it() {
        let requests: Family<Counter, 1> = Family::new(
            About {
                name: "bartizan.requests",
                help: "Requests, by\nroute \\ all.",
                kind: Kind::Counter,
                unit: Unit::Count,
            },
            &[],
            ["route.name"],
            10,
        );
        requests.with(["a \"b\" \\ c\nd"]).add(3);
        let times: Family<Histogram, 0> = Family::new(
            About {
                name: "bartizan.request.duration",
                help: "Time.",
                kind: Kind::Histogram,
                unit: Unit::Seconds,
            },
            &[1_000, 2_500_000],
            [],
            10,
        );
        for value in [1_000, 2_000_000, 9_000_000] {
            times.with([]).observe(value);
        }
        let empty: Family<Counter, 1> = Family::new(
            About { name: "none", help: "", kind: Kind::Counter, unit: Unit::Count },
            &[],
            ["x"],
            1,
        );
        let page = prometheus_text(&[requests.snapshot(), times.snapshot(), empty.snapshot()]);
        assert_eq!(
            page,
            "# HELP bartizan_requests_total Requests, by\\nroute \\\\ all.\n\
             # TYPE bartizan_requests_total counter\n\
             bartizan_requests_total{route_name=\"a \\\"b\\\" \\\\ c\\nd\"} 3\n\
             # HELP bartizan_request_duration_seconds Time.\n\
             # TYPE bartizan_request_duration_seconds histogram\n\
             bartizan_request_duration_seconds_bucket{le=\"0.001\"} 1\n\
             bartizan_request_duration_seconds_bucket{le=\"2.5\"} 2\n\
             bartizan_request_duration_seconds_bucket{le=\"+Inf\"} 3\n\
             bartizan_request_duration_seconds_sum 11.001\n\
             bartizan_request_duration_seconds_count 3\n"
        );
    }
}
