//! Azure's addresses of OpenAI's operations, read as the addresses that OpenAI's own API has for them; Google's and Amazon's.
//!
//! `/openai/v1/…` is the same API below another prefix. `/openai/deployments/{deployment}/…` names the model
//! in the path, and Azure does not look at the one in the body. Nor does Google, whose two services have one API at
//! two addresses: what stands before `models/` (a version, a project, a place) is the caller's guess at what the
//! upstream's base URL says, and is not sent on.
//!
//! INVARIANT: as in [`crate::route()`], a path is matched exactly as it stands.

use std::borrow::Cow;

use crate::route::{is_model_name, percent_decoded};

/// What can be asked of one deployment.
const OF_DEPLOYMENTS: [&str; 9] = [
    "audio/speech",
    "audio/transcriptions",
    "audio/translations",
    "chat/completions",
    "completions",
    "embeddings",
    "images/edits",
    "images/generations",
    "images/variations",
];
/// What Azure has without a deployment and without the version in the path.
const WITHOUT_VERSION: [&str; 6] =
    ["responses", "responses/input_tokens", "models", "files", "batches", "realtime"];
/// And what it has below paths of that kind.
const BELOW: [&str; 3] = ["models/", "files/", "batches/"];

/// Where something is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'p> {
    /// The path that OpenAI's own API has for it: `/v1/chat/completions`. Google's, without what stands before
    /// `/models`.
    pub path: Cow<'p, str>,
    /// The model or deployment that the path names. It is asked, whatever model the body names.
    pub model: Option<Cow<'p, str>>,
    /// Which of the ways to write it is used.
    pub style: AddressStyle,
}

/// A way to write addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressStyle {
    /// As OpenAI and most others have it.
    Standard,
    /// `/openai/v1/…`.
    AzureVersion1,
    /// `/openai/…?api-version=…`.
    Azure,
    /// `/v1beta/models/{model}:{method}`, and Vertex AI's `/v1/projects/…/publishers/google/models/{model}:{method}`.
    Gemini,
    /// `/model/{modelId}/converse`.
    Bedrock,
}

impl Address<'_> {
    /// Whether this address may have the query: on Azure, `api-version` and nothing else.
    pub fn admits_query(&self, query: &str) -> bool {
        matches!(self.style, AddressStyle::AzureVersion1 | AddressStyle::Azure)
            && query.strip_prefix("api-version=").is_some_and(is_version)
    }
}

/// Reads a path.
pub fn address(path: &str) -> Address<'_> {
    let standard = Address { path: path.into(), model: None, style: AddressStyle::Standard };
    if let Some((path, model)) = of_google(path) {
        let model = model.map(Cow::from);
        return Address { path: path.into(), model, style: AddressStyle::Gemini };
    }
    if let Some((path, model)) = of_bedrock(path) {
        return Address { path: path.into(), model: Some(model), style: AddressStyle::Bedrock };
    }
    let Some(rest) = path.strip_prefix("/openai/") else { return standard };
    let canonical = |rest: &str| format!("/v1/{rest}").into();
    if let Some(rest) = rest.strip_prefix("v1/") {
        return Address { path: canonical(rest), style: AddressStyle::AzureVersion1, ..standard };
    }
    let style = AddressStyle::Azure;
    let of_deployment = rest.strip_prefix("deployments/").and_then(|rest| rest.split_once('/'));
    match of_deployment {
        Some((deployment, rest)) if is_deployment(deployment) && OF_DEPLOYMENTS.contains(&rest) => {
            Address { path: canonical(rest), model: Some(deployment.into()), style }
        }
        None if WITHOUT_VERSION.contains(&rest)
            || BELOW.iter().any(|path| rest.starts_with(path)) =>
        {
            Address { path: canonical(rest), model: None, style }
        }
        _ => standard,
    }
}

fn is_deployment(name: &str) -> bool {
    is_model_name(name)
}

/// What can be asked of one of Google's models.
const OF_GEMINI: [&str; 5] = [
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
    "batchEmbedContents",
];

