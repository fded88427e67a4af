//! A published tree, and what it should be.

use std::path::{Path, PathBuf};

use crate::support::hls::{self, Attributes, Media, Multivariant};

/// What is shorter is lengthened: not every player begins to play it.
pub const SHORTEST_S: f64 = 0.25;

/// What the content of a tree should be, whatever made it.
#[derive(Clone, Debug)]
pub struct Expected {
    /// At least [`SHORTEST_S`].
    pub duration_s: f64,
    /// Size of the source for display in square pixels, upright.
    pub display: (u32, u32),
    /// BCP 47 tags, the default first.
    pub languages: Vec<String>,
}

/// A tree on disk.
#[derive(Debug)]
pub struct Tree {
    pub folder: PathBuf,
    pub main: Multivariant,
}

impl Tree {
    pub fn open(folder: &Path) -> Tree {
        let text = std::fs::read_to_string(folder.join("main.m3u8")).expect("a multivariant playlist");
        Tree { folder: folder.to_owned(), main: hls::multivariant(&text) }
    }

    /// Seconds from one picture of the main ladder to the next.
    pub fn frame_s(&self) -> f64 {
        frame_s(&self.main.variants[0].1)
    }

    pub fn videos(&self) -> Vec<Rendition> {
        self.renditions(&self.main.variants)
    }

    pub fn audios(&self) -> Vec<Rendition> {
        let audio = self.main.media.iter().filter(|(_, attributes)| attributes["TYPE"] == "AUDIO");
        self.renditions(&audio.cloned().collect::<Vec<_>>())
    }

    pub fn tricks(&self) -> Vec<Rendition> {
        self.renditions(&self.main.iframes)
    }

    /// Each once, however many groups or variants name it, with what is said where it comes first.
    fn renditions(&self, named: &[(String, Attributes)]) -> Vec<Rendition> {
        let first = |i: &usize| named[..*i].iter().all(|(uri, _)| *uri != named[*i].0);
        let named: Vec<_> = (0..named.len()).filter(first).map(|i| named[i].clone()).collect();
        let open = |(uri, attributes): &(String, Attributes)| {
            let playlist = self.folder.join(uri);
            let media = hls::media(&std::fs::read_to_string(&playlist).expect("a media playlist"));
            assert!(media.ended, "{uri} has no end");
            let folder = playlist.parent().expect("a folder").to_owned();
            Rendition { playlist, folder, attributes: attributes.clone(), media }
        };
        named.iter().map(open).collect()
    }
}

fn frame_s(variant: &Attributes) -> f64 {
    let rate: f64 = variant["FRAME-RATE"].parse().expect("a rate");
    // Playlists round to thousandths; the rates of television are thousandths of 1001.
    let ntsc = (rate.round() * 1000.0) / 1001.0;
    1.0 / if (ntsc - rate).abs() < 0.001 { ntsc } else { rate }
}

/// A rendition of a [`Tree`].
#[derive(Debug)]
pub struct Rendition {
    pub playlist: PathBuf,
    pub folder: PathBuf,
    /// What the multivariant playlist says of it.
    pub attributes: Attributes,
    pub media: Media,
}

impl Rendition {
    /// Seconds from one picture to the next.
    pub fn frame_s(&self) -> f64 {
        frame_s(&self.attributes)
    }

    /// The initialisation section.
    pub fn init(&self) -> Vec<u8> {
        let name = self.media.map.as_ref().expect("an initialisation section");
        std::fs::read(self.folder.join(name)).expect("the initialisation section")
    }

    /// Bytes of segment `index`, or of the part of a file that it is.
    pub fn bytes(&self, index: usize) -> Vec<u8> {
        let segment = &self.media.segments[index];
        let file = std::fs::read(self.folder.join(&segment.uri)).expect("a segment");
        match segment.range {
            Some((offset, length)) => file[offset..offset + length].to_vec(),
            None => file,
        }
    }

    /// Where each segment begins, and where the last ends, in seconds.
    pub fn boundaries(&self) -> Vec<f64> {
        let mut at = 0.0;
        let ends = self.media.segments.iter().map(|segment| {
            at += segment.duration_s;
            at
        });
        std::iter::once(0.0).chain(ends).collect()
    }
}
