//! Imports go down, and a heavy dependency lives in one room.
//!
//! INVARIANT: a crate depends only on crates of strictly lower floors, but for the pairs in [`SIDEWAYS`]; floors
//! 0 and 1 depend only on [`PURE_DEPENDENCIES`]; the dependencies in [`HEAVY_HOLDERS`] stay in the rooms named
//! there. Development dependencies may also use `testkit`. Not here: calls, which `banned` reads.

use super::Problem;
use super::manifests::{Dependency, dependencies};
use crate::workspace::{Room, Workspace};

const RULE: &str = "floor";

/// The highest floor without files, sockets, clocks, randomness, environment and `async`.
pub(super) const PURE_FLOOR_MAX: i64 = 1;
/// The room that development dependencies may use from any floor.
const TEST_ROOM: &str = "testkit";

/// The only imports between neighbours of one floor: who, and whom.
const SIDEWAYS: &[(&str, &str)] = &[
    ("events", "stdx"),
    ("artifacts", "detect"),
    ("govern", "inventory"),
    ("export", "telemetry"),
    ("gateway", "connect"),
    // Among the rooms for developers.
    ("bench", "testkit"),
];

/// What floors 0 and 1 may depend on: crates that compute and do nothing else. Before adding one, see
/// that it opens no file or socket and reads no clock, environment or randomness.
const PURE_DEPENDENCIES: &[&str] = &[
    "aho-corasick",
    "bytes",
    "cedar-policy",
    "chardetng",
    "crc32c",
    "data-encoding",
    "encoding_rs",
    "hashbrown",
    "jiff",
    "keccak",
    "memchr",
    "miette",
    "miniz_oxide",
    "regex-automata",
    "regex-syntax",
    "rsigma-eval",
    "rsigma-parser",
    "rustc-hash",
    "serde",
    "serde_json",
    "sha2",
    "smallvec",
    "smol_str",
    "sqlparser",
    "stacker",
    "strsim",
    "subtle",
    "thiserror",
    "unicode-normalization",
    "url",
    "whatlang",
    "zeroize",
];

/// Heavy dependencies, and the only rooms that may hold them. `bench` compares with a bare proxy, so it
/// holds what that is made of; `policy` reads the diagnostics of Cedar, which are `miette`'s; `gateway` speaks in
/// `http` and `bytes` types and gets bodies from `net`.
const HEAVY_HOLDERS: &[(&str, &[&str])] = &[
    ("axum", &["console"]),
    ("cedar-policy", &["policy"]),
    ("clap", &["bartizan"]),
    ("datafusion", &["lake"]),
    ("h2", &["net"]),
    ("hyper", &["bench", "net"]),
    ("hyper-util", &["bench", "net"]),
    ("landlock", &["sandbox"]),
    ("miette", &["bartizan", "policy"]),
    ("proc-macro2", &["xtask"]),
    ("redis", &["connect"]),
    ("rsigma-eval", &["hunt"]),
    ("rsigma-parser", &["hunt"]),
    ("rustls", &["net"]),
    ("rustls-native-certs", &["net"]),
    ("seccompiler", &["sandbox"]),
    ("socket2", &["net", "testkit"]),
    ("sqlx", &["store"]),
    ("syn", &["xtask"]),
    ("tantivy", &["lake"]),
    ("tokio-rustls", &["net"]),
    ("tonic", &["retrieval"]),
];

pub(super) fn check(workspace: &Workspace) -> Vec<Problem> {
    let rooms = &workspace.rooms;
    let mut problems = Vec::new();
    for room in rooms {
        for dependency in dependencies(room) {
            let message = match rooms.iter().find(|other| other.name == dependency.name) {
                Some(other) => wrong_import(room, other, dependency.is_dev),
                None => wrong_dependency(room, &dependency),
            };
            let place = format!("{}/Cargo.toml", room.folder);
            problems.extend(message.map(|message| Problem::new(RULE, place, message)));
        }
    }
    problems
}

