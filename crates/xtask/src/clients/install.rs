//! Installs the clients: system packages where it may, a Python virtual environment, npm packages.
//!
//! Everything lies under `target/clients`, or under `BARTIZAN_TEST_CACHE` when that is set. INVARIANT: an
//! installation is keyed by what was asked for and counts only once its stamp is written, so a run that was
//! interrupted, or a damaged cache, is installed again. Not here: running the clients.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{NEMO_FOLDER, OCSF_FOLDER, SCRIPTS_FOLDER, SIGMA_FOLDER};
use crate::command::{Step, output_of};
use crate::lanes::Checkout;
use crate::receipt::hexadecimal;
use crate::workspace::read_text;

/// The variable that names a folder to keep installations in, outside the checkout.
const CACHE_VARIABLE: &str = "BARTIZAN_TEST_CACHE";
/// The file that says an installation is whole.
const STAMP: &str = "installed";

/// Hexadecimal characters of an installation's key.
const KEY_CHARS: usize = 12;

/// How an installation went.
pub(super) enum Installed {
    /// The interpreter (Python) or the folder with the packages (Node).
    Ready(PathBuf),
    /// The language itself is not here and may not be installed.
    Missing(String),
    /// It should have worked.
    Broken(String),
}

impl From<Result<PathBuf, String>> for Installed {
    fn from(result: Result<PathBuf, String>) -> Self {
        result.map_or_else(Self::Broken, Self::Ready)
    }
}

/// A virtual environment with the clients; gives its interpreter.
pub(super) fn python(checkout: &Checkout) -> Installed {
    let list = checkout.root.join(SCRIPTS_FOLDER).join("python/requirements.txt");
    python_with(
        checkout,
        "python",
        &list,
        "import anthropic, langchain_openai, ollama, openai, pytest, semantic_kernel",
    )
}

/// A virtual environment with the LiteLLM SDK, which wants other releases than the clients; gives its interpreter.
pub(super) fn litellm(checkout: &Checkout) -> Installed {
    let list = checkout.root.join(SCRIPTS_FOLDER).join("python/litellm_sdk/requirements.txt");
    python_with(checkout, "litellm", &list, "import litellm, mcp, pytest")
}

/// A virtual environment with Google's and Amazon's clients; gives its interpreter.
pub(super) fn clouds(checkout: &Checkout) -> Installed {
    let list = checkout.root.join(SCRIPTS_FOLDER).join("python/clouds/requirements.txt");
    python_with(checkout, "clouds", &list, "import boto3, google.genai, pytest")
}

/// A virtual environment with the models of OCSF events that others read them with; gives its interpreter.
pub(super) fn ocsf(checkout: &Checkout) -> Installed {
    let list = checkout.root.join(OCSF_FOLDER).join("requirements.txt");
    python_with(checkout, "ocsf", &list, "import py_ocsf_models, pytest")
}

/// A virtual environment with the tool that Sigma's own project checks rules with; gives its interpreter.
pub(super) fn sigma(checkout: &Checkout) -> Installed {
    let list = checkout.root.join(SIGMA_FOLDER).join("requirements.txt");
    python_with(checkout, "sigma", &list, "import pytest, sigma.cli.main")
}

/// A virtual environment with NeMo Guardrails; gives its interpreter.
pub(super) fn nemo(checkout: &Checkout) -> Installed {
    let list = checkout.root.join(NEMO_FOLDER).join("requirements.txt");
    python_with(checkout, "nemo", &list, "import fastapi, nemoguardrails, uvicorn")
}

