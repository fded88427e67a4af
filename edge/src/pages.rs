//! The reference player page, embedded when the program is built.

use crate::sign::Cdn;

/// Name and content of every file of `edge/web`, and of hls.js.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) content_type: &'static str,
    pub(crate) bytes: &'static [u8],
}

/// The file with this name.
pub(crate) fn file(name: &str) -> Option<Page> {
    let (name, bytes) = FILES.iter().find(|(known, _)| *known == name)?;
    let content_type = match name.rsplit('.').next()? {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    Some(Page { content_type, bytes })
}

/// What the page may do: run its own scripts, and load media, pictures and playlists from the distribution.
pub(crate) fn content_security_policy(cdn: &Cdn) -> String {
    let cdn = cdn.as_str();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: {cdn}; \
         media-src 'self' blob: data: {cdn}; connect-src 'self' {cdn}; worker-src blob:; font-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_what_it_loads_are_embedded() {
        let page = file("index.html").expect("the page");
        let text = std::str::from_utf8(page.bytes).expect("text");
        for name in ["player.css", "player.js", "hls.min.js"] {
            assert!(!file(name).expect(name).bytes.is_empty(), "{name}");
        }
        let loaded: Vec<&str> =
            text.split("/static/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(loaded.contains(&"player.js"), "{loaded:?}");
        for name in loaded {
            assert!(file(name).is_some(), "{name}");
        }
    }
}
