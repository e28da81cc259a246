//! Which route a request takes, which upstreams it may ask, and why it takes none.
//!
//! Not here: the routes themselves (`settings`), where on the upstream it goes (`reply`).

use std::{sync::Arc, time::Instant};

use events::{ConversationId, InteractionOpened, LocatedFinding};
use http::StatusCode;
use policy::Judgement;
use wire::{Address, AddressStyle, Dialect, Document, Facts, Operation};

use crate::{
    attempts::by_health,
    handles::{self, Claims},
    isolation::{Isolation, named},
    judge::{Judge, Subject},
    refusal::Refusal,
    service::Shared,
    settings::{Accept, NoRoute, Route},
    target::Target,
    ways_in::Caller,
};

/// Where a caller's request goes.
pub(crate) fn route_of<'s>(
    shared: &'s Shared,
    caller: &Caller,
    dialect: Dialect,
    model: Option<&str>,
) -> Result<&'s Arc<Route>, Refusal> {
    let found = shared.routes.find(dialect, model);
    let route = found.map_err(|none| no_route(none, dialect, model))?;
    if (route.accept == Accept::ProviderKey) != caller.provider_key.is_some() {
        return Err(Refusal::unauthenticated("this route does not accept this kind of key"));
    }
    Ok(route)
}

/// The upstreams that a request may ask, in order, and the first of them on record. A conversation keeps its upstream; what
/// has no messages and says no conversation is spread by itself.
pub(crate) fn plan(
    isolation: &Isolation,
    route: &Route,
    (operation, document, stored): (Operation, &Document<'_>, Option<&Claims>),
    opened: &mut InteractionOpened,
) -> Result<Vec<Arc<Target>>, Refusal> {
    let facts = &document.facts;
    let is_conversation = facts.conversation.is_some() || !facts.opening.is_empty();
    let conversation = opened.conversation.filter(|_| is_conversation);
    let seed = conversation.map_or_else(|| opened.interaction.to_bytes(), ConversationId::to_bytes);
    opened.route = Some(route.name.clone());
    let mut order = route.order(seed);
    if let Some(claims) = stored {
        keep_where_stored(claims, &mut order)?;
    }
    by_health(&mut order, Instant::now());
    opened.upstream = order.first().map(|first| first.name().to_owned());
    let model = named(operation, opened.model.as_deref().unwrap_or_default());
    order.retain(|target| !isolation.holds(target.name(), model));
    match order.first() {
        Some(first) => opened.upstream = Some(first.name().to_owned()),
        None => return Err(Refusal::isolated()),
    }
    Ok(order)
}

/// Leaves the upstream where what a request is about is stored. Nothing of its kind is stored yet: all that have room for it.
fn keep_where_stored(claims: &Claims, order: &mut Vec<Arc<Target>>) -> Result<(), Refusal> {
    if claims.upstream.is_empty() {
        let has_room = |target: &Arc<Target>| handles::have_room(claims, target.name());
        return if order.iter().all(has_room) { Ok(()) } else { Err(handles::no_room()) };
    }
    order.retain(|target| target.name() == claims.upstream);
    if order.is_empty() { Err(handles::gone()) } else { Ok(()) }
}

/// Judges a request for each upstream that it may ask. Those remain for which it is judged just as for the first that is
/// allowed: what it is told to do with the text holds for all of them.
pub(crate) fn judge_each(
    judge: &Judge,
    subject: &mut Subject,
    findings: &[LocatedFinding],
    plan: &mut Vec<Arc<Target>>,
) -> Judgement {
    let mut judged: Option<Judgement> = None;
    plan.retain(|target| {
        let upstream = target.name().to_owned();
        let judgement = judge.request(&Subject { upstream, ..subject.clone() }, findings);
        match &judged {
            Some(first) if first.is_allowed() => first.is_like(&judgement),
            Some(_) if !judgement.is_allowed() => false,
            _ => {
                let is_allowed = judgement.is_allowed();
                target.name().clone_into(&mut subject.upstream);
                judged = Some(judgement);
                is_allowed
            }
        }
    });
    judged.unwrap_or_else(|| judge.request(subject, findings))
}

/// A path's model is the one that was judged. Whatever an upstream makes of another one in the body, it is refused: where
/// there are no deployments that one would be asked, and the Gemini API has several places for it.
pub(crate) fn check_model(
    address: &Address<'_>,
    facts: &Facts<'_>,
    route: &Route,
) -> Result<(), Refusal> {
    let (in_path, named) = (address.model.as_deref(), facts.model.as_deref());
    let (is_same, code, message) = match address.style {
        // Its bodies name none.
        AddressStyle::Bedrock => return Ok(()),
        AddressStyle::Gemini => {
            let bare =
                named.map(|named| named.rsplit_once("models/").map_or(named, |(_, bare)| bare));
            let is_same = bare.is_none() || (bare == in_path && !facts.names_two_models);
            (is_same, "model_not_path", "name no other model in the body than in the path")
        }
        _ => {
            let have_deployments = route.targets().all(|target| target.kind.is_azure());
            (
                have_deployments || in_path.is_none() || in_path == named,
                "deployment_not_model",
                "the upstream of this route has no deployments; name the same model in the path and in the body",
            )
        }
    };
    if is_same {
        return Ok(());
    }
    Err(Refusal {
        param: Some("model".to_owned()),
        ..Refusal::request(StatusCode::BAD_REQUEST, code, message)
    })
}

fn no_route(none: NoRoute, dialect: Dialect, model: Option<&str>) -> Refusal {
    let (code, message) = match (none, model) {
        (NoRoute::Dialect, _) => (
            "no_route_for_dialect",
            format!(
                "no upstream of this model's routes speaks `{}`, the dialect of this path",
                dialect.as_str()
            ),
        ),
        (NoRoute::Model, Some(_)) => (
            "model_not_found",
            "no route takes this model; see `[[routes]]` in the configuration".to_owned(),
        ),
        (NoRoute::Model, None) => {
            ("model_not_found", "no route takes requests without a model".to_owned())
        }
    };
    Refusal {
        ending: events::Ending::Refused,
        param: Some("model".to_owned()),
        ..Refusal::request(StatusCode::NOT_FOUND, code, message)
    }
}
