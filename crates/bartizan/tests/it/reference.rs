//! The pages under `docs/reference` that the code writes about itself.
//!
//! `cargo xtask generate` runs these tests with `BARTIZAN_GENERATE=1`, which writes the pages; without
//! it a stale page fails.

use std::path::PathBuf;

use crate::Home;

/// The variable that says to write instead of compare.
const GENERATE_VARIABLE: &str = "BARTIZAN_GENERATE";

/// Every command whose help is on the page of the command line.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["up"],
    &["config"],
    &["config", "check"],
    &["config", "example"],
    &["config", "schema"],
    &["config", "coverage"],
    &["feedback"],
    &["feedback", "add"],
    &["feedback", "list"],
    &["feedback", "calibrate"],
    &["hunt"],
    &["hunt", "list"],
    &["hunt", "run"],
    &["hunt", "test"],
    &["hunt", "coverage"],
    &["inspect"],
    &["keys"],
    &["keys", "create"],
    &["keys", "list"],
    &["keys", "show"],
    &["keys", "revoke"],
    &["keys", "rotate-provider"],
    &["secrets"],
    &["secrets", "add"],
    &["secrets", "list"],
    &["secrets", "remove"],
    &["secrets", "rewrap"],
    &["break-glass"],
    &["break-glass", "request"],
    &["break-glass", "approve"],
    &["break-glass", "end"],
    &["break-glass", "list"],
    &["log"],
    &["log", "tail"],
    &["log", "show"],
    &["log", "campaigns"],
    &["protect"],
    &["protect", "add"],
    &["protect", "list"],
    &["protect", "remove"],
    &["log", "verify"],
    &["log", "decision"],
    &["log", "export"],
    &["log", "sinks"],
    &["log", "checkpoint"],
];

fn check(name: &str, generated: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os(GENERATE_VARIABLE).is_some() {
        std::fs::write(&path, generated).expect("written");
        return;
    }
    let mut committed = String::new();
    if let Ok(file) = std::fs::File::open(&path) {
        let mut file = std::io::Read::take(file, 8 << 20);
        std::io::Read::read_to_string(&mut file, &mut committed).expect("read");
    }
    let message = format!("docs/reference/{name} is stale; hint: cargo xtask generate");
    assert!(committed == generated, "{message}");
}

fn printed(arguments: &[&str]) -> String {
    let ran = Home::new().run(arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout
}

#[test]
fn the_example_configuration_is_up_to_date() {
    check("bartizan.example.toml", &printed(&["config", "example"]));
}

#[test]
fn the_schema_of_the_configuration_is_up_to_date() {
    check("bartizan.schema.json", &printed(&["config", "schema"]));
}

#[test]
fn the_page_of_the_command_line_is_up_to_date() {
    let mut page = String::from("# The command line\n\nGenerated from the program's own help.\n");
    for command in COMMANDS {
        let help = printed(&[command, &["--help"][..]].concat());
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let name = [&["bartizan"][..], command].concat().join(" ");
        let text = lines.join("\n");
        page.push_str(&["\n## `", &name, "`\n\n```text\n", text.trim_end(), "\n```\n"].concat());
    }
    check("command-line.md", &page);
}

#[test]
fn the_content_map_is_up_to_date() {
    check("content-map.md", &wire::contract_markdown());
}

#[test]
fn the_page_of_detectors_is_up_to_date() {
    check("detectors.md", &detect::reference_markdown());
}

#[test]
fn the_page_of_sinks_is_up_to_date() {
    check("sinks.md", &connect::sinks_markdown());
}

#[test]
fn the_page_of_external_guards_is_up_to_date() {
    check("external-guards.md", &connect::reference_markdown());
}

#[test]
fn the_page_of_exports_is_up_to_date() {
    check("export.md", &export::reference_markdown());
}

#[test]
fn the_page_of_hunts_is_up_to_date() {
    let is_field = |name: &str| export::Field::ALL.iter().any(|field| field.name() == name);
    let shipped = hunt::sigma::SHIPPED;
    let rules = hunt::sigma::Rules::parse(shipped.iter().map(|one| (one.name, one.rule)), is_field);
    let example = shipped.iter().find(|one| one.name == "key-used-from-many-networks");
    let example = example.and_then(|one| one.tests.lines().next()).expect("an example");
    check(
        "hunts.md",
        &hunt::sigma::reference_markdown(&rules.expect("the shipped rules are right"), example),
    );
}

#[test]
fn the_page_of_rules_is_up_to_date() {
    check("policies.md", &policy::reference_markdown().expect("the shipped rules compile"));
}
