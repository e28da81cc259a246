//! A session over WebSocket: its handshake, until both sides speak.
//!
//! To open a session is an interaction: it is judged and put on record like a request without a body, and its record closes
//! when the session ends. What is said in it has records of its own (`session/talk`).
//!
//! INVARIANT: a session goes to one upstream and one model, those that its handshake was judged for. INVARIANT: nothing of the
//! caller's handshake is sent on but the model and the mark of the API's beta. INVARIANT: a session keeps the configuration that
//! it began with; whose key it is, and whether it still is good, is asked for each event that is judged, and every few seconds.
//!
//! Not here: frames and messages (`net`), what events mean (`wire`).

mod hear;
mod items;
mod memory;
mod pending;
mod say;
mod talk;
mod telling;

use std::{borrow::Cow, sync::Arc};

use connect::Stage;
use events::{ConversationId, Ending};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};
use net::{Body, ConnectionHold, Handshake, SocketLimits, UpstreamSocket};
use wire::{Dialect, Facts};

use crate::{
    conversation,
    isolation::named,
    joined::Tail,
    refusal::Refusal,
    reply,
    request::Prepared,
    service::{Journey, Service, Shared},
    speech::{OPENAI_BETA, REALTIME_BETA, Speech},
    target::Target,
    vault::Vault,
    ways_in::Shown,
};

/// The subprotocol that is spoken.
const REALTIME: &str = "realtime";
/// What a browser puts before its key, to send it as a subprotocol: it can send no header.
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";
/// What marks the beta of the API as a subprotocol.
const BETA_PROTOCOL: &str = "openai-beta.realtime-v1";

/// Who opens a session.
pub(crate) struct Visitor {
    pub(crate) certificate: Option<Arc<[u8]>>,
    pub(crate) head: Parts,
    pub(crate) hold: ConnectionHold,
}

/// The session that something is said in.
pub(crate) struct Within {
    /// What was said in it last.
    pub(crate) before: Option<Tail>,
    pub(crate) conversation: ConversationId,
    /// Whether its limits count it: a model works for it.
    pub(crate) is_counted: bool,
    pub(crate) model: String,
    /// Whether something said in it before was found to steer.
    pub(crate) tainted: bool,
    /// Whom it is said to; nothing, as long as the session is not open.
    pub(crate) upstream: Option<String>,
    /// What its caller has sent so far.
    pub(crate) vault: Arc<Vault>,
}

/// The model that something is said to: in a session its own, which no event may change, since its grant, its route and its
/// upstream are those of the handshake; else the one that is named: by the path, whatever model the body names.
pub(crate) fn model<'m>(
    within: Option<&'m Within>,
    facts: &Facts<'_>,
    named: Option<&'m str>,
) -> Result<Option<&'m str>, Refusal> {
    let Some(within) = within else { return Ok(named) };
    if !facts.names_two_models && facts.model.as_deref().is_none_or(|model| model == within.model) {
        return Ok(Some(&within.model));
    }
    Err(Refusal {
        ending: Ending::Refused,
        kind: "policy_violation",
        param: Some("session.model".to_owned()),
        ..Refusal::request(
            StatusCode::FORBIDDEN,
            "model_not_sessions",
            "a session keeps the model that it was opened with; open another session for another model",
        )
    })
}

/// Leaves a session's upstream alone.
pub(crate) fn keep_upstream(
    within: Option<&Within>,
    targets: &mut Vec<Arc<Target>>,
) -> Result<(), Refusal> {
    let Some(upstream) = within.and_then(|within| within.upstream.as_ref()) else { return Ok(()) };
    targets.retain(|target| target.name() == upstream);
    if targets.is_empty() { Err(Refusal::isolated()) } else { Ok(()) }
}

/// What is known of a session before something is said in it: whether it is tainted, and what its caller has sent.
pub(crate) fn so_far(within: Option<&Within>) -> (bool, Vault) {
    within.map(|within| (within.tainted, Vault::clone(&within.vault))).unwrap_or_default()
}

