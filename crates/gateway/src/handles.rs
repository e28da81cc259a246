//! Ids of files and batches as callers know them: the provider's own, with what this gateway knows of it, sealed.
//!
//! Callers share the account of one provider key, and a provider asks only whose key it is. So an id is good for the caller
//! that it was given to and for nobody else, and says what was inspected when it was made: which operation and model the
//! lines of a file are for, what they may use, where it is stored. Nothing is kept here, so that several gateways with one
//! secret agree and none forgets.
//!
//! INVARIANT: an id that was not sealed here for this caller opens nothing, so a file that was not inspected becomes no batch
//! and nobody reads what another has stored. INVARIANT: an id is at most [`SEALED_ID_BYTES_MAX`] bytes of characters that
//! need no escapes in JSON or in a path.
//!
//! Not here: what may be done with a good one (`policy`, by operation and model).

use data_encoding::BASE64URL_NOPAD;
use events::{Ending, Principal, TokenUsage};
use http::StatusCode;
use ring::hmac;
use wire::{Document, HandleOf, Operation};

use crate::{
    allowance, begun::Estimate, refusal::Refusal, service::Shared, tally::TOKEN_BYTES,
    ways_in::Caller,
};

/// Bytes of a sealed id: what the content map takes for an id.
const SEALED_ID_BYTES_MAX: usize = 256;
/// Bytes of a provider's own id for which there is room.
const OWN_ID_BYTES_MAX: usize = 64;
/// Bytes of the seal.
const SEAL_BYTES: usize = 16;
/// What no id and no base64 has.
const SEPARATOR: char = '~';

/// What an id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Batch,
    /// A file whose lines were inspected as requests.
    Input,
    /// A file that a batch has written.
    Output,
    /// Any other file.
    Other,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Batch, Self::Input, Self::Output, Self::Other];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "b",
            Self::Input => "i",
            Self::Output => "o",
            Self::Other => "f",
        }
    }
}

/// What is known of something stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) kind: Kind,
    /// What the lines ask for.
    pub(crate) operation: Option<Operation>,
    /// The model that they ask.
    pub(crate) model: Option<String>,
    /// What they may use: tokens of requests as far as bytes tell, and of answers as many as they may have.
    pub(crate) estimate: Estimate,
    /// Where it is stored.
    pub(crate) upstream: String,
}

/// What a request is about, if that is something stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) claims: Claims,
    /// The provider's own id of it, if it is there already.
    pub(crate) own: Option<String>,
    /// The path with the provider's own id, if an id stands in it.
    pub(crate) path: Option<String>,
}

/// Reads what a request is about. The document gets the provider's own id in the place of the sealed one, and the model that
/// is asked.
pub(crate) fn stored(
    shared: &Shared,
    caller: &Caller,
    (operation, path): (Operation, &str),
    document: &mut Document<'_>,
) -> Result<Option<Stored>, Refusal> {
    if operation == Operation::FileUpload || operation == Operation::MessageBatchCreate {
        if operation.begins_batch() && document.members.is_empty() {
            return Err(no_requests());
        }
        let assumed = shared.quotas.settings.assumed_output_tokens;
        let claims = sent_up(operation, document, assumed);
        return Ok(Some(Stored { claims, own: None, path: None }));
    }
    let open =
        |sealed: &str| unseal(&shared.handle_key, &caller.principal, sealed).ok_or_else(not_found);
    let (claims, own, path) = if operation == Operation::BatchCreate {
        let file = document.handles.iter().find(|handle| handle.of == HandleOf::Input);
        let (source, sealed) =
            file.map(|file| (file.source.clone(), file.id.clone())).ok_or_else(no_file)?;
        let (own, claims) = open(&sealed)?;
        let asked = document.facts.url.as_deref().and_then(wire::batched);
        if claims.kind != Kind::Input || asked.is_none() || asked != claims.operation {
            return Err(not_inspected());
        }
        document.replace(source, own);
        (claims, None, None)
    } else {
        let address = wire::address(path);
        let Some((_, sealed)) = wire::stored(&address.path) else { return Ok(None) };
        let (own, claims) = open(sealed)?;
        check_kind(operation, &claims)?;
        let path = path.replacen(sealed, &own, 1);
        (claims, Some(own), Some(path))
    };
    document.facts.model = claims.model.clone().map(Into::into);
    Ok(Some(Stored { claims, own, path }))
}

