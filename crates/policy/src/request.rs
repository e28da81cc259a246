//! The Cedar request and entities of a view.
//!
//! INVARIANT: they are made from the view and nothing else. INVARIANT: a fact that no policy reads is
//! left out, which makes requests small, and safe: were the analysis of what is read wrong, Cedar
//! would miss the fact, fail, and the message would be refused. INVARIANT: with everything read, they
//! conform to the schema, which a test checks over random facts, so that validation is not paid for on
//! every message.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::str::FromStr as _;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use events::Principal;

use crate::error::PolicyError;
use crate::grants::Granted;
use crate::reads::{Reading, Reads};
use crate::view::{NO_KEY, Numbers, Ranks, View};
use crate::vocabulary::{COLUMNS, FAMILIES};
use crate::{Resource, Verb};

/// The names of the schema that requests are made of, parsed once.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    actions: [EntityUid; Verb::ALL.len()],
    application: EntityTypeName,
    key: EntityTypeName,
    route: EntityTypeName,
    targets: [EntityTypeName; Verb::ALL.len()],
    team: EntityTypeName,
    tenant: EntityTypeName,
    upstream: EntityTypeName,
}

/// Why a view could not be put to Cedar. The message is refused then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unaskable;

impl Names {
    /// Parses the names.
    pub(crate) fn new() -> Result<Self, PolicyError> {
        let action = type_name("Action")?;
        let first = type_name(Verb::Infer.resource_type())?;
        let mut targets = [const { None }; Verb::ALL.len()];
        for (target, verb) in targets.iter_mut().zip(Verb::ALL) {
            *target = Some(type_name(verb.resource_type())?);
        }
        Ok(Self {
            actions: Verb::ALL.map(|verb| uid(&action, verb.as_str())),
            application: type_name("Application")?,
            key: type_name("Key")?,
            route: type_name("Route")?,
            targets: targets.map(|target| target.unwrap_or_else(|| first.clone())),
            team: type_name("Team")?,
            tenant: type_name("Tenant")?,
            upstream: type_name("Upstream")?,
        })
    }

    /// The request and entities of a view made under `reads`.
    pub(crate) fn request(
        &self,
        view: &View<'_>,
        reads: &Reads,
    ) -> Result<(Request, Entities), Unaskable> {
        let mut entities = Vec::new();
        let principal = match view.principal {
            Some(principal) => self.principal(principal, &mut entities)?,
            None => uid(&self.key, NO_KEY),
        };
        let verb = view.action as usize;
        let target = self.targets.get(verb).ok_or(Unaskable)?;
        let resource = match view.resource {
            Some(resource) => self.resource(target, resource, &mut entities)?,
            None => uid(target, ""),
        };
        let action = self.actions.get(verb).ok_or(Unaskable)?.clone();
        let context = context(view, reads)?;
        let request =
            Request::new(principal, action, resource, context, None).map_err(|_| Unaskable)?;
        let entities = Entities::from_entities(entities, None).map_err(|_| Unaskable)?;
        Ok((request, entities))
    }

    fn principal(
        &self,
        principal: &Principal,
        entities: &mut Vec<Entity>,
    ) -> Result<EntityUid, Unaskable> {
        let named = |kind: &EntityTypeName, name: &Option<String>| {
            name.as_deref().filter(|name| !name.is_empty()).map(|name| uid(kind, name))
        };
        let tenant = named(&self.tenant, &principal.tenant);
        let team = named(&self.team, &principal.team);
        let application = named(&self.application, &principal.application);
        // Each stands below all that are wider: an application belongs to its team and tenant.
        let chain = [&tenant, &team, &application];
        for (depth, entity) in chain.into_iter().enumerate() {
            let above = chain.iter().take(depth).copied().flatten().cloned().collect();
            entities.extend(entity.clone().map(|uid| Entity::new_no_attrs(uid, above)));
        }
        let key = uid(&self.key, principal.key.as_ref().map_or(NO_KEY, |id| id.as_str()));
        let text = |name: &Option<String>| string(name.as_deref().unwrap_or_default());
        let attributes = HashMap::from([
            ("application".to_owned(), text(&principal.application)),
            ("team".to_owned(), text(&principal.team)),
            ("tenant".to_owned(), text(&principal.tenant)),
        ]);
        let above = chain.into_iter().flatten().cloned().collect();
        entities.push(Entity::new(key.clone(), attributes, above).map_err(|_| Unaskable)?);
        Ok(key)
    }

