//! Every crate's manifest has the same shape.
//!
//! INVARIANT: folder name = package name, the floor and a description are stated, the workspace's lints
//! apply, and versions come from `[workspace.dependencies]`. Not here: who may import whom (`floors`).

use super::Problem;
use crate::workspace::{Room, Workspace};

const RULE: &str = "manifest";

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    workspace.rooms.iter().flat_map(problems_in).collect()
}

fn problems_in(room: &Room) -> Vec<Problem> {
    let place = format!("{}/Cargo.toml", room.folder);
    let mut problems = Vec::new();
    let mut wrong = |message: String| problems.push(Problem::new(RULE, place.clone(), message));
    let package = room.manifest.get("package");
    let field = |name: &str| package.and_then(|package| package.get(name));
    if field("name").and_then(toml::Value::as_str) != Some(&room.name) {
        wrong(format!("the package is not called `{}` like its folder; rename one", room.name));
    }
    if field("description").and_then(toml::Value::as_str).is_none_or(str::is_empty) {
        wrong("no `description`: say in a line what lives in this room".to_owned());
    }
    if room.floor().is_none() {
        wrong("no `[package.metadata.room] floor = N`".to_owned());
    }
    for inherited in ["version", "edition", "rust-version", "license", "publish"] {
        if !is_inherited(field(inherited)) {
            wrong(format!("`{inherited}` is not inherited; write `{inherited}.workspace = true`"));
        }
    }
    if !is_inherited(room.manifest.get("lints")) {
        wrong("the workspace's lints do not apply; write `[lints] workspace = true`".to_owned());
    }
    for dependency in dependencies(room) {
        if !is_inherited(Some(dependency.stated)) {
            wrong(format!(
                "`{0}` states its own version; put it in `[workspace.dependencies]` and write `{0} = {{ workspace = true }}`",
                dependency.name
            ));
        }
    }
    problems
}

/// A dependency as a manifest states it.
pub(super) struct Dependency<'room> {
    /// The key it is stated under, which is the package's name throughout the workspace.
    pub(super) name: &'room str,
    /// What is stated.
    pub(super) stated: &'room toml::Value,
    /// Whether only tests, examples and benches see it.
    pub(super) is_dev: bool,
}

/// Every dependency of a crate: ordinary, build, development, and for some target only.
pub(super) fn dependencies(room: &Room) -> Vec<Dependency<'_>> {
    let mut tables = vec![&room.manifest];
    if let Some(targets) = room.manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let mut found = Vec::new();
    for table in tables {
        for (section, is_dev) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            let stated = table.get(section).and_then(toml::Value::as_table);
            for (name, stated) in stated.into_iter().flatten() {
                found.push(Dependency { name, stated, is_dev });
            }
        }
    }
    found
}

fn is_inherited(value: Option<&toml::Value>) -> bool {
    let stated = value.and_then(|value| value.get("workspace"));
    stated.and_then(toml::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::problems_in;
    use crate::workspace::Room;

    fn check(manifest: &str) -> Vec<String> {
        let manifest = manifest.parse().expect("the fixture parses");
        let room = Room { name: "net".to_owned(), folder: "crates/net".to_owned(), manifest };
        problems_in(&room).into_iter().map(|problem| problem.message).collect()
    }

    const GOOD: &str = r#"
        lints.workspace = true
        [package]
        name = "net"
        description = "Listeners."
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        publish.workspace = true
        metadata.room.floor = 2
        [dependencies]
        hyper = { workspace = true, features = ["http1"] }
    "#;

    #[test]
    fn a_good_manifest_passes() {
        assert_eq!(check(GOOD), Vec::<String>::new());
    }

    #[test]
    fn each_departure_is_named() {
        let bad = GOOD
            .replace("\"net\"", "\"network\"")
            .replace("metadata.room.floor = 2", "")
            .replace("lints.workspace = true", "")
            .replace("{ workspace = true, features = [\"http1\"] }", "\"1\"");
        let found = check(&bad).join("\n");
        for part in ["like its folder", "floor = N", "lints do not apply", "`hyper` states"] {
            assert!(found.contains(part), "`{part}` is missing in:\n{found}");
        }
    }
}
