//! What of an episode plays so far, and the playlists that say so. Pure: segments come in any order, and a segment
//! counts once every rendition has it and all before it.

use std::collections::BTreeMap;

use flodrama_asset::{PreviewFile, PublishedFile, TrackFile};
use flodrama_hls::build::{
    BuildError, MediaKind, MediaPlaylist, Multivariant, Rates, Segment, Variant, VideoRange,
};
use flodrama_media::task::{RungTask, SegmentWritten, TrackWritten};

use crate::job::sound::{self, Sound};
use crate::plan::{AudioPlan, Plan};

/// What boxes of the container add to a rate at most.
const CONTAINER: f64 = 1.02;

/// The renditions of a preview, as far as they are.
#[derive(Clone, Debug)]
pub struct Growth {
    plan: Plan,
    tracks: Vec<Track>,
}

#[derive(Clone, Debug)]
struct Track {
    /// Where its playlist goes.
    file: PreviewFile,
    /// Folder of its segments.
    folder: String,
    /// Known once its initialisation section is written.
    written: Option<TrackWritten>,
    segments: BTreeMap<u32, SegmentWritten>,
}

impl Growth {
    /// Nothing yet of `plan`. All rungs and all sound belong to a preview; I-frames and pictures do not.
    pub fn new(plan: &Plan) -> Growth {
        let folder = |file: PublishedFile| file.to_string().trim_end_matches("/init.mp4").to_owned();
        let track = |file, folder| Track { file, folder, written: None, segments: BTreeMap::new() };
        let videos = plan.rungs.iter().map(|rung| {
            let init = PublishedFile::Video(rung.height.into(), TrackFile::Init);
            track(PreviewFile::Video(rung.height), folder(init))
        });
        let audios = plan.audio.iter().map(|audio| {
            let init = PublishedFile::Audio(audio.group.clone(), TrackFile::Init);
            track(PreviewFile::Audio(audio.group.clone()), folder(init))
        });
        Growth { tracks: videos.chain(audios).collect(), plan: plan.clone() }
    }

    /// A rendition's initialisation section is written.
    pub fn track(&mut self, written: &TrackWritten) {
        if let Some(track) = self.find(&written.track) {
            track.written = Some(written.clone());
        }
    }

    /// A segment is written.
    pub fn segment(&mut self, segment: &SegmentWritten) {
        if let Some(track) = self.find(&segment.track) {
            track.segments.insert(segment.number, segment.clone());
        }
    }

    fn find(&mut self, folder: &str) -> Option<&mut Track> {
        self.tracks.iter_mut().find(|track| track.folder == folder)
    }

    /// So many segments play, from the first on.
    pub fn playable(&self) -> u32 {
        self.tracks.iter().map(Track::playable).min().unwrap_or(0)
    }

    /// Milliseconds of the first `count` segments.
    pub fn playable_ms(&self, count: u32) -> u64 {
        let frames: u64 = self.plan.segments.iter().take(count as usize).map(|s| s.frames()).sum();
        (frames as f64 / self.plan.cadence.rate.as_f64() * 1000.0).round() as u64
    }

    /// Milliseconds of the whole episode.
    pub fn duration_ms(&self) -> u64 {
        (self.plan.duration_s() * 1000.0).round() as u64
    }

    /// Paths below the tree of what a preview of `count` segments names.
    pub fn files(&self, count: u32) -> Vec<String> {
        let of = |track: &Track| {
            let segments: Vec<_> = track.listed(count).map(|segment| segment.path.clone()).collect();
            segments.into_iter().chain([format!("{}/{}", track.folder, TrackFile::Init)])
        };
        self.tracks.iter().flat_map(of).collect()
    }

    /// Which media playlists there are.
    pub fn media_playlist_files(&self) -> Vec<PreviewFile> {
        self.tracks.iter().map(|track| track.file.clone()).collect()
    }

    /// The media playlists with the first `count` segments.
    ///
    /// # Errors
    /// What no playlist can be made of, such as a segment without a duration.
    pub fn media_playlists(&self, count: u32, ended: bool) -> Result<Vec<(PreviewFile, String)>, BuildError> {
        let text = |track: &Track| {
            let playlist = track.playlist(count, self.target_duration_s());
            Ok((track.file.clone(), playlist.render_event(ended)?))
        };
        self.tracks.iter().map(text).collect()
    }