/// A virtual environment with what `requirements` lists, found usable if `imports` run.
fn python_with(checkout: &Checkout, name: &str, requirements: &Path, imports: &str) -> Installed {
    let system = "python3";
    let has_venv =
        || output_of(&checkout.root, system, &["-c", "import venv, ensurepip"]).is_some();
    if !has_venv() {
        apt_install(checkout, &["python3", "python3-venv"]);
    }
    if !has_venv() {
        let why = "python3 with venv is not here and could not be installed with apt-get";
        return Installed::Missing(why.to_owned());
    }
    let version = output_of(&checkout.root, system, &["--version"]).unwrap_or_default();
    let wanted = Wanted { cache: cache_folder(checkout), name, lists: &[requirements], version };
    let works = |folder: &Path| {
        let python = folder.join("venv/bin/python");
        let imports = ["-c", imports];
        output_of(folder, &python.to_string_lossy(), &imports).is_some()
    };
    let installed = kept(&wanted, works, |folder| {
        Step::new(folder, system).args(["-m", "venv", "venv"]).run()?;
        Step::new(folder, folder.join("venv/bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .args([requirements])
            .run()
    });
    installed.map(|folder| folder.join("venv/bin/python")).into()
}

/// A folder with the npm packages in `node_modules`.
pub(super) fn node(checkout: &Checkout) -> Installed {
    let has = |program| output_of(&checkout.root, program, &["--version"]).is_some();
    if !(has("node") && has("npm")) {
        apt_install(checkout, &["nodejs", "npm"]);
    }
    if !(has("node") && has("npm")) {
        let why = "node with npm is not here and could not be installed with apt-get";
        return Installed::Missing(why.to_owned());
    }
    let version = output_of(&checkout.root, "node", &["--version"]).unwrap_or_default();
    let scripts = checkout.root.join(SCRIPTS_FOLDER).join("node");
    let lists = [scripts.join("package.json"), scripts.join("package-lock.json")];
    let works = |folder: &Path| {
        let packages = ["openai", "@anthropic-ai/sdk"];
        packages.iter().all(|name| folder.join("node_modules").join(name).exists())
    };
    let paths: Vec<&Path> = lists.iter().map(PathBuf::as_path).collect();
    let wanted = Wanted { cache: cache_folder(checkout), name: "node", lists: &paths, version };
    let installed = kept(&wanted, works, |folder| {
        for list in &lists {
            let copied = fs::copy(list, folder.join(list.file_name().unwrap_or_default()));
            copied.map_err(|error| format!("could not copy `{}`: {error}", list.display()))?;
        }
        Step::new(folder, "npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).run()
    });
    installed.into()
}

/// What is to be installed, and where it is kept.
struct Wanted<'a> {
    cache: PathBuf,
    name: &'a str,
    /// The files that say which packages.
    lists: &'a [&'a Path],
    /// Of the language.
    version: String,
}

impl Wanted<'_> {
    fn folder(&self) -> io::Result<PathBuf> {
        let mut digest = Sha256::new();
        digest.update(&self.version);
        for list in self.lists {
            digest.update([0]);
            digest.update(read_text(list)?);
        }
        let key = hexadecimal(&digest.finalize(), KEY_CHARS);
        Ok(self.cache.join(format!("{}-{key}", self.name)))
    }
}

