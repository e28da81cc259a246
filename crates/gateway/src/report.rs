//! `POST /v1/report`: what a user says about an answer.
//!
//! ```json
//! {"interaction": "int_…", "rating": "down", "reason": "hallucination", "comment": "the paragraph it quotes does not exist"}
//! ```
//!
//! `rating` is `down` or `up`; `reason` (`hallucination`, `harmful`, `wrong`, `other`) and `comment` may be left out. The interaction's id is in every answer's header
//! `x-bartizan-interaction`. The key must be one of the principal that made the interaction.
//!
//! INVARIANT: a report is on record, and synced, before it is confirmed; one that is refused is on record as a refused
//! interaction, and does not count. INVARIANT: who may not use a key for anything here and now may not report with it, and
//! reports count as requests in the limits of their rate. INVARIANT: a comment is kept as encrypted content only, for as long as its
//! interaction's; the record holds a commitment to it. INVARIANT: who may not report on an interaction does not learn whether there is one.

use events::{
    Digest, Event, EventBody, InteractionId, Principal, Rating, ReportReason, UserReport,
};
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use journal::Part;
use net::{Arrival, Body, BodyShare, RequestBody};
use serde_json::Value;
use wire::Dialect;

use crate::{
    allowance,
    early::Early,
    exchange::now_ms,
    exposure,
    owners::{Claim, REPORTS_MAX},
    refusal::Refusal,
    service::{Service, Shared},
    speech,
    watch::key_holder,
    ways_in::{self, Shown},
};

/// The path of reports.
pub(crate) const PATH: &str = "/v1/report";
/// Bytes of a report.
const REPORT_BYTES_MAX: usize = 16 << 10;
/// Bytes of the comment in it.
const COMMENT_BYTES_MAX: usize = 8 << 10;

/// A report as it was sent.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    comment: Option<String>,
    interaction: InteractionId,
    rating: Rating,
    reason: Option<ReportReason>,
}

/// Takes a report.
pub(crate) async fn report(service: &Service, arrival: Arrival) -> Response<Body> {
    let shared = &*service.0;
    let Arrival { at, certificate, peer, request, .. } = arrival;
    let (head, body) = request.into_parts();
    let shown = Shown::of(certificate.as_deref());
    let client_address = shared.addresses.client(peer, &head.headers);
    let mut early = Early::of_nobody(client_address, Dialect::OpenAi, "report");
    early.credentials = shown.credentials();
    match take(shared, &mut early, (&head, &shown), body).await {
        Ok(interaction) => confirmed(interaction),
        Err(refusal) => service.refuse_at_once(at, early, &head, &refusal).await,
    }
}

async fn take(
    shared: &Shared,
    early: &mut Early,
    (head, shown): (&Parts, &Shown),
    body: RequestBody,
) -> Result<InteractionId, Refusal> {
    shared.addresses.rules.check(early.client_address)?;
    if head.method != http::Method::POST {
        return Err(Refusal {
            allow: Some("POST"),
            ..Refusal::request(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path takes POST",
            )
        });
    }
    let caller = ways_in::authenticate(shared, early.dialect, head, shown).await?;
    early.credentials = caller.credentials.clone();
    early.principal = caller.principal.clone();
    early.counted = caller.counted.clone();
    let grant = caller.grant.as_deref();
    if grant.is_some_and(|grant| !grant.limits.allow_use(early.client_address, now_ms())) {
        return Err(Refusal::policy("not_authorised".into(), ""));
    }
    let _reservation = allowance::to_report(shared, &caller).await?;
    speech::check_headers(wire::Operation::ChatCompletions, &head.headers)?;
    let mut share = BodyShare::default();
    let time_max = shared.limits.body_time_max;
    let body =
        net::read_bounded(body, REPORT_BYTES_MAX, time_max, &shared.bodies, &mut share).await?;
    let said = Said::read(&body)?;
    let (interaction, principal) = (said.interaction, key_holder(&caller.principal));
    let owners = &shared.watch.owners;
    match owners.claim(interaction, &principal) {
        Claim::Granted => {}
        Claim::Unknown => return Err(no_such_interaction()),
        Claim::Exhausted => return Err(enough()),
    }
    let recorded = record(shared, said, principal).await;
    recorded.inspect_err(|_| owners.give_back(interaction))?;
    Ok(interaction)
}

/// Puts a report on record, and which keys its comment gives away.
async fn record(shared: &Shared, said: Said, principal: Principal) -> Result<(), Refusal> {
    let comment = keep(shared, &said)?;
    if let Some(text) = said.comment.as_deref().filter(|_| shared.judge.guards()) {
        let keys = exposure::keys_of(text, &shared.judge.findings_in(text));
        shared.exposures.note(said.interaction, &keys, &mut Vec::new());
    }
    let Said { interaction, rating, reason, .. } = said;
    let report = UserReport { comment, interaction, principal, rating, reason };
    let event = Event::new(now_ms(), EventBody::UserReport(Box::new(report)));
    let ticket = shared.journal.append(&event).map_err(|error| Refusal::record(&error))?;
    shared.journal.synced(ticket).await.map_err(|error| Refusal::record(&error))
}

