//! The guards beside the pass: they compare a text with what it must not repeat, or look at constructs
//! around values, so that what they find may overlap values and each other.
//!
//! INVARIANT: as for the pass: what is found, and what may be released, depends on the text alone.
//! INVARIANT: a guard with nothing to look for costs nothing.

use std::sync::Arc;

use events::{Finding, Kind, Provenance, Rank, Score, Span};

use crate::decode::Views;
use crate::detectors::acrostic::Spelled;
use crate::detectors::hosts::Hosts;
use crate::detectors::language::Languages;
use crate::detectors::regurgitation::{self, Passage, Tracer};
use crate::detectors::system_prompt::{Follower, Shared};
use crate::detectors::{Enabled, Id, canary, constructs, system_prompt};
use crate::literals::{Literal, Literals};
use crate::normalise::Normal;
use crate::pass::{Located, horizon};
use crate::stream::add_findings;
use crate::text::{CONSTRUCT_BYTES_MAX, CONTEXT_BYTES_MAX, Starved, Text};
use crate::words::Words;
use crate::{Corpus, HOLD_BYTES_MAX, Reference};

/// What the settings say that every text is searched for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guards {
    pub(crate) canaries: Literals,
    pub(crate) hosts: Hosts,
    pub(crate) protected: Arc<Corpus>,
    pub(crate) languages: Languages,
    pub(crate) spelled: Spelled,
}

impl Guards {
    pub(crate) fn new(settings: &crate::DetectSettings) -> Self {
        let canaries: Vec<Literal> = canary::literals(settings.canaries());
        Self {
            canaries: Literals::new(canaries),
            hosts: settings.hosts().clone(),
            protected: Arc::clone(settings.protected()),
            languages: settings.languages().clone(),
            spelled: Spelled::of_canaries(settings.canaries()),
        }
    }
}

/// The guards on one text.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    guards: Arc<Guards>,
    reference: Arc<Reference>,
    /// How far the canaries have been looked for, in normalised bytes.
    canaries: Option<usize>,
    /// How far constructs have been looked for, in normalised bytes.
    constructs: Option<usize>,
    on: Enabled,
    words: Words,
    prompt: Option<Follower>,
    protected: Option<Tracer>,
    /// What is held back, in original bytes.
    open_from: Option<usize>,
    // Kept between pushes.
    shared: Vec<Shared>,
    passages: Vec<Passage>,
}

impl Watch {
    pub(crate) fn new(
        on: Enabled,
        guards: &Arc<Guards>,
        reference: &Arc<Reference>,
        provenance: Provenance,
    ) -> Self {
        let is_output = provenance == Provenance::Output;
        let is_operators = matches!(
            provenance,
            Provenance::System | Provenance::Developer | Provenance::ToolDefinition
        );
        let has_canaries = on.has(Id::Canary) && !is_operators && !guards.canaries.is_empty();
        let has_prompt = on.has(Id::SystemPrompt) && is_output && !reference.prompt.is_empty();
        let has_protected = on.has(Id::Regurgitation) && is_output && !guards.protected.is_empty();
        Self {
            guards: Arc::clone(guards),
            reference: Arc::clone(reference),
            canaries: has_canaries.then_some(0),
            constructs: is_output.then_some(0),
            on,
            words: Words::default(),
            prompt: has_prompt.then(|| Follower::new(&reference.prompt)),
            protected: has_protected.then(Tracer::default),
            open_from: None,
            shared: Vec::new(),
            passages: Vec::new(),
        }
    }

    /// Where in the original text what may still become a finding begins.
    pub(crate) const fn open_from(&self) -> Option<usize> {
        self.open_from
    }

    /// What the text is compared with.
    pub(crate) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// How much of the normalised text is still needed.
    pub(crate) fn needs_from(&self) -> usize {
        let canaries = self.canaries.unwrap_or(usize::MAX);
        let words = if self.has_words() { self.words.needs_from() } else { usize::MAX };
        let constructs = self.constructs.unwrap_or(usize::MAX);
        canaries.min(words).min(constructs).saturating_sub(CONTEXT_BYTES_MAX)
    }

    /// Goes as far as the text allows.
    pub(crate) fn advance(
        &mut self,
        normal: &Normal,
        taken: usize,
        complete: bool,
        out: &mut Vec<Finding>,
    ) {
        self.open_from = None;
        if let Some(at) = self.canaries {
            let at = self.seek_canaries(at, normal, taken, complete, out);
            self.canaries = Some(at);
            self.hold_from(at, normal);
        }
        if let Some(at) = self.constructs {
            let at = self.seek_constructs(at, normal, taken, complete, out);
            self.constructs = Some(at);
            self.hold_from(at, normal);
        }
        if self.has_words() {
            self.follow(normal, taken, complete, out);
        }
    }

    fn hold_from(&mut self, at: usize, normal: &Normal) {
        if at < normal.end() {
            let open = normal.map.start(at);
            self.open_from = Some(self.open_from.map_or(open, |from| from.min(open)));
        }
    }

    fn seek_constructs(
        &self,
        from: usize,
        normal: &Normal,
        taken: usize,
        complete: bool,
        out: &mut Vec<Finding>,
    ) -> usize {
        let (mut at, bytes) = (from, normal.text.as_bytes());
        while at < normal.end() {
            at = normal.dropped + constructs::skim(bytes, at - normal.dropped);
            if at >= normal.end() {
                break;
            }
            let (start, horizon) = (at - normal.dropped, horizon(normal, at, taken));
            let text = Text::within(bytes, start, horizon, complete, CONSTRUCT_BYTES_MAX);
            match constructs::at_construct(&text, self.on, &self.guards.hosts) {
                Err(Starved) => break,
                Ok(None) => at += 1,
                Ok(Some(hit)) => {
                    let mut end = at + hit.len.max(1);
                    while !normal.text.is_char_boundary(end - normal.dropped) {
                        end -= 1;
                    }
                    if hit.rank > constructs::NOTHING_RANK {
                        add_findings(&Located { start: at, end, hit }, normal, out);
                    }
                    at = end.max(at + 1);
                }
            }
        }
        at
    }

