//! From a caller's bytes to a judged message: what for, what is in it, what follows.
//!
//! INVARIANT: everything here is done before the open record is written, and nothing here sends
//! anything anywhere. INVARIANT: [`examine`] is plain computation on owned bytes, so that large
//! messages can be examined on the CPU pool. With guards outside it is done in two goes, `external`, and so it is with
//! limits that are shared, `shared_quota`.
//!
//! Not here: who asks (`ways_in`).

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use bytes::Bytes;
use connect::Stage;
use events::{Action, ConversationId, InteractionOpened, Outcome};
use http::StatusCode;
use net::BodyShare;
use policy::Judgement;
use stdx::Secret;
use wire::{Document, Echoes, Edit, Form, Member, Operation, ReadLimits};

use crate::{
    allowance,
    answer_form::answer_form,
    conversation, exposure,
    external::{External, Seen},
    files::{self, Files},
    handles::{self, Stored},
    judge::{Inspected, Subject},
    lines,
    mask::Masker,
    masking::mask,
    refusal::Refusal,
    risk::Turn,
    routing::{check_model, judge_each, plan, route_of},
    service::Shared,
    session::{self, Within},
    settings::Route,
    shared_quota::Allowance,
    speech::Speech,
    target::Target,
    trace,
    vault::Vault,
    ways_in::{Caller, hashed},
};

/// Findings of one request; more is refused.
pub(crate) const FINDINGS_MAX: usize = 100_000;

/// A message that was judged and may be sent on once its record is open.
pub(crate) struct Prepared {
    pub(crate) body: Bytes,
    pub(crate) judgement: Judgement,
    /// What the answer is compared with.
    pub(crate) reference: Arc<detect::Reference>,
    pub(crate) route: Arc<Route>,
    pub(crate) subject: Arc<Subject>,
    /// The upstreams that may be asked, in order: of the route, and each judged alike.
    pub(crate) targets: Vec<Arc<Target>>,
    pub(crate) vault: Arc<Vault>,
}

/// A request that was received: what is known of it, for examining and for the record.
pub(crate) struct Received {
    /// What its limits hold for it.
    pub(crate) allowance: Allowance,
    pub(crate) body: Bytes,
    /// What stands between the parts of its body, if that is a form.
    pub(crate) boundary: Option<String>,
    pub(crate) caller: Caller,
    pub(crate) client_address: Option<IpAddr>,
    pub(crate) external: External,
    /// What may be virtual keys of ours in it.
    pub(crate) keys_seen: Vec<Secret<String>>,
    /// Its record so far. Apart, because it is large and moves often.
    pub(crate) opened: Box<InteractionOpened>,
    pub(crate) operation: Operation,
    pub(crate) path: String,
    /// Where it stands in a trace.
    pub(crate) place: Option<Box<trace::Place>>,
    /// What the body takes of the memory for all bodies.
    pub(crate) share: BodyShare,
    /// What of its head is sent on.
    pub(crate) speech: Speech,
    /// What it is about, if that is stored at the provider.
    pub(crate) stored: Option<Stored>,
    /// Bytes of what was read of its body: without the files of a form.
    pub(crate) text_bytes: Option<u64>,
    /// What it adds to its conversation, once that is known.
    pub(crate) turn: Option<Turn>,
    /// The session that it opens, or is an event of.
    pub(crate) within: Option<Box<Within>>,
}

impl Received {
    /// A request of which nothing was read yet.
    pub(crate) fn new(
        opened: Box<InteractionOpened>,
        operation: Operation,
        client_address: Option<IpAddr>,
        path: &str,
    ) -> Self {
        Self {
            allowance: Allowance::default(),
            body: Bytes::new(),
            boundary: None,
            caller: Caller::default(),
            client_address,
            external: External::default(),
            keys_seen: Vec::new(),
            opened,
            operation,
            path: path.to_owned(),
            place: None,
            share: BodyShare::default(),
            speech: Speech::default(),
            stored: None,
            text_bytes: None,
            turn: None,
            within: None,
        }
    }
}

/// Where a request is examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worker {
    /// Others wait meanwhile.
    Io,
    Cpu,
}

/// Reads, inspects, judges and, where policy says so, masks a request. Nothing, if it has to be done on a
/// [`Worker::Cpu`]: files take longer than their length tells.
pub(crate) fn examine(
    shared: &Shared,
    received: &mut Received,
    worker: Worker,
) -> Result<Option<Prepared>, Refusal> {
    let (body, operation) = (received.body.clone(), received.operation);
    let form = form_of(operation, received.boundary.as_deref(), &body, &shared.read_limits)?;
    let text = form.as_ref().map_or(&body[..], |form| form.json().as_bytes());
    let mut document = document_of(shared, operation, received.boundary.as_deref(), text)?;
    examine_read(shared, received, (&mut document, form.as_ref(), text), worker)
}

/// What was read of a request: the message, the form that it came as, and the text that was read.
type Read<'r, 'd> = (&'r mut Document<'d>, Option<&'r Form>, &'r [u8]);

