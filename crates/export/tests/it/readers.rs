//! Readers of CEF and LEEF as a SIEM has them, that unescape what they split.

/// The parts of the header, and the pairs of key and value.
pub(crate) type Parsed = (Vec<String>, Vec<(String, String)>);

/// Reads a line of CEF: seven parts with bars between, then pairs with spaces between.
pub(crate) fn cef(line: &str) -> Option<Parsed> {
    let (header, extension) = split_header(line.strip_prefix("CEF:")?, 7)?;
    // A key is what stands between the last space before an `=` that is not escaped, and that `=`.
    let equals: Vec<usize> = unescaped(extension, '=');
    let starts: Vec<usize> = equals
        .iter()
        .map(|at| extension.get(..*at)?.rfind(' ').map_or(Some(0), |space| Some(space + 1)))
        .collect::<Option<_>>()?;
    let mut pairs = Vec::new();
    for (index, (start, equal)) in starts.iter().zip(&equals).enumerate() {
        let end = starts.get(index + 1).map_or(extension.len(), |next| next.saturating_sub(1));
        let (key, value) = (extension.get(*start..*equal)?, extension.get(equal + 1..end)?);
        pairs.push((key.to_owned(), unescape(value)?));
    }
    Some((header, pairs))
}

/// Reads a line of LEEF 2.0: six parts, of which the last names the character between attributes.
pub(crate) fn leef(line: &str) -> Option<Parsed> {
    let parts: Vec<&str> = line.strip_prefix("LEEF:")?.splitn(7, '|').collect();
    let [header @ .., attributes] = parts.as_slice() else { return None };
    let [version, _, _, _, _, "x09"] = header else { return None };
    if *version != "2.0" {
        return None;
    }
    let pairs = attributes.split('\t').map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((key.to_owned(), unescape(value)?))
    });
    let pairs = pairs.collect::<Option<_>>()?;
    Some((header.iter().map(|part| (*part).to_owned()).collect(), pairs))
}

fn split_header(line: &str, parts: usize) -> Option<(Vec<String>, &str)> {
    let bars = unescaped(line, '|');
    let mut header = Vec::new();
    let mut start = 0;
    for bar in bars.get(..parts)? {
        header.push(unescape(line.get(start..*bar)?)?);
        start = bar + 1;
    }
    Some((header, line.get(start..)?))
}

/// Where a character stands without a backslash before it.
fn unescaped(text: &str, wanted: char) -> Vec<usize> {
    let mut places = Vec::new();
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        if letter == wanted && !is_escaped {
            places.push(at);
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    places
}

/// What an escaped text says; nothing if an escape is none that the formats know.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                known @ ('\\' | '=' | '|') => known,
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}
