//! Sums of rows of eight signed bytes, which is what both models spend their time on.
//!
//! INVARIANT: exact: a row is read as eight unsigned numbers, each 128 too high, which are added in fields of
//! sixteen bits that [`ROWS_MAX`] of them cannot fill.

/// Weights in a row.
pub(crate) const ROW: usize = 8;
/// The most rows of one sum.
pub(crate) const ROWS_MAX: usize = 256;

/// The sums of the columns of these rows of `table`, at most [`ROWS_MAX`]; a row that is not there is one of zeros.
#[inline]
pub(crate) fn sum(table: &[[u8; ROW]], rows: impl ExactSizeIterator<Item = usize>) -> [i32; ROW] {
    const FIELDS: u64 = 0x00ff_00ff_00ff_00ff;
    const SIGNS: u64 = 0x8080_8080_8080_8080;
    debug_assert!(rows.len() <= ROWS_MAX, "{} rows", rows.len());
    let excess = 128 * rows.len() as u32;
    let (mut even, mut odd) = (0_u64, 0_u64);
    for row in rows {
        let row = table.get(row).copied().unwrap_or_default();
        let row = u64::from_le_bytes(row) ^ SIGNS;
        even += row & FIELDS;
        odd += (row >> 8) & FIELDS;
    }
    std::array::from_fn(|place| {
        let fields = if place % 2 == 0 { even } else { odd };
        let field = u32::from((fields >> (8 * (place & !1))) as u16);
        field.cast_signed() - excess.cast_signed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_and_the_lowest_weights_add_up() {
        let table = [[0x80_u8; ROW], [0x7f; ROW], [1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0]];
        assert_eq!(sum(&table, (0..ROWS_MAX).map(|_| 0)), [-128 * 256; ROW]);
        assert_eq!(sum(&table, (0..ROWS_MAX).map(|_| 1)), [127 * 256; ROW]);
        assert_eq!(sum(&table, [2, 2, 9].into_iter()), [2, 4, 6, 8, -2, -4, -6, 0]);
        assert_eq!(sum(&table, std::iter::empty()), [0; ROW]);
    }
}
