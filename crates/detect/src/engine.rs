//! The engine: one immutable set of matchers and weights, built once and shared.
//!
//! INVARIANT: an engine that cannot find what it must find is never handed out: [`Engine::new`]
//! runs the self-test first.

use std::sync::Arc;

use events::{Finding, Kind, Provenance, Rank, Span};

use crate::calibration::Calibration;
use crate::custom::{Allow, CustomPass, Rules, folded};
use crate::decode::{View, Views};
use crate::detectors::suffix::SuffixModel;
use crate::detectors::whole::Look;
use crate::detectors::{self, CARDS, Enabled, Id, encoded_values, linear_score, whole};
use crate::names::model::NamesModel;
use crate::normalise::{Normal, Normaliser};
use crate::pass::Pass;
use crate::score::{Explanation, Group, Model, Reading};
use crate::stream::{add_findings, coalesce, signal_finding};
use crate::watch::{Guards, Watch};
use crate::{DetectSettings, DetectorCard, Head, Ranks, Reference, Scanner, Scores, selftest};

/// The longest text that is inspected, and the longest lane of a stream; what follows is reported
/// as not scanned.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A head of the score model is a finding from this rank on: one ordinary text in thirty.
const FINDING_RANK_MIN: u8 = 15;

/// Why an engine was not built. Traffic must not flow without it: fail closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelfTestError {
    /// The weights compiled into the program are not what their digest says.
    #[error("the score model is damaged: {why}")]
    Model {
        /// What did not fit.
        why: &'static str,
    },
    /// The model of the tagger of names is not what its digest says.
    #[error("the model of names is damaged: {why}")]
    Names {
        /// What did not fit.
        why: &'static str,
    },
    /// The model that tells writing from soup is not what its digest says.
    #[error("the model of suffixes is damaged: {why}")]
    Suffix {
        /// What did not fit.
        why: &'static str,
    },
    /// A text that must be found was not found, or one that must pass did not.
    #[error("self-test `{vector}` failed: {why}")]
    Vector {
        /// The name of the self-test vector.
        vector: &'static str,
        /// What was expected.
        why: &'static str,
    },
}

/// The length up to which ranks hold as calibrated.
const CALIBRATED_TEXT_BYTES: usize = 4096;
/// The most that a rank falls for length.
const LENGTH_ALLOWANCE_MAX: f32 = 10.0;

/// A text that is read, and what is known of it beforehand.
struct Seen<'a> {
    text: &'a str,
    /// The limit that was hit, if not all of it is read.
    cut: Option<&'static str>,
    provenance: Provenance,
}

/// What is known about one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// What was found, by start.
    pub findings: Vec<Finding>,
    /// Confidence per head of the score model, the highest over all windows and views.
    pub scores: Scores,
    /// Calibrated rank per head, for the provenance that was given.
    pub ranks: Ranks,
    /// How many decoded views were looked at besides the text itself.
    pub views: u8,
    /// Which limit was hit, if one was, so that something was not looked at.
    pub incomplete: Option<&'static str>,
}

/// What an encoding hides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The encodings, outermost first: `base64>gzip>`.
    pub path: String,
    /// What was decoded, in the original text.
    pub span: Span,
    /// What it says, normalised.
    pub text: String,
}

/// The detection engine. Immutable; clone it or share it, both are cheap.
#[derive(Clone, Debug)]
pub struct Engine {
    on: Enabled,
    guards: Arc<Guards>,
    model: Model,
    names: NamesModel,
    suffix: SuffixModel,
    /// Patterns and dictionaries, if there are any.
    rules: Option<Arc<Rules>>,
    /// What is not reported, if there is anything.
    allow: Option<Arc<Allow>>,
    calibration: Calibration,
}

