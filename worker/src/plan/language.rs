//! Language tags: files say `eng` or `fre` (ISO 639-2), players want `en` or `fr` (BCP 47), track headers `fra`.

use isolang::Language;

/// A language in the forms that we write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// BCP 47: the shortest form.
    pub bcp47: String,
    /// ISO 639-2/T for the MP4 track header.
    pub iso639_2: String,
}

/// ISO 639-2/B codes that differ from the terminological ones.
const BIBLIOGRAPHIC: [(&str, &str); 20] = [
    ("alb", "sqi"),
    ("arm", "hye"),
    ("baq", "eus"),
    ("bur", "mya"),
    ("chi", "zho"),
    ("cze", "ces"),
    ("dut", "nld"),
    ("fre", "fra"),
    ("geo", "kat"),
    ("ger", "deu"),
    ("gre", "ell"),
    ("ice", "isl"),
    ("mac", "mkd"),
    ("mao", "mri"),
    ("may", "msa"),
    ("per", "fas"),
    ("rum", "ron"),
    ("slo", "slk"),
    ("tib", "bod"),
    ("wel", "cym"),
];

/// Reads a tag as a file has it; anything that is no language is `und`.
pub fn parse(tag: Option<&str>) -> Tag {
    let primary = tag.unwrap_or_default().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let code = BIBLIOGRAPHIC.iter().find(|(b, _)| *b == primary).map_or(primary.as_str(), |(_, t)| t);
    let language = match code.len() {
        2 => Language::from_639_1(code),
        3 => Language::from_639_3(code),
        _ => None,
    };
    match language {
        Some(language) => Tag {
            bcp47: language.to_639_1().unwrap_or(language.to_639_3()).to_owned(),
            iso639_2: language.to_639_3().to_owned(),
        },
        None => Tag { bcp47: "und".into(), iso639_2: "und".into() },
    }
}

/// A language for people, in English; `None` for `und`.
pub fn name(bcp47: &str) -> Option<&'static str> {
    let language = Language::from_639_1(bcp47).or_else(|| Language::from_639_3(bcp47));
    // ISO 639-3 adds what tells apart languages of one name: "Modern Greek (1453-)".
    language.map(|l| l.to_name().split(" (").next().unwrap_or_default()).filter(|_| bcp47 != "und")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_gives_the_shortest_tag() {
        let table = [
            ("eng", "en"),
            ("fre", "fr"),
            ("fra", "fr"),
            ("pt-BR", "pt"),
            ("ger", "de"),
            ("gsw", "gsw"),
            ("EN", "en"),
        ];
        for (tag, bcp47) in table {
            assert_eq!(parse(Some(tag)).bcp47, bcp47, "{tag}");
        }
        assert_eq!(parse(Some("fre")).iso639_2, "fra");
    }

    #[test]
    fn languages_have_names_for_people() {
        let names = ["en", "el", "gsw", "und", "xx"].map(name);
        assert_eq!(names, [Some("English"), Some("Modern Greek"), Some("Swiss German"), None, None]);
    }

    #[test]
    fn what_is_no_language_is_undetermined() {
        for tag in [None, Some(""), Some("und"), Some("xx-klingon"), Some("commentary"), Some("../..")] {
            assert_eq!(parse(tag).bcp47, "und", "{tag:?}");
        }
    }
}