/// Whether a path looks like one of Google's, known or not.
pub(crate) fn is_googles(path: &str) -> bool {
    ["/v1beta/", "/v1beta1/", "/v1/projects/", "/v1/publishers/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
        || of_google(path).is_some()
}

/// A path of Google's from `/models` on, and the model that it names.
fn of_google(path: &str) -> Option<(&str, Option<&str>)> {
    let (version, rest) = path.strip_prefix('/')?.split_once('/')?;
    if !matches!(version, "v1" | "v1beta" | "v1beta1") {
        return None;
    }
    let below = below_the_project(rest)?;
    let from_models = path.get(path.len() - below.len() - 1..)?;
    // The list is OpenAI's at OpenAI's path, and Vertex AI has another.
    let lists = version == "v1beta" && rest == below;
    let Some(name) = below.strip_prefix("models/") else {
        return (lists && below == "models").then_some((from_models, None));
    };
    let model = match name.rsplit_once(':') {
        Some((model, method)) if OF_GEMINI.contains(&method) => model,
        None if lists => name,
        _ => return None,
    };
    (is_model_name(model) && !model.contains(['/', ':'])).then_some((from_models, Some(model)))
}

/// A path without `projects/{project}/locations/{location}/publishers/google/`, or the last two of these.
fn below_the_project(path: &str) -> Option<&str> {
    const PUBLISHER: &str = "publishers/google/";
    let Some(rest) = path.strip_prefix("projects/") else {
        return Some(path.strip_prefix(PUBLISHER).unwrap_or(path));
    };
    let (project, rest) = rest.split_once("/locations/")?;
    let (location, rest) = rest.split_once('/')?;
    let are_names =
        [project, location].iter().all(|name| is_model_name(name) && !name.contains('/'));
    rest.strip_prefix(PUBLISHER).filter(|_| are_names)
}

/// What every path of Bedrock's begins with.
pub(crate) const OF_BEDROCK: &str = "/model/";

/// A path of Bedrock's, with the model's name written in the one way that has no character with a meaning, and the model.
/// Names are plain, or have their slashes and colons percent-encoded.
fn of_bedrock(path: &str) -> Option<(String, Cow<'_, str>)> {
    let (name, method) = path.strip_prefix(OF_BEDROCK)?.rsplit_once('/')?;
    if !matches!(method, "converse" | "converse-stream") || name.contains('/') {
        return None;
    }
    let model =
        if name.contains('%') { Cow::from(percent_decoded(name)?) } else { Cow::from(name) };
    // A stored prompt is content that no guard sees.
    if !is_model_name(&model) || model.contains(":prompt/") {
        return None;
    }
    let mut path = OF_BEDROCK.to_owned();
    for character in model.chars() {
        match character {
            '/' => path.push_str("%2F"),
            ':' => path.push_str("%3A"),
            '@' => path.push_str("%40"),
            '+' => path.push_str("%2B"),
            plain => path.push(plain),
        }
    }
    path.extend(["/", method]);
    Some((path, model))
}

/// `2024-10-21`, `2025-04-01-preview`, `preview`, `latest`, `v1`.
pub(crate) fn is_version(text: &str) -> bool {
    if matches!(text, "preview" | "latest" | "v1") {
        return true;
    }
    let date = text.strip_suffix("-preview").unwrap_or(text);
    let mut parts = date.split('-');
    let mut is_number = |digits: usize| {
        let part = parts.next().unwrap_or_default();
        part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    is_number(4) && is_number(2) && is_number(2) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::{AddressStyle, address};
    use crate::route::{Dialect, Operation, Route, dialect_of, route};

    #[test]
    fn bedrocks_models_have_names_of_many_forms() {
        let arn = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.m-v1:0";
        let escaped =
            "arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.m-v1%3A0";
        for (name, model, sent) in [
            ("anthropic.claude-v2:1", "anthropic.claude-v2:1", "anthropic.claude-v2%3A1"),
            ("anthropic.claude-v2%3A1", "anthropic.claude-v2:1", "anthropic.claude-v2%3A1"),
            (escaped, arn, escaped),
        ] {
            for (method, operation) in
                [("converse", Operation::Converse), ("converse-stream", Operation::ConverseStream)]
            {
                let path = format!("/model/{name}/{method}");
                assert_eq!(route("POST", &path), Route::Known(operation), "{path}");
                let address = address(&path);
                assert_eq!(address.model.as_deref(), Some(model), "{path}");
                assert_eq!(address.path, format!("/model/{sent}/{method}"), "{path}");
            }
        }
        for path in [
            "/model//converse",
            "/model/../converse",
            "/model/%2e%2e/converse",
            "/model/a/b/converse",
            "/model/a%00b/converse",
            "/model/a%20b/converse",
            "/model/a/converse/",
            "/model/a/invoke",
            "/model/a/invoke-with-response-stream",
            "/model/a/count-tokens",
        ] {
            assert_eq!(route("POST", path), Route::Unknown, "{path}");
            assert_eq!(dialect_of(path), Dialect::Bedrock, "{path}");
        }
    }

    #[test]
    fn googles_services_have_one_api_at_two_addresses() {
        let vertex = "/v1/projects/my-project/locations/europe-west4/publishers/google";
        for (method, path, operation, below) in [
            (
                "POST",
                "/v1beta/models/g-2.5:generateContent",
                Operation::GenerateContent,
                "/models/g-2.5:generateContent",
            ),
            (
                "POST",
                "/v1/models/g:generateContent",
                Operation::GenerateContent,
                "/models/g:generateContent",
            ),
            (
                "POST",
                "/v1beta/models/g:streamGenerateContent",
                Operation::StreamGenerateContent,
                "/models/g:streamGenerateContent",
            ),
            (
                "POST",
                "/v1beta/models/g:countTokens",
                Operation::GeminiCountTokens,
                "/models/g:countTokens",
            ),
            (
                "POST",
                "/v1beta/models/g:embedContent",
                Operation::EmbedContent,
                "/models/g:embedContent",
            ),
            (
                "POST",
                "/v1beta/models/g:batchEmbedContents",
                Operation::BatchEmbedContents,
                "/models/g:batchEmbedContents",
            ),
            ("GET", "/v1beta/models", Operation::GeminiModelList, "/models"),
            ("GET", "/v1beta/models/g", Operation::GeminiModelShow, "/models/g"),
            (
                "POST",
                &format!("{vertex}/models/g@001:generateContent"),
                Operation::GenerateContent,
                "/models/g@001:generateContent",
            ),
            (
                "POST",
                "/v1beta1/publishers/google/models/g:countTokens",
                Operation::GeminiCountTokens,
                "/models/g:countTokens",
            ),
        ] {
            assert_eq!(route(method, path), Route::Known(operation), "{path}");
            let address = address(path);
            assert_eq!((&*address.path, address.style), (below, AddressStyle::Gemini), "{path}");
            assert_eq!(dialect_of(path), Dialect::Gemini, "{path}");
            let model = below.strip_prefix("/models/").and_then(|rest| rest.split(':').next());
            assert_eq!(address.model.as_deref(), model, "{path}");
        }
        for path in [
            "/v1beta/models/",
            "/v1beta/models/g:predict",
            "/v1beta/models/g:generateContent/",
            "/v1beta/models/a/b:generateContent",
            "/v1beta/models/..:generateContent",
            "/v1beta/models/a%2Fb:generateContent",
            "/v1beta/tunedModels/g:generateContent",
            "/v1beta/cachedContents",
            "/v1beta/files",
            "/v1beta/projects/p/models/g:generateContent",
            "/v1/projects/p/locations/../publishers/google/models/g:generateContent",
            "/v1/projects/p/locations/l/publishers/meta/models/g:generateContent",
            "/v1/projects/p/locations/l/models/g:generateContent",
            "/v1/projects/p/q/locations/l/publishers/google/models/g:generateContent",
        ] {
            assert_eq!(route("POST", path), Route::Unknown, "{path}");
            assert_eq!(dialect_of(path), Dialect::Gemini, "{path}");
        }
        assert_eq!(route("GET", "/v1/models"), Route::Known(Operation::ModelList));
        assert_eq!(route("GET", "/v1/models/g:8b"), Route::Known(Operation::ModelShow));
    }

    #[test]
    fn azure_has_the_same_operations_elsewhere() {
        for (method, path, operation, deployment) in [
            (
                "POST",
                "/openai/deployments/my-gpt.4o/chat/completions",
                Operation::ChatCompletions,
                Some("my-gpt.4o"),
            ),
            ("POST", "/openai/deployments/d/completions", Operation::Completions, Some("d")),
            ("POST", "/openai/deployments/d/embeddings", Operation::Embeddings, Some("d")),
            ("POST", "/openai/v1/chat/completions", Operation::ChatCompletions, None),
            ("POST", "/openai/v1/responses", Operation::Responses, None),
            ("POST", "/openai/responses", Operation::Responses, None),
            ("GET", "/openai/models/m", Operation::ModelShow, None),
            ("POST", "/openai/files", Operation::FileUpload, None),
            ("GET", "/openai/files/a/content", Operation::FileContent, None),
            ("POST", "/openai/v1/batches", Operation::BatchCreate, None),
            ("POST", "/openai/batches/a/cancel", Operation::BatchCancel, None),
        ] {
            assert_eq!(route(method, path), Route::Known(operation), "{path}");
            assert_eq!(address(path).model.as_deref(), deployment, "{path}");
        }
        assert_eq!(address("/v1/responses").style, AddressStyle::Standard);
    }

    #[test]
    fn near_misses_are_unknown() {
        for path in [
            "/openai",
            "/openai/",
            "/openai/chat/completions",
            "/openai/deployments//chat/completions",
            "/openai/deployments/../chat/completions",
            "/openai/deployments/a/b/chat/completions",
            "/openai/deployments/a%2Fb/chat/completions",
            "/openai/deployments/d/chat/completions/",
            "/openai/deployments/d/responses",
            "/openai/deployments/d/extensions/chat/completions",
            "/openai/v1/messages",
            "/openai/v1/messages/batches",
            "/openai/messages/batches/a/results",
            "/openai/v1//chat/completions",
            "/openai/v1/v1/chat/completions",
            "/Openai/v1/chat/completions",
        ] {
            assert_eq!(route("POST", path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn of_all_queries_the_version_alone_is_admitted() {
        let azure = address("/openai/deployments/d/chat/completions");
        for version in ["2024-10-21", "2025-04-01-preview", "preview", "latest", "v1"] {
            assert!(azure.admits_query(&format!("api-version={version}")), "{version}");
        }
        for query in [
            "",
            "api-version",
            "api-version=",
            "api-version=2024-10-21&x=1",
            "api-version=2024-10-21%20",
            "api-version=20241021",
            "api-version=my-name-is-preview",
            "Api-Version=2024-10-21",
            "api-version=2024-10-21-preview-preview",
            "x=1&api-version=2024-10-21",
        ] {
            assert!(!azure.admits_query(query), "{query}");
        }
        assert!(!address("/v1/chat/completions").admits_query("api-version=2024-10-21"));
    }
}
