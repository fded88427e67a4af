//! One query appended to every URI of a playlist or storyboard, so that authorisation travels in the URIs
//! themselves: cookies fail on AirPlay and televisions, and players do not inherit a playlist's query.
//!
//! All functions want `query` as it stands in a URI, without a leading `?` or `&`: no quotes, no line breaks and no
//! `#`, all of which a query must escape anyway (RFC 3986 §3.4). An empty query changes nothing. Everything that is
//! not a URI is copied byte for byte, line ends included.
//!
//! URIs of other schemes than HTTP (`data:`, `skd:`) name no file of a server and stay as they are. URIs of other
//! hosts get the query too: a presentation that must not show its query elsewhere names no foreign files.

use crate::text::{Line, attributes};

/// Appends `query` to every URI of `playlist`: URI lines, and `URI` attributes of all tags, unknown ones included.
pub fn append_query(playlist: &str, query: &str) -> String {
    let mut out = String::with_capacity(rewritten_capacity(playlist, query));
    append_query_into(&mut out, playlist, query);
    out
}

/// As [`append_query`], at the end of a buffer that the caller may use again.
pub fn append_query_into(out: &mut String, playlist: &str, query: &str) {
    debug_assert!(is_query(query), "not a query");
    rewrite(out, playlist, &mut |out, uri| push_uri(out, uri, query));
}

/// As [`append_query`], with a query for each URI, given as it stands in the playlist.
///
/// # Errors
/// The first that `query_of` fails with.
pub fn append_query_by<E>(
    playlist: &str,
    mut query_of: impl FnMut(&str) -> Result<String, E>,
) -> Result<String, E> {
    let mut out = String::with_capacity(2 * playlist.len());
    let mut failed = None;
    rewrite(&mut out, playlist, &mut |out, uri| match query_of(uri) {
        Ok(query) => {
            debug_assert!(is_query(&query), "not a query");
            push_uri(out, uri, &query);
        }
        Err(error) => drop(failed.get_or_insert(error)),
    });
    failed.map_or(Ok(out), Err)
}

/// Copies `playlist` with what `push` makes of each URI.
fn rewrite(out: &mut String, playlist: &str, push: &mut impl FnMut(&mut String, &str)) {
    for line in playlist.split_inclusive('\n') {
        match Line::read(line) {
            Some(Line::Uri(uri)) => replace(out, line, uri, push),
            // A segment's title is free text, whatever it looks like.
            Some(Line::Tag { name: "EXTINF", .. }) | None => out.push_str(line),
            Some(Line::Tag { value, .. }) if value.contains("URI=\"") => rewrite_tag(out, line, value, push),
            Some(Line::Tag { .. }) => out.push_str(line),
        }
    }
}

/// Appends `query` to every cue of a storyboard, before the fragment that selects the tile:
/// `sprite-001.jpg#xywh=0,0,160,90` becomes `sprite-001.jpg?query#xywh=0,0,160,90`.
pub fn append_query_vtt(storyboard: &str, query: &str) -> String {
    debug_assert!(is_query(query), "not a query");
    let mut out = String::with_capacity(rewritten_capacity(storyboard, query));
    let mut in_cue = false;
    for line in storyboard.split_inclusive('\n') {
        let content = line.trim();
        if in_cue && !content.is_empty() {
            replace(&mut out, line, content, &mut |out, uri| push_uri(out, uri, query));
        } else {
            out.push_str(line);
        }
        // A cue's payload runs from its timing to the next blank line (WebVTT §4.1).
        in_cue = !content.is_empty() && (in_cue || content.contains("-->"));
    }
    out
}

/// Most of a playlist's URIs stand on lines of their own, about one line in two.
fn rewritten_capacity(text: &str, query: &str) -> usize {
    let lines = text.bytes().filter(|&b| b == b'\n').count();
    text.len() + (lines / 2 + 4) * (query.len() + 1)
}

fn is_query(query: &str) -> bool {
    !query.starts_with(['?', '&']) && !query.contains(['"', '\n', '\r', '#', ' '])
}

fn rewrite_tag(out: &mut String, line: &str, list: &str, push: &mut impl FnMut(&mut String, &str)) {
    let list_at = offset_in(line, list);
    let mut copied = 0;
    // A list that stops making sense is copied from there on: players drop such a tag.
    for attribute in attributes(list).map_while(Result::ok) {
        if attribute.name == "URI" && attribute.quoted {
            out.push_str(&line[copied..list_at + attribute.at]);
            push(out, attribute.value);
            copied = list_at + attribute.at + attribute.value.len();
        }
    }
    out.push_str(&line[copied..]);
}

/// Copies `line` with `uri`, which is a slice of it, rewritten.
fn replace(out: &mut String, line: &str, uri: &str, push: &mut impl FnMut(&mut String, &str)) {
    let at = offset_in(line, uri);
    out.push_str(&line[..at]);
    push(out, uri);
    out.push_str(&line[at + uri.len()..]);
}

fn offset_in(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

fn push_uri(out: &mut String, uri: &str, query: &str) {
    if query.is_empty() || uri.is_empty() || is_foreign_scheme(uri) {
        out.push_str(uri);
        return;
    }
    let (resource, fragment) = uri.split_at(uri.find('#').unwrap_or(uri.len()));
    out.push_str(resource);
    match resource.find('?') {
        None => out.push('?'),
        Some(_) if resource.ends_with(['?', '&']) => {}
        Some(_) => out.push('&'),
    }
    out.push_str(query);
    out.push_str(fragment);
}

/// True for absolute URIs that are not HTTP. A relative URI has no colon before its first slash (RFC 3986 §4.2).
fn is_foreign_scheme(uri: &str) -> bool {
    let Some((scheme, _)) = uri.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && !scheme.eq_ignore_ascii_case("http")
        && !scheme.eq_ignore_ascii_case("https")
}
