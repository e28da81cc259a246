//! Portkey's gateway under Node, as its documentation starts it, asked for the mock as a custom host.
//!
//! INVARIANT: it listens on loopback: by itself it would listen on every address, so a few lines before it say where.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Started, listening, written};
use crate::bodies::Manners;
use crate::environment;

/// What is installed: what it needs in the versions of its own lock file, for with the newest that it accepts no stream works.
pub(super) const PACKAGES: [&str; 4] =
    ["@portkey-ai/gateway@1.15.2", "hono@4.9.7", "@hono/node-server@1.13.5", "@hono/node-ws@1.2.0"];
/// Beside the programs that cargo builds.
const ENVIRONMENT: &str = "bench-portkey";

const LOOPBACK: &str = "
const { Server } = require('node:net');
const listen = Server.prototype.listen;
Server.prototype.listen = function (first, ...rest) {
  const where = typeof first === 'object' ? first : { port: first };
  const done = rest.filter((one) => typeof one === 'function');
  return listen.call(this, { ...where, host: '127.0.0.1' }, ...done);
};
";

/// What its guards mask, as LiteLLM's do: numbers of social security and addresses of mail.
const PERSONAL: &str = r"/\b\d{3}-\d{2}-\d{4}\b|[\w.+-]+@[\w-]+\.[\w.-]+/g";

pub(super) fn start(folder: &Path, mock: SocketAddr, guards: bool) -> Result<Started, String> {
    let environment = environment::node(ENVIRONMENT, &PACKAGES)?;
    let loopback = folder.join("loopback.cjs");
    written(&loopback, LOOPBACK)?;
    let program = environment.join("node_modules/@portkey-ai/gateway/build/start-server.js");
    let process = listening(|address| {
        let mut command = Command::new("node");
        command
            .arg("--require")
            .arg(&loopback)
            .arg(&program)
            .arg(format!("--port={}", address.port()))
            .arg("--headless")
            .env("NODE_ENV", "production")
            .current_dir(&environment);
        command
    })?;
    let host = format!("http://{mock}/v1");
    let headers = if guards {
        let hook = json!([{ "id": "personal-data", "type": "guardrail", "checks": [
            { "id": "default.regexReplace", "parameters": { "rule": PERSONAL, "redactText": "[masked]" } },
        ]}]);
        let config = json!({
            "provider": "openai", "api_key": "none", "custom_host": host,
            "before_request_hooks": hook, "after_request_hooks": hook,
        });
        format!("x-portkey-config: {config}\r\n")
    } else {
        format!(
            "x-portkey-provider: openai\r\nx-portkey-custom-host: {host}\r\nauthorization: Bearer none\r\n"
        )
    };
    Ok(Started { process, manners: Manners { headers } })
}
