//! The score model: its file, its weights, its calibration.
//!
//! The file is a header, a table per head (scale, bias, calibration), and a row of [`HEADS_MAX`] signed bytes per
//! bucket, one for each head in the order of the tables. A margin is a window's height times the head's scale plus its bias: the log-odds that the
//! model was trained to give. Its rank is looked up in a table that was measured on benign texts.
//!
//! INVARIANT: a file whose digest, version or lengths do not fit is refused. INVARIANT: the same text and
//! file give the same margin everywhere: integer sums, one division, one multiplication.

use std::borrow::Cow;
use std::sync::Arc;

use events::{Provenance, Rank, Score, Trust};
use sha2::{Digest as _, Sha256};

use super::features::{BUCKETS, BUCKETS_LOG2, CONCEPT_FACTOR, features};
use super::windows::{BLOCK_SYMBOLS, Total, highest, window_blocks};
use crate::Head;
use crate::rows::{self, ROW};

/// The weights that ship with the program.
static SHIPPED: &[u8] = include_bytes!("../../model/linear-v1.bin");

const MAGIC: &[u8; 8] = b"BTZLIN\x00\x02";
const DIGEST_BYTES: usize = 32;
/// The most heads a file has.
pub const HEADS_MAX: usize = ROW;
/// Ranks that a calibration table goes up to.
pub const CALIBRATED_RANK_MAX: usize = 45;

/// Kinds of text that ordinary is measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// What people and applications write to models.
    Prompts,
    /// What is shown to models: documents, tool results, files, and what models write.
    Documents,
}

impl Group {
    /// Both, in the order of the file.
    pub const ALL: [Self; 2] = [Self::Prompts, Self::Documents];

    /// The group that text of a provenance is compared with.
    pub const fn of(provenance: Provenance) -> Self {
        match provenance.trust() {
            Trust::Operator | Trust::Caller => Self::Prompts,
            Trust::Model | Trust::Low => Self::Documents,
        }
    }
}

/// One head: what its sums mean.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadTable {
    /// What the head looks for.
    pub head: Head,
    /// The kind of text that it reads; both if none is said. Orders in a document and orders of a user are
    /// worded so differently that one set of weights finds either badly.
    pub group: Option<Group>,
    /// Log-odds per unit of height.
    pub scale: f32,
    /// Log-odds of an empty text.
    pub bias: f32,
    /// Per group: the lowest margin of each rank from 1 on; rising, endless where never reached.
    pub calibration: [[f32; CALIBRATED_RANK_MAX]; 2],
}

/// A model. Cheap to clone.
#[derive(Clone)]
pub struct Model {
    tables: Arc<[HeadTable]>,
    /// A row per bucket.
    weights: Cow<'static, [u8]>,
    digest: [u8; DIGEST_BYTES],
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Model").field("heads", &self.tables.len()).finish_non_exhaustive()
    }
}

impl HeadTable {
    fn reads(&self, group: Group) -> bool {
        self.group.is_none_or(|only| only == group)
    }
}

/// What a model made of one text: its highest window per kind of text and head.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    margins: [[f32; HEADS_MAX]; 2],
    spans: [[(u32, u32); HEADS_MAX]; 2],
}

impl Reading {
    /// The log-odds of a head; minus infinity for one that the model does not have.
    pub fn margin(&self, head: Head, group: Group) -> f32 {
        let margins = self.margins.get(group as usize);
        margins.and_then(|of| of.get(head as usize)).copied().unwrap_or(f32::NEG_INFINITY)
    }

    /// The window that the margin is of, as bytes of the normalised text.
    pub fn span(&self, head: Head, group: Group) -> (usize, usize) {
        let spans = self.spans.get(group as usize);
        let (start, end) = spans.and_then(|of| of.get(head as usize)).copied().unwrap_or_default();
        (start as usize, end as usize)
    }
}

