//! Presentations made by `build`, for the tests that need a whole one.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod media;
pub mod memory;
pub mod ts;

use flodrama_hls::build::*;
use media::{Fragment, Track};
use memory::MemoryTree;

/// A presentation in a few numbers.
#[derive(Clone)]
pub struct Scenario {
    pub duration_ms: u64,
    pub segment_ms: u64,
    pub rungs: Vec<Rung>,
    pub audio: Vec<Audio>,
    /// Language and name, and whether forced.
    pub subtitles: Vec<(&'static str, &'static str, bool)>,
}

#[derive(Clone, Copy)]
pub struct Rung {
    pub folder: &'static str,
    pub width: u32,
    pub height: u32,
    pub kbps: u64,
    pub codec: &'static str,
    pub range: VideoRange,
}

#[derive(Clone, Copy)]
pub struct Audio {
    pub group: &'static str,
    pub language: &'static str,
    pub name: &'static str,
    pub channels: u32,
    pub kbps: u64,
    pub codec: &'static str,
}

pub const STEREO: Audio =
    Audio { group: "aac-2", language: "en", name: "English", channels: 2, kbps: 64, codec: "mp4a.40.2" };

pub const fn sdr(folder: &'static str, width: u32, height: u32, kbps: u64) -> Rung {
    Rung { folder, width, height, kbps, codec: "avc1.64001f", range: VideoRange::Sdr }
}

pub fn five_rungs() -> Vec<Rung> {
    vec![
        sdr("1080p", 1920, 1080, 5000),
        sdr("720p", 1280, 720, 2800),
        sdr("540p", 960, 540, 1900),
        sdr("360p", 640, 360, 700),
        sdr("234p", 416, 234, 96),
    ]
}

/// Twenty seconds at 25 frames per second in segments of six, the usual shape.
pub fn usual() -> Scenario {
    Scenario {
        duration_ms: 20_000,
        segment_ms: 6_000,
        rungs: five_rungs(),
        audio: vec![STEREO],
        subtitles: vec![],
    }
}

impl Scenario {
    /// Every file of the presentation.
    pub fn publish(&self) -> MemoryTree {
        let mut tree = MemoryTree::default();
        let audio: Vec<_> = self.audio.iter().map(|audio| self.publish_audio(audio, &mut tree)).collect();
        let subtitles: Vec<_> =
            self.subtitles.iter().map(|s| self.publish_subtitles(*s, &mut tree)).collect();
        let mut groups: Vec<Option<&str>> =
            audio.iter().map(|(media, _)| Some(media.group.as_str())).collect();
        groups.dedup();
        if groups.is_empty() {
            groups.push(None);
        }

        let mut variants = Vec::new();
        for rung in &self.rungs {
            let video = self.publish_video(rung, &mut tree);
            for group in &groups {
                let of_group = audio.iter().filter(|(media, _)| Some(media.group.as_str()) == *group);
                variants.push(Variant {
                    uri: format!("video/{}/index.m3u8", rung.folder),
                    rates: Rates::of_variant(
                        video,
                        of_group.map(|(_, rates)| *rates),
                        subtitles.iter().map(|(_, rates)| *rates),
                    ),
                    codecs: vec![rung.codec.into()],
                    width: rung.width,
                    height: rung.height,
                    frame_rate: 25.0,
                    video_range: rung.range,
                    audio_group: group.map(str::to_owned),
                    subtitle_group: (!subtitles.is_empty()).then(|| "subs".to_owned()),
                });
            }
        }
        order_variants(&mut variants);
        let multivariant = Multivariant {
            variants,
            audio: audio.into_iter().map(|(media, _)| media).collect(),
            subtitles: subtitles.into_iter().map(|(media, _)| media).collect(),
            iframes: self.publish_iframes(&mut tree),
            images: vec![self.publish_images(&mut tree)],
        };
        put(&mut tree, "main.m3u8", multivariant.render().expect("a multivariant playlist"));
        tree
    }