/// Whether an operation is about such a thing.
fn check_kind(operation: Operation, claims: &Claims) -> Result<(), Refusal> {
    let is_its_dialect =
        claims.operation.is_none_or(|asked| asked.dialect() == operation.dialect());
    match claims.kind {
        Kind::Input | Kind::Other if operation == Operation::FileContent => Err(not_given_back()),
        kind if is_its_dialect && (kind == Kind::Batch) == operation.is_of_batch() => Ok(()),
        _ => Err(not_found()),
    }
}

/// What is known of a file that is uploaded, or of a batch that is begun with its requests; where it will be stored is not.
fn sent_up(operation: Operation, document: &Document<'_>, assumed_output_tokens: u64) -> Claims {
    let (kind, asked) = if operation.begins_batch() {
        (Kind::Batch, Some(Operation::Messages))
    } else {
        let asked = document.facts.url.as_deref().and_then(wire::batched);
        (if asked.is_some() { Kind::Input } else { Kind::Other }, asked)
    };
    let mut estimate = Estimate::default();
    for member in &document.members {
        let bytes = member.body.as_ref().map_or(0, |body| body.len() as u64);
        let output =
            allowance::output_tokens(member.operation, &member.facts, assumed_output_tokens);
        estimate.add(TokenUsage { input: bytes.div_ceil(TOKEN_BYTES), output });
    }
    let model = document.facts.model.as_deref().map(str::to_owned);
    Claims { kind, operation: asked, model, estimate, upstream: String::new() }
}

/// Whether ids of what is stored at this upstream have room for what is known of it.
pub(crate) fn have_room(claims: &Claims, upstream: &str) -> bool {
    let claims = Claims { upstream: upstream.to_owned(), ..claims.clone() };
    let seal = SEAL_BYTES.div_ceil(3) * 4;
    OWN_ID_BYTES_MAX + payload(&claims).len() + seal + 2 <= SEALED_ID_BYTES_MAX
}

/// Puts sealed ids in the place of the provider's own, in an answer of the operation.
pub(crate) fn seal_all(
    key: &hmac::Key,
    principal: &Principal,
    operation: Operation,
    claims: &Claims,
    document: &mut Document<'_>,
) -> Result<(), Refusal> {
    let garbage = |message| Refusal::upstream("upstream_garbage", message);
    let handles = std::mem::take(&mut document.handles);
    let sealed = |id: &str, kind: Kind| {
        if id.len() > OWN_ID_BYTES_MAX {
            return Err(garbage("the upstream's id of what it has stored is too long"));
        }
        Ok(seal(key, principal, id, &Claims { kind, ..claims.clone() }))
    };
    for handle in &handles {
        let with = match handle.of {
            HandleOf::Input => sealed(&handle.id, Kind::Input)?,
            HandleOf::Output | HandleOf::Errors => sealed(&handle.id, Kind::Output)?,
            HandleOf::Itself if operation.is_of_batch() => sealed(&handle.id, Kind::Batch)?,
            HandleOf::Itself => sealed(&handle.id, claims.kind)?,
            HandleOf::Results => {
                let batch = handles.iter().find(|handle| handle.of == HandleOf::Itself);
                let batch = batch.ok_or(garbage("the upstream's batch has results and no id"))?;
                wire::results_path(&sealed(&batch.id, Kind::Batch)?)
            }
        };
        document.replace(handle.source.clone(), with);
    }
    Ok(())
}

fn seal(key: &hmac::Key, principal: &Principal, own: &str, claims: &Claims) -> String {
    let payload = payload(claims);
    let tag = tag(key, principal, own, &payload);
    let seal = BASE64URL_NOPAD.encode(tag.as_ref().get(..SEAL_BYTES).unwrap_or_default());
    format!("{own}{SEPARATOR}{payload}{SEPARATOR}{seal}")
}

