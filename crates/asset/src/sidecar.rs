//! Subtitle files beside an episode: `<episode>.<language>[.forced|.sdh].{srt,vtt}`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Extensions that are taken along with an episode, not as one.
const EXTENSIONS: [&str; 2] = ["srt", "vtt"];
/// Words before the extension that say what kind of subtitles a file has.
const KINDS: [(&str, SubtitleKind); 5] = [
    ("forced", SubtitleKind::Forced),
    ("foreign", SubtitleKind::Forced),
    ("sdh", SubtitleKind::Sdh),
    ("cc", SubtitleKind::Sdh),
    ("hi", SubtitleKind::Sdh),
];

/// What subtitles are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubtitleKind {
    /// All that is said.
    #[default]
    Full,
    /// Only what nobody can do without, such as foreign dialogue and signs.
    Forced,
    /// All that is said and heard, for the deaf and hard of hearing.
    Sdh,
}

/// The subtitle file's name, read against an episode's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SidecarName<'a> {
    /// The language tag as the name has it; none where it has none.
    pub language: Option<&'a str>,
    /// What the subtitles are for.
    pub kind: SubtitleKind,
}

/// True for the name of a subtitle file: it belongs to an episode and is none itself.
pub fn is_sidecar(key: &str) -> bool {
    stem_of_sidecar(key).is_some()
}

/// Reads the name of a subtitle file beside the episode with this stem (its key or name without the extension); none
/// where it belongs to another.
pub fn sidecar_of<'a>(stem: &str, key: &'a str) -> Option<SidecarName<'a>> {
    let named = stem_of_sidecar(key)?;
    let rest = match named.strip_prefix(stem)? {
        "" => return Some(SidecarName { language: None, kind: SubtitleKind::Full }),
        rest => rest.strip_prefix('.')?,
    };
    let (first, second) = rest.split_once('.').map_or((rest, None), |(first, second)| (first, Some(second)));
    match (kind(first), second) {
        // Alone it is a language: Hindi.
        (Some(kind), None) if !first.eq_ignore_ascii_case("hi") => Some(SidecarName { language: None, kind }),
        _ if !is_tag(first) => None,
        (_, None) => Some(SidecarName { language: Some(first), kind: SubtitleKind::Full }),
        (_, Some(word)) => kind(word).map(|kind| SidecarName { language: Some(first), kind }),
    }
}

/// The shortest stem that the episode of this subtitle file may have.
pub fn shortest_stem(key: &str) -> Option<&str> {
    let mut stem = stem_of_sidecar(key)?;
    if let Some((before, word)) = split_last(stem)
        && kind(word).is_some()
    {
        stem = before;
    }
    match split_last(stem) {
        Some((before, word)) if is_tag(word) => Some(before),
        _ => Some(stem),
    }
}

fn stem_of_sidecar(key: &str) -> Option<&str> {
    let (stem, extension) = split_last(key)?;
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)).then_some(stem)
}

/// Before and behind the last dot of the last part of a path; a dot at its begin does not count.
fn split_last(path: &str) -> Option<(&str, &str)> {
    let name_start = path.rfind('/').map_or(0, |i| i + 1);
    let dot = name_start + path[name_start..].rfind('.').filter(|dot| *dot > 0)?;
    Some((&path[..dot], &path[dot + 1..]))
}

fn kind(word: &str) -> Option<SubtitleKind> {
    KINDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, kind)| *kind)
}

/// The shape of a language tag (BCP 47): two or three letters, then parts of two to eight letters and digits.
fn is_tag(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

impl SubtitleKind {
    /// What tells folders of one language apart: `en`, `en-forced`, `en-sdh`.
    pub fn suffix(self) -> &'static str {
        match self {
            SubtitleKind::Full => "",
            SubtitleKind::Forced => "-forced",
            SubtitleKind::Sdh => "-sdh",
        }
    }
}

impl fmt::Display for SubtitleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SubtitleKind::Full => "full",
            SubtitleKind::Forced => "forced",
            SubtitleKind::Sdh => "SDH",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stem: &str, key: &str) -> Option<(String, SubtitleKind)> {
        sidecar_of(stem, key).map(|name| (name.language.unwrap_or("-").to_owned(), name.kind))
    }

    #[test]
    fn names_say_language_and_kind() {
        use SubtitleKind::{Forced, Full, Sdh};
        let table = [
            ("uploads/demo.en.srt", "en", Full),
            ("uploads/demo.EN.VTT", "EN", Full),
            ("uploads/demo.pt-BR.vtt", "pt-BR", Full),
            ("uploads/demo.zh_Hant.srt", "zh_Hant", Full),
            ("uploads/demo.en.forced.srt", "en", Forced),
            ("uploads/demo.eng.SDH.srt", "eng", Sdh),
            ("uploads/demo.en.cc.vtt", "en", Sdh),
            ("uploads/demo.srt", "-", Full),
            ("uploads/demo.forced.srt", "-", Forced),
            ("uploads/demo.cc.srt", "-", Sdh),
            ("uploads/demo.hi.srt", "hi", Full),
            ("uploads/demo.hi.hi.srt", "hi", Sdh),
        ];
        for (key, language, kind) in table {
            assert_eq!(read("uploads/demo", key), Some((language.to_owned(), kind)), "{key}");
            assert!(is_sidecar(key), "{key}");
            assert_eq!(shortest_stem(key), Some("uploads/demo"), "{key}");
        }
    }

    #[test]
    fn dots_in_an_episodes_name_are_its_own() {
        let key = "uploads/show.s01e03.en.srt";
        assert_eq!(read("uploads/show.s01e03", key), Some(("en".to_owned(), SubtitleKind::Full)));
        assert_eq!(read("uploads/show", key), None);
        assert_eq!(shortest_stem(key), Some("uploads/show.s01e03"));
        assert_eq!(
            read("uploads/demo.en", "uploads/demo.en.srt"),
            Some(("-".to_owned(), SubtitleKind::Full))
        );
    }

    #[test]
    fn other_files_and_other_episodes_have_none() {
        for key in
            ["uploads/demo.mp4", "uploads/srt", "uploads/.srt", "uploads/demo.srt/x", "uploads/demo.en"]
        {
            assert!(!is_sidecar(key), "{key}");
        }
        for key in [
            "uploads/demo2.en.srt",
            "uploads/demo-en.srt",
            "uploads/demo.en.extra.srt",
            "uploads/x/demo.en.srt",
        ] {
            assert_eq!(read("uploads/demo", key), None, "{key}");
        }
    }
}
