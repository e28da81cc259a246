//! What a client's certificate says: its alternative names and when it ends (RFC 5280 sections 4.1 and 4.2.1.6).
//!
//! TLS has verified the certificate up to a configured authority before anybody looks here. It is read once more
//! because the handshake may be long ago and because names are not part of what a handshake reports.
//!
//! INVARIANT: bounded: each byte is looked at once per level, and levels are fixed by the format. INVARIANT: at
//! most [`CERTIFICATE_NAMES_MAX`] names, each as printable as any other name of a principal; a certificate with
//! another one is refused. The common name of the subject is not read: it has no form of its own (RFC 9525).

use std::sync::Arc;

use events::Principal;

use crate::claims::Claims;
use crate::json::Json;
use crate::mapping::is_name;
use crate::{Admitted, CERTIFICATE_ISSUER, GrantTable};

/// Names of a certificate.
pub const CERTIFICATE_NAMES_MAX: usize = 64;

// Tags of DER (ITU-T X.690).
const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0] version` and `[3] extensions` of a certificate.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `[1]`, `[2]` and `[6]` of a general name.
const RFC822_NAME: u8 = 0x81;
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
/// `2.5.29.17`, subjectAltName.
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// A certificate that names nobody. The client's fault, or its authority's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not the encoding of a certificate.
    #[error("the certificate cannot be read")]
    Malformed,
    /// A name is too long, too many, or no text.
    #[error("the certificate has names that cannot be used")]
    Names,
    /// It has no URI, DNS name or e-mail address.
    #[error("the certificate has no alternative name: no URI, DNS name or e-mail address")]
    Nameless,
    /// Its time is over.
    #[error("the certificate has expired")]
    Expired,
}

/// The names of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// URIs, SPIFFE ids among them.
    pub uris: Vec<String>,
    /// Names of hosts.
    pub dns: Vec<String>,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// When it ends, in milliseconds since 1970.
    pub not_after_ms: u64,
}

impl CertificateNames {
    /// Reads them from a certificate in DER, whose time must not be over at `now_ms` (milliseconds since 1970).
    pub fn read(certificate: &[u8], now_ms: u64) -> Result<Self, CertificateError> {
        let names = Self::parse(certificate)?;
        if names.not_after_ms < now_ms {
            return Err(CertificateError::Expired);
        }
        Ok(names)
    }

    fn parse(certificate: &[u8]) -> Result<Self, CertificateError> {
        let malformed = CertificateError::Malformed;
        let mut outer = Der(certificate).take(SEQUENCE).ok_or(malformed)?;
        let mut fields = outer.take(SEQUENCE).ok_or(malformed)?;
        if fields.0.first() == Some(&VERSION) {
            fields.next().ok_or(malformed)?;
        }
        // Serial number, algorithm, issuer.
        for _ in 0..3 {
            fields.next().ok_or(malformed)?;
        }
        let mut validity = fields.take(SEQUENCE).ok_or(malformed)?;
        validity.next().ok_or(malformed)?;
        let (tag, end) = validity.next().ok_or(malformed)?;
        let not_after_ms = time_ms(tag, end.0).ok_or(malformed)?;
        let mut names = Self { not_after_ms, ..Self::default() };
        while let Some((tag, mut field)) = fields.next() {
            if tag == EXTENSIONS {
                names.read_extensions(field.take(SEQUENCE).ok_or(malformed)?)?;
            }
        }
        if !fields.0.is_empty() {
            return Err(malformed);
        }
        names.name().map(|_| ()).ok_or(CertificateError::Nameless)?;
        Ok(names)
    }

    fn read_extensions(&mut self, mut extensions: Der<'_>) -> Result<(), CertificateError> {
        let malformed = CertificateError::Malformed;
        while !extensions.0.is_empty() {
            let mut extension = extensions.take(SEQUENCE).ok_or(malformed)?;
            let id = extension.take(OBJECT_IDENTIFIER).ok_or(malformed)?;
            if id.0 != SUBJECT_ALT_NAME {
                continue;
            }
            // Whether it is critical may come first.
            let mut value = extension.next().ok_or(malformed)?;
            if value.0 != OCTET_STRING {
                value =
                    extension.next().filter(|(tag, _)| *tag == OCTET_STRING).ok_or(malformed)?;
            }
            let mut names = value.1.take(SEQUENCE).ok_or(malformed)?;
            while !names.0.is_empty() {
                let (tag, name) = names.next().ok_or(malformed)?;
                self.add(tag, name.0)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, tag: u8, name: &[u8]) -> Result<(), CertificateError> {
        let list = match tag {
            URI => &mut self.uris,
            DNS_NAME => &mut self.dns,
            RFC822_NAME => &mut self.emails,
            _ => return Ok(()),
        };
        let text = std::str::from_utf8(name).ok().filter(|text| text.is_ascii() && is_name(text));
        list.push(text.ok_or(CertificateError::Names)?.to_owned());
        if self.uris.len() + self.dns.len() + self.emails.len() > CERTIFICATE_NAMES_MAX {
            return Err(CertificateError::Names);
        }
        Ok(())
    }

    /// What records call its owner: the first URI, else the first DNS name, else the first e-mail address.
    pub fn name(&self) -> Option<&str> {
        let name = self.uris.first().or(self.dns.first()).or(self.emails.first())?;
        Some(name)
    }

    /// Who its owner is, and what the row that fits grants; nothing, if none fits.
    pub fn admit(&self, grants: &GrantTable) -> Option<Admitted> {
        let list = |names: &[String]| Json::List(names.iter().cloned().map(Json::Text).collect());
        let claims: Claims = [("uri", &self.uris), ("dns", &self.dns), ("email", &self.emails)]
            .into_iter()
            .map(|(claim, names)| (claim.to_owned(), list(names)))
            .collect();
        let row = grants.row_for(&claims)?;
        let name = self.name()?.to_owned();
        let principal = Principal {
            agent: row.agent.clone(),
            // A certificate is most often a program's.
            application: row.application.clone().or_else(|| Some(name.clone())),
            issuer: Some(CERTIFICATE_ISSUER.to_owned()),
            team: row.team.clone(),
            tenant: row.tenant.clone(),
            user: Some(name),
            ..Principal::default()
        };
        let (limits, expires_ms) = (Arc::clone(&row.limits), self.not_after_ms);
        Some(Admitted { principal, limits, token_id: None, expires_ms })
    }
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl Der<'_> {
    /// The next value and its tag. Lengths are definite and as short as they can be, as DER has them.
    fn next(&mut self) -> Option<(u8, Self)> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match usize::from(*first) {
            short @ ..0x80 => (short, rest),
            long => {
                let count = long - 0x80;
                let (bytes, rest) = rest.split_at_checked(count)?;
                let is_shortest = (1..=3).contains(&count) && bytes.first() != Some(&0);
                let length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                if !is_shortest || length < 0x80 {
                    return None;
                }
                (length, rest)
            }
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, Self(value)))
    }

    /// The next value, if it has this tag.
    fn take(&mut self, tag: u8) -> Option<Self> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, value)| value)
    }
}

/// A time of a certificate (RFC 5280 section 4.1.2.5), in milliseconds since 1970: `YYMMDDHHMMSSZ` for the years
/// 1950 to 2049, `YYYYMMDDHHMMSSZ` for others.
fn time_ms(tag: u8, text: &[u8]) -> Option<u64> {
    let (digits, last) = text.split_last_chunk::<1>()?;
    if last != b"Z" || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let two = |at: usize| {
        let pair = digits.get(at..at + 2)?;
        Some(pair.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
    };
    let (year, at) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            (two(0).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2)
        }
        (GENERALIZED_TIME, 14) => (two(0)? * 100 + two(2)?, 4),
        _ => return None,
    };
    let (month, day) = (two(at)?, two(at + 2)?);
    let (hour, minute, second) = (two(at + 4)?, two(at + 6)?, two(at + 8)?);
    let is_time = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !is_time {
        return None;
    }
    let days = days_since_1970(year, month, day)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// Days from 1 January 1970 to a day of the Gregorian calendar; nothing before it.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    // Years that begin in March end with the leap day, and their months follow a pattern.
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let month = (month + 9) % 12;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // 1 March of the year 0 to 1 January 1970.
    days.checked_sub(719_468)
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