impl Engine {
    /// Builds the engine and runs the self-test on it.
    pub fn new(settings: &DetectSettings) -> Result<Self, SelfTestError> {
        let model = Model::shipped().map_err(|why| SelfTestError::Model { why })?;
        let names = NamesModel::shipped().map_err(|why| SelfTestError::Names { why })?;
        let suffix = SuffixModel::shipped().map_err(|why| SelfTestError::Suffix { why })?;
        let engine = Self {
            on: Enabled::ALL,
            guards: Arc::default(),
            model,
            names,
            suffix,
            rules: None,
            allow: None,
            calibration: Calibration::default(),
        };
        selftest::run(&engine)?;
        let (rules, allow) = (&settings.rules, &settings.allow);
        Ok(Self {
            on: settings.enabled(),
            guards: Arc::new(Guards::new(settings)),
            rules: (!rules.is_empty()).then(|| Arc::new(rules.clone())),
            allow: (!allow.is_empty()).then(|| Arc::new(allow.clone())),
            calibration: settings.calibration.clone(),
            ..engine
        })
    }

    /// Everything that is known about a whole text.
    pub fn inspect(&self, text: &str, provenance: Provenance) -> Inspection {
        self.inspect_against(text, provenance, &Arc::default())
    }

    /// As [`Engine::inspect`], in a conversation.
    pub fn inspect_against(
        &self,
        text: &str,
        provenance: Provenance,
        reference: &Arc<Reference>,
    ) -> Inspection {
        let (text, cut) = within_limit(text);
        let mut held = Vec::new();
        let (normal, taken) = self.normalise(text, &mut held);
        let views = Views::of(text, normal);
        self.find_in_view(&views, 0, taken, &mut held);
        let watch = Watch::new(self.on, &self.guards, reference, provenance);
        if let Some(view) = views.views.first() {
            watch.clone().advance(&view.normal, taken, true, &mut held);
        }
        // Before others come to stand between the pieces of a value.
        sort(&mut held);
        coalesce(&mut held);
        self.read(&Seen { text, cut, provenance }, &views, &watch, held)
    }

    /// What only the whole text shows: decoded views and the score model. Together with what a
    /// [`Scanner`] found in the same text this is what [`Engine::inspect`] finds.
    pub fn inspect_late(&self, text: &str, provenance: Provenance) -> Inspection {
        self.inspect_late_against(text, provenance, &Arc::default())
    }

    /// As [`Engine::inspect_late`], in a conversation.
    pub fn inspect_late_against(
        &self,
        text: &str,
        provenance: Provenance,
        reference: &Arc<Reference>,
    ) -> Inspection {
        let (text, cut) = within_limit(text);
        let (normal, _) = self.normalise(text, &mut Vec::new());
        let watch = Watch::new(self.on, &self.guards, reference, provenance);
        let seen = Seen { text, cut, provenance };
        self.read(&seen, &Views::of(text, normal), &watch, Vec::new())
    }

    /// What a text and its views show as a whole, beside the `findings` in the text itself.
    fn read(
        &self,
        seen: &Seen<'_>,
        views: &Views,
        watch: &Watch,
        findings: Vec<Finding>,
    ) -> Inspection {
        let Seen { text, cut, provenance } = *seen;
        let mut inspection = Inspection { findings, ..Inspection::default() };
        inspection.incomplete = cut.or(views.incomplete);
        inspection.views = views.views.len().saturating_sub(1) as u8;
        for view in 1..views.views.len() {
            self.find_in_view(views, view, 0, &mut inspection.findings);
        }
        if self.on.has(Id::Names)
            && let Some(whole) = views.views.first()
        {
            let mut names = Vec::new();
            detectors::names::find(&self.names, &whole.normal, provenance, &mut names);
            if let Some(allow) = &self.allow {
                names.retain(|name: &Finding| {
                    let value = text.get(name.span.range()).unwrap_or_default();
                    !allow.has(name.kind.as_str(), folded(value).as_bytes())
                });
            }
            inspection.findings.append(&mut names);
        }
        if provenance == Provenance::Output && self.on.has(Id::EncodedValues) {
            let encoded = inspection.findings.iter().filter_map(encoded);
            let encoded: Vec<_> = encoded.collect();
            inspection.findings.extend(encoded);
        }
        watch.find_late(views, text.len(), &mut inspection.findings);
        let (guards, reference) = (&self.guards, watch.reference());
        let look = Look { text, views, provenance, suffix: &self.suffix, guards, reference };
        whole::find(self.on, &look, &mut inspection.findings);
        if self.on.has(Id::LinearScore) {
            self.score(views, provenance, &mut inspection);
        }
        sort(&mut inspection.findings);
        inspection
    }

