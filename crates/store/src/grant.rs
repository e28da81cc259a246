//! What a virtual key may do, as an administrator typed it and as the gateway uses it.
//!
//! INVARIANT: a [`Grant`] is made only from checked options, so the gateway never meets a name with
//! control characters in it or an empty pattern. INVARIANT: an empty list as typed means no limit;
//! that is written in the options' documentation because it is the one permissive default.

use std::sync::Arc;

use events::{KeyId, Principal};
use policy::{AddressRange, Grants, Hours, NamePattern, Verb};
use serde::{Deserialize, Serialize};

use crate::Quota;

/// The most entries of one list of a grant: models, routes, tools, addresses, actions.
pub const GRANT_ENTRIES_MAX: usize = 100;
/// The longest name, application, team, tenant or model pattern, in bytes.
pub const GRANT_TEXT_BYTES_MAX: usize = 200;

/// A grant as typed: on the command line today, in the admin API later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantOptions {
    /// What people call the key. Not empty; need not be unique.
    pub name: String,
    /// The application that uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The team that owns the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Models it may ask for, as patterns in which `*` stands for any text. Empty: every model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Routes it may take, as patterns of the same kind. Empty: every route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// Tools it may offer to models, as patterns of the same kind. Empty: every tool.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// What it may do. Empty: everything that policy permits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Verb>,
    /// Addresses it may be used from. Empty: every address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
    /// When it may be used. None: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// How much it may use.
    #[serde(default, skip_serializing_if = "Quota::is_unlimited")]
    pub quota: Quota,
    /// From when on it is refused, in milliseconds since 1970. None: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// A grant that cannot be given. The caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// A required text is missing.
    #[error("the {what} is empty")]
    Empty {
        /// Which text.
        what: &'static str,
    },
    /// A text is too long.
    #[error("the {what} has {bytes} bytes, the limit is {GRANT_TEXT_BYTES_MAX}")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A text would break tables and logs.
    #[error("the {what} contains control characters")]
    ControlCharacters {
        /// Which text.
        what: &'static str,
    },
    /// A list is too long.
    #[error("{count} {what}, the limit is {GRANT_ENTRIES_MAX}")]
    TooMany {
        /// Which list.
        what: &'static str,
        /// How many were given.
        count: usize,
    },
    /// The key would never have worked.
    #[error("the key would expire before it is made")]
    ExpiresInThePast,
}

impl GrantOptions {
    /// Whether the grant can be given at all.
    pub(crate) fn check(&self) -> Result<(), GrantError> {
        let optional =
            [("application", &self.application), ("team", &self.team), ("tenant", &self.tenant)];
        check_text("name", &self.name)?;
        for (what, text) in optional {
            text.as_deref().map_or(Ok(()), |text| check_text(what, text))?;
        }
        for (what, count) in [
            ("model patterns", self.models.len()),
            ("route patterns", self.routes.len()),
            ("tool patterns", self.tools.len()),
            ("actions", self.actions.len()),
            ("address ranges", self.addresses.len()),
        ] {
            if count > GRANT_ENTRIES_MAX {
                return Err(GrantError::TooMany { what, count });
            }
        }
        self.models.iter().try_for_each(|model| check_text("model pattern", model))?;
        self.routes.iter().try_for_each(|route| check_text("route pattern", route))?;
        self.tools.iter().try_for_each(|tool| check_text("tool pattern", tool))
    }
}

fn check_text(what: &'static str, text: &str) -> Result<(), GrantError> {
    match text {
        _ if text.trim().is_empty() => Err(GrantError::Empty { what }),
        _ if text.len() > GRANT_TEXT_BYTES_MAX => {
            Err(GrantError::TooLong { what, bytes: text.len() })
        }
        _ if text.chars().any(char::is_control) => Err(GrantError::ControlCharacters { what }),
        _ => Ok(()),
    }
}

/// A checked grant: who a key speaks for and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What people call the key.
    pub name: String,
    /// Who it speaks for, with the key's id.
    pub principal: Principal,
    /// What it may do at most.
    pub limits: Arc<Grants>,
    /// How much it may use.
    pub quota: Quota,
}

impl Grant {
    pub(crate) fn new(id: KeyId, options: &GrantOptions) -> Self {
        Self {
            name: options.name.clone(),
            principal: Principal {
                application: options.application.clone(),
                key: Some(id),
                team: options.team.clone(),
                tenant: options.tenant.clone(),
                ..Principal::default()
            },
            quota: options.quota.clone(),
            limits: Arc::new(Grants {
                actions: unless_empty(&options.actions, |action| *action),
                addresses: unless_empty(&options.addresses, |range| *range),
                expires_ms: options.expires_ms,
                hours: options.hours.clone(),
                models: unless_empty(&options.models, |model| NamePattern::new(model)),
                routes: unless_empty(&options.routes, |route| NamePattern::new(route)),
                tools: unless_empty(&options.tools, |tool| NamePattern::new(tool)),
            }),
        }
    }
}

/// As typed, an empty list is no limit.
fn unless_empty<T, Limit>(list: &[T], limit: impl Fn(&T) -> Limit) -> Option<Vec<Limit>> {
    (!list.is_empty()).then(|| list.iter().map(limit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_that_cannot_be_given_say_why() {
        let named = |name: &str| GrantOptions { name: name.to_owned(), ..GrantOptions::default() };
        let message = |options: &GrantOptions| options.check().map_err(|error| error.to_string());
        assert_eq!(message(&named("ci")), Ok(()));
        assert_eq!(message(&named(&"n".repeat(GRANT_TEXT_BYTES_MAX))), Ok(()));
        assert_eq!(message(&named(" ")), Err("the name is empty".into()));
        assert_eq!(
            message(&named(&"n".repeat(GRANT_TEXT_BYTES_MAX + 1))),
            Err("the name has 201 bytes, the limit is 200".into())
        );
        assert_eq!(
            message(&named("red\u{1b}[31m")),
            Err("the name contains control characters".into())
        );
        let mut many = named("ci");
        many.models = vec!["m".into(); GRANT_ENTRIES_MAX];
        assert_eq!(message(&many), Ok(()));
        many.models.push("m".into());
        assert_eq!(message(&many), Err("101 model patterns, the limit is 100".into()));
        many.models = vec![String::new()];
        assert_eq!(message(&many), Err("the model pattern is empty".into()));
    }
}
