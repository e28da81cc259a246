//! How a secret is sealed: encrypted under a key of its own, which is encrypted under the sealing key.
//!
//! Each sealed secret has a fresh data key, and both are AES-256-GCM (NIST SP 800-38D) with random nonces. The name of the
//! secret is associated data of both, so that what was sealed under one name does not open under another.
//!
//! INVARIANT: whatever is not exactly what was sealed, under that name and with that key, is an error and never a value.
//! INVARIANT: no error and no document says anything of a secret but its name.
//!
//! Not here: where sealed secrets are kept (`sealed`), keys that another program holds (`bartizan` has a [`KeyWrapper`] that
//! asks it).

use data_encoding::HEXLOWER;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use stdx::Secret;
use zeroize::Zeroizing;

use crate::SECRET_BYTES;

/// Bytes of a secret that can be sealed.
pub const SEALED_BYTES_MAX: usize = 8 << 10;
/// Bytes of the name of a sealed secret.
pub const SEALED_NAME_BYTES_MAX: usize = 64;
/// Bytes of an encrypted data key.
pub const WRAPPED_KEY_BYTES_MAX: usize = 16 << 10;

/// What the encryption of a value is bound to, besides its name. Stored documents depend on both.
const VALUE_LABEL: &[u8] = b"bartizan sealed secret v1\0";
/// What the encryption of a data key is bound to, besides the name.
const DATA_KEY_LABEL: &[u8] = b"bartizan data key v1\0";
/// What the id of a sealing key is made from.
const KEY_ID_LABEL: &[u8] = b"bartizan sealing key id v1";
/// Bytes of that id.
const KEY_ID_BYTES: usize = 8;

/// A key that encrypts a secret.
pub type DataKey = Secret<[u8; SECRET_BYTES]>;

/// What encrypts data keys, wherever it is kept.
pub trait KeyWrapper: Send + Sync {
    /// What documents call it, so that it can be said which key is missing. Nothing of the key.
    fn id(&self) -> &str;
    /// Encrypts the data key of the secret of this name. May wait for another program.
    fn wrap(&self, name: &str, data_key: &DataKey) -> Result<Vec<u8>, WrapError>;
    /// Decrypts it. May wait for another program.
    fn open(&self, name: &str, wrapped: &[u8]) -> Result<DataKey, WrapError>;
}

/// A data key could not be encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// It is not what was encrypted, or not with this key, or not under this name. Never retryable.
    #[error("it was changed, cut short, or belongs to another name")]
    Damaged,
    /// The system has no randomness to give.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// What holds the key gave no answer. May be retried.
    #[error("{0}")]
    Unavailable(String),
}

/// A secret could not be sealed or opened. Whoever needs it goes without, and refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// What is stored is not what was sealed. Never retryable.
    #[error(
        "the sealed secret `{name}` cannot be opened: it was changed, cut short, or put in another's place"
    )]
    Damaged {
        /// Its name.
        name: String,
    },
    /// A name that is none. The caller's mistake.
    #[error(
        "`{name}` is not a name of a secret: write up to {SEALED_NAME_BYTES_MAX} small letters, digits, `-`, `_` and `.`, \
         a letter or digit first"
    )]
    Name {
        /// What was written.
        name: String,
    },
    /// The system has no randomness to give.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// Nothing that could be a key. The caller's mistake.
    #[error(
        "this cannot be a key: a key is one line of 1 to {SEALED_BYTES_MAX} visible ASCII characters"
    )]
    NotAKey,
    /// The key that holds the data key gave no answer. May be retried.
    #[error("the sealing key `{key}` cannot be used: {why}")]
    Unavailable {
        /// The id of the key.
        key: String,
        /// What went wrong.
        why: String,
    },
    /// It was sealed with a key that is not configured.
    #[error(
        "the secret `{name}` was sealed with the key `{sealed_with}`, and configured is {configured}"
    )]
    WrongKey {
        /// The ids of the keys that are there.
        configured: String,
        /// Its name.
        name: String,
        /// The id of the key that is needed.
        sealed_with: String,
    },
}