/// The folder of an installation, made by `install` if it is not there, whole, and found by `works` to
/// be usable.
fn kept(
    wanted: &Wanted<'_>,
    works: impl Fn(&Path) -> bool,
    install: impl Fn(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let failed = |error: io::Error| format!("could not use `{}`: {error}", wanted.cache.display());
    fs::create_dir_all(&wanted.cache).map_err(failed)?;
    // Two runs may share the cache: the second waits until the first has installed.
    let lock = wanted.cache.join(format!("{}.lock", wanted.name));
    let lock = fs::File::create(lock).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let folder = wanted.folder().map_err(failed)?;
    if folder.join(STAMP).exists() && works(&folder) {
        println!("      the clients are installed in {}", folder.display());
        return Ok(folder);
    }
    println!("      installing the clients into {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    install(&folder)?;
    if !works(&folder) {
        return Err(format!("the clients in `{}` cannot be loaded", folder.display()));
    }
    fs::write(folder.join(STAMP), &wanted.version).map_err(failed)?;
    Ok(folder)
}

fn cache_folder(checkout: &Checkout) -> PathBuf {
    let named = std::env::var_os(CACHE_VARIABLE).filter(|value| !value.is_empty());
    named.map_or_else(|| checkout.target.join("clients"), PathBuf::from)
}

/// `redis-server` or `valkey-server`; why not, if neither is here nor can be installed.
pub(super) fn redis(checkout: &Checkout) -> Result<(), String> {
    let is_here = || {
        let programs = ["redis-server", "valkey-server"];
        programs.iter().any(|program| output_of(&checkout.root, program, &["--version"]).is_some())
    };
    if !is_here() {
        apt_install(checkout, &["redis-server"]);
    }
    let why = "redis-server is not here and could not be installed with apt-get";
    is_here().then_some(()).ok_or_else(|| why.to_owned())
}

/// `rsyslogd` with TLS, and `nats-server`; why not, if they are not here and cannot be installed.
pub(super) fn receivers(checkout: &Checkout) -> Result<(), String> {
    let is_here = |program| output_of(&checkout.root, program, &["-v"]).is_some();
    let has_tls = || {
        let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
        folders.iter().any(|folder| Path::new(folder).join("rsyslog/lmnsd_gtls.so").exists())
    };
    let are_here = || is_here("rsyslogd") && has_tls() && is_here("nats-server");
    if !are_here() {
        apt_install(checkout, &["rsyslog", "rsyslog-gnutls", "nats-server"]);
    }
    let why =
        "rsyslog with TLS and nats-server are not here and could not be installed with apt-get";
    are_here().then_some(()).ok_or_else(|| why.to_owned())
}

/// Installs system packages, if this is a Debian-like system and we may. What matters is whether the
/// programs are there afterwards, so nothing is returned.
fn apt_install(checkout: &Checkout, packages: &[&str]) {
    let root = &checkout.root;
    if output_of(root, "apt-get", &["--version"]).is_none() {
        return;
    }
    let is_root = output_of(root, "id", &["-u"]).is_some_and(|id| id.trim() == "0");
    if !is_root && output_of(root, "sudo", &["-n", "true"]).is_none() {
        println!("      {} missing, and no right to install them", packages.join(", "));
        return;
    }
    let apt = |arguments: &[&str]| {
        let step = if is_root {
            Step::new(root, "apt-get")
        } else {
            Step::new(root, "sudo").args(["-n", "apt-get"])
        };
        step.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").run()
    };
    let installed = apt(&["update", "--quiet"])
        .and_then(|()| apt(&[&["install", "--yes", "--quiet"], packages].concat()));
    if let Err(error) = installed {
        println!("      {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;

    use super::{Wanted, kept};

    #[test]
    fn only_a_whole_and_working_installation_is_kept() -> std::io::Result<()> {
        let cache = std::env::temp_dir().join(format!("bartizan-kept-{}", std::process::id()));
        fs::create_dir_all(&cache)?;
        let list = cache.join("list");
        fs::write(&list, "openai")?;
        let lists = [list.as_path()];
        let wanted =
            Wanted { cache: cache.clone(), name: "x", lists: &lists, version: "1".to_owned() };
        let installs = Cell::new(0);
        let run = |is_online: bool| {
            kept(
                &wanted,
                |folder| folder.join("module").exists(),
                |folder| {
                    installs.set(installs.get() + 1);
                    if !is_online {
                        return Err("interrupted".to_owned());
                    }
                    fs::write(folder.join("module"), "").map_err(|error| error.to_string())
                },
            )
        };
        assert!(run(false).is_err(), "an interrupted installation fails");
        let folder = run(true).expect("it is installed from nothing");
        assert!(run(false).is_ok() && installs.get() == 2, "it is kept and not installed again");
        fs::remove_file(folder.join("module"))?;
        assert!(run(true).is_ok() && installs.get() == 3, "a damaged one is installed again");
        fs::write(&list, "openai langchain")?;
        assert_ne!(run(true).expect("another list"), folder, "another list is another folder");
        fs::remove_dir_all(&cache)
    }
}
