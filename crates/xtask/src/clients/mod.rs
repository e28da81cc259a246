//! The official clients, from their registries and unmodified, against the running binary.
//!
//! Each run builds the binary and the fake upstream, installs the clients where they are kept, starts both servers
//! on free ports with an empty data folder, and runs the scripts under `integrations/clients`. INVARIANT: only
//! processes started here are ended here. Not here: what is asserted, which the scripts say.

mod install;
mod nemo;
mod servers;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::command::Step;
use crate::lanes::{Checkout, Outcome};
use install::Installed;
use servers::Servers;

/// Where the scripts are, relative to the root.
const SCRIPTS_FOLDER: &str = "integrations/clients";
/// Where the rails and the test of NeMo Guardrails are.
const NEMO_FOLDER: &str = "integrations/guards/nemo";
/// Where the test with others' models of OCSF events is.
const OCSF_FOLDER: &str = "integrations/validators/ocsf";
/// Where the test of hunts with `sigma-cli`, and the ordinary day, are.
const SIGMA_FOLDER: &str = "integrations/validators/sigma";

/// `openai`, `anthropic`, `ollama`, `langchain-openai` and Semantic Kernel, under pytest.
pub(crate) fn python(checkout: &Checkout) -> Outcome {
    match install::python(checkout) {
        Installed::Ready(python) => run_python(checkout, &python, ".").into(),
        Installed::Missing(why) => Outcome::Skipped(why),
        Installed::Broken(why) => Outcome::Failed(why),
    }
}

/// The LiteLLM SDK, under pytest.
pub(crate) fn litellm(checkout: &Checkout) -> Outcome {
    match install::litellm(checkout) {
        Installed::Ready(python) => run_python(checkout, &python, "litellm_sdk").into(),
        Installed::Missing(why) => Outcome::Skipped(why),
        Installed::Broken(why) => Outcome::Failed(why),
    }
}

/// Google's and Amazon's clients for Python, under pytest.
pub(crate) fn clouds(checkout: &Checkout) -> Outcome {
    match install::clouds(checkout) {
        Installed::Ready(python) => run_python(checkout, &python, "clouds").into(),
        Installed::Missing(why) => Outcome::Skipped(why),
        Installed::Broken(why) => Outcome::Failed(why),
    }
}

/// `openai` and `@anthropic-ai/sdk` for Node, under `node --test`.
pub(crate) fn node(checkout: &Checkout) -> Outcome {
    match install::node(checkout) {
        Installed::Ready(folder) => run_node(checkout, &folder).into(),
        Installed::Missing(why) => Outcome::Skipped(why),
        Installed::Broken(why) => Outcome::Failed(why),
    }
}

/// A real NeMo Guardrails server as an external guard. Skipped where it cannot be installed.
pub(crate) fn nemo(checkout: &Checkout) -> Outcome {
    match install::nemo(checkout) {
        Installed::Ready(python) => nemo::run(checkout, &python).into(),
        Installed::Missing(why) | Installed::Broken(why) => Outcome::Skipped(why),
    }
}

/// Exported events, read with `py-ocsf-models`.
pub(crate) fn ocsf(checkout: &Checkout) -> Outcome {
    match install::ocsf(checkout) {
        Installed::Ready(python) => run_ocsf(checkout, &python).into(),
        Installed::Missing(why) => Outcome::Skipped(why),
        Installed::Broken(why) => Outcome::Failed(why),
    }
}

fn run_ocsf(checkout: &Checkout, python: &Path) -> Result<(), String> {
    let example = ["build", "--locked", "--package", "export", "--example", "corpus"];
    Step::new(&checkout.root, "cargo").args(example).run()?;
    Step::new(&checkout.root.join(OCSF_FOLDER), python)
        .args(["-m", "pytest", "-p", "no:cacheprovider", "-q"])
        .env("BARTIZAN_CORPUS", checkout.target.join("debug/examples/corpus"))
        .run()
}

/// The shipped hunts: checked by `sigma-cli`, and silent on an ordinary day.
pub(crate) fn sigma(checkout: &Checkout) -> Outcome {
    match install::sigma(checkout) {
        Installed::Ready(python) => run_sigma(checkout, &python).into(),
        Installed::Missing(why) => Outcome::Skipped(why),
        Installed::Broken(why) => Outcome::Failed(why),
    }
}

fn run_sigma(checkout: &Checkout, python: &Path) -> Result<(), String> {
    let binary = ["build", "--locked", "--package", "bartizan"];
    Step::new(&checkout.root, "cargo").args(binary).run()?;
    Step::new(&checkout.root.join(SIGMA_FOLDER), python)
        .args(["-m", "pytest", "-p", "no:cacheprovider", "-q"])
        .env("BARTIZAN", checkout.target.join("debug/bartizan"))
        .run()
}

/// A real Redis as the store of shared limits: the tests that are skipped without one. Skipped where it cannot be installed.
pub(crate) fn redis(checkout: &Checkout) -> Outcome {
    if let Err(why) = install::redis(checkout) {
        return Outcome::Skipped(why);
    }
    let tests = ["test", "--locked", "-p", "connect", "-p", "gateway", "shared_"];
    let step = Step::new(&checkout.root, "cargo").args(tests);
    step.env("BARTIZAN_PROGRAMS_REQUIRED", "1").run().into()
}

/// Real receivers of what sinks send: the tests that are skipped without them. Skipped where they cannot be installed.
pub(crate) fn receivers(checkout: &Checkout) -> Outcome {
    if let Err(why) = install::receivers(checkout) {
        return Outcome::Skipped(why);
    }
    let step = Step::new(&checkout.root, "cargo");
    let step = step.args(["test", "--locked", "-p", "connect", "sink_servers"]);
    step.env("BARTIZAN_PROGRAMS_REQUIRED", "1").run().into()
}

/// Runs the scripts in a folder of the Python ones.
fn run_python(checkout: &Checkout, python: &Path, folder: &str) -> Result<(), String> {
    let servers = Servers::start(checkout, "python")?;
    let scripts = checkout.root.join(SCRIPTS_FOLDER).join("python");
    let step =
        Step::new(&scripts, python).args(["-m", "pytest", "-p", "no:cacheprovider", "-q", folder]);
    let ending = servers.describe_to(step).run();
    servers.stop(ending)
}

fn run_node(checkout: &Checkout, packages: &Path) -> Result<(), String> {
    let servers = Servers::start(checkout, "node")?;
    let folder = servers.folder().join("scripts");
    let tests = lay_out_scripts(checkout, packages, &folder)
        .map_err(|error| format!("could not lay out the scripts: {error}"))?;
    let step = Step::new(&folder, "node").args(["--test", "--test-reporter=spec"]).args(tests);
    let ending = servers.describe_to(step).run();
    servers.stop(ending)
}

/// Puts the scripts beside a link to the packages: Node looks for packages where the script is.
fn lay_out_scripts(
    checkout: &Checkout,
    packages: &Path,
    folder: &Path,
) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    symlink(packages.join("node_modules"), folder.join("node_modules"))?;
    let mut tests = Vec::new();
    for entry in fs::read_dir(checkout.root.join(SCRIPTS_FOLDER).join("node"))? {
        let path = entry?.path();
        let Some(name) = path.file_name().map(PathBuf::from) else { continue };
        if path.extension().is_some_and(|ending| ending == "mjs") {
            fs::copy(&path, folder.join(&name))?;
            if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".test")) {
                tests.push(name);
            }
        }
    }
    tests.sort();
    Ok(tests)
}