    fn resource(
        &self,
        target: &EntityTypeName,
        resource: Resource<'_>,
        entities: &mut Vec<Entity>,
    ) -> Result<EntityUid, Unaskable> {
        let Resource { name, route, upstream } = resource;
        let above = HashSet::from([uid(&self.route, route), uid(&self.upstream, upstream)]);
        entities.extend(above.iter().cloned().map(|uid| Entity::new_no_attrs(uid, HashSet::new())));
        let attributes = HashMap::from([
            ("name".to_owned(), string(name)),
            ("route".to_owned(), string(route)),
            ("upstream".to_owned(), string(upstream)),
        ]);
        let target = uid(target, name);
        entities.push(Entity::new(target.clone(), attributes, above).map_err(|_| Unaskable)?);
        Ok(target)
    }
}

fn context(view: &View<'_>, reads: &Reads) -> Result<Context, Unaskable> {
    let Numbers { hour, request_bytes, risk, unix_s, unknown_fields, unscanned, weekday } =
        view.numbers;
    let flag = RestrictedExpression::new_bool;
    let kinds = view.kinds.iter().map(|kind| string(kind));
    let time = [
        given(&reads.hour, "hour", || long(hour)),
        given(&reads.unix_s, "unix_s", || long(unix_s)),
        given(&reads.weekday, "weekday", || long(weekday)),
    ];
    let facts = [
        given(&reads.end_user, "end_user", || string(view.end_user)),
        given(&reads.request_bytes, "request_bytes", || long(request_bytes)),
        given(&reads.risk, "risk", || long(risk)),
        given(&reads.streamed, "streamed", || flag(view.streamed)),
        given(&reads.tainted, "tainted", || flag(view.tainted)),
        given(&reads.unknown_fields, "unknown_fields", || long(unknown_fields)),
        given(&reads.unscanned, "unscanned", || long(unscanned)),
        view.client_address.map(|address| ("client_address", ip(address))),
        Some(("findings", findings(&view.ranks, reads)?)),
        Some(("grants", grants(view.granted)?)),
        Some(("kinds", RestrictedExpression::new_set(kinds))),
        Some(("stage", string(view.stage.as_str()))),
        Some(("time", record(time.into_iter().flatten())?)),
    ];
    let pairs = facts.into_iter().flatten().map(|(name, value)| (name.to_owned(), value));
    Context::from_pairs(pairs).map_err(|_| Unaskable)
}

type Field = (&'static str, RestrictedExpression);

/// The field, if policies read it.
fn given(
    reading: &Reading,
    name: &'static str,
    value: impl FnOnce() -> RestrictedExpression,
) -> Option<Field> {
    reading.is_read().then(|| (name, value()))
}

fn findings(ranks: &Ranks, reads: &Reads) -> Result<RestrictedExpression, Unaskable> {
    let mut families = Vec::with_capacity(FAMILIES.len());
    for ((family, row), readings) in FAMILIES.into_iter().zip(ranks).zip(&reads.ranks) {
        let cells = COLUMNS.into_iter().zip(row).zip(readings);
        families.push((
            family,
            record(cells.filter_map(|((column, rank), reading)| {
                given(reading, column, || long((*rank).into()))
            }))?,
        ));
    }
    record(families)
}

fn grants(granted: Granted) -> Result<RestrictedExpression, Unaskable> {
    let Granted { action, address, hours, in_force, model, route, tools } = granted;
    let answers = [
        ("action", action),
        ("address", address),
        ("hours", hours),
        ("in_force", in_force),
        ("model", model),
        ("route", route),
        ("tools", tools),
    ];
    record(answers.map(|(name, answer)| (name, RestrictedExpression::new_bool(answer))))
}

fn record(fields: impl IntoIterator<Item = Field>) -> Result<RestrictedExpression, Unaskable> {
    RestrictedExpression::new_record(
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)),
    )
    .map_err(|_| Unaskable)
}

fn string(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn long(value: i64) -> RestrictedExpression {
    RestrictedExpression::new_long(value)
}

fn ip(address: IpAddr) -> RestrictedExpression {
    RestrictedExpression::new_ip(address.to_string())
}

fn type_name(name: &str) -> Result<EntityTypeName, PolicyError> {
    EntityTypeName::from_str(name).map_err(|error| PolicyError::Shipped(error.to_string()))
}

fn uid(kind: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
}
