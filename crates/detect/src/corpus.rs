//! Fingerprints of protected documents: made once, kept in a file, looked up while answers pass.
//!
//! Of every six words in a row a hash is taken; of every four such hashes the smallest is kept, so that any nine words in common are
//! noticed (winnowing: Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003).
//!
//! The file: `BTZCORP1`, the number of documents (u32), for each its name (u16 length, UTF-8) and its number of fingerprints (u32); the number of
//! fingerprints (u32), for each a hash (u64) and a document (u32), ascending; SHA-256 of all before. Numbers are little-endian.
//!
//! INVARIANT: a corpus holds hashes and no text. INVARIANT: bytes that are not a whole corpus are refused.
//!
//! Not here: reading and writing files (`bartizan`), following an answer (`detectors::regurgitation`).

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};

use crate::words::{sequence_hash, words_of};

/// Words of a hash.
pub(crate) const GRAM_WORDS: usize = 6;
/// Hashes of which the smallest is kept.
const WINDOW_GRAMS: usize = 4;
/// The most documents of a corpus.
pub const CORPUS_DOCUMENTS_MAX: usize = 65_536;
/// The most fingerprints of a corpus: about 25 MB of text.
pub const CORPUS_PRINTS_MAX: usize = 2_000_000;
/// The longest name of a document, in bytes; the rest is cut off.
pub const DOCUMENT_NAME_BYTES_MAX: usize = 64;
/// What more documents than this have in common is nobody's: licences, headers.
const COMMON_DOCUMENTS_MAX: usize = 4;

const MAGIC: &[u8; 8] = b"BTZCORP1";

/// Why a corpus was not made or not read. The operator's to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorpusError {
    /// The bytes are no corpus, or not a whole one.
    #[error(
        "this is not a corpus of fingerprints, or it is damaged; make it again with `bartizan protect add`"
    )]
    Damaged,
    /// There are too many documents or too much text.
    #[error(
        "the protected documents are too many: at most {CORPUS_DOCUMENTS_MAX} documents and {CORPUS_PRINTS_MAX} fingerprints"
    )]
    TooLarge,
}

/// One protected document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorpusDocument {
    /// Its name in findings: lower-case letters, digits, `-`, `_` and `/`.
    pub name: String,
    /// How many fingerprints it has.
    pub prints: u32,
}

/// The fingerprints of protected documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corpus {
    documents: Vec<CorpusDocument>,
    /// Hash and document, ascending.
    prints: Vec<(u64, u32)>,
}

