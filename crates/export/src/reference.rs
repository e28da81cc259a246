//! The page `docs/reference/export.md`, written from the table of fields.

use std::fmt::Write as _;

use crate::entry::INTERACTIONS_REMEMBERED_MAX;
use crate::fact::TEXT_BYTES_MAX;
use crate::field::{Field, Row};
use crate::plain::{LINE_BYTES_MAX, VALUE_BYTES_MAX};

const INTRODUCTION: &str = "\
# Export

Generated from the table of fields in `crates/export/src/field.rs`.

`bartizan log export --format FORMAT` writes the record to standard output, oldest first, one event on a line:

| format | what a line is |
|---|---|
| `ocsf` | an event of the Open Cybersecurity Schema Framework 1.8.0 |
| `ocsf-1.9` | the same of 1.9.0, with the profile `record_integrity` |
| `ecs` | a document of Elastic Common Schema 9.1 |
| `otel` | a `LogsData` message of OpenTelemetry, OTLP in JSON, as collectors read it from files; names of the conventions 1.41.1 |
| `cef` | Common Event Format, version 0 |
| `leef` | Log Event Extended Format 2.0, with tabs between attributes |
| `jsonl` | the record as it is, the same as `log tail --json` |

What was said is in none of them: the record does not have it, and there is no option to add it. Nothing here sends anything
anywhere; pipe it into what ships logs to your SIEM.

## Which records

`--since` and `--until` take a day, a moment or a span back from now (`24h`, `7d`). `--where FIELD=VALUE` takes a field by its
name in the first column below; `!=` is everything else, also where there is no such field, `>=` and `<=` compare whole
numbers, and a `*` at the end stands for any rest. A list is equal to what one of its members is equal to. Conditions that are
given together all have to hold.

A close record on disk names its interaction only; in every format but `jsonl`, it also has who asked for what, from its open
record, also when that was not selected. ";

const SEVERITY: &str = "\
## Severity

The same in every format, from what was done: 1 informational, 2 low (redacted, tainted, refused by authorisation, a notable
finding, a failed upstream, an answer rated down, a campaign that is over), 3 medium (challenged, slowed down, answered by a decoy,
a degraded node, an isolation, break-glass, an error of our own, a harmful answer, a rare anomaly, a campaign of which nothing got
through), 4 high (blocked, quarantined, a very rare anomaly, a key seen in plain text, a campaign of which something got through),
5 critical (isolated). CEF and LEEF have 1, 3, 5, 8 and 10 for them, OpenTelemetry INFO, WARN,
WARN2, ERROR and FATAL.

## OCSF

| our event | class |
|---|---|
| `interaction_opened`, `interaction_closed`, `user_report` | API Activity 6003 with `ai_operation`, `security_control`, `trace` |
| each kind that one of those notably found (rank 20 or more), if it is data: `pii.*`, `secret.*`, `canary.*`, `leak.*`, `regurgitation` | Data Security Finding 2006 |
| each other kind that was notably found | Detection Finding 2004 |
| `anomaly` | Detection Finding 2004 with `anomaly_analyses` |
| `campaign` | Detection Finding 2004, with the same `finding_info.uid` from `Create` to `Close` |
| `administration` | Entity Management 3004; `key.exposed` is a Data Security Finding 2006 |
| `node` | Application Lifecycle 6002; `degraded` is an Application Error 6008 |

An interaction is two API Activities: the open record has the activity 99 `Open`, the close record `Create` or `Read`, so
count the latter. A finding names its record in `finding_info.related_events`, and all of an interaction have its id as
`metadata.correlation_uid`. `metadata.uid` is the node and the place on its record, with a number after it for a finding, so
exporting again makes no new ids. Numbers beyond 32 bits stand in `unmapped.bartizan`.

In 1.9.0, `attestation_list` has two attestations. The first is of our record: `chain_uid` is the node, `uid` its place, `fingerprint`
its Merkle leaf, `prev_event` the record before it, which is named also if it was not exported, so a gap is seen; its
`serialization` is our own, so it is checked against the record (`bartizan log verify`), not against the event. The second is of the
event: SHA-256 over its canonical form (RFC 8785) with everything but this fingerprint. Neither is a signature; `bartizan log
checkpoint` is. In 1.8.0, leaf and chain stand in `unmapped.bartizan`.

## CEF and LEEF

Values are escaped: in the header of CEF `\\` and `|`, in its extension `\\`, `=` and line breaks; in LEEF `\\`, tabs and line breaks.
Controls that neither can write, and Unicode's own line breaks, become U+FFFD, so a line is a line for every reader. Lists have
commas between their members, and a comma in a member becomes `;`. An IPv6 address is `c6a2` in CEF.

";

const FIELDS: &str = "\
## Fields

Lists of one thing stand side by side: the first of `findings.rank` belongs to the first of `findings.kind`. A name in brackets is
a place of the format's own. `unmapped` is `unmapped.bartizan` and our name. Moments are milliseconds since 1970, but dates in
ECS; spans of time are microseconds by our name, nanoseconds in ECS, seconds in OpenTelemetry, milliseconds elsewhere.

| ours | ECS | OpenTelemetry | CEF | LEEF | OCSF | |
|---|---|---|---|---|---|---|
";

/// The page.
pub fn reference_markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    let _never_fails = write!(
        page,
        "As many as {INTERACTIONS_REMEMBERED_MAX} interactions that have\nnot ended are remembered for \
         that.\n\nA text longer than {TEXT_BYTES_MAX} bytes is cut, and `texts_cut` counts how many were. Lines of \
         CEF and LEEF are at most {LINE_BYTES_MAX}\nbytes long, their values {VALUE_BYTES_MAX}; a field \
         that has no room is left out whole, the last ones of the table first.\n\n"
    );
    page.push_str(SEVERITY);
    page.push_str(FIELDS);
    for field in Field::ALL {
        let Row { name, ecs, otel, cef, leef, ocsf, meaning } = field.row();
        let _never_fails = writeln!(
            page,
            "| `{name}` | {} | {} | {} | {} | {} | {meaning} |",
            cell(ecs),
            cell(otel),
            cell(cef),
            cell(leef),
            cell(ocsf)
        );
    }
    page
}

fn cell(name: &str) -> String {
    match name.split_once(':') {
        _ if name.is_empty() => String::from("-"),
        _ if name.starts_with('(') => name.to_owned(),
        Some((key, label)) => format!("`{key}` ({label})"),
        None => format!("`{name}`"),
    }
}
