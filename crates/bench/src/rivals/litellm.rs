//! LiteLLM's proxy, as its documentation starts it: a file of models, a worker for each core.
//!
//! INVARIANT: it listens on loopback, and knows of no model but the mock's.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::{Started, listening, written};
use crate::bodies::Manners;
use crate::environment;

/// What is installed.
pub(super) const PACKAGES: [&str; 1] = ["litellm[proxy]==1.106.2"];
/// Beside the programs that cargo builds.
const ENVIRONMENT: &str = "bench-litellm";

/// How long one of its workers may take to start.
const WORKER_START_SECONDS: &str = "300";

/// Its own content filter, on requests and answers: it masks two kinds of personal data.
const GUARDS: &str = "
guardrails:
  - guardrail_name: personal-data
    litellm_params:
      guardrail: litellm_content_filter
      mode: [pre_call, post_call]
      default_on: true
      patterns:
        - pattern_type: prebuilt
          pattern_name: us_ssn
          action: MASK
        - pattern_type: prebuilt
          pattern_name: email
          action: MASK
";

pub(super) fn start(folder: &Path, mock: SocketAddr, guards: bool) -> Result<Started, String> {
    let environment = environment::python(ENVIRONMENT, &PACKAGES)?;
    let model = |name: &str| {
        format!(
            "  - model_name: {name}\n    litellm_params:\n      model: openai/{name}\n      api_base: http://{mock}/v1\n      api_key: none\n"
        )
    };
    let (fast, slow) = (model("mock"), model("mock-after5"));
    let config = folder.join(format!("litellm-{guards}.yaml"));
    let guardrails = if guards { GUARDS } else { "" };
    // It does not start without one.
    let key = random_key()?;
    let settings = format!("general_settings:\n  master_key: {key}\n");
    written(&config, &format!("model_list:\n{fast}{slow}{settings}{guardrails}"))?;
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let process = listening(|address| {
        let mut command = Command::new(environment.join("bin/litellm"));
        command
            .arg("--config")
            .arg(&config)
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--num_workers", &workers.to_string()])
            // Its supervisor gives a worker five seconds to import everything, and starts it anew for ever.
            .args(["--timeout_worker_healthcheck", WORKER_START_SECONDS])
            // As its page on production says.
            .env("LITELLM_MODE", "PRODUCTION")
            .env("LITELLM_LOG", "ERROR")
            // Prices come from the package instead of the network.
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env_remove("DATABASE_URL")
            .current_dir(folder);
        command
    })?;
    Ok(Started { process, manners: Manners::bearer(&key) })
}

/// A key that nobody can guess, though nobody but us can reach it.
fn random_key() -> Result<String, String> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| "no random bytes for its key".to_owned())?;
    Ok(format!("sk-{}", HEXLOWER.encode(&bytes)))
}