impl Corpus {
    /// Adds a document. A name that is there already is another document's: remove that first.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), CorpusError> {
        self.extend([(name, text)])
    }

    /// Adds documents, each with its name and its text. After an error those before it are added.
    pub fn extend<N: AsRef<str>, T: AsRef<str>>(
        &mut self,
        documents: impl IntoIterator<Item = (N, T)>,
    ) -> Result<(), CorpusError> {
        let mut added = Ok(());
        for (name, text) in documents {
            added = self.append(name.as_ref(), text.as_ref());
            if added.is_err() {
                break;
            }
        }
        // Once for all: a corpus may have tens of thousands of documents.
        self.prints.sort_unstable();
        added
    }

    /// Adds all documents of another corpus.
    pub fn merge(&mut self, other: &Self) -> Result<(), CorpusError> {
        let first = self.documents.len();
        if first + other.documents.len() > CORPUS_DOCUMENTS_MAX
            || self.prints.len() + other.prints.len() > CORPUS_PRINTS_MAX
        {
            return Err(CorpusError::TooLarge);
        }
        self.documents.extend_from_slice(&other.documents);
        let moved = other.prints.iter().map(|(print, document)| (*print, document + first as u32));
        self.prints.extend(moved);
        self.prints.sort_unstable();
        Ok(())
    }

    /// Adds a document and leaves the fingerprints unsorted.
    fn append(&mut self, name: &str, text: &str) -> Result<(), CorpusError> {
        let document = self.documents.len() as u32;
        let mut winnow = Winnow::default();
        let mut prints: Vec<u64> =
            words_of(text).iter().filter_map(|word| winnow.push(word.hash)).collect();
        prints.sort_unstable();
        prints.dedup();
        if self.documents.len() >= CORPUS_DOCUMENTS_MAX
            || self.prints.len() + prints.len() > CORPUS_PRINTS_MAX
        {
            return Err(CorpusError::TooLarge);
        }
        let count = prints.len() as u32;
        self.documents.push(CorpusDocument { name: tidy_name(name), prints: count });
        self.prints.extend(prints.into_iter().map(|print| (print, document)));
        Ok(())
    }

    /// The documents, in the order in which they were added.
    pub fn documents(&self) -> &[CorpusDocument] {
        &self.documents
    }

    /// Whether nothing is protected.
    pub const fn is_empty(&self) -> bool {
        self.prints.is_empty()
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend((self.documents.len() as u32).to_le_bytes());
        for document in &self.documents {
            out.extend((document.name.len() as u16).to_le_bytes());
            out.extend(document.name.as_bytes());
            out.extend(document.prints.to_le_bytes());
        }
        out.extend((self.prints.len() as u32).to_le_bytes());
        for (print, document) in &self.prints {
            out.extend(print.to_le_bytes());
            out.extend(document.to_le_bytes());
        }
        let digest = Sha256::digest(&out);
        out.extend_from_slice(digest.as_slice());
        out
    }

    /// From the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CorpusError> {
        let (body, digest) = bytes
            .len()
            .checked_sub(32)
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or(CorpusError::Damaged)?;
        if Sha256::digest(body).as_slice() != digest {
            return Err(CorpusError::Damaged);
        }
        read(body).ok_or(CorpusError::Damaged)
    }

    /// The documents that have this fingerprint; none if it is common to many.
    pub(crate) fn documents_with(&self, print: u64) -> impl Iterator<Item = u32> + '_ {
        let from = self.prints.partition_point(|(one, _)| *one < print);
        let same = self.prints.get(from..).unwrap_or_default();
        let count =
            same.iter().take(COMMON_DOCUMENTS_MAX + 1).take_while(|(one, _)| *one == print).count();
        let kept = if count > COMMON_DOCUMENTS_MAX { 0 } else { count };
        same.iter().take(kept).map(|(_, document)| *document)
    }

    pub(crate) fn document(&self, document: u32) -> Option<&CorpusDocument> {
        self.documents.get(document as usize)
    }
}

/// What is left of a name that findings can carry.
fn tidy_name(name: &str) -> String {
    let kept = name.chars().map(|letter| match letter {
        'a'..='z' | '0'..='9' | '_' | '/' => letter,
        'A'..='Z' => letter.to_ascii_lowercase(),
        _ => '-',
    });
    kept.take(DOCUMENT_NAME_BYTES_MAX).collect()
}

fn read(body: &[u8]) -> Option<Corpus> {
    let mut rest = body.strip_prefix(MAGIC)?;
    let mut corpus = Corpus::default();
    let documents = u32::from_le_bytes(take(&mut rest)?) as usize;
    if documents > CORPUS_DOCUMENTS_MAX {
        return None;
    }
    for _ in 0..documents {
        let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let (name, tail) = rest.split_at_checked(length)?;
        rest = tail;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        let prints = u32::from_le_bytes(take(&mut rest)?);
        corpus.documents.push(CorpusDocument { name, prints });
    }
    let prints = u32::from_le_bytes(take(&mut rest)?) as usize;
    if prints > CORPUS_PRINTS_MAX {
        return None;
    }
    for _ in 0..prints {
        let print = u64::from_le_bytes(take(&mut rest)?);
        let document = u32::from_le_bytes(take(&mut rest)?);
        corpus.prints.push((print, document));
    }
    let is_whole = rest.is_empty()
        && corpus.prints.is_sorted()
        && corpus.prints.iter().all(|(_, document)| (*document as usize) < documents);
    is_whole.then_some(corpus)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*first)
}

