//! Pure: which files of a version a signature opens, and how its policy says so.
//!
//! Whoever may have all of a version gets one signature for its folder. Whoever may have a part of it gets one for the
//! multivariant playlist in their view, and in that playlist one for the folder of each rendition that it lists. So a
//! signature for another rendition is never in their hands, and CloudFront holds the limit as well as the edge does
//! (`docs/adr/0020-access.md`).

use std::fmt;

use flodrama_asset::access::Caps;
use flodrama_asset::{AssetId, PublishedFile, Version};

use super::policy::Cdn;

/// The query parameter that says which view of the multivariant playlist is asked for.
const VIEW: &str = "view";

/// What a signature opens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All files of a version.
    Version,
    /// The multivariant playlist as these caps shape it, and nothing else.
    View(Caps),
    /// The files of one folder.
    Folder(Folder),
}

/// A folder below a version, such as `video/720p`: one or two names of letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Folder(String);

impl Folder {
    /// The folder that the file at `path`, seen from the version's own folder, lies in. None for files of the version's
    /// folder itself and for every path that is not plain, so that a folder holds no wildcard and leads nowhere else.
    pub fn of(path: &str) -> Option<Folder> {
        let (folder, file) = path.rsplit_once('/')?;
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let fits = folder.split('/').count() <= 2 && folder.split('/').all(plain) && !file.is_empty();
        fits.then(|| Folder(folder.to_owned()))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scope {
    /// The resource of the policy. It names the version's whole address and ends with its only `*`. What a `?` before a
    /// view stands for, as a wildcard, is any one character, and no file of ours has such a name.
    pub(super) fn resource(&self, cdn: &Cdn, asset: &AssetId, version: &Version) -> String {
        match self {
            Scope::Version => cdn.version_resource(asset, version),
            Scope::View(caps) => format!("{}*", self.address(cdn, asset, version, caps)),
            Scope::Folder(folder) => format!("{}/vod/{asset}/{version}/{folder}/*", cdn.as_str()),
        }
    }

    fn address(&self, cdn: &Cdn, asset: &AssetId, version: &Version, caps: &Caps) -> String {
        format!("{}?{}", cdn.file(asset, version, &PublishedFile::Multivariant), view_parameter(caps))
    }
}

/// The parameter of a link, for the caps that its signature is for.
pub(crate) fn view_parameter(caps: &Caps) -> String {
    format!("{VIEW}={caps}")
}

/// The resource is for a view, but not as we write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtherForm;

/// The caps of a policy's resource; none where it is for whole folders. They come from what was signed, never from what
/// a request says.
pub(super) fn signed_view(resource: &str) -> Result<Option<Caps>, OtherForm> {
    let Some((before, after)) = resource.split_once(&format!("{VIEW}=")) else { return Ok(None) };
    let address = before.strip_suffix(&format!("/{}?", PublishedFile::Multivariant)).ok_or(OtherForm)?;
    let caps = after.strip_suffix('*').and_then(|caps| caps.parse().ok()).ok_or(OtherForm)?;
    if address.contains(['*', '?']) { Err(OtherForm) } else { Ok(Some(caps)) }
}

/// True where `query` (signature parameters left out) asks for the view of `caps` once, or where there are none for no
/// view. A prefix of another view is another view: `720-sdr` is not `720-sdr-fr`, whatever a wildcard makes of it.
pub(super) fn asks_for(query: &str, caps: Option<&Caps>) -> bool {
    let views = query.split('&').filter_map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name == VIEW).then(|| value.to_owned())
    });
    views.eq(caps.map(Caps::to_string))
}

#[cfg(test)]
mod tests {
    use super::super::policy::covers;
    use super::*;

    fn cdn() -> Cdn {
        Cdn::parse("https://cdn.example.com").expect("cdn")
    }

    /// Assets, versions and scopes that differ as little as they can.
    fn everything() -> Vec<(AssetId, Version, Scope)> {
        let assets = ["a", "aa", "a-", "a-v", "vod", "720-sdr"];
        let versions = ["v0123456789abcdef", "v0123456789abcde0", "v0000000000000000"];
        let views = [
            "720-sdr",
            "720-hdr",
            "72-sdr",
            "7200-sdr",
            "720-sdr-fr",
            "720-sdr-fr.pt",
            "720-sdr-fr-ca",
            "full-sdr",
        ];
        let folders =
            ["video/720p/x", "video/72p/x", "video/720p-hdr/x", "video/7200p/x", "audio/en-2/x", "poster/x"];
        let mut scopes = vec![Scope::Version];
        scopes.extend(views.iter().map(|view| Scope::View(view.parse().expect("a view"))));
        scopes.extend(folders.iter().map(|path| Scope::Folder(Folder::of(path).expect("a folder"))));
        let mut all = Vec::new();
        for asset in assets {
            for version in versions {
                for scope in &scopes {
                    all.push((asset.parse().expect("id"), version.parse().expect("version"), scope.clone()));
                }
            }
        }
        all
    }

