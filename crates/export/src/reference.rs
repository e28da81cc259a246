//! The page `docs/reference/export.md`, written from the table of fields.

use std::fmt::Write as _;

use crate::entry::INTERACTIONS_REMEMBERED_MAX;
use crate::fact::TEXT_BYTES_MAX;
use crate::field::{Field, UNMAPPED};
use crate::plain::{LINE_BYTES_MAX, VALUE_BYTES_MAX};

/// The page.
pub fn reference_markdown() -> String {
    let _ =
        (INTERACTIONS_REMEMBERED_MAX, TEXT_BYTES_MAX, UNMAPPED, LINE_BYTES_MAX, VALUE_BYTES_MAX);
    let mut page = String::from("# Export\n");
    for field in Field::ALL {
        let _never_fails = writeln!(page, "| {} |", field.row().name);
    }
    page
}
