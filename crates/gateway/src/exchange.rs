//! One interaction's place in the record: opened before anything is forwarded, closed whatever
//! happens.
//!
//! INVARIANT: an exchange that was opened is closed exactly once; dropping it closes it, and opens it
//! before if need be: as `client_left`, or as `shutdown` when what was left is being cut off.
//! INVARIANT: nothing is sent to a client before `synced` has returned.
//!
//! Not here: how records are written (`journal`).

use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use events::{
    Attempt, Ending, Event, EventBody, InteractionClosed, InteractionId, InteractionOpened,
    LocatedFinding, Outcome, Principal, TokenUsage, Unscanned,
};
use journal::{Journal, JournalError, Part, Ticket};
use stdx::{Reservoir, Secret};
use wire::{Document, Lane};

use crate::{
    answer::Verdict,
    begun::Estimate,
    blank::{closing, opening},
    early::Early,
    echo::EchoWatch,
    exposure::{Exposed, Exposures},
    not_scanned::{self, note_unscanned},
    quota::Reservation,
    refusal::Refusal,
    risk::Turn,
    tally::Tally,
    watch::{Observed, Watch, Watched},
    ways_in::Caller,
};

/// Findings in one record; the journal takes no record beyond its own limit of bytes.
const FINDINGS_RECORDED_MAX: usize = 1_000;

/// How an attempt ended of which nothing was heard yet.
const UNDER_WAY: &str = "under_way";

/// What records say where an address is not known.
const UNKNOWN_ADDRESS: &str = "unknown";