impl Model {
    /// The model that ships with the program.
    pub fn shipped() -> Result<Self, &'static str> {
        Self::parse(Cow::Borrowed(SHIPPED))
    }

    /// A model from the bytes of a file.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, &'static str> {
        Self::parse(Cow::Owned(bytes))
    }

    /// The bytes of a file. `rows` has one row per bucket, with a weight for every table.
    pub fn to_bytes(tables: &[HeadTable], rows: &[[i8; HEADS_MAX]]) -> Vec<u8> {
        let mut body = vec![tables.len() as u8, BUCKETS_LOG2 as u8];
        for table in tables {
            body.push(table.head as u8);
            body.push(table.group.map_or(0, |group| group as u8 + 1));
            body.extend_from_slice(&table.scale.to_le_bytes());
            body.extend_from_slice(&table.bias.to_le_bytes());
            for margin in table.calibration.iter().flatten() {
                body.extend_from_slice(&margin.to_le_bytes());
            }
        }
        body.extend(rows.iter().flatten().map(|weight| weight.cast_unsigned()));
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&Sha256::digest(&body));
        file.extend_from_slice(&body);
        file
    }

    fn parse(bytes: Cow<'static, [u8]>) -> Result<Self, &'static str> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("it is of another version")?;
        let (given, body) = rest.split_at_checked(DIGEST_BYTES).ok_or("it is cut short")?;
        let digest: [u8; DIGEST_BYTES] = Sha256::digest(body).into();
        if digest != given {
            return Err("its digest does not fit");
        }
        let mut reader = Reader { rest: body };
        let (heads, log2) = (reader.byte()?, reader.byte()?);
        if heads == 0 || usize::from(heads) > HEADS_MAX || u32::from(log2) != BUCKETS_LOG2 {
            return Err("it has another shape");
        }
        let tables = (0..heads).map(|_| reader.table()).collect::<Result<Vec<_>, _>>()?;
        if reader.rest.len() != BUCKETS * HEADS_MAX {
            return Err("its weights have another length");
        }
        let start = bytes.len() - reader.rest.len();
        let weights = match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(start..).unwrap_or_default()),
            Cow::Owned(bytes) => Cow::Owned(bytes.get(start..).unwrap_or_default().to_vec()),
        };
        Ok(Self { tables: tables.into(), weights, digest })
    }

    /// The SHA-256 digest of the model's content, which names it.
    pub const fn digest(&self) -> &[u8; DIGEST_BYTES] {
        &self.digest
    }

    /// The heads this model has.
    pub fn tables(&self) -> &[HeadTable] {
        &self.tables
    }

    fn table(&self, head: Head, group: Group) -> Option<&HeadTable> {
        self.tables.iter().find(|table| table.head == head && table.reads(group))
    }

    /// The weight of a bucket for the head at `place` in the file.
    pub(crate) fn weight(&self, bucket: u32, place: usize) -> i8 {
        let row = self.rows().get(bucket as usize);
        row.and_then(|row| row.get(place)).copied().unwrap_or_default().cast_signed()
    }

    /// Where a head stands in the file.
    pub(crate) fn place(&self, head: Head, group: Group) -> Option<usize> {
        self.tables.iter().position(|table| table.head == head && table.reads(group))
    }

    /// Reads a normalised text.
    pub fn read(&self, text: &str) -> Reading {
        let blocks = Blocks::of(self, text);
        let mut reading = Reading {
            margins: [[f32::NEG_INFINITY; HEADS_MAX]; 2],
            spans: [[(0, 0); HEADS_MAX]; 2],
        };
        let sizes = self.tables.iter().map(|table| window_blocks(table.head, table.group));
        let windows = highest(&blocks.totals, &sizes.collect::<Vec<_>>());
        for (window, table) in windows.iter().zip(self.tables.iter()) {
            let at = table.head as usize;
            for group in Group::ALL.into_iter().filter(|group| table.reads(*group)) {
                let slots = (
                    reading.margins.get_mut(group as usize).and_then(|of| of.get_mut(at)),
                    reading.spans.get_mut(group as usize).and_then(|of| of.get_mut(at)),
                );
                if let (Some(margin), Some(span)) = slots {
                    *margin = window.height * table.scale + table.bias;
                    *span = (blocks.end(window.start), blocks.end(window.end));
                }
            }
        }
        reading
    }

    fn rows(&self) -> &[[u8; HEADS_MAX]] {
        self.weights.as_chunks().0
    }

    /// How rare such a margin is on ordinary text; `None` for a head that the model does not have.
    pub fn rank(&self, head: Head, margin: f32, provenance: Provenance) -> Option<Rank> {
        Some(Rank::new(self.rarity(head, margin, provenance)?.clamp(0.0, 60.0) as u8))
    }

    /// As [`Model::rank`], with what lies between two ranks, below the first and above the last.
    pub fn rarity(&self, head: Head, margin: f32, provenance: Provenance) -> Option<f32> {
        let group = Group::of(provenance);
        let table = self.table(head, group)?.calibration.get(group as usize)?;
        let rank = table.partition_point(|lowest| *lowest <= margin);
        let below = rank.checked_sub(1).and_then(|at| table.get(at)).copied();
        let above = table.get(rank).copied();
        Some(match (below, above) {
            (None, Some(first)) => (margin - first).min(0.0),
            (Some(below), Some(above)) if above.is_finite() && above > below => {
                rank as f32 + ((margin - below) / (above - below)).clamp(0.0, 0.99)
            }
            (Some(last), None) => rank as f32 + (margin - last).clamp(0.0, SCORE_RARITY_BEYOND),
            _ => rank as f32,
        })
    }

    /// A rarity as a confidence: one half where one ordinary text in a hundred comes, so that heads and
    /// provenances can be compared.
    pub fn score(rarity: f32) -> Score {
        Score::from_unit(sigmoid((rarity - SCORE_MIDDLE_RARITY) / SCORE_SPREAD_RARITY))
    }
}

