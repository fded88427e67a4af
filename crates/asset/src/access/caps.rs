//! How much of a title a class of viewers gets, and how a URL says it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Languages that caps may name: what they make of a URL stays short.
const MAX_LANGUAGES: usize = 16;

/// The most that a viewer gets; without any field, everything.
///
/// Its text is the *view* of signed links: `720-sdr-en.fr` is at most 720 lines, no HDR, sound in English and French;
/// `full-hdr` is everything. One value has one text, in an alphabet without wildcards or anything that a URL escapes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caps {
    /// Lines of the picture at most, counted on its shorter side, so that an upright 720×1280 is 720 too. The lowest
    /// rung is for everybody.
    #[serde(default, deserialize_with = "lines", skip_serializing_if = "Option::is_none")]
    pub max_height: Option<u32>,
    /// Whether HDR is included.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub hdr: bool,
    /// Languages of sound; all of them unless given. `pt` includes `pt-BR`. A title that has none of them keeps its own.
    #[serde(default, deserialize_with = "languages", skip_serializing_if = "Option::is_none")]
    pub audio: Option<BTreeSet<Language>>,
}

/// A BCP 47 tag in small letters, such as `pt-br`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

/// The text is no view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a view is written as 720-sdr-en.fr")]
pub struct BadView;

/// The text is no tag of a language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no language tag such as \"fr\" or \"pt-BR\"")]
pub struct BadLanguage(String);

impl Default for Caps {
    fn default() -> Caps {
        Caps { max_height: None, hdr: true, audio: None }
    }
}

impl Caps {
    /// True where everything is included.
    pub fn are_none(&self) -> bool {
        *self == Caps::default()
    }

    /// Is sound in `language`, a BCP 47 tag, included?
    pub fn include_audio(&self, language: &str) -> bool {
        let language = language.to_ascii_lowercase();
        let matches = |wanted: &Language| {
            // RFC 4647 §3.3.1, basic filtering.
            let rest = language.strip_prefix(&wanted.0);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.audio.as_ref().is_none_or(|audio| audio.iter().any(matches))
    }
}

impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max_height {
            Some(lines) => write!(f, "{lines}")?,
            None => f.write_str("full")?,
        }
        f.write_str(if self.hdr { "-hdr" } else { "-sdr" })?;
        for (index, language) in self.audio.iter().flatten().enumerate() {
            write!(f, "{}{}", if index == 0 { '-' } else { '.' }, language.0)?;
        }
        Ok(())
    }
}

impl FromStr for Caps {
    type Err = BadView;

    fn from_str(text: &str) -> Result<Caps, BadView> {
        let mut parts = text.splitn(3, '-');
        let max_height = match parts.next() {
            Some("full") => None,
            lines => Some(lines.and_then(|lines| lines.parse().ok()).filter(|n| *n > 0).ok_or(BadView)?),
        };
        let hdr = match parts.next() {
            Some("hdr") => true,
            Some("sdr") => false,
            _ => return Err(BadView),
        };
        let read = |list: &str| list.split('.').map(str::parse).collect::<Result<BTreeSet<_>, _>>();
        let audio = parts.next().map(read).transpose().map_err(|_| BadView)?;
        let caps = Caps { max_height, hdr, audio };
        // One value has one text.
        let few = caps.audio.as_ref().is_none_or(|audio| audio.len() <= MAX_LANGUAGES);
        if few && caps.to_string() == text { Ok(caps) } else { Err(BadView) }
    }
}

impl FromStr for Language {
    type Err = BadLanguage;

    fn from_str(text: &str) -> Result<Language, BadLanguage> {
        let mut parts = text.split('-');
        let is_primary =
            |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic());
        let is_subtag =
            |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let fits = parts.next().is_some_and(is_primary) && parts.all(is_subtag) && text.len() <= 35;
        if fits { Ok(Language(text.to_ascii_lowercase())) } else { Err(BadLanguage(text.to_owned())) }
    }
}

impl TryFrom<String> for Language {
    type Error = BadLanguage;

    fn try_from(text: String) -> Result<Language, BadLanguage> {
        text.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> String {
        language.0
    }
}

fn yes() -> bool {
    true
}

fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match Option::deserialize(deserializer)? {
        Some(0) => Err(serde::de::Error::custom("`max_height` is at least 1")),
        lines => Ok(lines),
    }
}

fn languages<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BTreeSet<Language>>, D::Error> {
    let list: Option<BTreeSet<Language>> = Option::deserialize(deserializer)?;
    match list.as_ref().map(BTreeSet::len) {
        None | Some(1..=MAX_LANGUAGES) => Ok(list),
        Some(_) => Err(serde::de::Error::custom(format!(
            "`audio` names one to {MAX_LANGUAGES} languages, or is left out"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_text_and_one_text_one_value() {
        let mut texts = BTreeSet::new();
        let lists = [&[][..], &["fr"], &["en", "fr"], &["any"], &["all", "full"], &["pt-BR"], &["pt", "br"]];
        for max_height in [None, Some(1), Some(72), Some(720), Some(u32::MAX)] {
            for hdr in [true, false] {
                for list in lists {
                    let audio: BTreeSet<Language> =
                        list.iter().map(|tag| tag.parse().expect("a tag")).collect();
                    let caps = Caps { max_height, hdr, audio: Some(audio).filter(|a| !a.is_empty()) };
                    let text = caps.to_string();
                    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
                    assert!(text.bytes().all(plain), "{text}");
                    assert_eq!(text.parse(), Ok(caps));
                    assert!(texts.insert(text), "two values, one text");
                }
            }
        }
        for bad in [
            "",
            "720",
            "720-",
            "720-sdr-",
            "0-sdr",
            "0720-sdr",
            "+720-sdr",
            "-720-sdr",
            "Full-sdr",
            "720-SDR",
            "720-sdr-FR",
            "720-sdr-fr.en",
            "720-sdr-fr.fr",
            "720-sdr-fr.",
            "720-sdr-*",
            "720-sdr-f?",
            "720-sdr-fr&view=full-hdr",
            "4294967296-sdr",
            " 720-sdr",
            "720-sdr\n",
        ] {
            assert_eq!(bad.parse::<Caps>(), Err(BadView), "{bad:?}");
        }
    }

    #[test]
    fn a_language_includes_its_regions_and_no_other() {
        let caps: Caps = "full-hdr-en.pt-br".parse().expect("a view");
        for (language, included) in
            [("en", true), ("EN-gb", true), ("eng", false), ("pt", false), ("pt-BR", true), ("und", false)]
        {
            assert_eq!(caps.include_audio(language), included, "{language}");
        }
        assert!(Caps::default().include_audio("und"));
    }
}