fn shown(client_address: Option<IpAddr>) -> String {
    client_address.map_or_else(|| UNKNOWN_ADDRESS.to_owned(), |address| address.to_string())
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

/// The record of one interaction, while it lasts.
pub(crate) struct Exchange {
    at: Instant,
    close: InteractionClosed,
    content_bytes_max: usize,
    early: Box<Early>,
    /// Virtual keys that were seen in it.
    exposed: Vec<Exposed>,
    exposures: Exposures,
    /// Whether an upstream may have processed it.
    is_processed: bool,
    /// Whether a stream was asked for.
    is_streamed: bool,
    journal: Journal,
    request_bytes: u64,
    /// What its limits hold for it.
    reservation: Option<Reservation>,
    shutdown: net::Shutdown,
    /// When it was sent on.
    sent_on_at: Option<Instant>,
    /// What was sent to the client, up to `content_bytes_max`.
    sent: Vec<u8>,
    /// What no guard read in the request.
    request_unscanned: Vec<Unscanned>,
    state: State,
    observed: Box<Observed>,
    tally: Tally,
    /// Bytes of its request that are text.
    text_bytes: Option<u64>,
    ticket: Option<Ticket>,
    turn: Option<Turn>,
    /// The one that the open record names.
    upstream: Option<String>,
    watch: Watch,
    watched: Option<Box<Watched>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unopened,
    Open,
    Closed,
    /// The open record could not be written.
    Refused,
}

impl Exchange {
    pub(crate) fn new(
        (exposures, shutdown, watch): (&Exposures, &net::Shutdown, &Watch),
        interaction: InteractionId,
        at: Instant,
        content_bytes_max: usize,
        early: Early,
    ) -> Self {
        Self {
            at,
            close: closing(interaction),
            content_bytes_max,
            early: Box::new(early),
            exposed: Vec::new(),
            exposures: exposures.clone(),
            is_processed: false,
            is_streamed: false,
            journal: exposures.journal.clone(),
            request_bytes: 0,
            reservation: None,
            sent_on_at: None,
            shutdown: shutdown.clone(),
            sent: Vec::new(),
            request_unscanned: Vec::new(),
            state: State::Unopened,
            observed: Box::default(),
            tally: Tally::default(),
            text_bytes: None,
            ticket: None,
            turn: None,
            upstream: None,
            watch: watch.clone(),
            watched: None,
        }
    }

    /// Notes who asks, for the case that nothing more comes to be known.
    pub(crate) fn asked_by(&mut self, caller: &Caller) {
        self.early.credentials.clone_from(&caller.credentials);
        self.early.principal.clone_from(&caller.principal);
    }

    /// Notes whom baselines count.
    pub(crate) fn counted_as(&mut self, counted: &Principal) {
        self.early.counted.clone_from(counted);
    }

    /// Notes what the request adds to its conversation.
    pub(crate) fn turn(&mut self, turn: Option<Turn>) {
        self.turn = turn;
    }

    /// Takes over what its limits hold for it until it ends.
    pub(crate) fn holds(&mut self, reservation: Option<Reservation>) {
        self.reservation = reservation;
    }

    /// Notes that a batch is begun with it.
    pub(crate) fn begins_batch(&mut self, batch: String, estimate: Estimate) {
        if let Some(reservation) = &mut self.reservation {
            reservation.begins_batch(batch, estimate);
        }
    }

    /// Notes how many bytes of its request are text, if that is known.
    pub(crate) const fn says(&mut self, text_bytes: Option<u64>) {
        self.text_bytes = text_bytes;
    }

    /// Notes that an upstream is asked. Attempts of one request are few: `attempts`.
    pub(crate) fn attempts(&mut self, upstream: &str) {
        let outcome = UNDER_WAY.to_owned();
        self.close.attempts.push(Attempt { outcome, upstream: upstream.to_owned() });
    }

    /// Notes how the last attempt ended, and whether the upstream may have processed it.
    pub(crate) fn attempted(&mut self, outcome: String, is_processed: bool) {
        if let Some(last) = self.close.attempts.last_mut() {
            last.outcome = outcome;
        }
        self.is_processed |= is_processed;
    }

    /// Notes that it is sent on: from now on it costs.
    pub(crate) fn is_sent(&mut self) {
        self.sent_on_at = Some(Instant::now());
    }

    /// Notes how long it was with us on its way to the upstream.
    pub(crate) const fn examined(&mut self, spent: Duration) {
        self.observed.request = Some(spent);
    }

    /// Notes how long its answer, or a piece of it, was with us.
    pub(crate) fn inspected(&mut self, spent: Duration) {
        *self.observed.answer.get_or_insert_default() += spent;
    }

    /// Notes that a piece of its answer has come.
    pub(crate) fn hears(&mut self) {
        if self.observed.first_chunk.is_none() {
            self.observed.first_chunk = self.sent_on_at.map(|sent| sent.elapsed());
        }
    }

    /// Notes which model answers, as the upstream calls it.
    pub(crate) fn answered_by(&mut self, model: Option<&str>) {
        if let (None, Some(model)) = (&self.observed.answered_by, model) {
            self.observed.answered_by = Some(model.to_owned());
        }
    }

    /// The open record as far as it is known now.
    pub(crate) fn opening(&self) -> InteractionOpened {
        let Early { client_address, credentials, dialect, operation, principal, trace, .. } =
            &*self.early;
        InteractionOpened {
            credentials: credentials.clone(),
            dialect: dialect.as_str().to_owned(),
            principal: principal.clone(),
            trace: *trace,
            ..opening(self.interaction(), shown(*client_address), operation)
        }
    }

    /// The interaction's id.
    pub(crate) const fn interaction(&self) -> InteractionId {
        self.close.interaction
    }

    /// It was refused, and is counted together with others.
    pub(crate) fn goes_unrecorded(&mut self, refusal: &Refusal) {
        self.state = State::Refused;
        let watched = self.watch.opened(&self.opening(), &self.early.counted, false);
        (self.close.ending, self.close.status) = (refusal.ending, refusal.status.as_u16());
        self.close.decision.outcome = Outcome::Refused;
        self.watch.closed(watched, &self.close, None, &self.observed);
    }

    /// Whether the open record is written.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Writes the open record, with the request's body as content.
    pub(crate) fn open(
        &mut self,
        mut opened: InteractionOpened,
        body: &[u8],
    ) -> Result<(), JournalError> {
        self.state = State::Refused;
        if !body.is_empty() {
            let kept = &body[..body.len().min(self.content_bytes_max)];
            opened.content =
                Some(self.journal.keep_later(self.interaction(), Part::Request, kept)?);
        }
        opened.findings_omitted = shorten(&mut opened.findings);
        self.upstream.clone_from(&opened.upstream);
        self.request_unscanned.clone_from(&opened.unscanned);
        self.request_bytes = opened.request_bytes;
        self.is_streamed = opened.streamed;
        let Early { counted, is_sampled, .. } = &*self.early;
        let watched = self.watch.opened(&opened, counted, *is_sampled);
        let event = Event::new(now_ms(), EventBody::InteractionOpened(Box::new(opened)));
        self.ticket = Some(self.journal.append(&event)?);
        self.watched = Some(Box::new(watched));
        self.state = State::Open;
        Ok(())
    }

    /// Puts on record, and tells, which of these texts seen in it are keys of ours.
    pub(crate) fn exposes(&mut self, texts: &[Secret<String>]) {
        let known = self.exposed.len();
        self.exposures.note(self.close.interaction, texts, &mut self.exposed);
        self.watch.metrics.keys_exposed((self.exposed.len() - known) as u64);
    }

    /// Puts on record, and tells, that the answer holds the key that its upstream was asked with.
    pub(crate) fn echoes(&mut self, watch: &EchoWatch) {
        let Some((upstream, key)) = watch.key() else { return };
        let known = self.exposed.len();
        self.exposures.note_echo(self.close.interaction, (upstream, &key), &mut self.exposed);
        self.watch.metrics.keys_exposed((self.exposed.len() - known) as u64);
    }

    /// Waits until the open record, or that of a refusal, would survive a power cut.
    pub(crate) async fn synced(&self) -> Result<(), JournalError> {
        match self.ticket {
            Some(ticket) => self.journal.synced(ticket).await,
            None => Ok(()),
        }
    }

    /// Notes bytes that are on their way to the client.
    pub(crate) fn sends(&mut self, bytes: &[u8]) {
        if self.close.first_byte_us.is_none() {
            self.close.first_byte_us = Some(self.at.elapsed().as_micros() as u64);
        }
        self.close.response_bytes += bytes.len() as u64;
        let room = self.content_bytes_max.saturating_sub(self.sent.len());
        self.sent.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The status sent to the client.
    pub(crate) fn status(&mut self, status: u16) {
        self.close.status = status;
    }

    /// Counts a whole answer, or an event of a streamed one: [`Tally::add`].
    pub(crate) fn counts(&mut self, document: &Document<'_>, is_said: impl Fn(Lane) -> bool) {
        self.tally.add(document, is_said);
    }

    /// Counts what was used beside its answer.
    pub(crate) fn uses(&mut self, tokens: TokenUsage) {
        self.tally.also(tokens);
    }

    /// Bytes of what was sent to the client that are kept until it ends.
    pub(crate) const fn kept_bytes(&self) -> usize {
        self.sent.len()
    }

    /// What no guard read in the answer.
    pub(crate) fn unscanned(&mut self, unscanned: &[Unscanned]) {
        note_unscanned(&mut self.close.unscanned, unscanned);
    }

    /// What no guard read, as far as it is known now, as answers say it.
    pub(crate) fn not_scanned(&self) -> String {
        not_scanned::value(self.request_unscanned.iter().chain(&self.close.unscanned))
    }

    /// What was found in the answer and what was done.
    pub(crate) fn verdict(&mut self, verdict: Verdict) {
        self.exposes(&verdict.keys);
        if let Some(decision) = verdict.decision {
            self.close.decision = decision;
        }
        self.close.findings = verdict.findings;
        self.close.findings_omitted = shorten(&mut self.close.findings);
        note_unscanned(&mut self.close.unscanned, &verdict.unscanned);
        self.close.masked = verdict.masked;
        self.close.restored = verdict.restored;
    }

    /// Notes that the client gets a refusal instead of an answer, for this reason.
    pub(crate) fn refused(&mut self, code: &str) {
        let decision = &mut self.close.decision;
        decision.outcome = Outcome::Refused;
        if decision.reason.is_none() {
            decision.reason = Some(code.to_owned().into());
        }
    }

    /// Which guards ran on the answer.
    pub(crate) fn guards(&mut self, guards: Vec<events::GuardReport>) {
        self.close.guards = guards;
    }

    /// Writes the close record. The first call counts.
    pub(crate) fn end(&mut self, ending: Ending, reason: Option<&str>) {
        if self.state != State::Open {
            return;
        }
        self.state = State::Closed;
        // A refusal leaves only once it is on record; the end of an answer may follow it.
        let is_awaited = !matches!(ending, Ending::Answered | Ending::ClientLeft);
        let emptied = closing(self.interaction());
        let mut close = std::mem::replace(&mut self.close, emptied);
        if matches!(&*close.attempts, [only] if Some(&only.upstream) == self.upstream.as_ref()) {
            close.attempts.clear();
        }
        close.ending = ending;
        let said = self.turn.as_ref().map(|turn| (turn.print(), turn.sketch()));
        let risk = self.turn.take().map(|turn| turn.end(ending, &close.findings));
        close.risk = risk.unwrap_or_default().into();
        close.usage = self.tally.counted();
        let tokens = self.tally.tokens(self.text_bytes.unwrap_or(self.request_bytes));
        // What an upstream refused costs nothing; what may have been processed does.
        let is_owed = self.sent_on_at.is_some()
            && (self.is_processed || !self.tally.is_empty() || ending != Ending::UpstreamFailed);
        if let Some(mut reservation) = self.reservation.take()
            && is_owed
        {
            // An answer that comes at once is paid for whether somebody waits for it or not.
            let is_unknown = self.tally.is_empty() && !self.is_streamed;
            if is_unknown && matches!(ending, Ending::ClientLeft | Ending::UpstreamFailed) {
                reservation.used_up();
            } else {
                reservation.used(tokens);
            }
        }
        close.reason = reason.map(str::to_owned);
        close.duration_us = self.at.elapsed().as_micros() as u64;
        self.observed.is_owed = is_owed;
        self.observed.tokens = tokens;
        self.observed.upstream = self.sent_on_at.map(|sent| sent.elapsed());
        if let Some(watched) = self.watched.take() {
            self.watch.closed(*watched, &close, said, &self.observed);
        }
        let written = (|| {
            if !self.sent.is_empty() {
                match self.journal.keep_later(close.interaction, Part::Response, &self.sent) {
                    Ok(digest) => close.content = Some(digest),
                    Err(error) => tracing::error!(
                        interaction = %close.interaction, %error, "an answer's content is lost"
                    ),
                }
            }
            let event = Event::new(now_ms(), EventBody::InteractionClosed(Box::new(close)));
            if is_awaited {
                self.ticket = Some(self.journal.append(&event)?);
                return Ok(());
            }
            self.journal.append_later(&event)
        })();
        if let Err(error) = written {
            tracing::error!(
                interaction = %self.close.interaction,
                error = &error as &dyn std::error::Error,
                "the close record could not be written"
            );
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let (ending, reason) = if self.shutdown.has_cut_off() {
            (Ending::InternalError, "shutdown")
        } else {
            (Ending::ClientLeft, "client_left")
        };
        if self.state == State::Unopened {
            let mut opened = self.opening();
            opened.decision.reason = Some(reason.into());
            if let Err(error) = self.open(opened, &[]) {
                tracing::error!(
                    interaction = %self.interaction(),
                    error = &error as &dyn std::error::Error,
                    "the record of a client that left could not be written"
                );
            }
        }
        self.end(ending, Some(reason));
    }
}

/// Keeps the findings with the highest ranks; says how many were left out.
fn shorten(findings: &mut Vec<LocatedFinding>) -> u32 {
    let omitted = findings.len().saturating_sub(FINDINGS_RECORDED_MAX);
    if omitted > 0 {
        findings.sort_by_key(|located| std::cmp::Reverse(located.finding.rank));
        findings.truncate(FINDINGS_RECORDED_MAX);
    }
    omitted as u32
}

/// Random bits for interaction ids.
pub(crate) struct Randomness {
    store: Reservoir,
    system: ring::rand::SystemRandom,
}

impl Default for Randomness {
    fn default() -> Self {
        Self { store: Reservoir::default(), system: ring::rand::SystemRandom::new() }
    }
}

impl Randomness {
    /// A fresh interaction id, or `None` if the system has no randomness to give.
    pub(crate) fn interaction(&self) -> Option<InteractionId> {
        use ring::rand::SecureRandom as _;
        let bytes = self.store.take(|bytes| self.system.fill(bytes)).ok()?;
        Some(InteractionId::new(now_ms(), u128::from_be_bytes(bytes)))
    }
}