/// The rarity that is a confidence of one half.
const SCORE_MIDDLE_RARITY: f32 = 20.0;
/// How much more rarity takes the odds to e times what they were.
const SCORE_SPREAD_RARITY: f32 = 5.0;
/// How far a margin beyond the last rank still adds to a confidence.
const SCORE_RARITY_BEYOND: f32 = 15.0;

/// 1 / (1 + e^-x), from arithmetic that is the same on every machine.
pub fn sigmoid(x: f32) -> f32 {
    // e^-|x| by halving the exponent ten times: (1 - x/1024)^1024 is off by less than 0.5 % of itself
    // where it matters, and never leaves 0 to 1.
    let y = x.abs().min(20.0);
    let mut power = 1.0 - y / 1024.0;
    for _ in 0..10 {
        power *= power;
    }
    let positive = 1.0 / (1.0 + power);
    if x >= 0.0 { positive } else { 1.0 - positive }
}

/// Sums of weights up to every block, and where the blocks are in the text.
struct Blocks<'a> {
    /// Nothing, and then one for every block.
    totals: Vec<Total>,
    /// Where the text begins, and then where every block ends.
    ends: Vec<u32>,
    sequences: Batch<'a>,
    concepts: Batch<'a>,
}

impl<'a> Blocks<'a> {
    fn of(model: &'a Model, text: &str) -> Self {
        let count = text.len() / BLOCK_SYMBOLS as usize + 3;
        let mut blocks = Self {
            totals: Vec::with_capacity(count),
            ends: Vec::with_capacity(count),
            sequences: Batch::new(model.rows()),
            concepts: Batch::new(model.rows()),
        };
        blocks.totals.push(Total::default());
        blocks.ends.push(0);
        let (mut block_end, mut last_end) = (BLOCK_SYMBOLS, 0);
        features(text, |bucket, place| {
            while place.symbol >= block_end {
                blocks.close(last_end);
                block_end += BLOCK_SYMBOLS;
            }
            if place.concepts > 0 {
                blocks.concepts.add(bucket);
            } else {
                blocks.sequences.add(bucket);
            }
            last_end = place.end;
        });
        blocks.close(text.len() as u32);
        blocks
    }

    fn close(&mut self, end: u32) {
        let (sequences, concepts) = (self.sequences.take(), self.concepts.take());
        let mut total = self.totals.last().copied().unwrap_or_default();
        for (sum, (sequences, concepts)) in
            total.sums.iter_mut().zip(sequences.sums.iter().zip(concepts.sums))
        {
            *sum = sum.wrapping_add(sequences + concepts * CONCEPT_FACTOR);
        }
        total.count = total.count.wrapping_add(sequences.count + concepts.count);
        self.totals.push(total);
        self.ends.push(end);
    }

    /// Where the first `blocks` blocks end.
    fn end(&self, blocks: usize) -> u32 {
        self.ends.get(blocks).copied().unwrap_or_default()
    }
}

/// Rows that are looked up together, so that the memory works on many at a time; one after the other, the score
/// waits for each.
const BATCH_ROWS: usize = 64;

/// The sum of the rows of some buckets.
struct Batch<'a> {
    rows: &'a [[u8; HEADS_MAX]],
    /// What has not been looked up.
    buckets: [u32; BATCH_ROWS],
    waiting: usize,
    total: Total,
}

impl<'a> Batch<'a> {
    const fn new(rows: &'a [[u8; HEADS_MAX]]) -> Self {
        let total = Total { sums: [0; HEADS_MAX], count: 0 };
        Self { rows, buckets: [0; BATCH_ROWS], waiting: 0, total }
    }

