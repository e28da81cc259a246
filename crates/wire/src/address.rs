//! Azure's addresses of OpenAI's operations, read as the addresses that OpenAI's own API has for them.
//!
//! `/openai/v1/…` is the same API below another prefix. `/openai/deployments/{deployment}/…` names the model
//! in the path, and Azure does not look at the one in the body.
//!
//! INVARIANT: as in [`crate::route()`], a path is matched exactly as it stands.

use std::borrow::Cow;

use crate::route::is_model_name;

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
const WITHOUT_VERSION: [&str; 5] =
    ["responses", "responses/input_tokens", "models", "files", "batches"];
/// And what it has below paths of that kind.
const BELOW: [&str; 3] = ["models/", "files/", "batches/"];

/// Where something is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'p> {
    /// The path that OpenAI's own API has for it: `/v1/chat/completions`.
    pub path: Cow<'p, str>,
    /// The deployment that is asked instead of the model that the body names.
    pub deployment: Option<&'p str>,
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
}

impl Address<'_> {
    /// Whether this address may have the query: on Azure, `api-version` and nothing else.
    pub fn admits_query(&self, query: &str) -> bool {
        self.style != AddressStyle::Standard
            && query.strip_prefix("api-version=").is_some_and(is_version)
    }
}

/// Reads a path.
pub fn address(path: &str) -> Address<'_> {
    let standard = Address { path: path.into(), deployment: None, style: AddressStyle::Standard };
    let Some(rest) = path.strip_prefix("/openai/") else { return standard };
    let canonical = |rest: &str| format!("/v1/{rest}").into();
    if let Some(rest) = rest.strip_prefix("v1/") {
        return Address { path: canonical(rest), style: AddressStyle::AzureVersion1, ..standard };
    }
    let style = AddressStyle::Azure;
    let of_deployment = rest.strip_prefix("deployments/").and_then(|rest| rest.split_once('/'));
    match of_deployment {
        Some((deployment, rest)) if is_deployment(deployment) && OF_DEPLOYMENTS.contains(&rest) => {
            Address { path: canonical(rest), deployment: Some(deployment), style }
        }
        None if WITHOUT_VERSION.contains(&rest)
            || BELOW.iter().any(|path| rest.starts_with(path)) =>
        {
            Address { path: canonical(rest), deployment: None, style }
        }
        _ => standard,
    }
}

fn is_deployment(name: &str) -> bool {
    is_model_name(name)
}

/// `2024-10-21`, `2025-04-01-preview`, `preview`, `latest`, `v1`.
fn is_version(text: &str) -> bool {
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
    use crate::route::{Operation, Route, route};

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
            assert_eq!(address(path).deployment, deployment, "{path}");
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