    /// Which words and concepts made the score of `head` what it is, as of a text of that provenance: for people.
    pub fn explain(&self, text: &str, head: Head, provenance: Provenance) -> Explanation {
        let group = Group::of(provenance);
        let (text, _) = within_limit(text);
        let (normal, _) = self.normalise(text, &mut Vec::new());
        let views = Views::of(text, normal);
        let best = (0..views.views.len())
            .filter_map(|view| Some((view, self.model.read(&views.views.get(view)?.normal.text))))
            .max_by(|(_, a), (_, b)| a.margin(head, group).total_cmp(&b.margin(head, group)));
        best.map_or_else(Explanation::default, |(view, reading)| {
            self.model.explain(&views, view, &reading, head, group)
        })
    }

    /// What the encodings in a text hide, one entry per view: for people.
    pub fn decoded(&self, text: &str) -> Vec<Decoded> {
        let (text, _) = within_limit(text);
        let (normal, _) = self.normalise(text, &mut Vec::new());
        let views = Views::of(text, normal);
        let decoded = |(at, view): (usize, &View)| {
            let (start, end) = views.to_original(at, 0, view.normal.text.len());
            Decoded {
                path: view.path.to_string(),
                span: Span::new(start, end),
                text: view.normal.text.clone(),
            }
        };
        views.views.iter().enumerate().skip(1).map(decoded).collect()
    }

    /// A scanner for one lane of a stream.
    pub fn stream(&self) -> Scanner {
        self.stream_against(&Arc::default())
    }

    /// A scanner for one lane of an answer in a conversation.
    pub fn stream_against(&self, reference: &Arc<Reference>) -> Scanner {
        let watch = Watch::new(self.on, &self.guards, reference, Provenance::Output);
        Scanner::new(self.on, self.allow.clone(), self.custom_pass(), watch)
    }