/// The provider's own id, and what is known of it, if it was sealed here for this caller.
fn unseal(key: &hmac::Key, principal: &Principal, sealed: &str) -> Option<(String, Claims)> {
    let mut parts = sealed.rsplitn(3, SEPARATOR);
    let (seal, payload, own) = (parts.next()?, parts.next()?, parts.next()?);
    let seal = BASE64URL_NOPAD.decode(seal.as_bytes()).ok()?;
    let right = tag(key, principal, own, payload);
    let is_good = seal.len() == SEAL_BYTES && is_same(&seal, right.as_ref().get(..SEAL_BYTES)?);
    let claims = claims(payload).filter(|_| is_good)?;
    Some((own.to_owned(), claims))
}

/// In a time that does not depend on where they differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}

fn tag(key: &hmac::Key, principal: &Principal, own: &str, payload: &str) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    let mut part = |text: &str| {
        // A length before each part, so that parts cannot run into each other.
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    };
    // A virtual key keeps its id when it is rotated; end users are whatever a request says.
    match &principal.key {
        Some(key) => part(key.as_str()),
        None => Principal { end_user: None, ..principal.clone() }
            .parts()
            .into_iter()
            .for_each(&mut part),
    }
    part(own);
    part(payload);
    context.sign()
}

fn payload(claims: &Claims) -> String {
    let Claims { kind, operation, model, estimate, upstream } = claims;
    let operation = operation.map_or("", Operation::as_str);
    let model = model.as_deref().unwrap_or_default();
    let Estimate { all, dearest } = estimate;
    let (input, output) = (both(all.input, dearest.input), both(all.output, dearest.output));
    let text = format!("{}\n{operation}\n{input}\n{output}\n{upstream}\n{model}", kind.as_str());
    BASE64URL_NOPAD.encode(text.as_bytes())
}

fn claims(payload: &str) -> Option<Claims> {
    let text = String::from_utf8(BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?).ok()?;
    let mut parts = text.splitn(6, '\n');
    let (kind, operation) = (parts.next()?, parts.next()?);
    let (input, output) = (two(parts.next()?)?, two(parts.next()?)?);
    let all = TokenUsage { input: input.0, output: output.0 };
    let dearest = TokenUsage { input: input.1, output: output.1 };
    let (upstream, model) = (parts.next()?, parts.next()?);
    Some(Claims {
        kind: Kind::ALL.into_iter().find(|one| one.as_str() == kind)?,
        operation: Operation::ALL.into_iter().find(|one| one.as_str() == operation),
        model: Some(model).filter(|model| !model.is_empty()).map(str::to_owned),
        estimate: Estimate { all, dearest },
        upstream: upstream.to_owned(),
    })
}

/// What all use, and the dearest of them, if that is not the same.
fn both(all: u64, dearest: u64) -> String {
    if all == dearest { all.to_string() } else { format!("{all}/{dearest}") }
}

fn two(text: &str) -> Option<(u64, u64)> {
    let (all, dearest) = text.split_once('/').unwrap_or((text, text));
    Some((all.parse().ok()?, dearest.parse().ok()?))
}

/// Says nothing about whether there is such an id.
fn not_found() -> Refusal {
    Refusal {
        param: Some("id".to_owned()),
        ..Refusal::request(
            StatusCode::NOT_FOUND,
            "not_found",
            "no file or batch with this id was made through this gateway with this key",
        )
    }
}

fn no_file() -> Refusal {
    Refusal {
        param: Some("input_file_id".to_owned()),
        ..Refusal::request(
            StatusCode::BAD_REQUEST,
            "invalid_value",
            "a batch needs an `input_file_id`",
        )
    }
}

fn no_requests() -> Refusal {
    Refusal {
        param: Some("requests".to_owned()),
        ..Refusal::request(
            StatusCode::BAD_REQUEST,
            "invalid_value",
            "a batch needs `requests`, a list of objects with `custom_id` and `params`",
        )
    }
}

fn not_inspected() -> Refusal {
    Refusal {
        param: Some("input_file_id".to_owned()),
        ..Refusal::request(
            StatusCode::BAD_REQUEST,
            "file_not_inspected",
            "upload the file with the purpose `batch`, and ask for the path that its lines have: a batch reads only what \
             was inspected for it",
        )
    }
}

fn not_given_back() -> Refusal {
    Refusal::request(
        StatusCode::FORBIDDEN,
        "file_not_given_back",
        "what was uploaded is not given back here; only what a batch has written can be read",
    )
}

