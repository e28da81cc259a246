//! Installs the clients: system packages where it may, a Python virtual environment, npm packages.
//!
//! Everything lies under `target/clients`, or under `BARTIZAN_TEST_CACHE` when that is set. INVARIANT: an
//! installation is keyed by what was asked for and counts only once its stamp is written, so a run that was
//! interrupted, or a damaged cache, is installed again. Not here: running the clients.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::SCRIPTS_FOLDER;
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
    let requirements = checkout.root.join(SCRIPTS_FOLDER).join("python/requirements.txt");
    let works = |folder: &Path| {
        let python = folder.join("venv/bin/python");
        let imports = ["-c", "import langchain_openai, openai, pytest"];
        output_of(folder, &python.to_string_lossy(), &imports).is_some()
    };
    let installed = kept(checkout, "python", &[&requirements], &version, works, |folder| {
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
            .args([&requirements])
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
    let works = |folder: &Path| folder.join("node_modules/openai/package.json").exists();
    let paths = [lists[0].as_path(), lists[1].as_path()];
    let installed = kept(checkout, "node", &paths, &version, works, |folder| {
        for list in &lists {
            let copied = fs::copy(list, folder.join(list.file_name().unwrap_or_default()));
            copied.map_err(|error| format!("could not copy `{}`: {error}", list.display()))?;
        }
        Step::new(folder, "npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).run()
    });
    installed.into()
}

/// The folder of an installation, made by `install` if it is not there, whole, and found by `works` to
/// be usable.
fn kept(
    checkout: &Checkout,
    name: &str,
    lists: &[&Path],
    version: &str,
    works: impl Fn(&Path) -> bool,
    install: impl Fn(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let cache = cache_folder(checkout);
    let failed = |error: io::Error| format!("could not use `{}`: {error}", cache.display());
    fs::create_dir_all(&cache).map_err(failed)?;
    // Two runs may share the cache: the second waits until the first has installed.
    let lock = fs::File::create(cache.join(format!("{name}.lock"))).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let folder = cache.join(format!("{name}-{}", key_of(lists, version).map_err(failed)?));
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
    fs::write(folder.join(STAMP), version).map_err(failed)?;
    Ok(folder)
}

fn cache_folder(checkout: &Checkout) -> PathBuf {
    let named = std::env::var_os(CACHE_VARIABLE).filter(|value| !value.is_empty());
    named.map_or_else(|| checkout.target.join("clients"), PathBuf::from)
}

fn key_of(lists: &[&Path], version: &str) -> io::Result<String> {
    let mut digest = Sha256::new();
    digest.update(version);
    for list in lists {
        digest.update([0]);
        digest.update(read_text(list)?);
    }
    Ok(hexadecimal(&digest.finalize(), KEY_CHARS))
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
