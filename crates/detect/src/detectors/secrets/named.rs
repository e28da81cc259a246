//! Keys without a mark of their own, known by the service that the name before them names.
//!
//! `MISTRAL_API_KEY=…` and `datadog_app_key: …` name the service, and each service's keys have a known
//! alphabet and length. Such a key is reported under its service instead of `secret.assignment`, and also
//! where the name says nothing of a key: `postmark: "<UUID>"`.
//!
//! INVARIANT: the name alone is never a reason: the whole value has the shape of the service's keys.
//!
//! Not here: what a name and a value are (`assignment`).

use super::randomness;

/// What a service's keys are made of, and how many characters they have.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Hexadecimal digits of one case.
    Hex(usize),
    /// Letters and digits.
    Alphanumeric(usize),
    /// Letters, digits, `-`, `_`, `.`, `+`, `/`, `=`: fewest and most.
    Encoded(usize, usize),
    /// A UUID (RFC 9562 §4).
    Uuid,
}

impl Shape {
    fn fits(self, value: &[u8]) -> bool {
        match self {
            Self::Hex(len) => value.len() == len && value.iter().all(u8::is_ascii_hexdigit),
            Self::Alphanumeric(len) => {
                value.len() == len && value.iter().all(u8::is_ascii_alphanumeric)
            }
            Self::Encoded(min, max) => {
                (min..=max).contains(&value.len()) && value.iter().all(|byte| is_encoded(*byte))
            }
            Self::Uuid => {
                value.len() == 36
                    && value.iter().enumerate().all(|(place, byte)| match place {
                        8 | 13 | 18 | 23 => *byte == b'-',
                        _ => byte.is_ascii_hexdigit(),
                    })
            }
        }
    }
}

const fn is_encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b'~')
}

/// The fewest characters of any service's keys.
const KEY_BYTES_MIN: usize = 20;

/// The service as it is written in names without signs and case, the kind, and the shape. Longer names stand
/// before names that they contain.
const SERVICES: &[(&str, &str, Shape)] = &[
    ("azureopenai", "secret.azure_openai_key", Shape::Hex(32)),
    ("mistral", "secret.mistral_key", Shape::Alphanumeric(32)),
    ("cohere", "secret.cohere_key", Shape::Alphanumeric(40)),
    ("ai21", "secret.ai21_key", Shape::Encoded(32, 40)),
    ("together", "secret.together_key", Shape::Hex(64)),
    ("sambanova", "secret.sambanova_key", Shape::Uuid),
    ("stability", "secret.stability_key", Shape::Encoded(40, 56)),
    ("deepinfra", "secret.deepinfra_key", Shape::Alphanumeric(32)),
    ("deepgram", "secret.deepgram_key", Shape::Hex(40)),
    ("assemblyai", "secret.assemblyai_key", Shape::Hex(32)),
    ("elevenlabs", "secret.elevenlabs_key", Shape::Hex(32)),
    ("wandb", "secret.wandb_key", Shape::Hex(40)),
    ("pinecone", "secret.pinecone_key", Shape::Uuid),
    ("weaviate", "secret.weaviate_key", Shape::Encoded(32, 80)),
    ("qdrant", "secret.qdrant_key", Shape::Encoded(32, 80)),
    ("zilliz", "secret.zilliz_key", Shape::Encoded(64, 90)),
    ("milvus", "secret.zilliz_key", Shape::Encoded(64, 90)),
    ("novita", "secret.novita_key", Shape::Encoded(32, 48)),
    ("baseten", "secret.baseten_key", Shape::Encoded(36, 48)),
    ("lepton", "secret.lepton_key", Shape::Encoded(24, 48)),
    ("serper", "secret.serper_key", Shape::Hex(40)),
    ("serpapi", "secret.serpapi_key", Shape::Hex(64)),
    ("exaapi", "secret.exa_key", Shape::Uuid),
    ("unstructured", "secret.unstructured_key", Shape::Alphanumeric(30)),
    ("watsonx", "secret.ibm_cloud_key", Shape::Encoded(44, 44)),
    ("ibmcloud", "secret.ibm_cloud_key", Shape::Encoded(44, 44)),
    ("cloudflare", "secret.cloudflare_token", Shape::Encoded(37, 40)),
    ("heroku", "secret.heroku_key", Shape::Uuid),
    ("fastly", "secret.fastly_token", Shape::Encoded(32, 32)),
    ("linode", "secret.linode_token", Shape::Hex(64)),
    ("hetzner", "secret.hetzner_token", Shape::Alphanumeric(64)),
    ("vultr", "secret.vultr_key", Shape::Alphanumeric(36)),
    ("datadog", "secret.datadog_key", Shape::Hex(32)),
    ("datadogapp", "secret.datadog_key", Shape::Hex(40)),
    ("algolia", "secret.algolia_key", Shape::Hex(32)),
    ("rollbar", "secret.rollbar_token", Shape::Hex(32)),
    ("sumologic", "secret.sumologic_key", Shape::Alphanumeric(64)),
    ("sourcegraph", "secret.sourcegraph_token", Shape::Hex(40)),
    ("snyk", "secret.snyk_token", Shape::Uuid),
    ("codecov", "secret.codecov_token", Shape::Uuid),
    ("circleci", "secret.circleci_token", Shape::Hex(40)),
    ("travis", "secret.travis_token", Shape::Alphanumeric(22)),
    ("meraki", "secret.meraki_key", Shape::Hex(40)),
    ("postmark", "secret.postmark_token", Shape::Uuid),
    ("sparkpost", "secret.sparkpost_key", Shape::Hex(40)),
    ("mailjet", "secret.mailjet_key", Shape::Hex(32)),
    ("twilio", "secret.twilio_token", Shape::Hex(32)),
    ("plivo", "secret.plivo_token", Shape::Alphanumeric(40)),
    ("okta", "secret.okta_token", Shape::Encoded(42, 42)),
    ("todoist", "secret.todoist_token", Shape::Hex(40)),
    ("asana", "secret.asana_token", Shape::Hex(32)),
    ("trello", "secret.trello_token", Shape::Hex(32)),
    ("bitly", "secret.bitly_token", Shape::Hex(40)),
    ("coinbase", "secret.coinbase_key", Shape::Encoded(64, 96)),
    ("kraken", "secret.kraken_key", Shape::Encoded(80, 90)),
    ("finnhub", "secret.finnhub_key", Shape::Alphanumeric(20)),
    ("openweather", "secret.openweather_key", Shape::Hex(32)),
];