/// Its upstream is no longer one of the route's.
pub(crate) fn gone() -> Refusal {
    Refusal::request(
        StatusCode::NOT_FOUND,
        "storage_gone",
        "the upstream that this is stored at is not on the route of its model any more; tell your platform team",
    )
}

/// Bytes that are no text cannot be edited around.
pub(crate) fn name_cannot_be_masked() -> Refusal {
    Refusal {
        ending: Ending::Refused,
        kind: "policy_violation",
        param: Some("file.filename".to_owned()),
        ..Refusal::request(
            StatusCode::FORBIDDEN,
            "file_cannot_be_masked",
            "the form of this file holds what policy masks, beside bytes that are no text; give the file another name",
        )
    }
}

/// The names do not fit into an id.
pub(crate) fn no_room() -> Refusal {
    Refusal {
        param: Some("model".to_owned()),
        ..Refusal::request(
            StatusCode::BAD_REQUEST,
            "limit_exceeded",
            "the name of the model is too long for the id of a file; ask your platform team for a shorter one",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &[u8]) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, secret)
    }

    fn caller(application: &str, end_user: &str) -> Principal {
        Principal {
            application: Some(application.to_owned()),
            end_user: Some(end_user.to_owned()),
            ..Principal::default()
        }
    }

    fn known() -> Claims {
        Claims {
            kind: Kind::Input,
            operation: Some(Operation::ChatCompletions),
            model: Some("meta-llama/Llama-3.1-8B".to_owned()),
            estimate: Estimate {
                all: TokenUsage { input: 12_345, output: 67_890 },
                dearest: TokenUsage { input: 1_234, output: 6_789 },
            },
            upstream: "main provider".to_owned(),
        }
    }

    #[test]
    fn an_id_opens_for_whom_it_was_sealed_and_as_what_it_was() {
        for claims in [
            known(),
            Claims { kind: Kind::Batch, ..known() },
            Claims {
                kind: Kind::Other,
                operation: None,
                model: None,
                estimate: Estimate::default(),
                ..known()
            },
        ] {
            let sealed = seal(&key(b"k"), &caller("a", "ann"), "file-1~x", &claims);
            assert!(sealed.len() <= SEALED_ID_BYTES_MAX && have_room(&claims, &claims.upstream));
            let found = Some(("file-1~x".to_owned(), claims));
            assert_eq!(unseal(&key(b"k"), &caller("a", "bob"), &sealed), found, "end users share");
            assert_eq!(unseal(&key(b"k"), &caller("b", "ann"), &sealed), None);
            assert_eq!(unseal(&key(b"j"), &caller("a", "ann"), &sealed), None);
        }
    }

    #[test]
    fn an_id_that_says_only_what_all_use_is_of_one_that_may_use_it_all() {
        let all = TokenUsage { input: 12_345, output: 67_890 };
        let one = Claims { estimate: Estimate { all, dearest: all }, ..known() };
        let text = "i\nchat.completions\n12345\n67890\nmain provider\nmeta-llama/Llama-3.1-8B";
        assert_eq!(claims(&BASE64URL_NOPAD.encode(text.as_bytes())), Some(one));
    }

    #[test]
    fn whatever_is_changed_in_an_id_closes_it() {
        let (key, caller) = (key(b"k"), caller("a", ""));
        let sealed = seal(&key, &caller, "file-1", &known());
        for at in 0..sealed.len() {
            for with in ["", "A", "~"] {
                let mut changed = sealed.clone();
                changed.replace_range(at..=at, with);
                let opened = unseal(&key, &caller, &changed).filter(|_| changed != sealed);
                assert_eq!(opened, None, "{changed}");
            }
        }
        let other = Claims { model: Some("gpt-4o".to_owned()), ..known() };
        let of_other =
            format!("file-1~{}~{}", payload(&other), sealed.rsplit('~').next().unwrap_or_default());
        for unsealed in
            ["", "file-1", "~", "~~", "file-1~~", &of_other, &sealed[..sealed.len() - 2]]
        {
            assert_eq!(unseal(&key, &caller, unsealed), None, "{unsealed}");
        }
    }

    #[test]
    fn ids_with_long_names_have_no_room() {
        let long = |bytes: usize| Claims { model: Some("m".repeat(bytes)), ..known() };
        assert!(have_room(&long(64), "main") && !have_room(&long(128), "main"));
    }
}