/// A sealed secret as it is stored. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The id of the key that holds the data key.
    pub key: String,
    /// The value under the data key: nonce, ciphertext and tag, in hexadecimal digits.
    pub value: String,
    /// The data key, encrypted, in hexadecimal digits.
    pub wrapped: String,
}

/// The keys that seal and open: one seals; it and those before it open.
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct Sealing {
    current: Box<dyn KeyWrapper>,
    previous: Vec<Box<dyn KeyWrapper>>,
}

impl Sealing {
    /// Seals with `current`, and opens also what was sealed with those in `previous`.
    pub fn new(current: Box<dyn KeyWrapper>, previous: Vec<Box<dyn KeyWrapper>>) -> Self {
        Self { current, previous }
    }

    /// The id of the key that seals.
    pub fn key_id(&self) -> &str {
        self.current.id()
    }

    /// Seals a secret under its name. May wait for another program.
    pub fn seal(&self, name: &str, secret: &Secret<String>) -> Result<Sealed, SealError> {
        check_name(name)?;
        let value = secret.expose();
        let is_key = (1..=SEALED_BYTES_MAX).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_key {
            return Err(SealError::NotAKey);
        }
        let mut data_key = Zeroizing::new([0; SECRET_BYTES]);
        SystemRandom::new().fill(data_key.as_mut()).map_err(|_| SealError::NoRandomness)?;
        let data_key = Secret::new(*data_key);
        let value = encrypt(data_key.expose(), VALUE_LABEL, name, value.as_bytes());
        let value = value.map_err(|error| said(&*self.current, name, error))?;
        let wrapped = self.wrapped(name, &data_key)?;
        Ok(Sealed { key: self.current.id().to_owned(), value: HEXLOWER.encode(&value), wrapped })
    }

    /// Opens what was sealed under this name. May wait for another program.
    pub fn open(&self, name: &str, sealed: &Sealed) -> Result<Secret<String>, SealError> {
        let data_key = self.data_key(name, sealed)?;
        let damaged = || SealError::Damaged { name: name.to_owned() };
        let value = HEXLOWER.decode(sealed.value.as_bytes()).map_err(|_| damaged())?;
        let value = decrypt(data_key.expose(), VALUE_LABEL, name, &value).ok_or_else(damaged)?;
        let text = std::str::from_utf8(&value).map_err(|_| damaged())?;
        Ok(Secret::new(text.to_owned()))
    }

    /// The same secret, its data key encrypted anew with the key that seals now. May wait for another program.
    pub fn rewrap(&self, name: &str, sealed: &Sealed) -> Result<Sealed, SealError> {
        // Whoever rewraps finds out now, and not later, that it does not open.
        drop(self.open(name, sealed)?);
        let wrapped = self.wrapped(name, &self.data_key(name, sealed)?)?;
        let (key, value) = (self.current.id().to_owned(), sealed.value.clone());
        Ok(Sealed { key, value, wrapped })
    }

    fn wrapped(&self, name: &str, data_key: &DataKey) -> Result<String, SealError> {
        let wrapped = self.current.wrap(name, data_key);
        Ok(HEXLOWER.encode(&wrapped.map_err(|error| said(&*self.current, name, error))?))
    }

    fn data_key(&self, name: &str, sealed: &Sealed) -> Result<DataKey, SealError> {
        let mut all = std::iter::once(&self.current).chain(&self.previous);
        let Some(wrapper) = all.find(|wrapper| wrapper.id() == sealed.key) else {
            let all = std::iter::once(&self.current).chain(&self.previous);
            let ids: Vec<String> = all.map(|wrapper| format!("`{}`", wrapper.id())).collect();
            return Err(SealError::WrongKey {
                configured: ids.join(", "),
                name: name.to_owned(),
                sealed_with: sealed.key.clone(),
            });
        };
        let damaged = || SealError::Damaged { name: name.to_owned() };
        let wrapped = HEXLOWER.decode(sealed.wrapped.as_bytes()).map_err(|_| damaged())?;
        if wrapped.len() > WRAPPED_KEY_BYTES_MAX {
            return Err(damaged());
        }
        wrapper.open(name, &wrapped).map_err(|error| said(&**wrapper, name, error))
    }
}

