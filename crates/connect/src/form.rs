//! `application/x-www-form-urlencoded`, as RFC 6749 appendix B has it.
//!
//! INVARIANT: whatever a value holds, it is one value of its own name.

use bytes::Bytes;
use http::HeaderValue;

/// A form that is being written.
#[derive(Default)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    /// What it is.
    pub(crate) const TYPE: &'static str = "application/x-www-form-urlencoded";
    /// The same, as a header.
    pub(crate) const CONTENT_TYPE: HeaderValue = HeaderValue::from_static(Self::TYPE);

    /// A form of these pairs.
    pub(crate) fn of(pairs: &[(&'static str, &str)]) -> Bytes {
        let mut form = Self::default();
        for (name, value) in pairs {
            form.put(name, value);
        }
        form.finish()
    }

    /// Appends a value; names are ours and plain.
    pub(crate) fn put(&mut self, name: &'static str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                self.0.push(byte);
            } else {
                self.0.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
        }
    }

    /// The whole form.
    pub(crate) fn finish(self) -> Bytes {
        Bytes::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn a_value_cannot_begin_another() {
        let mut form = Form::default();
        form.put("a", "x&b=y z+é");
        form.put("c", "");
        assert_eq!(&form.finish()[..], b"a=x%26b%3Dy%20z%2B%C3%A9&c=");
    }
}
