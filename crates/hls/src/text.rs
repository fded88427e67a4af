//! The two layers of playlist text (RFC 4.1, 4.2): lines, and the attribute lists within tags. Shared by the
//! rewriting, which needs positions, and the check, which needs line numbers.

/// A line that means something; blank lines and comments mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// `#NAME` or `#NAME:value`; the name stands without `#`.
    Tag { name: &'a str, value: &'a str },
    /// A URI on a line of its own.
    Uri(&'a str),
}

impl<'a> Line<'a> {
    /// Reads one line, given with or without its end.
    pub(crate) fn read(line: &'a str) -> Option<Line<'a>> {
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        let Some(tag) = line.strip_prefix('#') else { return Some(Line::Uri(line)) };
        if !tag.starts_with("EXT") {
            return None;
        }
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        Some(Line::Tag { name, value })
    }
}

/// The lines that mean something, each with its number, counted from 1. A byte order mark is none of the text.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, Line<'_>)> {
    text.trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, Line::read(line)?)))
}

/// One `NAME=value` of an attribute list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    /// Without its quotes.
    pub(crate) value: &'a str,
    pub(crate) quoted: bool,
    /// Where the value starts in the list, in bytes, after its opening quote.
    pub(crate) at: usize,
}

/// The text is no attribute list from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Walks an attribute list; after [`Malformed`] it ends.
pub(crate) fn attributes(list: &str) -> impl Iterator<Item = Result<Attribute<'_>, Malformed>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if list[at..].trim().is_empty() {
            return None;
        }
        let read = read_attribute(list, at);
        at = match &read {
            Some((_, next)) => *next,
            None => list.len(),
        };
        Some(read.map(|(attribute, _)| attribute).ok_or(Malformed))
    })
}

/// The attribute at byte `from`, and where the next one begins.
fn read_attribute(list: &str, from: usize) -> Option<(Attribute<'_>, usize)> {
    let equals = from + list[from..].find('=')?;
    let name = list[from..equals].trim();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-') {
        return None;
    }
    let value_at = equals + 1;
    if list[value_at..].starts_with('"') {
        let at = value_at + 1;
        let close = at + list[at..].find('"')?;
        let rest = &list[close + 1..];
        let blank = rest.len() - rest.trim_start().len();
        let next = match rest.as_bytes().get(blank) {
            None => list.len(),
            Some(b',') => close + 1 + blank + 1,
            Some(_) => return None,
        };
        return Some((Attribute { name, value: &list[at..close], quoted: true, at }, next));
    }
    let end = list[value_at..].find(',').map_or(list.len(), |comma| value_at + comma);
    let value = list[value_at..end].trim_end();
    if value.is_empty() || value.contains('"') {
        return None;
    }
    Some((Attribute { name, value, quoted: false, at: value_at }, (end + 1).min(list.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &str) -> Result<Vec<(&str, &str)>, Malformed> {
        attributes(list).map(|read| read.map(|a| (a.name, a.value))).collect()
    }

    #[test]
    fn commas_and_equals_signs_inside_quotes_are_text() {
        let list = r#"NAME="a, URI=b",URI="x?y=z",BANDWIDTH=12"#;
        assert_eq!(pairs(list), Ok(vec![("NAME", "a, URI=b"), ("URI", "x?y=z"), ("BANDWIDTH", "12")]));
        let uri = attributes(list).nth(1).expect("second").expect("well formed");
        assert_eq!(&list[uri.at..uri.at + uri.value.len()], "x?y=z");
    }

    #[test]
    fn blanks_around_commas_do_no_harm() {
        assert_eq!(pairs(r#"A=1, B="2" , C=3 "#), Ok(vec![("A", "1"), ("B", "2"), ("C", "3")]));
    }

    #[test]
    fn what_is_no_attribute_list_is_said_to_be_none() {
        for bad in ["hello", r#"URI="open"#, r#"URI="a"b"#, "=1", "A=", r#"A=b"c""#, "lower=1"] {
            assert_eq!(pairs(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn comments_and_blank_lines_are_skipped_but_counted() {
        let read: Vec<_> = lines("#EXTM3U\r\n\r\n# note\r\na.m4s\r\n").collect();
        assert_eq!(read, [(1, Line::Tag { name: "EXTM3U", value: "" }), (4, Line::Uri("a.m4s"))]);
    }
}
