//! The score model: its file, its weights, its calibration.
//!
//! The file is a header, a table per head (scale, bias, calibration), and one signed byte per bucket and
//! head. A margin is a window's height times the head's scale plus its bias: the log-odds that the
//! model was trained to give. Its rank is looked up in a table that was measured on benign texts.
//!
//! INVARIANT: a file whose digest, version or lengths do not fit is refused. INVARIANT: the same text and
//! file give the same margin everywhere: integer sums, one division, one multiplication.

use std::borrow::Cow;
use std::sync::Arc;

use events::{Provenance, Rank, Score, Trust};
use sha2::{Digest as _, Sha256};

use super::features::{BUCKETS, BUCKETS_LOG2, features};
use super::windows::{BLOCK_SYMBOLS, highest};
use crate::Head;

/// The weights that ship with the program.
static SHIPPED: &[u8] = include_bytes!("../../model/linear-v1.bin");

const MAGIC: &[u8; 8] = b"BTZLIN\x00\x01";
const DIGEST_BYTES: usize = 32;
/// The most heads a file has.
pub(crate) const HEADS_MAX: usize = 6;
/// Ranks that a calibration table goes up to.
pub const CALIBRATED_RANK_MAX: usize = 45;

/// Kinds of text that ordinary is measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// One signed byte per bucket and head, heads side by side.
    weights: Cow<'static, [u8]>,
    digest: [u8; DIGEST_BYTES],
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Model").field("heads", &self.tables.len()).finish_non_exhaustive()
    }
}

/// What a model made of one text: its highest window per head.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    margins: [f32; HEADS_MAX],
    spans: [(u32, u32); HEADS_MAX],
}

impl Reading {
    /// The log-odds of a head; minus infinity for one that the model does not have.
    pub fn margin(&self, head: Head) -> f32 {
        self.margins.get(head as usize).copied().unwrap_or(f32::NEG_INFINITY)
    }