/// Opens a session, or refuses to.
pub(crate) async fn open(
    service: &Service,
    mut journey: Journey,
    visitor: Visitor,
) -> Result<Response<Body>, (Journey, Refusal)> {
    let shared = &*service.0;
    let Visitor { certificate, mut head, hold } = visitor;
    let begun = match begin(service, &mut journey, &mut head, certificate.as_deref()).await {
        Ok(begun) => begun,
        Err(refusal) => return Err((journey, refusal)),
    };
    let Begun { conversation, handshake, model, protocol } = begun;
    let (mut journey, prepared) = match service.judged(journey, None).await {
        (journey, Ok(prepared)) => (journey, prepared),
        (journey, Err(refusal)) => return Err((journey, refusal)),
    };
    let (upstream, target) = match connect(shared, &mut journey, &prepared).await {
        Ok(connected) => connected,
        Err(refusal) => return Err((journey, refusal)),
    };
    if let Err(error) = journey.exchange.synced().await {
        return Err((journey, Refusal::record(&error)));
    }
    let Journey { mut exchange, received } = journey;
    let caller = received.caller;
    shared.was_sent(exchange.interaction(), &caller, true);
    let response = handshake.response(protocol);
    exchange.status(response.status().as_u16());
    let place = talk::Place {
        caller,
        certificate,
        client_address: received.client_address,
        conversation,
        head,
        hold,
        model,
        route: Arc::clone(&prepared.route),
        target,
    };
    let service = Service(Arc::clone(&service.0));
    let limits = SocketLimits {
        message_bytes_max: shared.limits.session_message_bytes_max,
        message_time_max: shared.limits.body_time_max,
        send_time_max: shared.limits.send_time_max,
    };
    shared.tasks.spawn(async move {
        match handshake.open(limits, &service.0.bodies).await {
            Ok(client) => {
                let sockets = (client, upstream);
                Box::pin(talk::Session::new(service, place, prepared, exchange, sockets).run())
                    .await;
            }
            Err(error) => exchange.end(Ending::ClientLeft, Some(error.code())),
        }
    });
    Ok(response)
}

/// What a handshake asks for.
struct Begun {
    conversation: ConversationId,
    handshake: Handshake,
    model: String,
    protocol: Option<&'static str>,
}

/// Who asks for a session, and for which.
async fn begin(
    service: &Service,
    journey: &mut Journey,
    head: &mut Parts,
    certificate: Option<&[u8]>,
) -> Result<Begun, Refusal> {
    let shared = &*service.0;
    let handshake = Handshake::read(head)
        .map_err(|error| Refusal::request(error.status(), "not_a_websocket", error.to_string()))?;
    let protocol = take_protocols(&mut head.headers)?;
    service.admit(journey, head, &Shown::of(certificate)).await?;
    let model = model_of(head.uri.query().unwrap_or_default())?;
    if shared.judge.guards() && shared.external.are_asked(Stage::Answer) {
        return Err(not_guarded_outside());
    }
    let Journey { exchange, received } = journey;
    received.speech = Speech::of(received.operation, head)?;
    received.opened.streamed = true;
    let session = exchange.interaction().to_string();
    let principal = &received.caller.principal;
    let conversation =
        conversation::identify(&shared.hash_key, principal, Some(&session), std::iter::empty());
    received.within = Some(Box::new(Within {
        before: None,
        conversation,
        is_counted: false,
        model: model.clone(),
        tainted: false,
        upstream: None,
        vault: Arc::default(),
    }));
    Ok(Begun { conversation, handshake, model, protocol })
}

/// The model that a query names.
fn model_of(query: &str) -> Result<String, Refusal> {
    let names = |name: &str| query.split('&').any(|member| member.starts_with(name));
    if names("call_id=") {
        return Err(Refusal {
            ending: Ending::Refused,
            kind: "policy_violation",
            ..Refusal::request(
                StatusCode::FORBIDDEN,
                "call_not_guarded",
                "a call is carried by WebRTC or SIP, past the gateway; open a session with `?model=`",
            )
        });
    }
    wire::session_model(query).ok_or_else(|| {
        Refusal::request(
            StatusCode::BAD_REQUEST,
            "query_not_accepted",
            "a session is asked for with `?model=NAME` and nothing else (on Azure: `api-version`, and `deployment` or `model`)",
        )
    })
}

