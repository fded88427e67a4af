//! Variables of playlists (RFC 4.3): EXT-X-DEFINE says what they are, `{$NAME}` stands for them. Filled in before anything
//! else is read, line for line.

use std::collections::BTreeMap;

use super::report::Findings;
use super::rule::{READABLE_TAGS, VARIABLE_DEFINED, VARIABLE_ONCE};
use super::source::Source;
use crate::text::{Line, attributes};

/// Bytes that references may add to a playlist: a megabyte of them to a value of a megabyte would be hundreds of gigabytes.
const MAX_ADDED_BYTES: usize = 16 * 1024 * 1024;

/// What is defined in a playlist, by name.
pub(super) type Variables = BTreeMap<String, String>;

/// The playlist with its variables filled in, and what they are. `imported` is what the multivariant playlist defines.
pub(super) fn fill(
    path: &str,
    text: &str,
    imported: &Variables,
    source: &dyn Source,
    findings: &mut Findings,
) -> (String, Variables) {
    let mut variables = Variables::new();
    let mut filled = String::with_capacity(text.len());
    let mut room = MAX_ADDED_BYTES;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        match Line::read(line) {
            Some(Line::Tag { name: "EXT-X-DEFINE", value }) => {
                let given = Given { imported, source };
                define(&mut variables, (path, number), value, &given, findings);
                filled.push_str(line);
            }
            // The title behind the comma is text for people.
            Some(Line::Tag { name: "EXTINF", .. }) | None => filled.push_str(line),
            Some(_) => put(&mut filled, line, &variables, &mut room, (path, number), findings),
        }
    }
    (filled, variables)
}

/// Where values come from that the playlist does not write.
struct Given<'a> {
    imported: &'a Variables,
    source: &'a dyn Source,
}

fn define(
    variables: &mut Variables,
    (path, line): (&str, usize),
    list: &str,
    given: &Given<'_>,
    findings: &mut Findings,
) {
    let get = |wanted: &str| attributes(list).flatten().find(|a| a.name == wanted).map(|a| a.value);
    let (name, value) = match (get("NAME"), get("VALUE"), get("IMPORT"), get("QUERYPARAM")) {
        (Some(name), Some(value), None, None) => (name, Some(value.to_owned())),
        (None, None, Some(name), None) => (name, given.imported.get(name).cloned()),
        (None, None, None, Some(name)) => (name, given.source.parameter(path, name)),
        _ => return findings.at(&READABLE_TAGS, path, line, format!("#EXT-X-DEFINE:{list}")),
    };
    let Some(value) = value else {
        return findings.at(&VARIABLE_DEFINED, path, line, format!("nothing gives {name} a value"));
    };
    if variables.insert(name.to_owned(), value).is_some() {
        findings.at(&VARIABLE_ONCE, path, line, name);
    }
}

/// Adds `line` with what its references stand for; a name that nobody defined stays, and so does one whose value is
/// longer than there is `room`, in bytes.
fn put(
    filled: &mut String,
    line: &str,
    variables: &Variables,
    room: &mut usize,
    (path, number): (&str, usize),
    findings: &mut Findings,
) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{$") {
        filled.push_str(before);
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let reference =
            after.split_once('}').filter(|(name, _)| !name.is_empty() && name.chars().all(is_of_name));
        let Some((name, behind)) = reference else {
            filled.push_str("{$");
            rest = after;
            continue;
        };
        match variables.get(name) {
            Some(value) if value.len() <= *room => {
                *room -= value.len();
                filled.push_str(value);
            }
            Some(_) => {
                // Told once: nothing has room from here on.
                if std::mem::take(room) > 0 {
                    let found = format!("variables add more than {MAX_ADDED_BYTES} bytes to the playlist");
                    findings.at(&READABLE_TAGS, path, number, found);
                }
                filled.push_str(name);
            }
            None => {
                findings.at(
                    &VARIABLE_DEFINED,
                    path,
                    number,
                    format!("{{${name}}} is used and not defined above"),
                );
                filled.push_str(name);
            }
        }
        rest = behind;
    }
    filled.push_str(rest);
}