fn wrong_import(room: &Room, other: &Room, is_dev: bool) -> Option<String> {
    let (from, to) = (room.floor()?, other.floor()?);
    let sideways = SIDEWAYS.contains(&(room.name.as_str(), other.name.as_str()));
    if to < from || (to == from && sideways) || (is_dev && other.name == TEST_ROOM) {
        return None;
    }
    Some(format!(
        "`{}` (floor {from}) imports `{}` (floor {to}); imports go strictly down: move the shared part lower",
        room.name, other.name
    ))
}

fn wrong_dependency(room: &Room, dependency: &Dependency<'_>) -> Option<String> {
    if dependency.is_dev {
        return None;
    }
    let name = dependency.name;
    let holders = HEAVY_HOLDERS.iter().find(|(heavy, _)| *heavy == name).map(|(_, rooms)| *rooms);
    if let Some(holders) = holders.filter(|holders| !holders.contains(&room.name.as_str())) {
        return Some(format!(
            "`{name}` lives only in {}; ask that room for what is needed",
            holders.join(", ")
        ));
    }
    if room.floor()? <= PURE_FLOOR_MAX && !PURE_DEPENDENCIES.contains(&name) {
        return Some(format!(
            "`{}` is pure and `{name}` is not on the list of pure dependencies; if it has no files, sockets, \
             clocks, environment or randomness, add it to `PURE_DEPENDENCIES` in crates/xtask/src/tidy/floors.rs",
            room.name
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{HEAVY_HOLDERS, check};
    use crate::workspace::{Room, Workspace};

    fn room(name: &str, floor: i64, dependencies: &[&str], dev: &[&str]) -> Room {
        let lines = |names: &[&str]| {
            let stated = names.iter().map(|name| [*name, " = { workspace = true }\n"].concat());
            stated.collect::<String>()
        };
        let manifest = format!(
            "[package]\nname = \"{name}\"\nmetadata.room.floor = {floor}\n[dependencies]\n{}[dev-dependencies]\n{}",
            lines(dependencies),
            lines(dev)
        );
        let manifest = manifest.parse().expect("the fixture parses");
        Room { name: name.to_owned(), folder: format!("crates/{name}"), manifest }
    }

    fn messages(rooms: Vec<Room>) -> Vec<String> {
        let workspace =
            Workspace { root: "/".into(), rooms, sources: Vec::new(), texts: Vec::new() };
        check(&workspace).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn down_and_the_named_neighbours_pass() {
        let rooms = vec![
            room("stdx", 0, &["zeroize"], &[]),
            room("events", 0, &["stdx", "serde"], &["proptest", "testkit"]),
            room("net", 2, &["events", "hyper", "tokio"], &[]),
            room("testkit", 9, &["net"], &[]),
            room("bench", 9, &["testkit", "hyper"], &[]),
        ];
        assert_eq!(messages(rooms), Vec::<String>::new());
    }

    #[test]
    fn up_and_sideways_are_refused() {
        let rooms = vec![
            room("stdx", 0, &["events"], &[]),
            room("events", 0, &[], &[]),
            room("wire", 1, &[], &["net"]),
            room("net", 2, &[], &[]),
        ];
        let found = messages(rooms).join("\n");
        assert!(found.contains("`stdx` (floor 0) imports `events` (floor 0)"), "{found}");
        assert!(found.contains("`wire` (floor 1) imports `net` (floor 2)"), "{found}");
    }

    #[test]
    fn heavy_and_impure_dependencies_are_refused() {
        let rooms =
            vec![room("detect", 1, &["tokio"], &[]), room("gateway", 3, &["sqlx", "tokio"], &[])];
        let found = messages(rooms);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|message| message.starts_with("`detect` is pure and `tokio`")));
        assert!(found.iter().any(|message| message.starts_with("`sqlx` lives only in store")));
    }

    #[test]
    fn the_table_is_sorted_so_that_a_line_is_found() {
        assert!(HEAVY_HOLDERS.is_sorted_by_key(|(name, _)| *name));
    }
}
