//! What a batch has written, line by line: each is the answer to a request, and guarded like one.
//!
//! A line whose answer must not pass keeps its place: its body becomes the refusal that a live caller would have got, and
//! its status with it. Nothing is restored: the values of a file's requests are not kept until its batch is done.
//!
//! INVARIANT: what is withheld of one line changes nothing in another. INVARIANT: what must not pass and is no answer (a
//! line's own name) withholds the whole file.
//!
//! Not here: how lines are read (`wire`), how an answer is guarded (`answer`).

use events::Span;
use http::StatusCode;
use wire::{Document, Edit, ErrorShape, Operation};

use crate::answer::{AnswerGuard, Passed, Verdict};

/// Guards each line; the edits, and all verdicts together. An error, if the whole file must not pass.
pub(crate) fn guard_lines(
    guard: &mut AnswerGuard,
    document: &mut Document<'_>,
    interaction: &str,
) -> Result<(Vec<Edit>, Verdict), Verdict> {
    let (mut edits, mut verdicts) = (Vec::new(), Verdict::default());
    let members = std::mem::take(&mut document.members);
    for member in &members {
        let (mut of_line, mut stopped_at) = (Vec::new(), None);
        for index in member.fields.clone() {
            let Some(field) = document.fields.get(index) else { continue };
            let Some(lane) = field.lane else { continue };
            let is_in_body =
                |at: usize| member.body.as_ref().is_some_and(|body| body.contains(&at));
            if stopped_at.is_some() && is_in_body(field.source.start) {
                guard.foreseen.take(lane);
                continue;
            }
            match guard.push_last(lane, &document.path_of(field), &field.text) {
                Passed::Unchanged => {}
                Passed::Text(replacement) => {
                    let span = Span::new(0, field.text.len());
                    of_line.push(Edit::verbatim(index, span, replacement));
                }
                Passed::Stopped(_) if is_in_body(field.source.start) => {
                    stopped_at = Some(field.source.start);
                }
                Passed::Stopped(_) => {
                    verdicts.join(guard.next());
                    return Err(verdicts);
                }
            }
        }
        verdicts.join(guard.next());
        // Edits inside a body that is withheld fall away with it.
        edits.append(&mut of_line);
        let Some(body) = stopped_at.and_then(|_| member.body.clone()) else { continue };
        document.replace(body, withheld(member.operation, interaction));
        if let Some(status) = member.status.clone() {
            document.replace(status, StatusCode::FORBIDDEN.as_str().to_owned());
        }
    }
    document.members = members;
    Ok((edits, verdicts))
}

/// What stands in the place of an answer.
fn withheld(operation: Operation, interaction: &str) -> String {
    let body = wire::error_body(
        operation.dialect(),
        &ErrorShape {
            code: "policy_block",
            interaction: Some(interaction),
            kind: "policy_violation",
            message: "refused by policy: the answer was withheld; if this is wrong, quote the interaction id",
            param: None,
            status: StatusCode::FORBIDDEN.as_u16(),
        },
    );
    String::from_utf8(body).unwrap_or_default()
}
