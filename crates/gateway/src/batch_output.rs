//! What a batch has written, line by line: each is the answer to a request, and guarded like one.
//!
//! A line whose answer must not pass keeps its place: its answer becomes the refusal that a live caller would have got.
//! Nothing is restored: the values of a batch's requests are not kept until it is done.
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
        let (mut of_line, mut is_stopped) = (Vec::new(), false);
        for index in member.fields.clone() {
            let Some(field) = document.fields.get(index) else { continue };
            let Some(lane) = field.lane else { continue };
            let is_in_answer =
                member.answer.as_ref().is_some_and(|answer| answer.contains(&field.source.start));
            if is_stopped && is_in_answer {
                guard.foreseen.take(lane);
                continue;
            }
            match guard.push_last(lane, &document.path_of(field), &field.text) {
                Passed::Unchanged => {}
                Passed::Text(replacement) => {
                    let span = Span::new(0, field.text.len());
                    of_line.push(Edit::verbatim(index, span, replacement));
                }
                Passed::Stopped(_) if is_in_answer => is_stopped = true,
                Passed::Stopped(_) => {
                    verdicts.join(guard.next());
                    return Err(verdicts);
                }
            }
        }
        verdicts.join(guard.next());
        // Edits inside an answer that is withheld fall away with it.
        edits.append(&mut of_line);
        if let Some(answer) = member.answer.clone().filter(|_| is_stopped) {
            document.replace(answer, withheld(member.operation, interaction));
        }
    }
    document.members = members;
    Ok((edits, verdicts))
}

/// What stands in the place of an answer.
fn withheld(operation: Operation, interaction: &str) -> String {
    let answer = wire::refused_answer(
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
    String::from_utf8(answer).unwrap_or_default()
}