/// Keeps the comment as content of its interaction.
fn keep(shared: &Shared, said: &Said) -> Result<Option<Digest>, Refusal> {
    let Some(comment) = &said.comment else { return Ok(None) };
    let kept = shared.journal.keep_later(said.interaction, Part::Comment, comment.as_bytes());
    kept.map(Some).map_err(|error| Refusal::record(&error))
}

impl Said {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Err(wrong(None, "the body must be one JSON object"));
        };
        let known = ["comment", "interaction", "rating", "reason"];
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(wrong(
                Some(name),
                "a report has only `interaction`, `rating`, `reason` and `comment`",
            ));
        }
        let text = |name: &'static str| match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(wrong(Some(name), "this must be a string")),
        };
        let interaction = text("interaction")?.unwrap_or_default();
        let interaction = interaction.parse::<InteractionId>().map_err(|_| {
            wrong(
                Some("interaction"),
                "give the interaction's id, from the header `x-bartizan-interaction` of its answer",
            )
        })?;
        let rating = match text("rating")? {
            Some("down") => Rating::Down,
            Some("up") => Rating::Up,
            _ => return Err(wrong(Some("rating"), "this must be `down` or `up`")),
        };
        let reason = match text("reason")? {
            None => None,
            Some("hallucination") => Some(ReportReason::Hallucination),
            Some("harmful") => Some(ReportReason::Harmful),
            Some("other") => Some(ReportReason::Other),
            Some("wrong") => Some(ReportReason::Wrong),
            Some(_) => {
                let message = "this must be `hallucination`, `harmful`, `wrong` or `other`";
                return Err(wrong(Some("reason"), message));
            }
        };
        let comment = text("comment")?.filter(|comment| !comment.is_empty());
        if comment.is_some_and(|comment| comment.len() > COMMENT_BYTES_MAX) {
            let message = format!("a comment has at most {COMMENT_BYTES_MAX} bytes");
            return Err(wrong(Some("comment"), &message));
        }
        Ok(Self { comment: comment.map(str::to_owned), interaction, rating, reason })
    }
}

fn wrong(param: Option<&str>, message: &str) -> Refusal {
    Refusal {
        param: param.map(str::to_owned),
        ..Refusal::request(StatusCode::BAD_REQUEST, "invalid_report", message)
    }
}

fn no_such_interaction() -> Refusal {
    Refusal::request(
        StatusCode::NOT_FOUND,
        "interaction_unknown",
        "no recent interaction of this key's holder has this id",
    )
}

fn enough() -> Refusal {
    Refusal::request(
        StatusCode::UNPROCESSABLE_ENTITY,
        "reports_exhausted",
        format!("there are {REPORTS_MAX} reports on this interaction, which is enough"),
    )
}

fn confirmed(interaction: InteractionId) -> Response<Body> {
    let body = format!("{{\"interaction\":\"{interaction}\",\"recorded\":true}}");
    let mut response = Response::new(net::full(body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_strictly() {
        let id = InteractionId::new(1, 1);
        let read =
            |rest: &str| Said::read(format!("{{\"interaction\":\"{id}\"{rest}}}").as_bytes());
        let said = read(r#","rating":"down","reason":"wrong","comment":"no""#).map_err(|_| ());
        let reason = Some(ReportReason::Wrong);
        let expected =
            Said { comment: Some("no".into()), interaction: id, rating: Rating::Down, reason };
        assert_eq!(said, Ok(expected));
        assert!(read(r#","rating":"up""#).is_ok());
        let long = format!(",\"rating\":\"up\",\"comment\":\"{}\"", "x".repeat(COMMENT_BYTES_MAX));
        assert!(read(&long).is_ok());
        for (rest, param) in [
            ("", Some("rating")),
            (r#","rating":"sideways""#, Some("rating")),
            (r#","rating":1"#, Some("rating")),
            (r#","rating":"up","reason":"boring""#, Some("reason")),
            (r#","rating":"up","stars":5"#, Some("stars")),
            (&long.replace("x\"", "xx\""), Some("comment")),
            (r#","rating":"up""#.trim_end_matches('"'), None),
        ] {
            let refused = read(rest).expect_err(rest);
            assert_eq!(refused.param.as_deref(), param, "{rest}");
        }
        assert!(Said::read(br#"{"interaction":"int_1","rating":"up"}"#).is_err());
    }
}
