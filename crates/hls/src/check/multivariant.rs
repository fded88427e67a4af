//! Reads a multivariant playlist for the check.

use super::report::Findings;
use super::rule::{READABLE_TAGS, VARIANT_HAS_URI};
use crate::text::{Line, attributes, lines};

/// A tag with an attribute list, and the URI that belongs to it.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// Line of the tag.
    pub(super) line: usize,
    /// The media playlist, as written.
    pub(super) uri: Option<&'a str>,
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Entry<'a> {
    /// The value of an attribute, without quotes.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    /// A decimal-integer attribute.
    pub(super) fn integer(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Width and height of a RESOLUTION.
    pub(super) fn resolution(&self) -> Option<(u32, u32)> {
        resolution(self.get("RESOLUTION")?)
    }

    /// Frames per second.
    pub(super) fn frame_rate(&self) -> Option<f64> {
        self.get("FRAME-RATE")?.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
    }

    /// The formats of CODECS.
    pub(super) fn codecs(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.get("CODECS").unwrap_or_default().split(',').map(str::trim).filter(|codec| !codec.is_empty())
    }

    /// True unless VIDEO-RANGE says otherwise (RFC 4.4.6.2).
    pub(super) fn is_sdr(&self) -> bool {
        matches!(self.get("VIDEO-RANGE"), None | Some("SDR"))
    }
}

/// `1280x720`, with neither side nothing.
pub(super) fn resolution(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?)).filter(|(w, h)| *w > 0 && *h > 0)
}

/// A multivariant playlist, as written.
#[derive(Debug)]
pub(super) struct Multivariant<'a> {
    /// Its own path.
    pub(super) path: &'a str,
    /// EXT-X-INDEPENDENT-SEGMENTS.
    pub(super) independent_segments: bool,
    /// EXT-X-STREAM-INF.
    pub(super) variants: Vec<Entry<'a>>,
    /// EXT-X-MEDIA.
    pub(super) media: Vec<Entry<'a>>,
    /// EXT-X-I-FRAME-STREAM-INF.
    pub(super) iframes: Vec<Entry<'a>>,
    /// EXT-X-IMAGE-STREAM-INF.
    pub(super) images: Vec<Entry<'a>>,
}

impl<'a> Multivariant<'a> {
    /// One that lists nothing.
    pub(super) fn none(path: &'a str) -> Multivariant<'a> {
        Multivariant {
            path,
            independent_segments: false,
            variants: Vec::new(),
            media: Vec::new(),
            iframes: Vec::new(),
            images: Vec::new(),
        }
    }

    pub(super) fn read(path: &'a str, text: &'a str, findings: &mut Findings) -> Multivariant<'a> {
        let mut read = Multivariant::none(path);
        // A variant's URI is on the next line (RFC 4.4.6.2).
        let mut waiting: Option<usize> = None;
        for (line, content) in lines(text) {
            match content {
                Line::Uri(uri) => {
                    if let Some(index) = waiting.take() {
                        read.variants[index].uri = Some(uri);
                    }
                }
                Line::Tag { name, value } => {
                    let list = match name {
                        "EXT-X-INDEPENDENT-SEGMENTS" => {
                            read.independent_segments = true;
                            continue;
                        }
                        "EXT-X-STREAM-INF" => {
                            waiting = Some(read.variants.len());
                            &mut read.variants
                        }
                        "EXT-X-MEDIA" => &mut read.media,
                        "EXT-X-I-FRAME-STREAM-INF" => &mut read.iframes,
                        "EXT-X-IMAGE-STREAM-INF" => &mut read.images,
                        _ => continue,
                    };
                    list.push(entry(path, line, name, value, findings));
                }
            }
        }
        for variant in read.variants.iter().chain(&read.iframes).filter(|v| v.uri.is_none()) {
            findings.at(&VARIANT_HAS_URI, path, variant.line, "no URI");
        }
        read
    }

    /// The renditions of one type and group.
    pub(super) fn group(&self, kind: &str, group: Option<&str>) -> impl Iterator<Item = &Entry<'a>> {
        self.media.iter().filter(move |media| {
            media.get("TYPE") == Some(kind) && group.is_some() && media.get("GROUP-ID") == group
        })
    }
}

fn entry<'a>(path: &str, line: usize, name: &str, list: &'a str, findings: &mut Findings) -> Entry<'a> {
    let mut entry = Entry { line, uri: None, attributes: Vec::new() };
    for attribute in attributes(list) {
        let Ok(attribute) = attribute else {
            findings.at(&READABLE_TAGS, path, line, format!("#{name} is no attribute list: {list}"));
            break;
        };
        if entry.get(attribute.name).is_some() {
            findings.at(&READABLE_TAGS, path, line, format!("{} twice in one tag", attribute.name));
        }
        entry.attributes.push((attribute.name, attribute.value));
    }
    entry.uri = entry.get("URI");
    entry
}
