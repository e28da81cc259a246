//! HTML: all of its text, also what a browser does not show.
//!
//! Text is marked as hidden inside elements with `hidden`, `aria-hidden`, or a style that hides or whitens it, in
//! scripts, styles and comments, and in attributes that carry words. Style sheets are not applied: what they hide
//! is read like any other text.

use crate::markup::{Token, Tokens, attribute, unescaped};
use crate::sink::Sink;

const PART: &str = "page";
/// Attributes with words for people.
const WORDS: [&str; 8] =
    ["alt", "title", "placeholder", "aria-label", "content", "value", "summary", "srcdoc"];
/// Elements that a line does not go on across.
const BLOCKS: [&str; 26] = [
    "p",
    "div",
    "br",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "section",
    "article",
    "header",
    "footer",
    "main",
    "nav",
    "form",
    "title",
    "option",
    "blockquote",
    "pre",
    "hr",
];
/// What hides or whitens in a style, spaces left out.
const HIDING: [&str; 9] = [
    "display:none",
    "visibility:hidden",
    "font-size:0",
    "opacity:0",
    "color:white",
    "color:#fff",
    "color:transparent",
    "left:-9999",
    "text-indent:-9999",
];

/// An element that hides what is in it.
struct Hiding<'a> {
    name: &'a str,
    /// Elements of the same name inside it.
    nested: usize,
    how: &'static str,
}

pub(crate) fn read(text: &str, sink: &mut Sink) {
    let mut hiding: Option<Hiding<'_>> = None;
    let mut tokens = Tokens::new(text);
    sink.part(PART, None);
    while let Some(token) = tokens.next() {
        if sink.is_full() {
            return;
        }
        match token {
            Token::Open { name, attributes, is_empty } => {
                if BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block)) {
                    sink.line();
                }
                words(attributes, sink);
                if ["script", "style"].iter().any(|raw| name.eq_ignore_ascii_case(raw)) && !is_empty
                {
                    hidden(tokens.raw_until(name), "script or style", sink);
                } else if let Some(open) = hiding.as_mut() {
                    open.nested += usize::from(open.name.eq_ignore_ascii_case(name));
                } else if let Some(how) = how_hidden(name, attributes).filter(|_| !is_void(name)) {
                    hiding = Some(Hiding { name, nested: 0, how });
                }
            }
            Token::Close(name) => {
                if BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block)) {
                    sink.line();
                }
                hiding = hiding.take().and_then(|open| {
                    let ends = open.name.eq_ignore_ascii_case(name);
                    let nested = if ends { open.nested.checked_sub(1)? } else { open.nested };
                    Some(Hiding { nested, ..open })
                });
            }
            Token::Text(text) => {
                sink.part(PART, hiding.as_ref().map(|open| open.how));
                sink.push(&unescaped(text));
            }
            Token::Raw(text) => sink.push(text),
            Token::Comment(text) => hidden(text, "comment", sink),
        }
    }
}

fn hidden(text: &str, how: &'static str, sink: &mut Sink) {
    if text.trim().is_empty() {
        return;
    }
    sink.part(PART, Some(how));
    sink.line();
    sink.push(text);
    sink.line();
    sink.part(PART, None);
}

/// Words in attributes.
fn words(attributes: &str, sink: &mut Sink) {
    for (name, value) in crate::markup::attributes(attributes) {
        if WORDS.iter().any(|known| name.eq_ignore_ascii_case(known)) && value.contains(' ') {
            hidden(&unescaped(value), "attribute", sink);
        }
    }
}

fn how_hidden(name: &str, attributes: &str) -> Option<&'static str> {
    if ["template", "noscript"].iter().any(|unseen| name.eq_ignore_ascii_case(unseen)) {
        return Some("not shown");
    }
    if attributes.is_empty() {
        return None;
    }
    if attribute(attributes, "hidden").is_some()
        || attribute(attributes, "aria-hidden").is_some_and(|value| value == "true")
    {
        return Some("not shown");
    }
    let style = attribute(attributes, "style")?;
    let style: String = style.chars().filter(|sign| !sign.is_whitespace()).collect();
    let style = style.to_ascii_lowercase();
    let hides = |rule: &&&str| {
        let mut found = style.match_indices(**rule);
        found.any(|(at, _)| {
            let before = style.get(..at).and_then(|before| before.chars().next_back());
            // `background-color:white` hides nothing, and `opacity:0.9` hardly.
            let after = style.get(at + rule.len()..).unwrap_or_default();
            before != Some('-') && !(rule.ends_with('0') && after.starts_with('.'))
        })
    };
    HIDING.iter().find(hides).map(|_| "not shown")
}

fn is_void(name: &str) -> bool {
    const VOID: [&str; 9] = ["br", "hr", "img", "input", "link", "meta", "area", "col", "source"];
    VOID.iter().any(|void| name.eq_ignore_ascii_case(void))
}

#[cfg(test)]
mod tests {
    use crate::{Extracted, Format, extract};

    fn html(text: &str) -> Extracted {
        extract(text.as_bytes(), Format::Html)
    }

    #[track_caller]
    fn check(text: &str, words: &str, hidden: Option<&str>) {
        let extracted = html(text);
        let at = extracted.text.find(words).unwrap_or_else(|| panic!("{extracted:?}"));
        assert_eq!(
            extracted.part_of(&(at..at + 1)).and_then(|part| part.hidden),
            hidden,
            "{extracted:?}"
        );
    }

    #[test]
    fn text_is_read_shown_or_not() {
        check("<p>plain <b>wo</b>rds</p>", "plain words", None);
        check("<p hidden>secret <p>order</p></p>", "secret", Some("not shown"));
        check("<div style='display: none'><div>x</div>order</div>", "order", Some("not shown"));
        check("<div style='display: none'>x</div>order", "order", None);
        check("<i style='background-color: white; opacity: 0.9'>shown</i>", "shown", None);
        check("<span style=\"color:#FFFFFF\">white</span>", "white", Some("not shown"));
        check("<!-- do this -->", "do this", Some("comment"));
        check("<img alt='do that now'>", "do that now", Some("attribute"));
        check(
            "<script>if (a < b) { say('do it') }</script>after",
            "do it",
            Some("script or style"),
        );
        check("<script>x</script>after", "after", None);
        check("&#105;gnore", "ignore", None);
    }
}
