//! Requests that are made of several: the lines of an uploaded file, each judged by itself.
//!
//! INVARIANT: a line is judged by what was found in it and by what it asks for, as if it had come alone; what belongs to no
//! line is judged too. INVARIANT: the file goes on only if all of them may.
//!
//! Not here: how lines are read (`wire`), what is made of a verdict (`request`).

use std::ops::Range;
use std::sync::Arc;

use policy::{Grants, Judgement};
use wire::{Document, Facts, Member};

use crate::{
    allowance,
    files::Files,
    judge::{Inspected, Judge, Place, Subject},
    refusal::Refusal,
    routing::judge_each,
    target::Target,
};

/// What is judged together: a line, or what belongs to none.
struct Group<'d, 'a> {
    member: Option<&'d Member<'a>>,
    /// Which of the findings are its own.
    findings: Range<usize>,
}

/// Judges each line. Findings are put in the order of what they belong to. With a refusal comes the line that caused it.
pub(crate) fn judge<'d>(
    judge: &Judge,
    (document, files): (&'d Document<'_>, &Files),
    inspected: &mut Inspected,
    subject: &mut Subject,
    targets: &mut Vec<Arc<Target>>,
) -> (Judgement, Option<&'d Member<'d>>) {
    let mut judgements = Vec::new();
    for Group { member, findings } in groups(document, files, inspected) {
        let mut own = subject.clone();
        if let Some(member) = member {
            own.verb = allowance::verb(member.operation);
            own.request_bytes = member.body.as_ref().map_or(0, |body| body.len() as u64);
            own.tools = tools(&own.grants, &member.facts);
        }
        let found = inspected.findings.get(findings.clone()).unwrap_or_default();
        let judgement = judge_each(judge, &mut own, found, targets);
        subject.upstream = own.upstream;
        let is_allowed = judgement.is_allowed();
        judgements.push((findings.start, judgement));
        if !is_allowed {
            return (Judgement::together(judgements), member);
        }
    }
    (Judgement::together(judgements), None)
}

/// The tools that a message offers the model, if the caller's grant names tools.
pub(crate) fn tools(grants: &Grants, facts: &Facts<'_>) -> Vec<String> {
    let offered = facts.tools.iter().filter(|_| grants.tools.is_some());
    offered.map(|tool| tool.clone().into_owned()).collect()
}

/// Sorts findings by what they belong to: first what belongs to no line, then line by line.
fn groups<'d, 'a>(
    document: &'d Document<'a>,
    files: &Files,
    inspected: &mut Inspected,
) -> Vec<Group<'d, 'a>> {
    let members = &document.members;
    // Its position among the lines, from 1.
    let line_of = |place: &Place| {
        let (at, of): (usize, fn(&Member<'a>) -> Range<usize>) = match place {
            Place::Field(index) => (*index, |member| member.fields.clone()),
            Place::File(index) => {
                let file = files.texts.get(*index).map_or(usize::MAX, |text| text.file);
                (file, |member| member.files.clone())
            }
        };
        let line = members.partition_point(|member| of(member).end <= at);
        members.get(line).filter(|member| of(member).contains(&at)).map_or(0, |_| line + 1)
    };
    let (places, findings) =
        (std::mem::take(&mut inspected.places), std::mem::take(&mut inspected.findings));
    let mut found: Vec<_> = places
        .into_iter()
        .zip(findings)
        .map(|(place, one)| (line_of(&place), place, one))
        .collect();
    found.sort_by_key(|(line, _, _)| *line);
    let own = |line: usize| {
        found.partition_point(|(of, _, _)| *of < line)
            ..found.partition_point(|(of, _, _)| *of <= line)
    };
    let groups = std::iter::once(None).chain(members.iter().map(Some));
    let groups = groups.enumerate().map(|(line, member)| Group { member, findings: own(line) });
    let groups = groups.collect();
    for (_, place, one) in found {
        inspected.places.push(place);
        inspected.findings.push(one);
    }
    groups
}

/// The refusal of a file because of one of its lines.
pub(crate) fn because_of(member: Option<&Member<'_>>, refusal: Refusal) -> Refusal {
    let Some(member) = member else { return refusal };
    Refusal {
        message: format!("{}: {}", member.shown(), refusal.message),
        param: Some(member.at.path()),
        ..refusal
    }
}