/// Chooses fingerprints from a sequence of words as it arrives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Winnow {
    words: VecDeque<u64>,
    /// The last hashes with their numbers.
    grams: VecDeque<(u64, u64)>,
    next: u64,
    chosen: Option<u64>,
}

impl Winnow {
    /// The next word; a fingerprint if one was chosen.
    pub(crate) fn push(&mut self, word: u64) -> Option<u64> {
        if self.words.len() == GRAM_WORDS {
            self.words.pop_front();
        }
        self.words.push_back(word);
        if self.words.len() < GRAM_WORDS {
            return None;
        }
        if self.grams.len() == WINDOW_GRAMS {
            self.grams.pop_front();
        }
        self.grams.push_back((sequence_hash(self.words.iter().copied()), self.next));
        self.next += 1;
        if self.grams.len() < WINDOW_GRAMS {
            return None;
        }
        // The last of the smallest.
        let (hash, number) = self.grams.iter().rev().min_by_key(|(hash, _)| *hash).copied()?;
        (self.chosen.replace(number) != Some(number)).then_some(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "The lamp of the harbour is lit at dusk by the keeper, who writes the hour and the weather into a blue book, \
        and whoever finds the lamp dark must ring the bell twice and wake the pilot at once.";

    #[test]
    fn a_corpus_comes_back_from_its_bytes() {
        let mut corpus = Corpus::default();
        corpus.add("Rules & Lamps.md", TEXT).expect("it fits");
        assert_eq!(corpus.documents()[0].name, "rules---lamps-md");
        assert_eq!(Corpus::from_bytes(&corpus.to_bytes()), Ok(corpus));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let mut corpus = Corpus::default();
        corpus.add("a", TEXT).expect("it fits");
        let bytes = corpus.to_bytes();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Corpus::from_bytes(&damaged), Err(CorpusError::Damaged), "at {at}");
            assert_eq!(Corpus::from_bytes(&bytes[..at]), Err(CorpusError::Damaged), "cut at {at}");
        }
    }

    #[test]
    fn nine_words_in_common_have_a_fingerprint_in_common() {
        let hashes: Vec<u64> = words_of(TEXT).iter().map(|word| word.hash).collect();
        let prints = |words: &[u64]| -> Vec<u64> {
            let mut winnow = Winnow::default();
            words.iter().filter_map(|word| winnow.push(*word)).collect()
        };
        let all = prints(&hashes);
        for window in hashes.windows(GRAM_WORDS + WINDOW_GRAMS - 1) {
            assert!(prints(window).iter().all(|print| all.contains(print)));
            assert_eq!(prints(window).len(), 1);
        }
    }

    #[test]
    fn corpora_are_merged_within_the_limits() {
        let other = "Whoever borrows the long ladder of the boat house writes a name and an hour on the slate by the door.";
        let (mut both, mut first, mut second) =
            (Corpus::default(), Corpus::default(), Corpus::default());
        both.extend([("a", TEXT), ("b", other)]).expect("it fits");
        first.add("a", TEXT).expect("it fits");
        second.add("b", other).expect("it fits");
        first.merge(&second).expect("it fits");
        assert_eq!(first, both);
        let many = Corpus {
            documents: vec![first.documents[0].clone(); CORPUS_DOCUMENTS_MAX],
            ..Corpus::default()
        };
        assert_eq!(first.merge(&many), Err(CorpusError::TooLarge));
        assert_eq!(first, both, "nothing was added");
    }

    #[test]
    fn what_many_documents_share_is_nobodys() {
        let mut corpus = Corpus::default();
        for at in 0..=COMMON_DOCUMENTS_MAX {
            corpus.add(&format!("d{at}"), TEXT).expect("it fits");
        }
        let print = corpus.prints[0].0;
        assert_eq!(corpus.documents_with(print).count(), 0);
    }

    #[test]
    fn too_many_documents_are_refused() {
        let mut corpus = Corpus::default();
        corpus.extend((0..CORPUS_DOCUMENTS_MAX).map(|_| ("d", ""))).expect("it fits");
        assert_eq!(corpus.add("d", ""), Err(CorpusError::TooLarge));
    }
}
