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

/// The tag with its script and region, as subtitles need it: `zh-Hant` is not `zh-Hans`, `pt-BR` not `pt`.
pub fn with_subtags(tag: Option<&str>) -> String {
    let mut out = parse(tag).bcp47;
    if out == "und" {
        return out;
    }
    for part in tag.unwrap_or_default().split(['-', '_']).skip(1) {
        let letters = part.bytes().all(|b| b.is_ascii_alphabetic());
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        match part.len() {
            4 if letters => {
                let (head, tail) = part.split_at(1);
                out = format!("{out}-{}{}", head.to_ascii_uppercase(), tail.to_ascii_lowercase());
            }
            2 if letters => out = format!("{out}-{}", part.to_ascii_uppercase()),
            3 if digits => out = format!("{out}-{part}"),
            // What else there may be tells no two renditions apart.
            _ => break,
        }
    }
    out
}

/// A language for people, in English: `English`, `Chinese (Hant)`; `None` where it is unknown.
pub fn name(tag: &str) -> Option<String> {
    let (primary, subtags) = tag.split_once('-').map_or((tag, None), |(primary, rest)| (primary, Some(rest)));
    let language = Language::from_639_1(primary).or_else(|| Language::from_639_3(primary));
    // ISO 639-3 adds what tells apart languages of one name: "Modern Greek (1453-)".
    let name = language.filter(|_| primary != "und")?.to_name().split(" (").next()?;
    Some(match subtags {
        Some(subtags) => format!("{name} ({subtags})"),
        None => name.to_owned(),
    })
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
    fn scripts_and_regions_are_kept_where_they_matter() {
        let table = [
            ("zho-hant", "zh-Hant"),
            ("pt_BR", "pt-BR"),
            ("es-419", "es-419"),
            ("sr-Latn-RS", "sr-Latn-RS"),
            ("eng", "en"),
            ("en-x-private", "en"),
            ("../..", "und"),
        ];
        for (tag, wanted) in table {
            assert_eq!(with_subtags(Some(tag)), wanted, "{tag}");
        }
    }

    #[test]
    fn languages_have_names_for_people() {
        let names = ["en", "el", "gsw", "pt-BR", "und", "xx"].map(name);
        let wanted = [
            Some("English"),
            Some("Modern Greek"),
            Some("Swiss German"),
            Some("Portuguese (BR)"),
            None,
            None,
        ];
        assert_eq!(names, wanted.map(|name| name.map(str::to_owned)));
    }

    #[test]
    fn what_is_no_language_is_undetermined() {
        for tag in [None, Some(""), Some("und"), Some("xx-klingon"), Some("commentary"), Some("../..")] {
            assert_eq!(parse(tag).bcp47, "und", "{tag:?}");
        }
    }
}
