//! From claims to a principal.
//!
//! INVARIANT: a name is one text of at most [`NAME_BYTES_MAX`] bytes without control characters; a claim that is
//! mapped and is something else refuses the token rather than leaving the name out. INVARIANT: the issuer is part
//! of every principal, so that nobody can be somebody of another issuer by having the same subject.

use std::sync::Arc;

use events::Principal;
use policy::Grants;

use crate::claims::{ClaimPath, Claims, text_of};
use crate::grant_table::GrantRow;
use crate::json::Json;
use crate::{GrantTable, TokenRefusal};

/// Bytes of a name that comes from a claim or a certificate.
pub const NAME_BYTES_MAX: usize = 200;
/// What principals have as their issuer if their certificate decided.
pub const CERTIFICATE_ISSUER: &str = "certificate";

/// Which claim says what.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// For whom the token speaks; it must be there.
    pub user: ClaimPath,
    /// The agent that acts for the user.
    pub agent: Option<ClaimPath>,
    /// The application.
    pub application: Option<ClaimPath>,
    /// The team.
    pub team: Option<ClaimPath>,
    /// The tenant.
    pub tenant: Option<ClaimPath>,
}

/// A caller who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Who it is.
    pub principal: Principal,
    /// What it may do at most.
    pub limits: Arc<Grants>,
    /// The token's own id, if it has one.
    pub token_id: Option<String>,
    /// When the token ends, in milliseconds since 1970.
    pub expires_ms: u64,
}

impl Mapping {
    /// Who a verified token speaks for, and what the row that fits it grants.
    pub(crate) fn admit(
        &self,
        issuer: &str,
        claims: &Claims,
        grants: &GrantTable,
    ) -> Result<(Principal, Arc<Grants>), TokenRefusal> {
        let user = name(&self.user, claims)?.ok_or(TokenRefusal::Claim)?;
        let mapped = |path: &Option<ClaimPath>| match path {
            Some(path) => name(path, claims),
            None => Ok(None),
        };
        let (agent, application) = (mapped(&self.agent)?, mapped(&self.application)?);
        let (team, tenant) = (mapped(&self.team)?, mapped(&self.tenant)?);
        let row = grants.row_for(claims).ok_or(TokenRefusal::NoGrant)?;
        let GrantRow { agent: _, application: _, team: _, tenant: _, limits, when: _ } = row;
        let principal = Principal {
            agent: row.agent.clone().or(agent),
            application: row.application.clone().or(application),
            end_user: None,
            issuer: Some(issuer.to_owned()),
            key: None,
            team: row.team.clone().or(team),
            tenant: row.tenant.clone().or(tenant),
            user: Some(user),
        };
        Ok((principal, Arc::clone(limits)))
    }
}

/// The one text of a claim.
fn name(path: &ClaimPath, claims: &Claims) -> Result<Option<String>, TokenRefusal> {
    let value = match path.find(claims) {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::List(items)) => match items.as_slice() {
            [] => return Ok(None),
            [only] => only,
            _ => return Err(TokenRefusal::Claim),
        },
        Some(value) => value,
    };
    let text = text_of(value).filter(|text| is_name(text)).ok_or(TokenRefusal::Claim)?;
    Ok(Some(text.into_owned()))
}

/// Whether a text can be a name in tables and records.
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
}
