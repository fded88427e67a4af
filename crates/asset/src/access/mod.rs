//! `vod/<asset>/access.json`: who may watch an asset, from when to when, where, and how much of it. An asset without the
//! document is for whoever is signed in. Written by editors, never by publishing, so that it outlives every version.

mod caps;
mod country;

use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

pub use caps::{BadView, Caps, Language};
pub use country::{BadCountry, Country};

/// The form of the document that this program reads and writes.
const VERSION: u32 = 1;

/// The rules of one asset. [`Access::parse`] reads it; a field that it does not know may restrict, so it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Form of the document: 1.
    #[serde(deserialize_with = "known_version")]
    version: u32,
    /// Who.
    pub viewers: Viewers,
    /// Not before this moment.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<OffsetDateTime>,
    /// Not at or after this moment; links that are open end then too.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub not_after: Option<OffsetDateTime>,
    /// Where; everywhere unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub countries: Option<Countries>,
    /// Caps by class of viewer: the first whose groups the viewer is in counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// The caps of whoever is in no class.
    #[serde(default, skip_serializing_if = "Caps::are_none")]
    pub default_caps: Caps,
}

/// Who may watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Viewers {
    /// Everybody, without a token too.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// Members of any of these Cognito groups.
    Groups(Vec<String>),
}

/// Where an asset may be watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Countries {
    /// There alone.
    Allow(Vec<Country>),
    /// Everywhere else.
    Deny(Vec<Country>),
}

/// Viewers who get the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Members of any of these Cognito groups.
    pub groups: Vec<String>,
    /// What they get.
    pub caps: Caps,
}

/// The text is no access document. Says what is wrong with it, and where.
#[derive(Debug, thiserror::Error)]
pub enum BadAccess {
    /// No JSON of this form.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// A list that restricts to nothing or to everything.
    #[error("`{0}` is empty: leave it out, or name at least one")]
    Empty(&'static str),
    /// What Cognito names no group.
    #[error("{0:?} is no name of a Cognito group: 1 to 128 characters, no spaces")]
    Group(String),
    /// A window that is never open.
    #[error("`not_before` is not earlier than `not_after`, so the title would never be open")]
    NeverOpen,
}

impl Default for Access {
    /// What holds where there is no document.
    fn default() -> Access {
        Access {
            version: VERSION,
            viewers: Viewers::SignedIn,
            not_before: None,
            not_after: None,
            countries: None,
            classes: Vec::new(),
            default_caps: Caps::default(),
        }
    }
}

impl Access {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// Another form or version of it, a field that is not known, a list that is empty, a window that never opens.
    pub fn parse(json: &[u8]) -> Result<Access, BadAccess> {
        let access: Access = serde_json::from_slice(json)?;
        access.check()?;
        Ok(access)
    }

    /// What [`Access::parse`] checks, for a document that was changed.
    pub fn check(&self) -> Result<(), BadAccess> {
        if let Viewers::Groups(groups) = &self.viewers {
            check_groups("groups", groups)?;
        }
        match &self.countries {
            Some(Countries::Allow(list)) if list.is_empty() => return Err(BadAccess::Empty("allow")),
            Some(Countries::Deny(list)) if list.is_empty() => return Err(BadAccess::Empty("deny")),
            _ => {}
        }
        for class in &self.classes {
            check_groups("classes.groups", &class.groups)?;
        }
        match (self.not_before, self.not_after) {
            (Some(from), Some(until)) if from >= until => Err(BadAccess::NeverOpen),
            _ => Ok(()),
        }
    }
}

impl Countries {
    /// May it be watched in `country`?
    pub fn permit(&self, country: Country) -> bool {
        match self {
            Countries::Allow(list) => list.contains(&country),
            Countries::Deny(list) => !list.contains(&country),
        }
    }
}

fn check_groups(field: &'static str, groups: &[String]) -> Result<(), BadAccess> {
    if groups.is_empty() {
        return Err(BadAccess::Empty(field));
    }
    // Cognito: [\p{L}\p{M}\p{S}\p{N}\p{P}]+, at most 128 characters.
    let fits = |name: &String| {
        let no_blank = !name.chars().any(|c| c.is_whitespace() || c.is_control());
        (1..=128).contains(&name.chars().count()) && no_blank
    };
    groups.iter().find(|name| !fits(name)).map_or(Ok(()), |name| Err(BadAccess::Group(name.clone())))
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        VERSION => Ok(VERSION),
        other => {
            let problem = format!("version {other} of the document is not known here, which is {VERSION}");
            Err(serde::de::Error::custom(problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Access, String> {
        Access::parse(json.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_document_reads_as_it_was_written() {
        let full = r#"{"version":1,"viewers":{"groups":["premium","staff"]},"not_before":"2026-12-01T20:00:00Z",
            "not_after":"2027-12-01T00:00:00+01:00","countries":{"allow":["FR","BE"]},
            "classes":[{"groups":["premium"],"caps":{}},{"groups":["staff"],"caps":{"hdr":false}}],
            "default_caps":{"max_height":720,"hdr":false,"audio":["fr","pt-BR"]}}"#;
        let access = parsed(full).expect("good");
        assert_eq!(access.default_caps.to_string(), "720-sdr-fr.pt-br");
        assert!(access.classes[0].caps.are_none() && !access.classes[1].caps.are_none());
        let again = serde_json::to_string(&access).expect("json");
        assert_eq!(parsed(&again).expect("good"), access);
        assert_eq!(
            serde_json::to_string(&Access::default()).expect("json"),
            r#"{"version":1,"viewers":"signed-in"}"#
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_and_named() {
        for (json, part) in [
            ("", "EOF"),
            ("{}", "version"),
            (r#"{"version":1}"#, "viewers"),
            (r#"{"version":2,"viewers":"public"}"#, "version 2"),
            (r#"{"version":1,"viewers":"everybody"}"#, "everybody"),
            (r#"{"version":1,"viewers":"public","region":"EU"}"#, "region"),
            (r#"{"version":1,"viewers":{"groups":[]}}"#, "`groups` is empty"),
            (r#"{"version":1,"viewers":{"groups":["a b"]}}"#, "\"a b\""),
            (r#"{"version":1,"viewers":"public","not_before":"tomorrow"}"#, "line 1"),
            (
                r#"{"version":1,"viewers":"public","not_before":"2026-01-02T00:00:00Z","not_after":"2026-01-02T00:00:00Z"}"#,
                "never be open",
            ),
            (r#"{"version":1,"viewers":"public","countries":{"allow":[]}}"#, "`allow` is empty"),
            (r#"{"version":1,"viewers":"public","countries":{"allow":["UK"]}}"#, "\"UK\""),
            (r#"{"version":1,"viewers":"public","countries":{"allow":["fr"]}}"#, "\"fr\""),
            (r#"{"version":1,"viewers":"public","countries":{"allow":["FR"],"deny":["BE"]}}"#, "line 1"),
            (r#"{"version":1,"viewers":"public","default_caps":{"max_height":0}}"#, "max_height"),
            (r#"{"version":1,"viewers":"public","default_caps":{"audio":[]}}"#, "audio"),
            (r#"{"version":1,"viewers":"public","default_caps":{"audio":["*"]}}"#, "\"*\""),
            (r#"{"version":1,"viewers":"public","default_caps":{"max_width":1}}"#, "max_width"),
            (r#"{"version":1,"viewers":"public","classes":[{"groups":["a"]}]}"#, "caps"),
        ] {
            let problem = parsed(json).expect_err(json);
            assert!(problem.contains(part), "{json}: {problem}");
        }
    }
}