    /// The multivariant playlist, once a segment plays. It stays the same from then on: rates are the caps of the rungs,
    /// since nothing can be measured yet.
    ///
    /// # Errors
    /// A rendition whose initialisation section is not written.
    pub fn multivariant(&self) -> Result<String, BuildError> {
        let mut multivariant = Multivariant::default();
        let codecs = |track: &Track| track.written.as_ref().map(|w| w.codecs.clone());
        let missing = BuildError::Empty { what: "initialisation section" };
        let (videos, audios) = self.tracks.split_at(self.plan.rungs.len());
        let mut sounds = Vec::new();
        for (plan, track) in self.plan.audio.iter().zip(audios) {
            let codec = codecs(track).ok_or_else(|| missing.clone())?;
            let rates = rate(f64::from(plan.bit_rate) * 1.05);
            sounds.push(Sound { plan, codec, uri: below_preview(&track.file), rates });
        }
        multivariant.audio = sound::media(&sounds);
        for (rung, track) in self.plan.rungs.iter().zip(videos) {
            let picture = Variant {
                uri: below_preview(&track.file),
                rates: self.peak(rung, track),
                codecs: vec![codecs(track).ok_or_else(|| missing.clone())?],
                width: rung.width,
                height: rung.height,
                frame_rate: self.plan.cadence.rate.as_f64(),
                video_range: VideoRange::Sdr,
                audio_group: None,
                subtitle_group: None,
            };
            multivariant.variants.extend(sound::variants(picture, &sounds));
        }
        sound::order(&mut multivariant.variants, &sounds);
        for variant in &mut multivariant.variants {
            variant.rates.average_bps = 0;
        }
        multivariant.render()
    }

    /// The most that a segment of a rung can take: its cap, and the buffer over which the cap holds, full at the start.
    /// Where a rung has no cap, what its segments took so far, and half as much again.
    fn peak(&self, rung: &RungTask, track: &Track) -> Rates {
        let kilo = |name: &str| rung.options.get(name)?.strip_suffix('k')?.parse::<f64>().ok();
        match (kilo("maxrate"), kilo("bufsize")) {
            (Some(cap), Some(buffer)) => rate((cap + buffer / self.segment_s()) * 1000.0 * CONTAINER),
            _ => {
                let all = track.segments.len() as u32;
                rate(track.playlist(all, self.target_duration_s()).rates().peak_bps as f64 * 1.5)
            }
        }
    }

    fn segment_s(&self) -> f64 {
        self.plan.segment_frames as f64 / self.plan.cadence.rate.as_f64()
    }

    /// Seconds; the same from the first playlist to the last, and enough for every segment of picture and sound.
    fn target_duration_s(&self) -> u32 {
        let frames = self.plan.segments.iter().map(|s| s.frames()).max().unwrap_or(0);
        let picture_s = frames as f64 / self.plan.cadence.rate.as_f64();
        // By so much a segment of sound may be longer than its picture.
        let unit_s = self.plan.audio.iter().map(AudioPlan::unit_s).fold(0.0, f64::max);
        self.plan.segment_s().max((picture_s + unit_s).round() as u32).max(1)
    }
}

impl Track {
    fn playable(&self) -> u32 {
        if self.written.is_none() {
            return 0;
        }
        (1..).zip(self.segments.keys()).take_while(|(wanted, number)| wanted == *number).count() as u32
    }

    fn listed(&self, count: u32) -> impl Iterator<Item = &SegmentWritten> {
        self.segments.values().take(count as usize)
    }

    fn playlist(&self, count: u32, target_s: u32) -> MediaPlaylist {
        let segment = |s: &SegmentWritten| Segment {
            uri: from_playlist(&s.path),
            duration_s: s.duration as f64 / f64::from(s.timescale),
            bytes: s.bytes,
            byte_offset: None,
        };
        MediaPlaylist {
            kind: MediaKind::Media,
            target_duration_s: Some(target_s),
            map_uri: Some(from_playlist(&format!("{}/{}", self.folder, TrackFile::Init))),
            segments: self.listed(count).map(segment).collect(),
        }
    }
}

/// From a media playlist, `preview/<kind>/<name>/index.m3u8`, to a file of the version.
fn from_playlist(path: &str) -> String {
    format!("../../../{path}")
}

/// From `preview/main.m3u8` to a media playlist.
fn below_preview(file: &PreviewFile) -> String {
    file.to_string().trim_start_matches("preview/").to_owned()
}

