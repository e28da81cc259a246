//! What the tagger learns from: marked sentences of the data, sentences from our templates, and text that holds
//! no names.
//!
//! INVARIANT: nothing marked `dev` is used. INVARIANT: text that nobody marked teaches only that a stretch is no
//! name, and only where no word of it is on a list of names.

use detect::training::{Class, Features, Stretch, is_listed_name, stretches};

use crate::corpus::{Label, Row};
use crate::shuffle::Shuffle;

const TEMPLATES: &str = include_str!("templates.txt");
const FIRST: &str = include_str!("../../../detect/src/names/words/first.txt");
const LAST: &str = include_str!("../../../detect/src/names/words/last.txt");
const PLACE: &str = include_str!("../../../detect/src/names/words/place.txt");
const ORGANISATION: &str = include_str!("../../../detect/src/names/words/org.txt");

/// Sentences per template.
const SENTENCES_PER_TEMPLATE: usize = 30;
/// Stretches without names that are used, of those there are.
const PLAIN_STRETCHES_MAX: usize = 14_000;
/// Headings that are made of sentences without names.
const HEADINGS_MAX: usize = 1_500;
/// Sources of ordinary text in which names of people and places are rare.
const PLAIN_SOURCES: &[&str] = &[
    "docs_",
    "code_",
    "humaneval",
    "medquad",
    "gpteacher_codegen",
    "clinc",
    "self_instruct",
    "awesome_chatgpt",
];

/// A stretch and the right tags.
#[derive(Clone, Debug)]
pub(crate) struct Labelled {
    pub(crate) features: Vec<Features>,
    pub(crate) tags: Vec<usize>,
}

/// A name in a text, or a place that nothing is learned from.
type Marked = (usize, usize, Entity);

/// Everything there is to learn from, always in the same order.
pub(crate) fn all(rows: &[Row], seeds: &[Row]) -> Vec<Labelled> {
    let mut labelled = Vec::new();
    for row in rows.iter().filter(|row| is_marked(row) && !row.is_dev) {
        learn_from(&row.text, &marked(row), &mut labelled);
    }
    let marked = labelled.len();
    let mut shuffle = Shuffle::new(11);
    for template in TEMPLATES.lines().filter(|line| !line.is_empty()) {
        let sentences = if template.contains('{') { SENTENCES_PER_TEMPLATE } else { 4 };
        for _ in 0..sentences {
            let (text, marks) = filled(template, &mut shuffle);
            learn_from(&text, &marks, &mut labelled);
        }
    }
    let templated = labelled.len() - marked;
    let mut plain = plain(rows, seeds);
    shuffle.shuffle(&mut plain);
    plain.truncate(PLAIN_STRETCHES_MAX);
    println!(
        "{marked} marked stretches, {templated} from templates, {} without names",
        plain.len()
    );
    labelled.extend(plain);
    labelled
}

/// Whether the names of a row are marked.
pub(crate) fn is_marked(row: &Row) -> bool {
    ["wikigold", "wnut17", "presidio"].iter().any(|source| row.source.starts_with(source))
}

/// What an entity of the data sets is to the tagger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    /// A name.
    Name(Class),
    /// An address: it holds names of places and people that nobody marked.
    Address,
}

impl Entity {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "PERSON" => Self::Name(Class::Person),
            "LOCATION" => Self::Name(Class::Place),
            "ORGANIZATION" => Self::Name(Class::Organisation),
            "ADDRESS" => Self::Address,
            _ => return None,
        })
    }
}

fn marked(row: &Row) -> Vec<Marked> {
    let values = row.values.iter();
    values.filter_map(|value| Some((value.start, value.end, Entity::of(&value.entity)?))).collect()
}

fn learn_from(text: &str, marks: &[Marked], out: &mut Vec<Labelled>) {
    stretches(text, |stretch| out.extend(labelled(stretch, marks)));
}

