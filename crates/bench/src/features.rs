//! What single features add to a request: telemetry, a second upstream, tokens.
//!
//! INVARIANT: each is switched on alone, in a gateway of its own without guards and syncs, and compared with one that has
//! none of them, in the same round.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::Failure;
use crate::bodies::{Content, Manners};
use crate::gateway::{Plan, config};
use crate::load::{Budget, Shape};
use crate::process::Process;
use crate::target::{Cells, Feature, Running, Target};

const SHAPE: Shape = Shape::closed(false, false, Content::Kb1, 16);
/// More rounds than elsewhere, and shorter: the differences are small.
const ROUNDS: usize = 12;
const ROUNDS_QUICK: usize = 2;
const CELL: Budget = Budget { requests: 12_000, time: Duration::from_millis(400) };

const BARE: &str = "[guards]\nenabled = false\n\n[journal]\nsync = \"off\"\n\n";
const ISSUER: &str = "https://issuer.example";

/// What was found out.
#[derive(Debug)]
pub(crate) struct Features {
    cells: Cells,
}

/// Measures each feature in turns.
pub(crate) fn measure(plan: &Plan) -> Result<Features, Failure> {
    let helpers = [Process::ours(&["mock"])?, Process::ours(&["mock"])?, Process::ours(&["mock"])?];
    let running = start(plan, helpers.each_ref().map(|helper| helper.address))?;
    let rounds = if plan.is_quick { ROUNDS_QUICK } else { ROUNDS };
    let mut cells = Cells { rounds, list: Vec::new() };
    for round in 0..rounds {
        for turn in 0..running.len() {
            let Some(one) = running.get((turn + round) % running.len()) else { continue };
            cells.list.push(one.cell(SHAPE, CELL, round)?);
        }
    }
    writeln!(std::io::stderr(), "features: {rounds} rounds")?;
    Ok(Features { cells })
}

fn start(plan: &Plan, [mock, other, collector]: [SocketAddr; 3]) -> Result<Vec<Running>, Failure> {
    // It answers everything with 200, which is all that a sender of telemetry looks at.
    let telemetry = format!(
        "{BARE}[metrics]\nlisten = \"127.0.0.1:0\"\n\n[telemetry]\notlp_endpoint = \"http://{collector}\"\notlp_interval_ms = 1000\n\n"
    );
    let plain = |feature, upstreams: &[SocketAddr], more: &str| {
        plan.bartizan(Target::With(feature), &config(upstreams, "", more))
    };
    Ok(vec![
        plain(Feature::Nothing, &[mock], BARE)?,
        plain(Feature::Telemetry, &[mock], &telemetry)?,
        plain(Feature::TwoUpstreams, &[mock, other], BARE)?,
        with_tokens(plan, mock)?,
    ])
}

/// A gateway that takes the tokens of an issuer, and a caller with one.
fn with_tokens(plan: &Plan, mock: SocketAddr) -> Result<Running, Failure> {
    let folder = tempfile::Builder::new().prefix("tokens-").tempdir_in(&plan.folder)?.keep();
    let key = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new())
        .map_err(|_| "no key for tokens")?;
    let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).map_err(|_| "no key for tokens")?;
    let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let keys = serde_json::json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "bench", "use": "sig", "x": encode(key.public_key().as_ref()) },
    ]});
    std::fs::write(folder.join("keys.json"), keys.to_string())?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": "bartizan", "sub": "bench", "iat": now, "exp": now + 7200,
    });
    let signed = format!(
        "{}.{}",
        encode(br#"{"alg":"EdDSA","kid":"bench"}"#),
        encode(claims.to_string().as_bytes())
    );
    let token = format!("{signed}.{}", encode(key.sign(signed.as_bytes()).as_ref()));
    let more = format!(
        "{BARE}[[identity.jwt]]\nname = \"bench\"\nissuer = \"{ISSUER}\"\naudiences = [\"bartizan\"]\nalgorithms = [\"EdDSA\"]\njwks_file = \"keys.json\"\n\n[[identity.jwt.grants]]\nwhen = {{}}\nmodels = [\"*\"]\n\n"
    );
    let config = config(&[mock], "", &more);
    let mut running = plan.bartizan_in(&folder, Target::With(Feature::Tokens), &config)?;
    running.manners = Manners::bearer(&token);
    Ok(running)
}

impl Features {
    /// The part of the page.
    pub(crate) fn section(&self) -> String {
        let mut page = format!(
            "## What features add\n\nEach alone, without guards and syncs: {}, upstream without delay, {} rounds. The metrics \
             go to the collector every second, the traces of all requests too as far as the queue holds them; the token is the \
             same in every request, so that its signature is verified once.\n\n| with | processor time per request, µs | added, µs |\n|---|---|---|\n",
            SHAPE.name(),
            self.cells.rounds,
        );
        let nothing = Target::With(Feature::Nothing);
        for feature in
            [Feature::Nothing, Feature::Telemetry, Feature::TwoUpstreams, Feature::Tokens]
        {
            let target = Target::With(feature);
            let cpu = self.cells.spread(target, SHAPE, |cell| cell.cpu_us_per_request);
            let added = self.cells.added(target, nothing, SHAPE, |cell| cell.cpu_us_per_request);
            let added = if target == nothing { "–".to_owned() } else { added.signed(1) };
            let _ = writeln!(page, "| {} | {} | {added} |", target.name(), cpu.text(0));
        }
        page
    }

    /// Processor time that each adds, in microseconds, as the receipt keeps it.
    pub(crate) fn figures(&self) -> serde_json::Value {
        let added = |feature| {
            let (target, nothing) = (Target::With(feature), Target::With(Feature::Nothing));
            self.cells.added(target, nothing, SHAPE, |cell| cell.cpu_us_per_request).median
        };
        serde_json::json!({
            "telemetry_us": added(Feature::Telemetry),
            "two_upstreams_us": added(Feature::TwoUpstreams),
            "tokens_us": added(Feature::Tokens),
        })
    }
}