    fn seek_canaries(
        &self,
        from: usize,
        normal: &Normal,
        taken: usize,
        complete: bool,
        out: &mut Vec<Finding>,
    ) -> usize {
        let mut at = from;
        while at < normal.end() {
            at = normal.dropped
                + self.guards.canaries.skim(normal.text.as_bytes(), at - normal.dropped);
            let horizon = horizon(normal, at, taken);
            let text = Text::new(normal.text.as_bytes(), at - normal.dropped, horizon, complete);
            match self.guards.canaries.find(&text) {
                Err(Starved) => break,
                Ok(None) => at += 1,
                Ok(Some((which, length))) => {
                    let end = at + length;
                    out.push(Finding {
                        detector: canary::CARD.name.into(),
                        kind: Kind::of(canary::kind(which)),
                        rank: Rank::new(canary::RANK),
                        score: Score::ONE,
                        span: Span::new(normal.map.start(at), normal.map.end(end)),
                        view: if normal.map.is_verbatim(at, end) { "raw" } else { "nfkc" }.into(),
                    });
                    at = end;
                }
            }
        }
        at.min(normal.end())
    }

    /// Whether anything is compared word by word.
    const fn has_words(&self) -> bool {
        self.prompt.is_some() || self.protected.is_some()
    }

    fn follow(&mut self, normal: &Normal, taken: usize, complete: bool, out: &mut Vec<Finding>) {
        let (print, corpus) = (&self.reference.prompt, &self.guards.protected);
        let (prompt, protected) = (&mut self.prompt, &mut self.protected);
        let (shared, passages) = (&mut self.shared, &mut self.passages);
        self.words.advance(normal, taken, complete, |word| {
            if let Some(prompt) = prompt {
                prompt.push(word, print, shared);
            }
            if let Some(protected) = protected {
                protected.push(word, corpus, passages);
            }
        });
        match prompt {
            Some(prompt) if complete => prompt.finish(print, shared),
            Some(prompt) => prompt.expire(taken, print, shared),
            None => {}
        }
        match protected {
            Some(protected) if complete => protected.finish(corpus, passages),
            Some(protected) => protected.expire(taken, corpus, passages),
            None => {}
        }
        if !complete {
            let open = [
                self.prompt.as_ref().and_then(Follower::open_from),
                self.protected.as_ref().and_then(Tracer::open_from),
                self.words.open_from(),
            ];
            // A word that long is none: it is not held back for.
            let held = open.into_iter().flatten().filter(|open| taken - open <= HOLD_BYTES_MAX);
            self.open_from = self.open_from.into_iter().chain(held).min();
        }
        out.extend(self.shared.drain(..).map(prompt_finding));
        for passage in self.passages.drain(..) {
            out.push(passage_finding(&passage, &self.guards.protected));
        }
    }

    /// What only the whole text shows (`taken` bytes of it, as `views`): pieces that are nothing each by itself,
    /// and what stands in decoded views.
    pub(crate) fn find_late(&self, views: &Views, taken: usize, out: &mut Vec<Finding>) {
        if self.is_idle() {
            return;
        }
        if self.prompt.is_some()
            && let Some(view) = views.views.first()
        {
            let mut whole = self.clone();
            whole.advance(&view.normal, taken, true, &mut Vec::new());
            out.extend(whole.scattered(taken));
        }
        for (at, view) in views.views.iter().enumerate().skip(1) {
            // Offsets into the view's own text, which `Views` takes back to the original.
            let normal = Normal { text: view.normal.text.clone(), ..Normal::default() };
            let (mut guard, mut inside) = (self.clone(), Vec::new());
            let length = normal.text.len();
            guard.advance(&normal, length, true, &mut inside);
            inside.extend(guard.scattered(length));
            for finding in inside {
                let (start, end) = (finding.span.start as usize, finding.span.end as usize);
                if views.is_plain(at, start, end) {
                    continue;
                }
                let (from, to) = views.to_original(at, start, end);
                out.push(Finding {
                    span: Span::new(from, to),
                    view: view.path_of(start, end),
                    ..finding
                });
            }
        }
    }

    /// Whether there is nothing to look for.
    const fn is_idle(&self) -> bool {
        self.canaries.is_none() && self.constructs.is_none() && !self.has_words()
    }

    /// What scattered pieces of the prompt amount to; asked after the end of a text of `bytes` bytes.
    fn scattered(&self, bytes: usize) -> Option<Finding> {
        let shared = self.prompt.as_ref()?.scattered(&self.reference.prompt, bytes)?;
        Some(prompt_finding(shared))
    }
}

fn passage_finding(passage: &Passage, corpus: &Corpus) -> Finding {
    let name = corpus.document(passage.document).map_or("", |document| document.name.as_str());
    Finding {
        detector: regurgitation::CARD.name.into(),
        kind: Kind::named(format!("{}.{name}", regurgitation::FAMILY)),
        rank: Rank::new(passage.rank),
        score: Score::from_unit(passage.ratio),
        span: Span::new(passage.start, passage.end),
        view: "raw".into(),
    }
}

fn prompt_finding(shared: Shared) -> Finding {
    Finding {
        detector: system_prompt::CARD.name.into(),
        kind: Kind::of(system_prompt::KIND),
        rank: Rank::new(shared.rank),
        score: Score::from_unit(shared.ratio),
        span: Span::new(shared.start, shared.end),
        view: "raw".into(),
    }
}
