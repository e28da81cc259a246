//! How much of a message is read before it is refused.
//!
//! INVARIANT: every limit has a named constant with its unit last, is the default of [`ReadLimits`],
//! and a test crosses it.

/// Bytes of a whole message. Inline images and audio dominate; text alone never comes near.
pub const BODY_BYTES_MAX: usize = 32 << 20;
/// Containers open at once. Deeper documents are where readers of JSON disagree.
pub const DEPTH_MAX: usize = 128;
/// Values of every kind. 2,048 vectors of 3,072 numbers are 6.3 million.
pub const VALUES_MAX: usize = 8 << 20;
/// Pieces of text; and, counted apart, echoes of them and endings of choices.
pub const FIELDS_MAX: usize = 1 << 16;
/// Bytes of one key between its quotes, before escapes are resolved.
pub const KEY_BYTES_MAX: usize = 1024;
/// Keys of one object.
pub const OBJECT_KEYS_MAX: usize = 1 << 14;
/// Bytes of one number.
pub const NUMBER_BYTES_MAX: usize = 64;
/// Messages in one: lines of a file, requests of a batch. As many lines as OpenAI's API takes; Anthropic's takes twice as
/// many requests.
pub const MEMBERS_MAX: usize = 50_000;
/// Bytes of one of several messages, with its line.
pub const MEMBER_BYTES_MAX: usize = 4 << 20;
/// How many times as many pieces of text as one message may have, several may have together.
pub const MEMBERS_FIELDS_FACTOR: usize = 4;

/// The limits of one reading. Crossing any of them is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// See [`BODY_BYTES_MAX`]. Values above 4 GiB − 1 count as that.
    pub body_bytes_max: usize,
    /// See [`DEPTH_MAX`].
    pub depth_max: usize,
    /// See [`VALUES_MAX`].
    pub values_max: usize,
    /// See [`FIELDS_MAX`].
    pub fields_max: usize,
    /// See [`KEY_BYTES_MAX`].
    pub key_bytes_max: usize,
    /// See [`OBJECT_KEYS_MAX`].
    pub object_keys_max: usize,
    /// See [`NUMBER_BYTES_MAX`].
    pub number_bytes_max: usize,
    /// See [`MEMBERS_MAX`].
    pub members_max: usize,
    /// Whether media may be referred to by URLs of places inside the network of whoever fetches them.
    pub takes_inner_media: bool,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: BODY_BYTES_MAX,
            depth_max: DEPTH_MAX,
            values_max: VALUES_MAX,
            fields_max: FIELDS_MAX,
            key_bytes_max: KEY_BYTES_MAX,
            object_keys_max: OBJECT_KEYS_MAX,
            number_bytes_max: NUMBER_BYTES_MAX,
            members_max: MEMBERS_MAX,
            takes_inner_media: false,
        }
    }
}

/// What happens to a field that the content map does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnknownFields {
    /// Its text is scanned like any other, and its path is listed (`balanced`).
    Scan,
    /// The message is refused (`strict`).
    Refuse,
}