    /// Milliseconds of each segment.
    fn cuts(&self, segment_ms: u64) -> Vec<u64> {
        let starts = (0..self.duration_ms).step_by(segment_ms as usize);
        starts.map(|start| segment_ms.min(self.duration_ms - start)).collect()
    }

    /// Publishes segments whose fragments `fragment` gives, by their first and last millisecond.
    fn publish_media(
        &self,
        folder: &str,
        kbps: u64,
        track: &Track,
        fragment: impl Fn(u64, u64) -> Fragment,
        tree: &mut MemoryTree,
    ) -> Rates {
        let mut start_ms = 0;
        let mut segments = Vec::new();
        for (index, ms) in self.cuts(self.segment_ms).into_iter().enumerate() {
            let uri = format!("{:05}.m4s", index + 1);
            // Some segments are dearer, so that peak and average differ.
            let bytes = kbps * ms / 8 * [100, 115, 90][index % 3] / 100;
            let head = fragment(start_ms, start_ms + ms).head(bytes);
            tree.heads.insert(format!("{folder}/{uri}"), head);
            segments.push(Segment { uri, duration_s: ms as f64 / 1000.0, bytes, byte_offset: None });
            start_ms += ms;
        }
        let playlist = MediaPlaylist {
            kind: MediaKind::Media,
            target_duration_s: Some(6),
            map_uri: Some("init.mp4".into()),
            segments,
        };
        put_init(folder, track, tree);
        publish(folder, &playlist, tree)
    }

    fn publish_video(&self, rung: &Rung, tree: &mut MemoryTree) -> Rates {
        let track = Track::video(rung.codec, rung.width, rung.height);
        let frame = |ms: u64| ms * 25 / 1000;
        let fragment = |from, to| Fragment::of_video(rung.codec, frame(from), frame(to));
        self.publish_media(&format!("video/{}", rung.folder), rung.kbps, &track, fragment, tree)
    }

    fn publish_audio(&self, audio: &Audio, tree: &mut MemoryTree) -> (AudioMedia, Rates) {
        let folder = format!("audio/{}-{}", audio.language, audio.channels);
        let end = self.duration_ms * 48;
        let fragment = |from, to| Fragment::of_audio(from * 48, to * 48, end);
        let rates = self.publish_media(&folder, audio.kbps, &Track::audio(audio.codec), fragment, tree);
        let default = audio.language == self.audio[0].language;
        let media = AudioMedia {
            group: audio.group.into(),
            name: audio.name.into(),
            language: audio.language.into(),
            default,
            autoselect: true,
            channels: audio.channels,
            codec: audio.codec.into(),
            uri: format!("{folder}/index.m3u8"),
            characteristics: vec![],
        };
        (media, rates)
    }

    fn publish_subtitles(
        &self,
        (language, name, forced): (&str, &str, bool),
        tree: &mut MemoryTree,
    ) -> (SubtitleMedia, Rates) {
        let folder = format!("subs/{language}{}", if forced { "-forced" } else { "" });
        let text = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n\
                    00:00:01.000 --> 00:00:03.000\nGood evening.\n";
        put(tree, &format!("{folder}/00001.vtt"), text.to_owned());
        let playlist = MediaPlaylist {
            kind: MediaKind::Media,
            target_duration_s: None,
            map_uri: None,
            segments: vec![Segment {
                uri: "00001.vtt".into(),
                duration_s: self.duration_ms as f64 / 1000.0,
                bytes: text.len() as u64,
                byte_offset: None,
            }],
        };
        let rates = publish(&folder, &playlist, tree);
        let sdh = [
            "public.accessibility.transcribes-spoken-dialog",
            "public.accessibility.describes-music-and-sound",
        ];
        let media = SubtitleMedia {
            group: "subs".into(),
            name: name.into(),
            language: language.into(),
            default: false,
            autoselect: true,
            forced,
            uri: format!("{folder}/index.m3u8"),
            characteristics: if forced { vec![] } else { sdh.map(str::to_owned).to_vec() },
        };
        (media, rates)
    }

