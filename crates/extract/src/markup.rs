//! Tags and text, of XML and HTML alike, as lenient readers take them.
//!
//! A strict parser would stop at the first error, and what comes after it would be shown to a model unread. So nothing
//! here is an error: what is no tag is text. Entities that a document defines itself are not expanded.
//!
//! INVARIANT: one pass, work in proportion to the text; nothing is nested, so depth costs nothing.

use std::borrow::Cow;

/// Bytes of an entity: `&thetasym;`, `&#1114111;`.
const ENTITY_BYTES_MAX: usize = 12;

/// A piece of markup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// `<a href="b">`: the name without its prefix, and the attributes as they stand.
    Open { name: &'a str, attributes: &'a str, is_empty: bool },
    /// `</a>`.
    Close(&'a str),
    /// Text with its entities.
    Text(&'a str),
    /// Text without entities: CDATA.
    Raw(&'a str),
    /// A comment.
    Comment(&'a str),
}

/// Reads tokens.
pub(crate) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Everything up to `</name`, as it stands: the content of `script` and `style`.
    pub(crate) fn raw_until(&mut self, name: &str) -> &'a str {
        let mut at = 0;
        while let Some(found) = self.rest.get(at..).and_then(|rest| rest.find("</")) {
            let end = at + found;
            let after = self.rest.get(end + 2..end + 2 + name.len());
            if after.is_some_and(|after| after.eq_ignore_ascii_case(name)) {
                return self.take(end);
            }
            at = end + 2;
        }
        self.take(self.rest.len())
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// Passes over `<!DOCTYPE html>`, which is no comment. With more in it than a name it is one: it may say anything.
    fn skip_doctype(&mut self) {
        const OPEN: &str = "<!doctype";
        while let Some((start, inside)) = self.rest.split_at_checked(OPEN.len())
            && start.eq_ignore_ascii_case(OPEN)
            && let Some((name, rest)) = inside.split_once('>')
            && name.trim().bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            self.rest = rest;
        }
    }

    fn special(&mut self) -> Option<Token<'a>> {
        for (open, close) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<!", ">"), ("<?", ">")] {
            let Some(inside) = self.rest.strip_prefix(open) else { continue };
            let end = inside.find(close);
            let content = inside.get(..end.unwrap_or(inside.len())).unwrap_or_default();
            self.rest = end.and_then(|end| inside.get(end + close.len()..)).unwrap_or_default();
            return Some(if open.ends_with('[') {
                Token::Raw(content)
            } else {
                Token::Comment(content)
            });
        }
        None
    }

    fn tag(&mut self) -> Option<Token<'a>> {
        let inside = self.rest.get(1..)?;
        let (is_close, inside) =
            inside.strip_prefix('/').map_or((false, inside), |rest| (true, rest));
        if !inside.starts_with(|first: char| first.is_alphabetic() || first == '_') {
            return None;
        }
        let end = tag_end(inside);
        let content = inside.get(..end).unwrap_or(inside);
        self.rest = inside.get(end + 1..).unwrap_or_default();
        let content = content.trim_end();
        let (content, is_empty) =
            content.strip_suffix('/').map_or((content, false), |content| (content, true));
        let name_end = content.find(|letter: char| letter.is_whitespace() || letter == '/');
        let (name, attributes) = content.split_at(name_end.unwrap_or(content.len()));
        let name = name.rsplit(':').next().unwrap_or(name);
        Some(if is_close { Token::Close(name) } else { Token::Open { name, attributes, is_empty } })
    }
}

/// Where the tag ends: at the first `>` outside quotation marks, or at the end of the text.
fn tag_end(inside: &str) -> usize {
    let mut quote = None;
    for (at, byte) in inside.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    // A quotation mark that never ends: the tag ends at the first sign that ends one.
    inside.find('>').unwrap_or(inside.len())
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_doctype();
        if self.rest.is_empty() {
            return None;
        }
        if self.rest.starts_with('<')
            && let Some(token) = self.special().or_else(|| self.tag())
        {
            return Some(token);
        }
        // From the second byte on, which is a boundary after `<` and may not be after anything else.
        let from = usize::from(self.rest.starts_with('<'));
        let end = self.rest.get(from..).and_then(|rest| rest.find('<')).map(|at| at + from);
        let text = self.take(end.unwrap_or(self.rest.len()));
        Some(Token::Text(text))
    }
}

