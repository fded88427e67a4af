//! From a URI in a playlist to a file of the presentation.

/// A URI as findings show it: a signature may be in its query.
pub(super) fn shown(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or_default()
}

/// Text of a playlist as findings show it: the queries of URIs are left out, with what is behind them.
pub(super) fn shown_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut in_query = false;
    for c in text.chars() {
        // Where a URI ends: at its closing quote, or with the line or word that it is.
        in_query = c == '?' || in_query && c != '"' && !c.is_whitespace();
        if !in_query {
            shown.push(c);
        }
    }
    shown
}

/// The path that `uri` names, seen from the playlist at `playlist`. Queries and fragments name no file and are left
/// out. `None` where the URI is absolute or leaves the presentation's root, in whatever disguise.
pub(super) fn resolve(playlist: &str, uri: &str) -> Option<String> {
    let path = shown(uri);
    // A colon before the first slash is a scheme; a backslash is a slash to some servers.
    let scheme = path.split('/').next().is_some_and(|first| first.contains(':'));
    if path.is_empty() || path.starts_with('/') || path.contains('\\') || scheme {
        return None;
    }
    let mut parts: Vec<&str> = playlist.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            // `%2e%2e` climbs once a server decodes it; `%2f` makes two parts of one.
            "" => return None,
            part if hides_a_path(part) => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/")).filter(|path| !path.is_empty())
}

fn hides_a_path(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let decoded = lower.replace("%2e", ".");
    lower.contains("%2f") || lower.contains("%5c") || decoded == "." || decoded == ".."
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn uris_are_relative_to_their_playlist() {
        let from = "video/720p/index.m3u8";
        assert_eq!(resolve(from, "00001.m4s").as_deref(), Some("video/720p/00001.m4s"));
        assert_eq!(resolve(from, "../../audio/en-2/init.mp4").as_deref(), Some("audio/en-2/init.mp4"));
        assert_eq!(resolve(from, "./00001.m4s?Policy=a/../b#t").as_deref(), Some("video/720p/00001.m4s"));
        assert_eq!(resolve("main.m3u8", "video/720p/index.m3u8").as_deref(), Some(from));
    }

    #[test]
    fn nothing_leads_out_of_the_presentation() {
        for uri in [
            "../../../x.m4s",
            "/etc/passwd",
            "//host/x",
            "https://host/x.m4s",
            "data:text/plain,x",
            "%2e%2E/%2e./../x",
            "..%2f..%2fx",
            "..\\x",
            "a//b",
            "",
            "?only=query",
        ] {
            assert_eq!(resolve("video/720p/index.m3u8", uri), None, "{uri}");
        }
    }
}
