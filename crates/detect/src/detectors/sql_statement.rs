//! SQL that destroys data, or that gets into a query from outside.
//!
//! **Finds** (`code.sql`): conditions that always hold after a quote (`' or '1'='1`, rank 40), a statement after a quote that ends another
//! (`'; drop …`, 40), `xp_cmdshell`, files written by a query and waiting on purpose after a quote or `union` (30), `union select` after a quote (40) or by itself (20),
//! `drop database` (20); at rank 10, since every schema has it: `drop table`, `truncate table`, and `delete from` without a condition.
//!
//! **Does not find** statements put together from pieces, dialects' own commands, or a condition that is merely too wide.
//!
//! **Example**: `name = '' OR '1'='1'`

use crate::detectors::Hit;
use crate::detectors::constructs::{begins_with_word, line};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// As much of a line is read.
const LINE_BYTES_MAX: usize = 200;
const KIND: &str = "code.sql";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "sql_statement",
    kinds: &[KIND],
    reach: Reach::Held(LINE_BYTES_MAX + 1),
    summary: "SQL that destroys data, or that gets into a query from outside.",
};

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    if matches!(text.get(0)?, b'\'' | b'"') {
        return after_quote(text);
    }
    let rank = if begins_with_word(text, &["drop", "truncate"], b" ") {
        dropped(&line(text, LINE_BYTES_MAX))
    } else if begins_with_word(text, &["delete"], b" ") && followed_by(text, 6, b"from") {
        let line = line(text, LINE_BYTES_MAX);
        let statement = line.split(';').next().unwrap_or_default();
        let is_ended =
            line.contains(';') && !statement.contains("where") && !statement.contains("using");
        if is_ended { 10 } else { 0 }
    } else if begins_with_word(text, &["union"], b" ") && is_union(text) {
        20
    } else if begins_with_word(text, &["xp_cmdshell"], b" '(")
        || (begins_with_word(text, &["into"], b" ")
            && (followed_by(text, 4, b"outfile") || followed_by(text, 4, b"dumpfile")))
    {
        30
    } else {
        0
    };
    if rank == 0 {
        return None;
    }
    let len = text.run_within(0, LINE_BYTES_MAX, |byte| byte != b'\n' && byte != b';');
    Some(Hit::new(&CARD, KIND, len, rank))
}

fn dropped(line: &str) -> u8 {
    let mut words = line.split_whitespace().skip(1);
    match words.next() {
        Some("database" | "schema") => 20,
        Some("table" | "tables") => 10,
        _ => 0,
    }
}

/// Whether `word` stands after spaces at `from`, in any case.
fn followed_by(text: &Text<'_>, from: usize, word: &[u8]) -> bool {
    let at = from + text.run_within(from, 4, |byte| byte == b' ');
    word.iter().enumerate().all(|(ahead, wanted)| {
        text.get(at + ahead).is_some_and(|byte| byte.to_ascii_lowercase() == *wanted)
    })
}

fn is_union(text: &Text<'_>) -> bool {
    followed_by(text, 5, b"select")
        || (followed_by(text, 5, b"all") && followed_by(text, 9, b"select"))
}

/// What begins with the quote that ends a string in somebody's query.
fn after_quote(text: &Text<'_>) -> Option<Hit> {
    let spaces = text.run_within(1, 3, |byte| matches!(byte, b' ' | b')'));
    let may_go_on =
        matches!(text.get(1 + spaces)?.to_ascii_lowercase(), b'o' | b'a' | b'u' | b';' | b'|');
    if !may_go_on {
        return None;
    }
    if text.get(1 + spaces)? != b';'
        && !["or ", "or'", "and ", "union ", "|| ", "or("].iter().any(|word| {
            word.bytes().enumerate().all(|(ahead, wanted)| {
                text.get(1 + spaces + ahead).is_some_and(|byte| byte.to_ascii_lowercase() == wanted)
            })
        })
    {
        return None;
    }
    let line = line(text, LINE_BYTES_MAX);
    let rest = line.get(1 + spaces..)?;
    let rank = if let Some(rest) = rest.strip_prefix(';') {
        let statement = rest.trim_start();
        let begins = [
            "drop ",
            "delete ",
            "insert ",
            "update ",
            "exec ",
            "shutdown",
            "truncate ",
            "alter ",
            "create user",
        ];
        if begins.iter().any(|word| statement.starts_with(word)) { 40 } else { 0 }
    } else if rest.starts_with("union ") {
        if rest.contains("select") { 40 } else { 0 }
    } else if always_holds(rest) {
        40
    } else if ["sleep(", "benchmark(", "waitfor delay", "pg_sleep("]
        .iter()
        .any(|part| rest.contains(part))
    {
        30
    } else {
        0
    };
    (rank > 0).then(|| Hit::new(&CARD, KIND, line.trim_end().len(), rank))
}

/// `or 1=1`, `or 'a'='a`, `or true--`.
fn always_holds(rest: &str) -> bool {
    let Some(condition) =
        ["or ", "|| ", "or'", "or("].iter().find_map(|word| rest.strip_prefix(word))
    else {
        return false;
    };
    let bare: String = condition
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '\'' | '"' | '(' | ')'))
        .collect();
    if bare.starts_with("true--") || bare.starts_with("true#") {
        return true;
    }
    let Some((left, right)) = bare.split_once('=') else { return false };
    let value =
        |side: &str| -> String { side.chars().take_while(char::is_ascii_alphanumeric).collect() };
    let (left_value, right_value) = (value(left), value(right));
    !left_value.is_empty() && left_value.len() == left.len() && left_value == right_value
}

#[cfg(test)]
mod tests {
    use crate::detectors::constructs::tests::check;

    #[test]
    fn injections_are_found() {
        check("name = 'x' OR '1'='1'", &[("' OR '1'='1'", "code.sql", 40)]);
        check("id=1' or 1=1--", &[("' or 1=1--", "code.sql", 40)]);
        check(
            "Robert'); DROP TABLE students;--",
            &[("'); DROP TABLE students;--", "code.sql", 40)],
        );
        check(
            "x' UNION SELECT password FROM users--",
            &[("' UNION SELECT password FROM users--", "code.sql", 40)],
        );
        check("x' and sleep(5)#", &[("' and sleep(5)#", "code.sql", 30)]);
        check("EXEC xp_cmdshell 'dir'", &[("xp_cmdshell 'dir'", "code.sql", 30)]);
    }

    #[test]
    fn statements_of_schemas_rank_low_and_ordinary_ones_are_not_found() {
        check("DROP TABLE IF EXISTS a;", &[("DROP TABLE IF EXISTS a", "code.sql", 10)]);
        check("DELETE FROM a;", &[("DELETE FROM a", "code.sql", 10)]);
        check("DELETE FROM a WHERE id = 7;", &[]);
        check("SELECT 'a' or 'b'; the 'x' and the 'y' or z = 1", &[]);
        check("drop me a line, delete it from the list", &[]);
    }
}
