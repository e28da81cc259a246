//! What the streams of a PDF are encoded with (ISO 32000-1, 7.4): FlateDecode, ASCIIHexDecode and ASCII85Decode.
//!
//! Does not undo: LZWDecode, predictors, pictures.

use miniz_oxide::inflate::{decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};

/// Filters of one stream.
const FILTERS_MAX: usize = 4;

/// Undoes `filters`; at most `bytes_max` come out. Or the filter that is not read.
pub(super) fn undo(bytes: &[u8], filters: &[String], bytes_max: usize) -> Result<Vec<u8>, String> {
    let mut bytes = bytes.get(..bytes_max).unwrap_or(bytes).to_vec();
    for filter in filters.iter().take(FILTERS_MAX) {
        bytes = match filter.as_str() {
            "FlateDecode" | "Fl" => inflate(&bytes, bytes_max),
            "ASCIIHexDecode" | "AHx" => hex(&bytes),
            "ASCII85Decode" | "A85" => base85(&bytes),
            other => return Err(other.to_owned()),
        };
    }
    Ok(bytes)
}

fn inflate(bytes: &[u8], bytes_max: usize) -> Vec<u8> {
    // What came before the limit or the damage is text all the same.
    match decompress_to_vec_zlib_with_limit(bytes, bytes_max) {
        Ok(out) => out,
        Err(error) if !error.output.is_empty() => error.output,
        // Some readers take streams whose header is damaged.
        Err(_) => decompress_to_vec_with_limit(bytes.get(2..).unwrap_or_default(), bytes_max)
            .unwrap_or_else(|error| error.output),
    }
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let digits = bytes.iter().take_while(|byte| **byte != b'>');
    let digits: Vec<u8> =
        digits.filter_map(|byte| char::from(*byte).to_digit(16)).map(|digit| digit as u8).collect();
    digits
        .chunks(2)
        .map(|pair| pair.first().map_or(0, |high| high << 4) | pair.get(1).unwrap_or(&0))
        .collect()
}

fn base85(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut group, mut count) = (Vec::new(), 0_u32, 0);
    for byte in bytes.iter().take_while(|byte| **byte != b'~') {
        match byte {
            b'z' if count == 0 => out.extend([0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    out.extend(group.to_be_bytes());
                    (group, count) = (0, 0);
                }
            }
            _ => {}
        }
    }
    if count > 1 {
        let padded = (count..5).fold(group, |group, _| group.wrapping_mul(85).wrapping_add(84));
        out.extend(padded.to_be_bytes().into_iter().take(count - 1));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_undone_one_after_the_other() {
        let undo = |text: &str, filters: &[&str]| {
            let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
            undo(text.as_bytes(), &filters, 1000)
        };
        assert_eq!(undo("48 65 6c 6C 6f>", &["ASCIIHexDecode"]), Ok(b"Hello".to_vec()));
        assert_eq!(undo("87cURDZ~>", &["A85"]), Ok(b"Hello".to_vec()));
        assert_eq!(undo("3438>", &["AHx", "AHx"]), Ok(b"H".to_vec()));
        assert_eq!(undo("", &["DCTDecode"]), Err(String::from("DCTDecode")));
    }
}