    /// One I-frame a second of the smallest rung of each range, all in one file.
    fn publish_iframes(&self, tree: &mut MemoryTree) -> Vec<IFrameVariant> {
        let mut rungs: Vec<&Rung> = self.rungs.iter().rev().collect();
        rungs.sort_by_key(|rung| rung.range != VideoRange::Sdr);
        rungs.dedup_by_key(|rung| rung.range);
        let publish_one = |rung: &&Rung| {
            let folder = format!("trick/{}", rung.folder);
            let mut file = Vec::new();
            let segments = self.cuts(1000).into_iter().enumerate().map(|(index, ms)| {
                let bytes = 2_000 + 100 * (index as u64 % 3);
                let offset = file.len() as u64;
                let mut fragment = Fragment::of_video(rung.codec, 25 * index as u64, 25 * index as u64 + 1);
                fragment.samples = vec![(ms as u32 * media::VIDEO_SCALE / 1000, true)];
                file.extend(fragment.head(bytes));
                file.resize((offset + bytes) as usize, 0);
                let byte_offset = Some(offset);
                Segment { uri: "00001.m4s".into(), duration_s: ms as f64 / 1000.0, bytes, byte_offset }
            });
            let playlist = MediaPlaylist {
                kind: MediaKind::IFrames,
                target_duration_s: None,
                map_uri: Some("init.mp4".into()),
                segments: segments.collect(),
            };
            tree.heads.insert(format!("{folder}/00001.m4s"), file);
            put_init(&folder, &Track::video(rung.codec, rung.width, rung.height), tree);
            IFrameVariant {
                uri: format!("{folder}/index.m3u8"),
                rates: publish(&folder, &playlist, tree),
                codecs: vec![rung.codec.into()],
                width: rung.width,
                height: rung.height,
                video_range: rung.range,
            }
        };
        rungs.iter().map(publish_one).collect()
    }

    fn publish_images(&self, tree: &mut MemoryTree) -> ImageVariant {
        let layout = TileLayout { tile_width: 160, tile_height: 90, columns: 3, rows: 2, interval_ms: 2_000 };
        let sheets = (1..=layout.sheets(self.duration_ms))
            .map(|number| Sheet { uri: format!("sprite-{number:03}.jpg"), bytes: 30_000 })
            .collect();
        let images = ImagesPlaylist { layout, duration_ms: self.duration_ms, sheets };
        for sheet in &images.sheets {
            tree.sizes.insert(format!("thumbs/{}", sheet.uri), sheet.bytes);
            tree.heads.insert(format!("thumbs/{}", sheet.uri), media::jpeg(480, 180));
        }
        put(tree, "thumbs/images.m3u8", images.render().expect("an images playlist"));
        put(tree, "thumbs/storyboard.vtt", images.storyboard_vtt().expect("a storyboard"));
        ImageVariant {
            uri: "thumbs/images.m3u8".into(),
            bandwidth_bps: images.rates().peak_bps,
            width: 160,
            height: 90,
        }
    }
}

/// Writes an initialisation section.
pub fn put_init(folder: &str, track: &Track, tree: &mut MemoryTree) {
    let init = media::init(std::slice::from_ref(track));
    tree.sizes.insert(format!("{folder}/init.mp4"), init.len() as u64);
    tree.heads.insert(format!("{folder}/init.mp4"), init);
}

/// Writes a playlist and what it names, as large as it says.
fn publish(folder: &str, playlist: &MediaPlaylist, tree: &mut MemoryTree) -> Rates {
    for segment in &playlist.segments {
        let path = format!("{folder}/{}", segment.uri);
        if !tree.texts.contains_key(&path) {
            let end = segment.byte_offset.unwrap_or(0) + segment.bytes;
            tree.sizes.insert(path, end);
        }
    }
    put(tree, &format!("{folder}/index.m3u8"), playlist.render().expect("a media playlist"));
    playlist.rates()
}

fn put(tree: &mut MemoryTree, path: &str, text: String) {
    tree.texts.insert(path.to_owned(), text.into_bytes());
}