/// The stretch with its tags; `None` if nothing can be learned from it.
fn labelled(stretch: &Stretch, marks: &[Marked]) -> Option<Labelled> {
    let mut tags: Vec<usize> = Vec::with_capacity(stretch.tokens.len());
    let mut last: Option<&Marked> = None;
    for (start, end) in &stretch.tokens {
        let mark = marks.iter().find(|mark| mark.0 < *end && *start < mark.1);
        let tag = match mark {
            None => 0,
            Some((_, _, Entity::Address)) => return None,
            Some((_, _, Entity::Name(class))) if last == mark => class.first_tag() + 1,
            Some((_, _, Entity::Name(class))) => class.first_tag(),
        };
        tags.push(tag);
        last = mark;
    }
    Some(Labelled { features: stretch.features.clone(), tags })
}

/// Stretches of ordinary text and of our own benign seeds that hold no name, and headings made of such text.
fn plain(rows: &[Row], seeds: &[Row]) -> Vec<Labelled> {
    let mut all = Vec::new();
    let mut headings = 0;
    let ordinary = rows.iter().filter(|row| {
        row.label == Label::Benign
            && !row.is_dev
            && PLAIN_SOURCES.iter().any(|source| row.source.starts_with(source))
    });
    for row in ordinary {
        plain_of(&row.text, usize::MAX, &mut all);
        for line in row.text.lines() {
            let words = line.split_whitespace().count();
            if headings < HEADINGS_MAX && (3..10).contains(&words) && is_prose(line) {
                headings += 1;
                plain_of(&in_title_case(line), usize::MAX, &mut all);
            }
        }
    }
    for row in seeds.iter().filter(|row| row.label == Label::Benign && !row.is_dev) {
        plain_of(&row.text, 1, &mut all);
    }
    all
}

fn plain_of(text: &str, tokens_max: usize, out: &mut Vec<Labelled>) {
    stretches(text, |stretch| {
        let listed = stretch
            .tokens
            .iter()
            .any(|(start, end)| text.get(*start..*end).is_some_and(is_listed_name));
        if !listed && stretch.tokens.len() <= tokens_max {
            out.extend(labelled(stretch, &[]));
        }
    });
}

fn is_prose(line: &str) -> bool {
    line.chars().all(|character| character.is_alphabetic() || " ,.'-".contains(character))
}

fn in_title_case(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let mut characters = word.chars();
        match characters.next() {
            Some(first) if word.len() > 3 => first.to_uppercase().chain(characters).collect(),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<String>>().join(" ")
}

/// A template with names in its slots, and where they are.
fn filled(template: &str, shuffle: &mut Shuffle) -> (String, Vec<Marked>) {
    let (mut text, mut marks) = (String::new(), Vec::new());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(&before.replace("\\n", "\n"));
        let (slot, after) = after.split_once('}').unwrap_or((after, ""));
        let (name, class) = match slot {
            "P" => (person(shuffle), Class::Person),
            "F" => (first(shuffle), Class::Person),
            "L" => (last(shuffle), Class::Person),
            "C" => (place(shuffle), Class::Place),
            _ => (organisation(shuffle), Class::Organisation),
        };
        marks.push((text.len(), text.len() + name.len(), Entity::Name(class)));
        text.push_str(&name);
        rest = after;
    }
    text.push_str(&rest.replace("\\n", "\n"));
    (text, marks)
}

fn capitalised(word: &str) -> String {
    word.split('-')
        .map(|part| {
            let mut characters = part.chars();
            characters
                .next()
                .map(char::to_uppercase)
                .into_iter()
                .flatten()
                .chain(characters)
                .collect()
        })
        .collect::<Vec<String>>()
        .join("-")
}

fn pick<'a>(list: &'a str, shuffle: &mut Shuffle) -> &'a str {
    let words: Vec<&str> = list.split_whitespace().collect();
    words.get(shuffle.below(words.len())).copied().unwrap_or_default()
}

/// A name nobody has, so that the tagger learns to read what stands around a name.
fn made_up(shuffle: &mut Shuffle) -> String {
    const PARTS: &[&str] = &[
        "ka", "ro", "mi", "la", "ven", "tor", "sha", "bel", "dri", "nok", "ul", "ster", "ham",
        "ová", "ski", "man", "el", "iya", "go", "ri", "quin", "fa", "len", "dor", "is", "an", "wo",
        "je", "tha", "zu", "ber", "mont",
    ];
    let parts = 2 + shuffle.below(2);
    let word: String =
        (0..parts).filter_map(|_| PARTS.get(shuffle.below(PARTS.len()))).copied().collect();
    capitalised(&word)
}

