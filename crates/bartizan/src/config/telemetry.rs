//! Where Bartizan's own measurements go.
//!
//! Not here: what is measured (`gateway`), how it is written (`telemetry`).

use std::net::SocketAddr;

use super::settings::Checker;
use super::telemetry_options::MetricsOptions;

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
}