    /// The window that the margin is of, as bytes of the normalised text.
    pub fn span(&self, head: Head) -> (usize, usize) {
        let (start, end) = self.spans.get(head as usize).copied().unwrap_or_default();
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

    /// The bytes of a file. `weights` has one value per bucket and head, heads side by side.
    pub fn to_bytes(tables: &[HeadTable], weights: &[i8]) -> Vec<u8> {
        let mut body = vec![tables.len() as u8, BUCKETS_LOG2 as u8];
        for table in tables {
            body.push(table.head as u8);
            body.extend_from_slice(&table.scale.to_le_bytes());
            body.extend_from_slice(&table.bias.to_le_bytes());
            for margin in table.calibration.iter().flatten() {
                body.extend_from_slice(&margin.to_le_bytes());
            }
        }
        body.extend(weights.iter().map(|weight| weight.cast_unsigned()));
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
        if reader.rest.len() != BUCKETS * usize::from(heads) {
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

    fn table(&self, head: Head) -> Option<&HeadTable> {
        self.tables.iter().find(|table| table.head == head)
    }

    /// The weight of a bucket for the head at `place` in the file.
    pub(crate) fn weight(&self, bucket: u32, place: usize) -> i8 {
        let at = bucket as usize * self.tables.len() + place;
        self.weights.get(at).copied().unwrap_or_default().cast_signed()
    }

    /// Where a head stands in the file.
    pub(crate) fn place(&self, head: Head) -> Option<usize> {
        self.tables.iter().position(|table| table.head == head)
    }

    /// Reads a normalised text.
    pub fn read(&self, text: &str) -> Reading {
        let sums = BlockSums::of(self, text);
        let mut reading =
            Reading { margins: [f32::NEG_INFINITY; HEADS_MAX], spans: [(0, 0); HEADS_MAX] };
        for (place, table) in self.tables.iter().enumerate() {
            let window = highest(&sums.head(place));
            let slots = (
                reading.margins.get_mut(table.head as usize),
                reading.spans.get_mut(table.head as usize),
            );
            if let (Some(margin), Some(span)) = slots {
                *margin = window.height * table.scale + table.bias;
                *span = (sums.start(window.start), sums.end(window.end));
            }
        }
        reading
    }

    /// How rare such a margin is on ordinary text; `None` for a head that the model does not have.
    pub fn rank(&self, head: Head, margin: f32, provenance: Provenance) -> Option<Rank> {
        let table = self.table(head)?.calibration.get(Group::of(provenance) as usize)?;
        let rank = table.iter().take_while(|lowest| margin >= **lowest).count();
        Some(Rank::new(rank as u8))
    }

    /// The margin as a probability, 0 to 1.
    pub fn score(&self, head: Head, margin: f32) -> Score {
        if self.table(head).is_none() {
            Score::default()
        } else {
            Score::from_unit(sigmoid(margin))
        }
    }
}

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

/// Sums of weights per block and head, and where the blocks are in the text.
struct BlockSums {
    heads: usize,
    sums: Vec<i64>,
    counts: Vec<u32>,
    ends: Vec<u32>,
}

impl BlockSums {
    fn of(model: &Model, text: &str) -> Self {
        let heads = model.tables.len();
        let blocks = text.len() / BLOCK_SYMBOLS as usize + 2;
        let mut sums = Self {
            heads,
            sums: Vec::with_capacity(blocks * heads),
            counts: Vec::with_capacity(blocks),
            ends: Vec::with_capacity(blocks),
        };
        let mut current = [0_i32; HEADS_MAX];
        let (mut block, mut count, mut last_end) = (0, 0, 0);
        features(text, |bucket, place| {
            let this = place.symbol / BLOCK_SYMBOLS;
            while this > block {
                sums.close(&mut current, &mut count, last_end);
                block += 1;
            }
            let at = bucket as usize * heads;
            if let Some(weights) = model.weights.get(at..at + heads) {
                for (sum, weight) in current.iter_mut().zip(weights) {
                    *sum += i32::from(weight.cast_signed());
                }
            }
            count += 1;
            last_end = place.end;
        });
        sums.close(&mut current, &mut count, text.len() as u32);
        sums
    }

    fn close(&mut self, current: &mut [i32; HEADS_MAX], count: &mut u32, end: u32) {
        self.sums.extend(current.iter().take(self.heads).map(|sum| i64::from(*sum)));
        self.counts.push(*count);
        self.ends.push(end);
        *current = [0; HEADS_MAX];
        *count = 0;
    }

    fn head(&self, place: usize) -> Vec<(i64, u32)> {
        let sums = self.sums.iter().skip(place).step_by(self.heads.max(1)).copied();
        sums.zip(self.counts.iter().copied()).collect()
    }

    fn start(&self, block: usize) -> u32 {
        block.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default()
    }

    fn end(&self, block: usize) -> u32 {
        block.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or_default()
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
        let (scale, bias) = (self.float()?, self.float()?);
        let mut calibration = [[f32::INFINITY; CALIBRATED_RANK_MAX]; 2];
        for margin in calibration.iter_mut().flatten() {
            *margin = self.float()?;
        }
        Ok(HeadTable { head, scale, bias, calibration })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Vec<u8> {
        let table = HeadTable {
            head: Head::Injection,
            scale: 0.01,
            bias: -1.0,
            calibration: [[0.5; CALIBRATED_RANK_MAX], [f32::INFINITY; CALIBRATED_RANK_MAX]],
        };
        Model::to_bytes(&[table], &vec![1; BUCKETS])
    }

    #[test]
    fn a_file_reads_back_and_ranks_by_group() {
        let model = Model::from_bytes(tiny()).expect("it is whole");
        assert_eq!(model.rank(Head::Injection, 0.6, Provenance::User), Some(Rank::new(45)));
        assert_eq!(model.rank(Head::Injection, 0.4, Provenance::User), Some(Rank::new(0)));
        assert_eq!(model.rank(Head::Injection, 9.0, Provenance::Retrieved), Some(Rank::new(0)));
        assert_eq!(model.rank(Head::Toxicity, 9.0, Provenance::User), None);
        assert!(model.read("some text").margin(Head::Injection) > -1.0);
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
        assert!(SHIPPED.len() <= 600 * 1024);
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
