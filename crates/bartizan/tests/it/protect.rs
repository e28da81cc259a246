//! `bartizan protect`: what is added is found in answers, what is removed is not.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::Home;

const RULES: &str = "The lamp of the harbour is lit at dusk by the keeper, who writes the hour and the weather into a blue book, \
    and whoever finds the lamp dark must ring the bell twice and wake the pilot at once.";

/// What `inspect` finds in an answer that repeats the rules.
fn kinds(home: &Home) -> Vec<String> {
    home.write("answer.txt", format!("Here is what it says: {RULES} Anything else?"));
    let arguments = ["--provenance", "output", "--json", "--data", "state", "answer.txt"];
    let ran = home.run(&[&["inspect"][..], &arguments].concat());
    let report: Value = serde_json::from_str(&ran.stdout).expect("a report");
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().filter_map(|one| one["kind"].as_str().map(str::to_owned)).collect()
}

#[test]
fn what_is_added_is_found_until_it_is_removed() {
    let home = Home::new();
    home.write("handbook/harbour/lamp.md", RULES);
    home.write("handbook/short.txt", "Too few words.");
    home.write("handbook/picture.png", b"\x89PNG\x00\xff\xfe");
    home.write("handbook/.git/config", "hidden");
    let ran = home.run(&["protect", "add", "handbook", "--data", "state"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout.replace(['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'], "#"),
        "`handbook` is protected: # documents, ## fingerprints\n  \
         too few words for a fingerprint: # documents\n  \
         not protected: handbook/.git (hidden)\n  \
         not protected: handbook/picture.png (not text)\n"
    );
    let file = home.path("state/protected/handbook.corpus");
    let mode = |path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(file), mode(home.path("state/protected"))), (0o600, 0o700));
    assert_eq!(kinds(&home), ["regurgitation.handbook/harbour/lamp-md"]);

    let list = home.run(&["protect", "list", "--data", "state"]);
    assert!(list.stdout.starts_with("NAME      DOCUMENTS  FINGERPRINTS\nhandbook  2 "), "{list:?}");
    let ran = home.run(&["protect", "remove", "handbook", "--data", "state"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "`handbook` is protected no longer\n"));
    assert!(kinds(&home).is_empty());
    let ran = home.run(&["protect", "remove", "handbook", "--data", "state"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("bartizan protect list"), "{}", ran.stderr);
}

#[test]
fn several_folders_stand_beside_each_other_and_are_added_again() {
    let home = Home::new();
    home.write("a/one.txt", RULES);
    home.write("b/two.txt", RULES.replace("lamp", "bell").replace("keeper", "ringer"));
    for (arguments, replaced) in [
        (&["a", "--name", "first"], false),
        (&["b", "--name", "second"], false),
        (&["a", "--name", "first"], true),
    ] {
        let ran =
            home.run(&[&["protect", "add", "--json", "--data", "state"][..], arguments].concat());
        let added: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!((&added["replaced"], &added["documents"]), (&replaced.into(), &1.into()));
    }
    let ran = home.run(&["protect", "list", "--json", "--data", "state"]);
    let listed: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let names: Vec<_> = listed.as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["first", "second"]);
    assert!(kinds(&home).contains(&"regurgitation.first/one-txt".to_owned()));
}

#[test]
fn a_damaged_file_is_refused() {
    let home = Home::new();
    home.write("rules/lamp.txt", RULES);
    assert_eq!(home.run(&["protect", "add", "rules", "--data", "state"]).code, 0);
    home.write(
        "state/protected/rules.corpus",
        "BTZCORP1 and not much more, so that it cannot be whole",
    );
    for arguments in [
        &["inspect", "--data", "state"][..],
        &["protect", "list", "--data", "state"],
        &["up", "--data", "state"],
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.stderr.contains("rules.corpus` are damaged"), "{}", ran.stderr);
        assert!(ran.stderr.contains("bartizan protect add DIR --name rules"), "{}", ran.stderr);
    }
    assert_eq!(home.run(&["protect", "remove", "rules", "--data", "state"]).code, 0);
}

#[test]
fn what_cannot_be_protected_is_said() {
    let home = Home::new();
    home.write("rules/lamp.txt", RULES);
    home.write("empty/a.bin", b"\x00\x01");
    for (arguments, said) in [
        (&["no-such"][..], "cannot read the folder"),
        (&["empty"], "there is no text to protect"),
        (&["rules", "--name", "../up"], "cannot be a name"),
        (&["rules", "--name", ""], "cannot be a name"),
        (&["rules", "--name", "a-name-of-twenty-five-byte"], "cannot be a name"),
    ] {
        let ran = home.run(&[&["protect", "add", "--data", "state"][..], arguments].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    assert!(!home.path("state").exists(), "nothing was begun");
    let large = home.path("rules/large.txt");
    std::fs::File::create(large).and_then(|file| file.set_len((8 << 20) + 1)).expect("made");
    let ran = home.run(&["protect", "add", "rules", "--data", "state"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.stdout.contains("not read: rules/large.txt (it has more than 8388608 bytes)"),
        "{}",
        ran.stdout
    );
    assert_eq!(kinds(&home), ["regurgitation.rules/lamp-txt"], "the rest is protected");
    home.write("other/lamp.txt", RULES);
    home.write("other/latin.txt", b"Der Schl\xfcssel des Hafens h\xe4ngt am Tor.");
    home.write("other/wide.txt", b"\xff\xfeH\0a\0r\0b\0o\0u\0r\0");
    let ran = home.run(&["protect", "add", "other", "--data", "state"]);
    assert_eq!(ran.code, 4, "text in another encoding was meant to be protected: {ran:?}");
    assert!(
        ran.stdout.contains("not read: other/latin.txt (it is not UTF-8 text"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("not read: other/wide.txt"), "{}", ran.stdout);
}