    /// An address that a scope opens, and what the gate would take for its query.
    fn opened(cdn: &Cdn, (asset, version, scope): &(AssetId, Version, Scope)) -> Vec<(String, String)> {
        let root = format!("{}/vod/{asset}/{version}", cdn.as_str());
        match scope {
            Scope::Version => vec![(format!("{root}/main.m3u8"), String::new())],
            Scope::View(caps) => vec![(format!("{root}/main.m3u8"), format!("view={caps}"))],
            Scope::Folder(folder) => vec![
                (format!("{root}/{folder}/index.m3u8"), String::new()),
                (format!("{root}/{folder}/00001.m4s"), String::new()),
            ],
        }
    }

    /// As the gate decides: the wildcard, and then strictly.
    fn passes(resource: &str, path: &str, query: &str) -> bool {
        let address = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let Ok(view) = signed_view(resource) else { return false };
        covers(resource, &address) && asks_for(query, view.as_ref())
    }

    #[test]
    fn no_signature_opens_what_another_is_for() {
        let cdn = cdn();
        let all = everything();
        let mut pairs = 0;
        for mine in &all {
            let resource = mine.2.resource(&cdn, &mine.0, &mine.1);
            assert_eq!(resource.matches('*').count(), 1, "{resource}");
            for other in &all {
                for (path, query) in opened(&cdn, other) {
                    let of_one_version = (&mine.0, &mine.1) == (&other.0, &other.1);
                    // The whole version includes its folders; a view is asked for by whom it was made for alone.
                    let includes = mine.2 == Scope::Version && !matches!(other.2, Scope::View(_));
                    let may = of_one_version && (mine.2 == other.2 || includes);
                    assert_eq!(passes(&resource, &path, &query), may, "{resource} on {path}?{query}");
                    pairs += 1;
                }
            }
        }
        assert!(pairs > 50_000, "{pairs}");
    }

    #[test]
    fn a_request_cannot_widen_its_view() {
        let cdn = cdn();
        let (asset, version) = ("demo".parse().expect("id"), "v0123456789abcdef".parse().expect("version"));
        let scope = Scope::View("720-sdr".parse().expect("a view"));
        let resource = scope.resource(&cdn, &asset, &version);
        let path = "https://cdn.example.com/vod/demo/v0123456789abcdef/main.m3u8";
        assert!(passes(&resource, path, "view=720-sdr"));
        assert!(passes(&resource, path, "view=720-sdr&platform=tvos"));
        for query in [
            "",
            "view=full-hdr",
            "view=1080-sdr",
            "view=720-sdr-fr",
            "view=720-sdr&view=full-hdr",
            "view=720-sdr&view=720-sdr",
            "view=720-sdr&view",
            "view=full-hdr&view=720-sdr",
            "x=/main.m3u8?view=720-sdr",
            "platform=tvos&view=720-sdr",
            "view=720-sdr%26view=full-hdr",
            "View=720-sdr",
        ] {
            assert!(!passes(&resource, path, query), "{query}");
        }
        for other in
            ["video/1080p/index.m3u8", "video/1080p/00001.m4s", "thumbs/storyboard.vtt", "main.m3u8/x"]
        {
            let path = format!("https://cdn.example.com/vod/demo/v0123456789abcdef/{other}");
            for query in ["view=720-sdr", "x=/main.m3u8?view=720-sdr"] {
                assert!(!passes(&resource, &path, query), "{other}?{query}");
            }
        }
    }

    #[test]
    fn only_what_we_write_is_read_as_a_view() {
        let root = "https://cdn.example.com/vod/demo/v0123456789abcdef";
        assert_eq!(signed_view(&format!("{root}/*")), Ok(None));
        assert_eq!(signed_view(&format!("{root}/main.m3u8?view=full-hdr*")), Ok(Some(Caps::default())));
        for bad in [
            "*view=720-sdr*",
            "https://cdn.example.com/vod/*/main.m3u8?view=720-sdr*",
            "https://cdn.example.com/vod/demo/?/main.m3u8?view=720-sdr*",
            "https://cdn.example.com/vod/demo/v/*?view=720-sdr*",
            "https://cdn.example.com/vod/demo/v/main.m3u8?view=720*",
            "https://cdn.example.com/vod/demo/v/main.m3u8?view=720-sdr",
            "https://cdn.example.com/vod/demo/v/main.m3u8?view=720-sdr*&view=full-hdr*",
            "https://cdn.example.com/vod/demo/v/main.m3u8?x&view=720-sdr*",
        ] {
            assert_eq!(signed_view(bad), Err(OtherForm), "{bad}");
        }
    }

    #[test]
    fn folders_are_plain_and_lead_down() {
        for (path, folder) in [
            ("video/720p/index.m3u8", Some("video/720p")),
            ("audio/pt-BR-2/index.m3u8", Some("audio/pt-BR-2")),
            ("poster/1280.jpg", Some("poster")),
            ("main.m3u8", None),
            ("", None),
            ("/main.m3u8", None),
            ("video/720p/", None),
            ("../video/720p/index.m3u8", None),
            ("video/../index.m3u8", None),
            ("video//index.m3u8", None),
            ("*/index.m3u8", None),
            ("video/72?p/index.m3u8", None),
            ("preview/video/720p/index.m3u8", None),
            ("https://elsewhere/x/y", None),
            ("video/720p%2f..%2f/index.m3u8", None),
        ] {
            assert_eq!(Folder::of(path).map(|f| f.to_string()).as_deref(), folder, "{path}");
        }
    }
}
