//! Aims beside their figures, and where a report goes: a page of Markdown, and the same figures as JSON.
//!
//! INVARIANT: an aim is shown beside its figure, with how far it was met or missed; an aim that could not be measured
//! counts as missed and says why.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::Failure;

/// Where `cargo xtask` wants the figures, named by this variable.
const FIGURES_VARIABLE: &str = "BARTIZAN_FIGURES";

/// Which side of a number is the good one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// One aim and what came of it.
#[derive(Debug)]
pub(crate) struct Aim {
    pub(crate) what: String,
    pub(crate) bound: Bound,
    /// The figure, or why there is none.
    pub(crate) measured: Result<f64, String>,
    pub(crate) unit: &'static str,
}

impl Aim {
    fn is_met(&self) -> bool {
        match (&self.measured, self.bound) {
            (Ok(measured), Bound::AtMost(most)) => *measured <= most,
            (Ok(measured), Bound::AtLeast(least)) => *measured >= least,
            (Err(_), _) => false,
        }
    }

    fn row(&self) -> String {
        let Self { what, unit, .. } = self;
        let (sign, bound, side) = match self.bound {
            Bound::AtMost(most) => ("≤", most, "below"),
            Bound::AtLeast(least) => ("≥", least, "above"),
        };
        let measured = match &self.measured {
            Ok(measured) => measured,
            Err(why) => {
                return format!(
                    "| {what} | {sign} {bound} {unit} | not run: {why} | **not shown** |\n"
                );
            }
        };
        let off = (measured / bound - 1.0).abs() * 100.0;
        let verdict = if self.is_met() {
            format!("met, {off:.0} % {side}")
        } else {
            format!("**missed** by {off:.0} %")
        };
        let decimals = usize::from(bound < 10.0) * 2;
        format!("| {what} | {sign} {bound} {unit} | {measured:.decimals$} {unit} | {verdict} |\n")
    }

    /// As the receipt keeps it.
    pub(crate) fn figure(&self) -> Value {
        let (key, bound) = match self.bound {
            Bound::AtMost(most) => ("at_most", most),
            Bound::AtLeast(least) => ("at_least", least),
        };
        let mut figure = json!({
            "aim": self.what, "measured": self.measured.as_ref().ok(), "unit": self.unit, "met": self.is_met(),
        });
        if let Some(figure) = figure.as_object_mut() {
            figure.insert(key.to_owned(), json!(bound));
            if let Err(why) = &self.measured {
                figure.insert("not_run".to_owned(), json!(why));
            }
        }
        figure
    }
}

/// The table of aims.
pub(crate) fn table(aims: &[Aim]) -> String {
    let rows: String = aims.iter().map(Aim::row).collect();
    format!("## Aims\n\n| aim | bound | measured | |\n|---|---|---|---|\n{rows}")
}

/// Writes the page to `file` and standard output, and the figures where they are wanted.
pub(crate) fn publish(page: &str, figures: &Value, file: &Path) -> Result<(), Failure> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, page)?;
    if let Some(wanted) = std::env::var_os(FIGURES_VARIABLE) {
        std::fs::write(wanted, figures.to_string())?;
    }
    Ok(std::io::stdout().write_all(page.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bound: Bound, measured: Result<f64, String>, expect: &str) {
        let row = Aim { what: "x".to_owned(), bound, measured, unit: "×" }.row();
        assert!(row.contains(expect), "{row}");
    }

    #[test]
    fn an_aim_says_how_far_it_was_met() {
        check(Bound::AtMost(4.0), Ok(2.0), "| 2.00 × | met, 50 % below |");
        check(Bound::AtMost(4.0), Ok(5.0), "**missed** by 25 %");
        check(Bound::AtLeast(100.0), Ok(150.0), "| 150 × | met, 50 % above |");
        check(Bound::AtLeast(100.0), Ok(f64::NAN), "**missed**");
        check(
            Bound::AtLeast(100.0),
            Err("no python".to_owned()),
            "not run: no python | **not shown**",
        );
    }
}