    /// Every detector there is.
    pub const fn detectors() -> &'static [DetectorCard] {
        &CARDS
    }

    fn normalise(&self, text: &str, findings: &mut Vec<Finding>) -> (Normal, usize) {
        let (mut normaliser, mut normal, mut signals) =
            (Normaliser::default(), Normal::default(), Vec::new());
        normal.text.reserve(text.len());
        normaliser.push(text, &mut normal, &mut signals);
        normaliser.finish(&mut signals);
        if self.on.has(Id::Invisible) {
            findings.extend(signals.into_iter().map(signal_finding));
        }
        (normal, normaliser.taken())
    }

    fn find_in_view(&self, views: &Views, at: usize, taken: usize, findings: &mut Vec<Finding>) {
        let Some(view) = views.views.get(at) else { return };
        let length = if at == 0 { taken } else { view.normal.text.len() };
        let mut add = |start, end, mut inside: Vec<Finding>| {
            if at > 0 {
                if views.is_plain(at, start, end) {
                    return;
                }
                let (from, to) = views.to_original(at, start, end);
                for finding in &mut inside {
                    finding.span = Span::new(from, to);
                    finding.view = view.path_of(start, end);
                }
            }
            findings.append(&mut inside);
        };
        let mut located = Vec::new();
        let mut pass = Pass::new(self.on, self.allow.clone());
        pass.advance(&view.normal, length, true, &mut located);
        for hit in located {
            let mut inside = Vec::new();
            add_findings(&hit, &view.normal, &mut inside);
            add(hit.start, hit.end, inside);
        }
        if let Some(mut pass) = self.custom_pass() {
            let mut matches = Vec::new();
            pass.advance(&view.normal, length, true, &mut matches);
            for found in matches {
                let inside = pass.finding(&found, &view.normal).into_iter().collect();
                add(found.start, found.end, inside);
            }
        }
    }

    fn custom_pass(&self) -> Option<CustomPass> {
        let rules = Arc::clone(self.rules.as_ref()?);
        Some(CustomPass::new(rules, self.allow.clone()))
    }

    fn score(&self, views: &Views, provenance: Provenance, inspection: &mut Inspection) {
        let readings: Vec<Reading> =
            views.views.iter().map(|view| self.model.read(&view.normal.text)).collect();
        let group = Group::of(provenance);
        for head in Head::ALL {
            let best = readings
                .iter()
                .enumerate()
                .max_by(|(_, a), (_, b)| a.margin(head, group).total_cmp(&b.margin(head, group)));
            let Some((at, reading)) = best else { continue };
            let Some(rarity) = self.model.rarity(head, reading.margin(head, group), provenance)
            else {
                continue;
            };
            let length = views.views.get(at).map_or(0, |view| view.normal.text.len());
            let offset = f32::from(self.calibration.offset(head, provenance));
            let rarity = rarity - allowance_for_length(length) + offset;
            let (rank, score) = (Rank::new(rarity.max(0.0) as u8), Model::score(rarity));
            *inspection.scores.get_mut(head) = score;
            *inspection.ranks.get_mut(head) = rank;
            if rank.get() < FINDING_RANK_MIN {
                continue;
            }
            let Some(view) = views.views.get(at) else { continue };
            let (start, end) = reading.span(head, group);
            let (from, to) = views.to_original(at, start, end);
            let finding = |kind| Finding {
                detector: linear_score::CARD.name.into(),
                kind: Kind::of(kind),
                rank,
                score,
                span: Span::new(from, to),
                view: view.path_of(start, end),
            };
            inspection.findings.push(finding(head.as_str()));
            if head == Head::Toxicity {
                let window = view.normal.text.get(start..end).unwrap_or_default();
                let sub_kinds = self.model.toxic_sub_kinds(window, group);
                inspection.findings.extend(sub_kinds.into_iter().map(finding));
            }
        }
    }
}

/// That a value was hidden in an encoding, besides what it is.
fn encoded(finding: &Finding) -> Option<Finding> {
    let (path, _) = finding.view.rsplit_once('>')?;
    let rank = encoded_values::rank(finding.kind.as_str(), path)?;
    let (detector, kind) = (encoded_values::CARD.name.into(), Kind::of(encoded_values::KIND));
    Some(Finding { detector, kind, rank: Rank::new(rank), ..finding.clone() })
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        (a.span.start, a.span.end, &a.kind, &a.view, &a.detector).cmp(&(
            b.span.start,
            b.span.end,
            &b.kind,
            &b.view,
            &b.detector,
        ))
    });
}

/// How much less rare the highest of many windows is. Ranks are calibrated on texts of ordinary length; in a
/// long one more windows had their chance, and one that high is less rare by their number. The allowance is
/// limited, so that padding an attack does not hide it.
fn allowance_for_length(text_bytes: usize) -> f32 {
    let times = (text_bytes / CALIBRATED_TEXT_BYTES).max(1) as f32;
    (10.0 * times.log10()).min(LENGTH_ALLOWANCE_MAX)
}

/// The part of a text that is inspected, and the limit that was hit if that is not all of it.
fn within_limit(text: &str) -> (&str, Option<&'static str>) {
    if text.len() <= TEXT_BYTES_MAX {
        return (text, None);
    }
    let mut end = TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (text.get(..end).unwrap_or_default(), Some("text_bytes_max"))
}