/// Takes the subprotocols out of a head: which one is spoken, and, as headers, the key and the beta that stand among them.
fn take_protocols(headers: &mut HeaderMap) -> Result<Option<&'static str>, Refusal> {
    let offered: Vec<HeaderValue> =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect();
    headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
    let values = offered.iter().filter_map(|value| value.to_str().ok());
    let mut spoken = None;
    for protocol in values.flat_map(|value| value.split(',')).map(str::trim) {
        if protocol == REALTIME {
            spoken = Some(REALTIME);
        } else if protocol == BETA_PROTOCOL {
            headers.insert(OPENAI_BETA, HeaderValue::from_static(REALTIME_BETA));
        } else if let Some(key) = protocol.strip_prefix(KEY_PROTOCOL) {
            let value = HeaderValue::from_str(&format!("Bearer {key}"));
            let mut value = value.map_err(|_| Refusal::unauthenticated("the key is no key"))?;
            value.set_sensitive(true);
            // Two are refused, wherever they stand.
            headers.append(header::AUTHORIZATION, value);
        }
    }
    Ok(spoken)
}

fn not_guarded_outside() -> Refusal {
    Refusal {
        ending: Ending::Refused,
        kind: "policy_violation",
        ..Refusal::request(
            StatusCode::FORBIDDEN,
            "session_not_guarded",
            "a guard that runs as a service of its own is to look at answers, and cannot in a session; ask your platform \
             team, or use another API",
        )
    }
}

/// Opens a WebSocket to the first upstream that takes it.
async fn connect(
    shared: &Shared,
    journey: &mut Journey,
    prepared: &Prepared,
) -> Result<(UpstreamSocket, Arc<Target>), Refusal> {
    let limits = SocketLimits {
        message_bytes_max: shared.limits.event_bytes_max,
        message_time_max: shared.limits.stream_idle_time_max,
        send_time_max: shared.limits.send_time_max,
    };
    let mut last = Refusal::isolated();
    for target in &prepared.targets {
        let model = named(journey.received.operation, &prepared.subject.model);
        if shared.isolation.holds(target.name(), model) {
            continue;
        }
        let request = reply::outgoing(&journey.received, prepared, target)?.map(drop);
        let Ok(request) = prepared.judgement.clear(request) else {
            return Err(Refusal::policy(Cow::Borrowed("policy_block"), "not cleared"));
        };
        journey.exchange.is_sent();
        journey.exchange.attempts(target.name());
        match target.upstream.open(request, (limits, &shared.bodies)).await {
            Ok(socket) => {
                journey.exchange.attempted("opened".to_owned(), true);
                return Ok((socket, Arc::clone(target)));
            }
            Err(error) => {
                let is_unsent = error.is_unsent();
                journey.exchange.attempted(error.code().to_owned(), !is_unsent);
                last = error.into();
                if !is_unsent {
                    break;
                }
            }
        }
    }
    Err(last)
}

/// The dialect of sessions.
const DIALECT: Dialect = Dialect::OpenAi;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_browsers_are_taken_out_of_the_subprotocols() {
        let mut headers = HeaderMap::new();
        let offered = "realtime, openai-insecure-api-key.btz_a, openai-beta.realtime-v1, other";
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offered));
        assert_eq!(take_protocols(&mut headers).ok(), Some(Some(REALTIME)));
        assert!(!headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL));
        assert_eq!(headers[header::AUTHORIZATION], "Bearer btz_a");
        assert_eq!(headers[OPENAI_BETA], REALTIME_BETA);
        assert_eq!(take_protocols(&mut HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn a_session_names_a_model_and_no_call() {
        let code = |query| model_of(query).map_err(|refusal| refusal.code.into_owned());
        assert_eq!(code("model=m").as_deref(), Ok("m"));
        assert_eq!(code("call_id=rtc_1").err().as_deref(), Some("call_not_guarded"));
        assert_eq!(code("model=m&call_id=rtc_1").err().as_deref(), Some("call_not_guarded"));
        for query in ["", "model=", "model=a&x=1", "model=a%20b"] {
            assert_eq!(code(query).err().as_deref(), Some("query_not_accepted"), "{query}");
        }
    }
}