/// Where the last two letters of a name stand among the bits of [`ENDINGS`].
const fn ending(a: u8, b: u8) -> (usize, u32) {
    ((a % 64) as usize, (b % 64) as u32)
}

/// A bit for every last two letters of a service; hardly a name has any.
static ENDINGS: [u64; 64] = {
    let mut endings = [0; 64];
    let mut at = 0;
    while at < SERVICES.len() {
        if let Some([a, b]) = SERVICES[at].0.as_bytes().last_chunk() {
            let (word, bit) = ending(*a, *b);
            endings[word] |= 1 << bit;
        }
        at += 1;
    }
    endings
};

/// The kinds found here, each with what marks it.
pub(super) fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    SERVICES.iter().map(|(service, kind, _)| (*kind, *service))
}

/// The kind of the service's key that `value` is, if `name` (letters and digits in lower case) names one.
pub(super) fn find(name: &[u8], value: &[u8]) -> Option<&'static str> {
    if value.len() < KEY_BYTES_MIN || !value.iter().all(|byte| is_encoded(*byte)) {
        return None;
    }
    let (_, kind, _) = SERVICES.iter().find(|(service, _, shape)| {
        shape.fits(value) && name.windows(service.len()).any(|part| part == service.as_bytes())
    })?;
    randomness::looks_random(value).then_some(*kind)
}

/// Whether a service's name may end so.
pub(super) fn may_end([a, b]: [u8; 2]) -> bool {
    let (word, bit) = ending(a, b);
    ENDINGS.get(word).is_some_and(|word| word >> bit & 1 == 1)
}

/// Whether `name` ends with the name of a service.
pub(super) fn ends_with_service(name: &[u8]) -> bool {
    name.last_chunk().is_some_and(|last| may_end(*last))
        && SERVICES.iter().any(|(service, ..)| name.ends_with(service.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::check;
    use super::*;

    #[test]
    fn a_name_ends_with_a_service_or_does_not() {
        for (service, ..) in SERVICES {
            assert!(ends_with_service(format!("my{service}").as_bytes()), "{service}");
            assert!(!ends_with_service(format!("{service}~").as_bytes()), "{service}");
        }
        assert!(!ends_with_service(b"") && !ends_with_service(b"k"));
    }

    #[test]
    fn keys_are_reported_under_the_service_that_is_named() {
        for (kind, text, expect) in [
            (
                "secret.mistral_key",
                "MISTRAL_API_KEY=q8Zt3vK9xB2mN7cL4pRwT6yJ1hG5fD0a",
                "q8Zt3vK9xB2mN7cL4pRwT6yJ1hG5fD0a",
            ),
            (
                "secret.postmark_token",
                "postmark: \"f59dffd2-83ea-47c7-ba8f-95e053a6d0ae\",",
                "f59dffd2-83ea-47c7-ba8f-95e053a6d0ae",
            ),
            (
                "secret.sambanova_key",
                "sambanova_api_key: 'f59dffd2-83ea-47c7-ba8f-95e053a6d0ae'",
                "f59dffd2-83ea-47c7-ba8f-95e053a6d0ae",
            ),
            (
                "secret.wandb_key",
                "wandb_api_key=6d2fa6eb6ad1229bc199fab1f28fd3ef057df0bd",
                "6d2fa6eb6ad1229bc199fab1f28fd3ef057df0bd",
            ),
        ] {
            check(kind, text, &[expect]);
        }
    }

    #[test]
    fn the_name_alone_is_no_reason() {
        for text in [
            "mistral: \"open-mixtral-8x7b-2024-instruct\"",
            "postmark: \"a service for e-mail that we have\"",
            "datadog: 0123456789",
            "together_with: 00000000000000000000000000000000",
        ] {
            check("secret.", text, &[]);
        }
    }

    #[test]
    fn no_service_has_shorter_keys_than_are_read() {
        for (service, _, shape) in SERVICES {
            let min = match shape {
                Shape::Hex(len) | Shape::Alphanumeric(len) | Shape::Encoded(len, _) => *len,
                Shape::Uuid => 36,
            };
            assert!(min >= KEY_BYTES_MIN, "{service}");
        }
    }
}