/// A sealing key that this process holds itself.
pub struct LocalKey {
    id: String,
    key: Secret<[u8; SECRET_BYTES]>,
}

impl std::fmt::Debug for LocalKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LocalKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl LocalKey {
    /// The key, and an id that says which one it is and nothing else about it.
    pub fn new(key: Secret<[u8; SECRET_BYTES]>) -> Self {
        let hash = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), KEY_ID_LABEL);
        let short = hash.as_ref().get(..KEY_ID_BYTES).unwrap_or_default();
        Self { id: format!("local:{}", HEXLOWER.encode(short)), key }
    }
}

impl KeyWrapper for LocalKey {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap(&self, name: &str, data_key: &DataKey) -> Result<Vec<u8>, WrapError> {
        encrypt(self.key.expose(), DATA_KEY_LABEL, name, data_key.expose())
    }

    fn open(&self, name: &str, wrapped: &[u8]) -> Result<DataKey, WrapError> {
        let bytes = decrypt(self.key.expose(), DATA_KEY_LABEL, name, wrapped);
        let bytes = bytes.and_then(|bytes| bytes.as_slice().try_into().ok());
        bytes.map(Secret::new).ok_or(WrapError::Damaged)
    }
}

fn said(wrapper: &dyn KeyWrapper, name: &str, error: WrapError) -> SealError {
    match error {
        WrapError::Damaged => SealError::Damaged { name: name.to_owned() },
        WrapError::NoRandomness => SealError::NoRandomness,
        WrapError::Unavailable(why) => SealError::Unavailable { key: wrapper.id().to_owned(), why },
    }
}

/// Whether this can be the name of a sealed secret.
pub fn check_name(name: &str) -> Result<(), SealError> {
    let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_name = name.len() <= SEALED_NAME_BYTES_MAX
        && name.bytes().next().is_some_and(is_first)
        && name.bytes().all(|byte| is_first(byte) || matches!(byte, b'-' | b'_' | b'.'));
    if is_name { Ok(()) } else { Err(SealError::Name { name: name.to_owned() }) }
}

fn associated(label: &[u8], name: &str) -> Aad<Vec<u8>> {
    Aad::from([label, name.as_bytes()].concat())
}

/// Nonce, ciphertext and tag.
fn encrypt(
    key: &[u8; SECRET_BYTES],
    label: &[u8],
    name: &str,
    plain: &[u8],
) -> Result<Vec<u8>, WrapError> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| WrapError::NoRandomness)?;
    let mut plain = Zeroizing::new(plain.to_vec());
    let tag = UnboundKey::new(&AES_256_GCM, key).and_then(|key| {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let aad = associated(label, name);
        LessSafeKey::new(key).seal_in_place_separate_tag(nonce, aad, plain.as_mut_slice())
    });
    let tag = tag.map_err(|_| WrapError::Damaged)?;
    Ok([&nonce[..], &plain, tag.as_ref()].concat())
}