    #[inline]
    fn add(&mut self, bucket: u32) {
        if let Some(slot) = self.buckets.get_mut(self.waiting) {
            *slot = bucket;
            self.waiting += 1;
        }
        if self.waiting == BATCH_ROWS {
            self.look_up();
        }
    }

    /// The sum of what was added since the last time.
    fn take(&mut self) -> Total {
        if self.waiting > 0 {
            self.look_up();
        }
        std::mem::take(&mut self.total)
    }

    fn look_up(&mut self) {
        let buckets = self.buckets.get(..self.waiting).unwrap_or_default();
        let sums = rows::sum(self.rows, buckets.iter().map(|bucket| *bucket as usize));
        for (total, sum) in self.total.sums.iter_mut().zip(sums) {
            *total += sum;
        }
        self.total.count += self.waiting as u32;
        self.waiting = 0;
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, &'static str> {
        let (first, rest) = self.rest.split_first().ok_or("it is cut short")?;
        self.rest = rest;
        Ok(*first)
    }

    fn float(&mut self) -> Result<f32, &'static str> {
        let (first, rest) = self.rest.split_first_chunk::<4>().ok_or("it is cut short")?;
        self.rest = rest;
        let value = f32::from_le_bytes(*first);
        if value.is_nan() { Err("it has a number that is none") } else { Ok(value) }
    }

    fn table(&mut self) -> Result<HeadTable, &'static str> {
        let id = self.byte()?;
        let head =
            Head::ALL.into_iter().find(|head| *head as u8 == id).ok_or("it has an unknown head")?;
        let group = match self.byte()? {
            0 => None,
            1 => Some(Group::Prompts),
            2 => Some(Group::Documents),
            _ => return Err("it has an unknown kind of text"),
        };
        let (scale, bias) = (self.float()?, self.float()?);
        let mut calibration = [[f32::INFINITY; CALIBRATED_RANK_MAX]; 2];
        for margin in calibration.iter_mut().flatten() {
            *margin = self.float()?;
        }
        Ok(HeadTable { head, group, scale, bias, calibration })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Vec<u8> {
        let table = HeadTable {
            head: Head::Injection,
            group: None,
            scale: 0.01,
            bias: -1.0,
            calibration: [[0.5; CALIBRATED_RANK_MAX], [f32::INFINITY; CALIBRATED_RANK_MAX]],
        };
        Model::to_bytes(&[table], &vec![[1; HEADS_MAX]; BUCKETS])
    }

    #[test]
    fn a_file_reads_back_and_ranks_by_group() {
        let model = Model::from_bytes(tiny()).expect("it is whole");
        assert_eq!(model.rank(Head::Injection, 0.6, Provenance::User), Some(Rank::new(45)));
        assert!(
            Model::score(19.9) < Score::from_unit(0.5)
                && Model::score(20.1) > Score::from_unit(0.5)
        );
        assert_eq!(model.rank(Head::Injection, 0.4, Provenance::User), Some(Rank::new(0)));
        assert_eq!(model.rank(Head::Injection, 9.0, Provenance::Retrieved), Some(Rank::new(0)));
        assert_eq!(model.rank(Head::Toxicity, 9.0, Provenance::User), None);
        assert!(model.read("some text").margin(Head::Injection, Group::Prompts) > -1.0);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        for at in [0, 8, 20, 45, 200, BUCKETS] {
            let mut bytes = tiny();
            bytes[at] ^= 1;
            assert!(Model::from_bytes(bytes).is_err(), "byte {at}");
        }
        let mut short = tiny();
        short.pop();
        assert!(Model::from_bytes(short).is_err());
        assert!(Model::from_bytes(Vec::new()).is_err());
    }

    #[test]
    fn the_shipped_file_is_small_enough() {
        assert!(SHIPPED.len() <= 4 * 1024 * 1024);
        assert!(Model::shipped().is_ok());
    }

    #[test]
    fn sigmoid_is_close_and_monotone() {
        assert!((sigmoid(0.0) - 0.5).abs() < 1e-6);
        assert!((sigmoid(2.0) - 0.880_797).abs() < 2e-3);
        assert!((sigmoid(-2.0) - 0.119_203).abs() < 2e-3);
        let values: Vec<_> = (-40..40).map(|x| sigmoid(x as f32 / 2.0)).collect();
        assert!(values.is_sorted());
    }
}