/// [`examine`], of a request that was read already.
pub(crate) fn examine_read(
    shared: &Shared,
    received: &mut Received,
    (document, form, text): Read<'_, '_>,
    worker: Worker,
) -> Result<Option<Prepared>, Refusal> {
    let Received {
        allowance, body, caller, client_address, external, opened, operation, path, ..
    } = received;
    let (operation, within) = (*operation, received.within.as_deref());
    received.text_bytes = Some(text.len() as u64);
    if worker == Worker::Io && shared.judge.guards() && files::are_to_be_opened(document) {
        return Ok(None);
    }
    received.stored = handles::stored(shared, caller, (operation, path), document)?;
    let document = &*document;
    let claims = received.stored.as_ref().map(|stored| &stored.claims);
    let (facts, address) = (&document.facts, wire::address(path));
    let shown = wire::shown_model(&address.path);
    let named = address.model.as_deref().or(facts.model.as_deref()).or(shown.as_deref());
    let model = session::model(within, facts, named)?;
    check_name(shared, model, &mut received.keys_seen)?;
    note_document(opened, document, (model, body.len()));
    caller.principal.end_user = facts.end_user.as_deref().map(|user| hashed(shared, user));
    opened.principal = caller.principal.clone();
    let route = route_of(shared, caller, operation.dialect(), model)?;
    check_model(&address, facts, route)?;
    route.addresses.check(*client_address)?;
    caller.takes(route);
    let conversation = *opened.conversation.insert(identify(shared, caller, document, within));
    let mut targets = plan(&shared.isolation, route, (operation, document, claims), opened)?;
    session::keep_upstream(within, &mut targets)?;
    let asks = (operation, model, &**route);
    if within.is_none_or(|within| within.is_counted) {
        allowance::within_limits(shared, caller, allowance, document, asks, claims)?;
    }
    let is_first_go = external.is_first_go();
    let before = within.and_then(|within| within.before.as_ref());
    let seen = external.look(shared, (document, before), opened)?;
    received.keys_seen = exposure::keys_in(document, &seen.files, &seen.inspected);
    opened.guards = [shared.judge.report(), shared.external.not_reached(Stage::Request)].concat();
    let Seen { files, mut inspected } = external.join(document, seen, opened)?;
    let turn = Turn::begin(&shared.conversations, conversation, document, &files, &inspected);
    let (tainted, known) = session::so_far(within);
    let risk = received.turn.insert(turn).risk;
    let whom = (risk, tainted, *client_address, operation, &**route);
    let (subject, judgement, blamed) =
        judged(shared, caller, opened, whom, (document, &files), &mut inspected, &mut targets);
    if judgement.decision().outcome == Outcome::Refused {
        opened.findings = inspected.findings;
        return Err(lines::because_of(blamed, refused(judgement.decision())));
    }
    let masker = Masker::new(&shared.mask_key, conversation, &caller.principal, shared.mask_style);
    let masked = mask((document, &files), &inspected, &judgement, &masker, known);
    opened.findings = std::mem::take(&mut inspected.findings);
    let (body, vault) = outgoing(operation, (body, form), document, masked, opened)?;
    let form = answer_form(operation, text).filter(|_| vault.is_empty());
    let reference = reference(shared, document, &files, form, within);
    if is_first_go {
        external.leave(shared, document, Seen { files, inspected }, opened)?;
    }
    let (route, subject, vault) = (Arc::clone(route), Arc::new(subject), Arc::new(vault));
    Ok(Some(Prepared { body, judgement, reference, route, subject, targets, vault }))
}

/// Reads a body, or the object that says the same. An upload is read as the form that it is.
fn document_of<'b>(
    shared: &Shared,
    operation: Operation,
    boundary: Option<&str>,
    read: &'b [u8],
) -> Result<Document<'b>, Refusal> {
    let (unknown, limits) = (shared.unknown_fields, &shared.read_limits);
    Ok(match boundary.filter(|_| operation.is_upload()) {
        Some(boundary) => wire::read_upload(boundary, read, unknown, limits)?,
        None => wire::read_request(operation, read, unknown, limits)?,
    })
}

/// The form that a body is, if it is one that says what JSON can say.
fn form_of(
    operation: Operation,
    boundary: Option<&str>,
    body: &[u8],
    limits: &ReadLimits,
) -> Result<Option<Form>, Refusal> {
    let boundary = boundary.filter(|_| !operation.is_upload());
    Ok(boundary.map(|boundary| Form::read(operation, boundary, body, limits)).transpose()?)
}

/// What is known of who asks: the risk and the taint of the conversation, the address, what for, and the route.
type Whom<'a> = (u8, bool, Option<IpAddr>, Operation, &'a Route);

