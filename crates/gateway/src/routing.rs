//! Which route a request takes, and why it takes none.
//!
//! Not here: the routes themselves (`settings`), where on the upstream it goes (`reply`).

use std::sync::Arc;

use http::StatusCode;
use wire::{Address, Dialect};

use crate::{
    refusal::Refusal,
    service::Shared,
    settings::{Accept, NoRoute, Route},
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

/// Where there are no deployments the body's model is asked, so it must be the one that was judged.
pub(crate) fn check_deployment(
    address: &Address<'_>,
    named: Option<&str>,
    route: &Route,
) -> Result<(), Refusal> {
    if route.kind.is_azure() || address.deployment.is_none() || address.deployment == named {
        return Ok(());
    }
    Err(Refusal {
        param: Some("model".to_owned()),
        ..Refusal::request(
            StatusCode::BAD_REQUEST,
            "deployment_not_model",
            "the upstream of this route has no deployments; name the same model in the path and in the body",
        )
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
