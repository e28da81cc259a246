//! The page about external guards in the reference, written from the adapters themselves.

use std::fmt::Write as _;

use crate::GuardKind;
use crate::adapter::{Adapter, KeyHeader};

const HEAD: &str = "\
# External guards

Made by `cargo xtask generate` from `crates/connect/src/adapters`; change it there.

A guard that runs as a service of its own is one `[[guards.external]]` of the configuration. What it finds
joins what our own detectors find, and policy judges both alike; its findings are by `external.NAME`.
A guard that fails refuses the message (`guard_unavailable`, 503), unless its `fail` is `open`: then the
message passes and the record says that the guard failed and why. A text that needs more than
`questions_max` questions is refused with `guard_text_too_long` (413). After `circuit_failures` failures in a row a
service is left alone for `circuit_pause_ms`.

A request is judged without these guards first: what is refused anyway, they never see. About what would be sent on they
are asked, and policy judges again with what they found. A whole answer waits for them too. Of a streamed answer every text
is looked at when it ends (late), in every dialect: a guard can stop the ending but not what was sent, and a stream with
text that no guard could be asked about does not end well.

A label of the service becomes a kind of finding by the tables below, read from their top, in which `*` at the
end stands for any text; `kinds` in the configuration goes before them. A score becomes a rank by `ranks`.
";

/// The whole page.
pub fn reference_markdown() -> String {
    let mut page = String::from(HEAD);
    for kind in GuardKind::ALL {
        section(&mut page, kind, kind.adapter());
    }
    page.push_str(CONTRACT);
    page
}

fn section(page: &mut String, kind: GuardKind, adapter: &Adapter) {
    let key = match adapter.key {
        KeyHeader::Bearer => "authorization: Bearer KEY".to_owned(),
        KeyHeader::Named(name) => format!("{name}: KEY"),
    };
    let names = |details: &[crate::adapter::Detail]| {
        let names: Vec<String> =
            details.iter().map(|detail| format!("`{}`", detail.name)).collect();
        if names.is_empty() { String::from("nothing") } else { names.join(", ") }
    };
    let path = (adapter.path)(&crate::Details::default());
    let path = if path.is_empty() { String::from("the URL itself") } else { format!("`{path}`") };
    let ranks: Vec<String> =
        adapter.ranks.iter().map(|(score, rank)| format!("{score} → {rank}")).collect();
    let values = if adapter.sends_values { "sent as they are" } else { "starred out" };
    let _never_fails = write!(
        page,
        "\n## `{}`\n\n{}\n\n\
         - asked at: {path} below `url`, with `{key}` if there is an `api_key`\n\
         - has to be told: {}; may be told: {}\n\
         - characters of one question: {}\n\
         - values that we know of: {values}\n\
         - ranks: {}\n\n| label | kind |\n|---|---|\n",
        kind.as_str(),
        adapter.about,
        names(adapter.needs),
        names(adapter.takes),
        adapter.text_characters_max,
        ranks.join(", "),
    );
    for (label, kind) in adapter.labels {
        let kind = match *kind {
            crate::label::NOTHING => "nothing to report".to_owned(),
            crate::label::AS_LABELLED => "the label itself".to_owned(),
            kind => format!("`{kind}`"),
        };
        let _never_fails = writeln!(page, "| `{label}` | {kind} |");
    }
}

const CONTRACT: &str = r#"
### The contract

Bartizan posts JSON to the configured URL:

```json
{ "version": 1, "provenance": "user", "text": "the text, or a piece of it" }
```

`provenance` is one of `system`, `developer`, `user`, `assistant`, `tool_definition`, `tool_call`, `tool_result`,
`retrieved`, `memory`, `file` and `output`. The service answers with status 200 and what it found; nothing is an empty
list. Any other status, an answer that is not this JSON, or one of more than 1 MiB is a failure.

```json
{ "findings": [{ "kind": "custom.project", "score": 0.9, "start": 4, "end": 9 }] }
```

`kind` is a kind of finding: `family` or `family.name`; `score` is from 0 to 1, and 1 unless given; `start` and `end` are
characters (Unicode code points) of the text, all of it unless given; `rank`, from 0 to 60, goes before the score.
"#;