/// Judges a request for its upstreams. What is known of it goes with the judgement, for its answer.
fn judged<'d>(
    shared: &Shared,
    caller: &Caller,
    opened: &mut InteractionOpened,
    (risk, tainted, client_address, operation, route): Whom<'_>,
    read: (&'d Document<'d>, &Files),
    inspected: &mut Inspected,
    targets: &mut Vec<Arc<Target>>,
) -> (Subject, Judgement, Option<&'d Member<'d>>) {
    let model = opened.model.as_deref().unwrap_or_default();
    let grants = allowance::grants(caller.grant.as_deref(), operation, model);
    let mut subject = Subject {
        client_address,
        tools: lines::tools(&grants, &read.0.facts),
        grants,
        risk,
        route: route.name.clone(),
        tainted,
        verb: allowance::verb(operation),
        ..Subject::of(opened)
    };
    let (judgement, blamed) = if read.0.members.is_empty() {
        (judge_each(&shared.judge, &mut subject, &inspected.findings, targets), None)
    } else {
        lines::judge(&shared.judge, read, inspected, &mut subject, targets)
    };
    opened.upstream = Some(subject.upstream.clone());
    opened.upstream_fallbacks = targets.iter().skip(1).map(|one| one.name().to_owned()).collect();
    opened.decision = judgement.decision().clone();
    let tainted = tainted || judgement.decision().actions.contains(&Action::Taint);
    (Subject { tainted, ..subject }, judgement, blamed)
}

/// Names of models are logged and counted, so no secret may be one.
fn check_name(
    shared: &Shared,
    model: Option<&str>,
    keys_seen: &mut Vec<Secret<String>>,
) -> Result<(), Refusal> {
    let Some(model) = model.filter(|model| shared.judge.is_secret(model)) else { return Ok(()) };
    keys_seen.extend(exposure::key_in(model));
    Err(Refusal {
        param: Some("model".to_owned()),
        ..Refusal::request(
            StatusCode::BAD_REQUEST,
            "invalid_value",
            "a model's name must hold no key, secret or personal data: names are logged and counted",
        )
    })
}

/// What the record says of a message before anybody looked into it.
fn note_document(
    opened: &mut InteractionOpened,
    document: &Document<'_>,
    (model, body_bytes): (Option<&str>, usize),
) {
    opened.request_bytes = body_bytes as u64;
    opened.model = model.map(str::to_owned);
    opened.streamed |= document.facts.stream;
    opened.unknown_fields = document.unknown();
    opened.unscanned = document.unscanned();
}

/// What the answer will be compared with: with masks in it an answer has another form than the caller will see, and in a session
/// it is compared with all that was said there.
fn reference(
    shared: &Shared,
    document: &Document<'_>,
    files: &Files,
    form: Option<detect::AnswerForm>,
    within: Option<&Within>,
) -> Arc<detect::Reference> {
    match within {
        Some(_) => Arc::default(),
        None => Arc::new(shared.judge.reference(document, files, form)),
    }
}

/// What is sent on: what was received, unless something in it is masked.
fn outgoing(
    operation: Operation,
    (body, form): (&Bytes, Option<&Form>),
    document: &Document<'_>,
    masked: Result<(Vec<Edit>, Vault), Refusal>,
    opened: &mut InteractionOpened,
) -> Result<(Bytes, Vault), Refusal> {
    let (edits, mut vault) = masked.inspect_err(|refusal| {
        opened.decision.outcome = Outcome::Refused;
        opened.decision.reason = Some(refusal.code.clone());
    })?;
    if operation.repeats_request() {
        document.fields.iter().for_each(|field| vault.asks(&field.text));
    }
    opened.masked = edits.len() as u32;
    if edits.is_empty() && !document.has_replacements() {
        return Ok((body.clone(), vault));
    }
    if document.is_partial {
        return Err(handles::name_cannot_be_masked());
    }
    let spliced = match form {
        Some(form) => form.splice(body, document, &edits),
        None => wire::splice(document, &edits, Echoes::OfEdited),
    };
    let spliced = spliced.map_err(|error| {
        tracing::error!(interaction = %opened.interaction, %error, "splice failed");
        Refusal::internal("internal_splice", "the request could not be masked; nothing was sent")
    })?;
    Ok((Bytes::from(spliced), vault))
}

fn refused(decision: &events::Decision) -> Refusal {
    let rules: Vec<&str> = decision
        .rules
        .iter()
        .filter(|rule| !rule.shadow && rule.exception.is_none() && rule.action.refuses())
        .map(|rule| rule.id.as_str())
        .collect();
    let code = decision.reason.clone().unwrap_or(Cow::Borrowed("policy_block"));
    Refusal::policy(code, &rules.join(", "))
}

fn identify(
    shared: &Shared,
    caller: &Caller,
    document: &Document<'_>,
    within: Option<&Within>,
) -> ConversationId {
    if let Some(within) = within {
        return within.conversation;
    }
    let opening = document.fields.get(document.facts.opening.clone()).unwrap_or_default();
    conversation::identify(
        &shared.hash_key,
        &caller.principal,
        document.facts.conversation.as_deref(),
        opening.iter().map(|field| &*field.text),
    )
}
