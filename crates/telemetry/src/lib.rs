//! What is counted and timed, and how it is written for those who collect it.
//!
//! A [`Family`] holds series of counters, gauges or histograms; a [`FamilySnapshot`] is what it said at one
//! moment; [`prometheus_text`] and [`otlp_metrics`] write snapshots, [`otlp_traces`] spans, [`otlp_log_line`] log records.
//!
//! INVARIANT: counting takes no lock and waits for nobody. INVARIANT: bounded: a family has at most
//! `series_max` series, and one more, `other`, for all that would be beyond. INVARIANT: no clock, no socket:
//! the caller measures and sends.
//!
//! Not here: what is counted (`gateway`, `journal`), the listener, the collector's connection.

mod family;
mod meter;
pub mod names;
mod otlp;
mod prometheus;
mod slots;
mod snapshot;
mod trace_context;

pub use family::{Family, LABEL_BYTES_MAX, Names, OTHER};
pub use meter::{Counted, Counter, Gauge, Histogram, Meter};
pub use otlp::{
    ATTRIBUTE_CHARACTERS_MAX, Attribute, LogRecord, Resource, Span, otlp_log_line, otlp_metrics,
    otlp_traces,
};
pub use prometheus::{PROMETHEUS_CONTENT_TYPE, prometheus_name, prometheus_text};
pub use snapshot::{About, FamilySnapshot, Kind, Point, Series, Unit, about};
pub use trace_context::{
    TRACE_STATE_BYTES_MAX, TRACE_STATE_MEMBERS_MAX, TraceParent, trace_parent, trace_state,
};