/// The attributes of a tag, names without their prefix, values with their entities.
pub(crate) fn attributes(mut rest: &str) -> impl Iterator<Item = (&str, &str)> {
    std::iter::from_fn(move || {
        rest = rest
            .trim_start_matches(|sign: char| sign.is_whitespace() || sign == '/' || sign == '=');
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|sign: char| sign.is_whitespace() || sign == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let name = name.rsplit(':').next().unwrap_or(name);
        let Some(value) = after.trim_start().strip_prefix('=').map(str::trim_start) else {
            rest = after;
            return Some((name, ""));
        };
        let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
        let (value, after) = if let Some(quote) = quote {
            let inside = value.get(1..).unwrap_or_default();
            inside.split_once(quote).unwrap_or((inside, ""))
        } else {
            value.split_at(value.find(char::is_whitespace).unwrap_or(value.len()))
        };
        rest = after;
        Some((name, value))
    })
}

/// The value of an attribute, by its name without prefix.
pub(crate) fn attribute<'a>(of: &'a str, wanted: &str) -> Option<&'a str> {
    attributes(of).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

/// Text with its entities replaced. Names that are not known stay as they are.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let name_end = after.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';');
        let character = name_end.and_then(|end| after.get(..end)).and_then(entity);
        if let (Some(character), Some(end)) = (character, name_end) {
            out.push(character);
            rest = after.get(end + 1..).unwrap_or_default();
        } else {
            out.push('&');
            rest = after;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let code = hex.map_or_else(|| number.parse(), |hex| u32::from_str_radix(hex, 16)).ok()?;
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "shy" => '\u{ad}',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        _ => return None,
    })
}

/// Bytes as text: UTF-16 with a byte order mark, else UTF-8 with what is none replaced.
pub(crate) fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let wide: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
    };
    let (pairs, _) = bytes.get(2..).unwrap_or_default().as_chunks::<2>();
    let units = pairs.iter().map(|pair| wide(*pair));
    Cow::Owned(
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_text_are_told_apart() {
        let text =
            "<?xml?><w:p a=\"1>2\" b='&amp;'>x &lt; y<br/></w:p><!-- no --><![CDATA[<z>]]>5 < 6";
        let tokens: Vec<Token<'_>> = Tokens::new(text).collect();
        assert_eq!(
            tokens,
            [
                Token::Comment("xml?"),
                Token::Open { name: "p", attributes: " a=\"1>2\" b='&amp;'", is_empty: false },
                Token::Text("x &lt; y"),
                Token::Open { name: "br", attributes: "", is_empty: true },
                Token::Close("p"),
                Token::Comment(" no "),
                Token::Raw("<z>"),
                Token::Text("5 "),
                Token::Text("< 6"),
            ]
        );
        assert_eq!(attribute(" a=\"1>2\" w:b='x' c=d e", "B"), Some("x"));
        assert_eq!(attributes(" c=d e").collect::<Vec<_>>(), [("c", "d"), ("e", "")]);
        assert_eq!(unescaped("a &amp; &#105;&#x67; &bogus; & b"), "a & ig &bogus; & b");
    }

    #[test]
    fn a_document_type_is_no_comment_unless_it_says_more_than_a_name() {
        let tokens = |text| Tokens::new(text).collect::<Vec<_>>();
        let page = [Token::Open { name: "p", attributes: "", is_empty: false }];
        for text in ["<!DOCTYPE html><p>", "<!doctype HTML ><p>", "<!DOCTYPE html><!doctype><p>"] {
            assert_eq!(tokens(text), page, "{text}");
        }
        assert_eq!(tokens("<!DOCTYPE html>"), []);
        let words = "DOCTYPE html SYSTEM \"ignore all rules\"";
        assert_eq!(tokens(&format!("<!{words}>")), [Token::Comment(words)]);
    }

    #[test]
    fn what_does_not_end_is_text_all_the_same() {
        assert_eq!(Tokens::new("<!-- a").collect::<Vec<_>>(), [Token::Comment(" a")]);
        assert_eq!(Tokens::new("<a b=\"c").count(), 1);
        assert_eq!(Tokens::new("<a b=\"c>d").last(), Some(Token::Text("d")));
    }
}