/// The order of variants goes by their averages, for which a cap must do here.
fn rate(bps: f64) -> Rates {
    Rates { peak_bps: bps.ceil() as u64, average_bps: bps.ceil() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::source;
    use crate::plan::{Preset, plan, preset};

    fn written(folder: &str) -> TrackWritten {
        let codecs = if folder.starts_with("audio/") { "mp4a.40.2" } else { "avc1.64001f" };
        TrackWritten {
            track: folder.into(),
            codecs: codecs.into(),
            init_sha256: String::new(),
            init_bytes: 700,
        }
    }

    fn segment(folder: &str, number: u32) -> SegmentWritten {
        SegmentWritten {
            path: format!("{folder}/{number:05}.m4s"),
            track: folder.into(),
            number,
            timescale: 1000,
            start: 0,
            duration: if folder.starts_with("audio/") { 6016 } else { 6000 },
            samples: 150,
            bytes: 100_000,
            sha256: String::new(),
            iframes: Vec::new(),
        }
    }

    /// A growth over 25 s, and the folders that it waits for.
    fn growth() -> (Growth, Vec<String>) {
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        let plan = plan(&source(625), None, &preset, preset.family());
        let growth = Growth::new(&plan);
        let folders = growth.tracks.iter().map(|t| t.folder.clone()).collect();
        (growth, folders)
    }

    #[test]
    fn a_segment_plays_once_every_rendition_has_it_and_all_before_it() {
        let (mut growth, folders) = growth();
        assert_eq!(folders.len(), 6, "{folders:?}");
        for folder in &folders {
            for number in [3, 1] {
                growth.segment(&segment(folder, number));
            }
        }
        growth.segment(&segment("trick/360p", 1));
        assert_eq!(growth.playable(), 0, "no initialisation section yet");
        folders.iter().for_each(|folder| growth.track(&written(folder)));
        assert_eq!(growth.playable(), 1);
        for folder in &folders[1..] {
            growth.segment(&segment(folder, 2));
        }
        assert_eq!(growth.playable(), 1);
        growth.segment(&segment(&folders[0], 2));
        assert_eq!((growth.playable(), growth.playable_ms(3)), (3, 18_000));
        assert_eq!(growth.files(1).len(), 12);
    }

    #[test]
    fn playlists_name_segments_where_they_will_stay() {
        let (mut growth, folders) = growth();
        for folder in &folders {
            growth.track(&written(folder));
            growth.segment(&segment(folder, 1));
            growth.segment(&segment(folder, 2));
        }
        let playlists = growth.media_playlists(1, false).expect("playlists");
        let (file, text) = &playlists[1];
        assert_eq!(file.to_string(), "preview/video/720p/index.m3u8");
        for line in [
            "#EXT-X-TARGETDURATION:6",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
            "#EXT-X-MAP:URI=\"../../../video/720p/init.mp4\"",
            "../../../video/720p/00001.m4s",
        ] {
            assert!(text.lines().any(|l| l == line), "{text}");
        }
        assert!(!text.contains("00002.m4s") && !text.contains("ENDLIST"), "{text}");
        let more = growth.media_playlists(2, true).expect("playlists");
        assert!(more[1].1.starts_with(text) && more[1].1.ends_with("#EXT-X-ENDLIST\n"), "{}", more[1].1);
    }

    #[test]
    fn the_multivariant_playlist_declares_caps_and_never_changes() {
        let (mut growth, folders) = growth();
        assert!(growth.multivariant().is_err(), "codecs are not known yet");
        folders.iter().for_each(|folder| growth.track(&written(folder)));
        let text = growth.multivariant().expect("a playlist");
        // By hand: (2800 + 4200 / 6) kb/s and 2 %, and 128 kb/s and 5 % of sound.
        assert!(
            text.contains("BANDWIDTH=3704400,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720"),
            "{text}"
        );
        assert!(text.contains("\nvideo/720p/index.m3u8\n") && text.contains("URI=\"audio/"), "{text}");
        folders.iter().for_each(|folder| growth.segment(&segment(folder, 1)));
        assert_eq!(growth.multivariant().expect("a playlist"), text);
    }

    #[test]
    fn a_rung_without_a_cap_is_measured() {
        let (mut growth, folders) = growth();
        growth.plan.rungs[1].options.clear();
        for folder in &folders {
            growth.track(&written(folder));
            growth.segment(&segment(folder, 1));
        }
        let text = growth.multivariant().expect("a playlist");
        // 100,000 bytes in 6 s, half as much again, and the sound.
        assert!(text.contains("BANDWIDTH=334401,"), "{text}");
    }
}
