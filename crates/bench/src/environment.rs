//! Other people's programs that are measured beside ours: installed on demand, beside what cargo builds.
//!
//! INVARIANT: a registry is asked only while an environment is made, and for pinned versions; nothing is fetched while
//! something is measured. INVARIANT: an environment counts only once it is whole; what cannot be installed is a reason, in words.
//!
//! Not here: how the programs are started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::read;

/// Written last: an environment without it, or with other packages in it, is not whole.
const READY: &str = "ready";

/// A Python environment with these packages, `NAME==VERSION` each; what they need comes in the versions they ask for.
pub(crate) fn python(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    kept(name, packages, |folder| {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(folder);
        succeed(venv, "`python3 -m venv`")?;
        let mut install = Command::new(folder.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        install.args(packages);
        succeed(install, "`pip install`")
    })
}

/// A folder whose `node_modules` hold these packages, `NAME@VERSION` each; no script of theirs is run.
pub(crate) fn node(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    kept(name, packages, |folder| {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).map_err(|error| format!("no folder: {error}"))?;
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev"]);
        // Without a package of its own, npm would look for one in the folders above.
        install.arg("--prefix").arg(folder).args(packages).current_dir(folder);
        succeed(install, "`npm install`")
    })
}

/// The environment called so, made unless one with these packages is there.
fn kept(
    name: &str,
    packages: &[&str],
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("no folder: {error}"))?;
    let beside = program.parent().and_then(Path::parent).ok_or("no folder for its environment")?;
    let (folder, packages) = (beside.join(name), packages.join("\n"));
    let ready = folder.join(READY);
    if read(&ready).is_some_and(|there| there == packages) {
        return Ok(folder);
    }
    install(&folder)?;
    std::fs::write(ready, packages).map_err(|error| format!("no environment: {error}"))?;
    Ok(folder)
}

fn succeed(mut command: Command, what: &str) -> Result<(), String> {
    let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).output();
    let ended = ended.map_err(|error| format!("{what} does not start: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    Err(format!("{what} failed: {}", said.lines().last().unwrap_or("it says nothing")))
}
