//! A value that cannot be printed.
//!
//! INVARIANT: `Secret` implements none of `Debug`, `Display` and `Serialize`, so a struct that holds
//! one cannot derive them either; reading the value is a call that a reviewer can search for
//! (`expose`). The memory is wiped when the value is dropped.

use zeroize::Zeroize;

/// Holds a key, token or password. See the module's invariant.
///
/// ```compile_fail
/// let key = stdx::Secret::new(String::from("sk-live"));
/// println!("{key:?}"); // does not compile: a secret has no `Debug`
/// ```
#[expect(
    missing_debug_implementations,
    reason = "a secret that can be formatted is a secret that will be logged"
)]
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes ownership of the value; no copy is left behind by this call.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call site is a place to review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn exposes_what_was_put_in() {
        assert_eq!(Secret::new(String::from("s3cr3t")).expose(), "s3cr3t");
    }
}
