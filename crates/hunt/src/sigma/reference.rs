//! The page of hunts, `docs/reference/hunts.md`, written from the rules themselves.

use std::fmt::Write as _;

use crate::sigma::facts::DERIVED;
use crate::sigma::memory::{CORRELATED_BYTES_MAX, ENTRIES_PER_GROUP_MAX};
use crate::sigma::rules::{Rules, STEPS_MAX, WINDOW_S_MAX};
use crate::sigma::shipped::QUERIES;

const HEAD: &str = "\
# Hunts

Generated from the rules in `crates/hunt/rules` and the queries in `crates/hunt/queries`.

A hunt is a [Sigma 2.1](https://sigmahq.io) rule over the record: a detection, a correlation, or a filter. `bartizan up` runs them over the
record as it grows and puts what they find on record as an anomaly of the kind `hunt.NAME`; `bartizan hunt run` runs the same rules over the record
of before. The answer is the same: time is that of the records, and a correlation is told once for each group and window,
counted from 1970.

`bartizan hunt test` runs the tests of every rule, `bartizan hunt coverage` shows the matrix of MITRE ATLAS, counting only rules whose
tests pass.

## Rules of your own

Rules are files `NAME.yml` in the folder that `[hunts] rules` names, their tests `NAME.test.jsonl` beside them. What is wrong with one is said
when it is read: a field that no record has, a document without an `id`, a count beyond what is remembered. The log source is
`product: bartizan`, the `category` a class of records: `interaction_opened`, `interaction_closed`, `administration`, `anomaly`, `node`, `user_report`. Fields have
the names of the [page of exports](export.md); a list is equal to what one of its members is equal to. Techniques of ATLAS stand in a
field of their own, `atlas`, because Sigma has no tags for them.

A test is a line of JSON: a `case` in words, whether the rule `fires`, and `steps`. A step has `records`, perhaps `after_s` seconds after the step before,
perhaps several `times`, `every_s` seconds apart. A record is written as in `log tail --json`, whole, or only what matters of it: `class` and
`data`, the rest is as in an ordinary one. `{n}` in a text is the number of the repetition, four digits.

```json
";

/// The page; `rules` are those that are shipped.
pub fn reference_markdown(rules: &Rules, example: &str) -> String {
    let mut page = String::from(HEAD);
    let mut write = |text: std::fmt::Arguments<'_>| page.write_fmt(text).unwrap_or_default();
    write(format_args!("{}\n```\n\n", example.trim_end()));
    write(format_args!(
        "Correlations look at {} days at most, remember {ENTRIES_PER_GROUP_MAX} records of each group and {} MiB of all together, and are of {STEPS_MAX} steps at most. \
         Groups that have to go before their time are counted.\n\n## Derived fields\n\n| field | what it says |\n|---|---|\n",
        WINDOW_S_MAX / 86_400,
        CORRELATED_BYTES_MAX >> 20,
    ));
    for (name, meaning) in DERIVED {
        write(format_args!("| `{name}` | {meaning} |\n"));
    }
    write(format_args!(
        "\n## The rules\n\n| rule | level | what it finds | what else makes it hit | ATLAS |\n|---|---|---|---|---|\n"
    ));
    for rule in rules.iter() {
        write(format_args!(
            "| `{}` | {} | {}: {} | {} | {} |\n",
            rule.name,
            rule.level.as_str(),
            cell(&rule.title),
            cell(&rule.description),
            cell(&rule.falsepositives.join("; ")),
            rule.atlas.join(", "),
        ));
    }
    write(format_args!(
        "\n## Saved SQL hunts\n\nFor `bartizan hunt sql --saved NAME`.\n\n| name | what it finds |\n|---|---|\n"
    ));
    for query in QUERIES {
        write(format_args!("| `{}` | {} |\n", query.name, cell(&query.description())));
    }
    page
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