fn first(shuffle: &mut Shuffle) -> String {
    if shuffle.below(4) == 0 { made_up(shuffle) } else { capitalised(pick(FIRST, shuffle)) }
}

fn last(shuffle: &mut Shuffle) -> String {
    if shuffle.below(3) == 0 { made_up(shuffle) } else { capitalised(pick(LAST, shuffle)) }
}

fn person(shuffle: &mut Shuffle) -> String {
    match shuffle.below(12) {
        0 => {
            let initial = char::from(b'A' + shuffle.below(26) as u8);
            format!("{initial}. {}", last(shuffle))
        }
        1 => {
            let initial = char::from(b'A' + shuffle.below(26) as u8);
            format!("{} {initial}. {}", first(shuffle), last(shuffle))
        }
        2 => format!("{} {}-{}", first(shuffle), last(shuffle), last(shuffle)),
        3 => format!("{} van {}", first(shuffle), last(shuffle)),
        4 => format!("{} {} {}", first(shuffle), first(shuffle), last(shuffle)),
        5 => format!("{} {}", first(shuffle), last(shuffle)).to_uppercase(),
        _ => format!("{} {}", first(shuffle), last(shuffle)),
    }
}

fn place(shuffle: &mut Shuffle) -> String {
    match shuffle.below(8) {
        0 => made_up(shuffle),
        1 => format!(
            "{} {}",
            pick("New North South West East San Saint Port Mount Fort", shuffle),
            made_up(shuffle)
        ),
        2 => format!(
            "{}{}",
            made_up(shuffle),
            pick("burg ville ton berg grad stadt ia land field pur", shuffle)
        ),
        _ => capitalised(pick(PLACE, shuffle)),
    }
}

fn organisation(shuffle: &mut Shuffle) -> String {
    const ENDS: &str = "Inc. Ltd. GmbH AG Corp. LLC Group Bank University Hospital Insurance Technologies Systems \
                        Partners Holdings Foundation Industries Airlines Motors Energy S.A. B.V. Consulting FC";
    match shuffle.below(8) {
        0 => {
            let name = pick(ORGANISATION, shuffle);
            if name.len() < 5 { name.to_uppercase() } else { capitalised(name) }
        }
        1 => capitalised(pick(ORGANISATION, shuffle)),
        2 => format!("University of {}", place(shuffle)),
        3 => format!("{} & {}", last(shuffle), last(shuffle)),
        4 => format!("{} {}", place(shuffle), pick(ENDS, shuffle)),
        5 => format!("{} and {}", last(shuffle), pick("Sons Partners Associates Company", shuffle)),
        _ => format!("{} {}", made_up(shuffle), pick(ENDS, shuffle)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filled_templates_say_where_their_names_are() {
        let mut shuffle = Shuffle::new(5);
        for template in TEMPLATES.lines().filter(|line| line.contains('{')) {
            let (text, marks) = filled(template, &mut shuffle);
            assert!(!text.contains('{') && !marks.is_empty(), "{template}: {text}");
            for (start, end, _) in marks {
                assert!(text.get(start..end).is_some_and(|name| !name.trim().is_empty()), "{text}");
            }
        }
    }

    #[test]
    fn marked_stretches_get_their_tags_and_addresses_teach_nothing() {
        let text = "so Ada Lovelace met Acme in Elm Street";
        let marks = [
            (3, 15, Entity::Name(Class::Person)),
            (20, 24, Entity::Name(Class::Organisation)),
            (28, 38, Entity::Address),
        ];
        let mut labelled = Vec::new();
        learn_from(text, &marks, &mut labelled);
        let tags: Vec<_> = labelled.into_iter().map(|stretch| stretch.tags).collect();
        let (person, organisation) = (Class::Person.first_tag(), Class::Organisation.first_tag());
        assert_eq!(tags, [vec![person, person + 1], vec![organisation]]);
    }
}
