//! Where Bartizan's own measurements go.
//!
//! Not here: what is measured (`gateway`), how it is written (`telemetry`).

use std::net::SocketAddr;
use std::time::Duration;

use gateway::CollectorSettings;
use net::EndpointSettings;

use super::settings::{Checker, PEM_BYTES_MAX, TIMEOUT_MS_MAX};
use super::telemetry_options::{MetricsOptions, TelemetryOptions};
use super::upstreams::is_local;

/// How often metrics may be sent at most, in milliseconds.
const INTERVAL_MS_MIN: u64 = 1_000;
/// Time for a connection to the collector.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

impl Checker<'_> {
    /// Where the page of metrics is, if anywhere.
    pub(super) fn metrics(
        &mut self,
        options: &MetricsOptions,
        listen: SocketAddr,
    ) -> Option<SocketAddr> {
        if options.listen.is_empty() {
            return None;
        }
        let Ok(address) = options.listen.parse::<SocketAddr>() else {
            let message = format!("`{}` is not an address with a port", options.listen);
            let help =
                "write an IP address and a port: `127.0.0.1:9464`, or nothing (`\"\"`) for no page";
            self.problem("metrics.listen", message, help);
            return None;
        };
        if address == listen && address.port() != 0 {
            let help = "give the page a port of its own";
            self.problem("metrics.listen", "callers are listened to there", help);
        }
        if !address.ip().is_loopback() {
            self.warn(format!("the page of metrics at `{address}` can be read from outside"));
        }
        Some(address)
    }

    /// Where spans and metrics are sent.
    pub(super) fn collector(&mut self, options: TelemetryOptions) -> Option<CollectorSettings> {
        let interval_ms = options.otlp_interval_ms;
        self.within("telemetry.otlp_interval_ms", interval_ms, INTERVAL_MS_MIN, TIMEOUT_MS_MAX);
        let url = options.otlp_endpoint;
        if url.starts_with("http://") && !is_local(&url) {
            self.warn("the collector of telemetry is reached without TLS");
        }
        let ca = options
            .otlp_ca_file
            .map(|file| self.file("telemetry.otlp_ca_file", &file, PEM_BYTES_MAX));
        let settings =
            EndpointSettings { ca_pem: ca.flatten(), connect_time_max: CONNECT_TIME_MAX, url };
        let interval = Duration::from_millis(interval_ms);
        let mut collector = match CollectorSettings::new(&settings, interval) {
            Ok(collector) => collector,
            Err(error) => {
                let help = "write the collector's address, like `http://127.0.0.1:4318`";
                self.problem("telemetry.otlp_endpoint", error.to_string(), help);
                return None;
            }
        };
        for (name, reference) in options.otlp_headers {
            let path = format!("telemetry.otlp_headers.{name}");
            let Some(secret) = self.secret(&path, reference) else { continue };
            if !collector.add_header(&name, secret) {
                let help = "name a header that the collector asks for, such as `authorization`";
                self.problem(&path, format!("`{name}` cannot be sent"), help);
            }
        }
        Some(collector)
    }
}