fn decrypt(
    key: &[u8; SECRET_BYTES],
    label: &[u8],
    name: &str,
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut bytes = Zeroizing::new(rest.to_vec());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = key.open_in_place(nonce, associated(label, name), bytes.as_mut_slice()).ok()?;
    let plain_bytes = plain.len();
    bytes.truncate(plain_bytes);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn local(byte: u8) -> Box<dyn KeyWrapper> {
        Box::new(LocalKey::new(Secret::new([byte; SECRET_BYTES])))
    }

    fn sealing(byte: u8) -> Sealing {
        Sealing::new(local(byte), Vec::new())
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn opened(sealing: &Sealing, name: &str, sealed: &Sealed) -> Result<String, SealError> {
        sealing.open(name, sealed).map(|secret| secret.expose().clone())
    }

    #[test]
    fn what_was_sealed_opens_under_its_name_and_with_its_key_only() {
        let sealing = sealing(1);
        let sealed = sealing.seal("openai", &secret("sk-1")).expect("sealed");
        assert_eq!(opened(&sealing, "openai", &sealed).as_deref(), Ok("sk-1"));
        let again = sealing.seal("openai", &secret("sk-1")).expect("sealed");
        assert_ne!(sealed, again, "two sealings say nothing of being the same");
        let name = "azure".to_owned();
        assert_eq!(opened(&sealing, "azure", &sealed), Err(SealError::Damaged { name }));
        let error = opened(&self::sealing(2), "openai", &sealed).expect_err("another key");
        assert!(matches!(error, SealError::WrongKey { .. }), "{error}");
        assert!(error.to_string().contains(sealing.key_id()), "{error}");
        // Who calls a key by another's name does not get past the tag.
        let forged = Sealed { key: self::sealing(2).key_id().to_owned(), ..sealed };
        let error = opened(&self::sealing(2), "openai", &forged).expect_err("another key");
        assert!(matches!(error, SealError::Damaged { .. }), "{error}");
    }

    #[test]
    fn parts_of_different_secrets_do_not_fit_together() {
        let sealing = sealing(1);
        let one = sealing.seal("a", &secret("sk-a")).expect("sealed");
        let other = sealing.seal("a", &secret("sk-old")).expect("sealed");
        let mixed = Sealed { wrapped: other.wrapped, ..one };
        assert!(matches!(opened(&sealing, "a", &mixed), Err(SealError::Damaged { .. })));
    }

    #[test]
    fn rewrapped_secrets_open_with_the_new_key_alone() {
        let sealed = sealing(1).seal("a", &secret("sk-a")).expect("sealed");
        let both = Sealing::new(local(2), vec![local(1)]);
        assert_eq!(opened(&both, "a", &sealed).as_deref(), Ok("sk-a"));
        let rewrapped = both.rewrap("a", &sealed).expect("rewrapped");
        assert_eq!(opened(&sealing(2), "a", &rewrapped).as_deref(), Ok("sk-a"));
        assert!(opened(&sealing(1), "a", &rewrapped).is_err());
        assert!(sealing(2).rewrap("a", &sealed).is_err(), "what does not open is not rewrapped");
    }

    #[test]
    fn names_and_values_have_limits() {
        let sealing = sealing(1);
        let long = "n".repeat(SEALED_NAME_BYTES_MAX);
        for (name, is_name) in [
            ("openai", true),
            ("a.b-c_9", true),
            (long.as_str(), true),
            (&format!("{long}n"), false),
            ("", false),
            ("-a", false),
            ("A", false),
            ("a b", false),
            ("a/../b", false),
            ("é", false),
        ] {
            assert_eq!(sealing.seal(name, &secret("k")).is_ok(), is_name, "{name}");
        }
        let long = "k".repeat(SEALED_BYTES_MAX);
        for (value, is_key) in [
            (long.as_str(), true),
            (&format!("{long}k"), false),
            ("", false),
            ("a b", false),
            ("a\n", false),
            ("é", false),
        ] {
            assert_eq!(sealing.seal("a", &secret(value)).is_ok(), is_key, "{value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn whatever_is_changed_does_not_open(
            in_value in any::<bool>(),
            at in any::<proptest::sample::Index>(),
            cut in any::<bool>(),
            put in "[0-9a-gé]",
        ) {
            let sealing = sealing(3);
            let sealed = sealing.seal("a", &secret("sk-live-1234")).expect("sealed");
            let mut changed = sealed.clone();
            let text = if in_value { &mut changed.value } else { &mut changed.wrapped };
            let at = at.index(text.len());
            if cut { text.truncate(at) } else { text.replace_range(at..=at, &put) }
            let expected = if changed == sealed { Ok("sk-live-1234".to_owned()) } else {
                Err(SealError::Damaged { name: "a".to_owned() })
            };
            prop_assert_eq!(opened(&sealing, "a", &changed), expected);
        }
    }
}
