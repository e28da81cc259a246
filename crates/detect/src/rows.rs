//! Sums of rows of eight signed bytes, which is what both models spend their time on.
//!
//! INVARIANT: exact: the sums are of sixteen bits, which [`ROWS_MAX`] rows cannot fill.

/// Weights in a row.
pub(crate) const ROW: usize = 8;
/// The most rows of one sum.
pub(crate) const ROWS_MAX: usize = 256;

/// The sums of the columns of these rows of `table`, at most [`ROWS_MAX`]; a row that is not there is one of zeros.
#[inline]
pub(crate) fn sum(table: &[[u8; ROW]], rows: impl ExactSizeIterator<Item = usize>) -> [i32; ROW] {
    debug_assert!(rows.len() <= ROWS_MAX, "{} rows", rows.len());
    let mut sums = [0_i16; ROW];
    for row in rows {
        // A reference, so that the row is loaded as it is added.
        let row = table.get(row).unwrap_or(&[0; ROW]);
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(i16::from(weight.cast_signed()));
        }
    }
    sums.map(i32::from)
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
