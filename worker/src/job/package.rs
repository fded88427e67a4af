//! From the commits' segment events to playlists, storyboard and `asset.json`. No sample is seen here.

use std::collections::BTreeMap;

use flodrama_asset::document::{AssetDocument, AudioRendition, Poster, Rendition};
use flodrama_asset::{PublishedFile, RungName, TrackFile};
use flodrama_hls::build::{
    self, IFrameVariant, ImageVariant, ImagesPlaylist, MediaKind, MediaPlaylist, Multivariant, Rates,
    Segment, Sheet, TileLayout, Variant, VideoRange,
};
use flodrama_media::task::{
    HdrTransfer, RungTask, SegmentWritten, StillsWritten, SubtitlesWritten, TrackWritten,
};

use super::ledger::{Commit, TaskResult};
use super::sound::{self, Sound};
use super::subtitles;
use crate::error::{JobError, Result};
use crate::plan::Plan;

/// A rendition put together from its tasks' commits.
#[derive(Clone, Debug)]
pub struct Track {
    /// Codecs and initialisation section.
    pub written: TrackWritten,
    /// All segments in order.
    pub segments: Vec<SegmentWritten>,
}

/// Everything that the tasks gave, by rendition.
#[derive(Clone, Debug)]
pub struct Renditions {
    /// By folder, such as `video/720p`.
    pub tracks: BTreeMap<String, Track>,
    /// Subtitles by task name, those that were left out as well.
    pub subtitles: BTreeMap<String, SubtitlesWritten>,
    /// Sprites and posters.
    pub stills: StillsWritten,
}

/// The texts to publish, by path below the tree, and the catalogue's document.
#[derive(Clone, Debug)]
pub struct Package {
    /// Playlists, storyboard and `asset.json`.
    pub files: BTreeMap<String, String>,
    /// `asset.json`.
    pub asset: AssetDocument,
}

impl Renditions {
    /// Joins the commits. Every chunk of a rendition must have the same initialisation section, and every segment
    /// must be there exactly once.
    pub fn join(plan: &Plan, commits: &BTreeMap<String, Commit>) -> Result<Renditions> {
        let mut tracks: BTreeMap<String, Track> = BTreeMap::new();
        let mut stills = None;
        let mut subtitles = BTreeMap::new();
        for (task, commit) in commits {
            match &commit.result {
                TaskResult::Stills(s) => stills = Some(s.clone()),
                TaskResult::Subtitles(written) => drop(subtitles.insert(task.clone(), written.clone())),
                TaskResult::Sampled(_) => {}
                TaskResult::Written(written) => {
                    for track in &written.tracks {
                        let known = tracks
                            .entry(track.track.clone())
                            .or_insert_with(|| Track { written: track.clone(), segments: Vec::new() });
                        if known.written != *track {
                            let what = format_args!(
                                "{}: chunks differ in their initialisation section",
                                track.track
                            );
                            return Err(JobError::internal("package", what));
                        }
                    }
                }
            }
            for segment in &commit.segments {
                let track = tracks.get_mut(&segment.track);
                let track =
                    track.ok_or_else(|| JobError::internal("package", "a segment without a rendition"))?;
                track.segments.push(segment.clone());
            }
        }
        for (name, track) in &mut tracks {
            track.segments.sort_by_key(|s| s.number);
            let numbers = track.segments.iter().map(|s| s.number);
            if !numbers.eq(1..=plan.segments.len() as u32) {
                return Err(JobError::internal(
                    "package",
                    format_args!("{name}: segments are missing or double"),
                ));
            }
        }
        let stills = stills.ok_or_else(|| JobError::internal("package", "no stills"))?;
        Ok(Renditions { tracks, subtitles, stills })
    }

    fn track(&self, file: &PublishedFile) -> Result<(&Track, String)> {
        let path = file.to_string();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let track = self.tracks.get(folder);
        Ok((track.ok_or_else(|| JobError::internal("package", format_args!("no {folder}")))?, path))
    }
}

/// Writes every text of the presentation.
pub fn package(plan: &Plan, renditions: &Renditions, title: &str) -> Result<Package> {
    let mut files = BTreeMap::new();
    let built = |e: build::BuildError| JobError::internal("playlist", e);

    let mut videos = Vec::new();
    for (name, range, frame_rate, rung) in rungs(plan) {
        let (track, path) = renditions.track(&PublishedFile::Video(name.clone(), TrackFile::Playlist))?;
        videos.push(((name, range, frame_rate, rung), track, path, media_playlist(track, MediaKind::Media)));
    }
    let mut audios = Vec::new();
    for audio in &plan.audio {
        let (track, path) =
            renditions.track(&PublishedFile::Audio(audio.group.clone(), TrackFile::Playlist))?;
        audios.push((audio, track, path, media_playlist(track, MediaKind::Media)));
    }
    let all = videos.iter().map(|(.., p)| p).chain(audios.iter().map(|(.., p)| p));
    let target = build::common_target_duration_s(all).max(plan.segment_s());

    let mut multivariant = Multivariant::default();
    let mut asset = AssetDocument {
        title: title.to_owned(),
        duration_ms: (plan.duration_s() * 1000.0).round() as u64,
        renditions: Vec::new(),
        audio: Vec::new(),
        subs: Vec::new(),
        chapters: plan.chapters.clone(),
        posters: posters(plan, &renditions.stills),
        thumbhash: renditions.stills.thumbhash.clone(),
    };
    let mut sounds = Vec::new();
    for (audio, track, path, mut playlist) in audios {
        playlist.target_duration_s = Some(target);
        let (codec, rates) = (track.written.codecs.clone(), playlist.rates());
        files.insert(path.clone(), playlist.render().map_err(built)?);
        sounds.push(Sound { plan: audio, codec: codec.clone(), uri: path, rates });
        asset.audio.push(AudioRendition {
            name: audio.group.clone(),
            language: audio.language.clone(),
            channels: audio.channels,
            codecs: codec,
        });
    }
    multivariant.audio = sound::media(&sounds);
    let subs = subtitles::package(plan, renditions)?;
    files.extend(subs.playlists);
    multivariant.subtitles = subs.media;
    asset.subs = subs.documents;
    for ((name, range, frame_rate, rung), track, path, mut playlist) in videos {
        playlist.target_duration_s = Some(target);
        let rates = Rates::of_variant(playlist.rates(), [], subs.rates.iter().copied());
        files.insert(path.clone(), playlist.render().map_err(built)?);
        let picture = Variant {
            uri: path,
            rates,
            codecs: vec![track.written.codecs.clone()],
            width: rung.width,
            height: rung.height,
            frame_rate,
            video_range: range,
            audio_group: None,
            subtitle_group: multivariant.subtitles.first().map(|s| s.group.clone()),
        };
        let variants = sound::variants(picture, &sounds);
        let rates = variants[0].rates;
        multivariant.variants.extend(variants);
        asset.renditions.push(Rendition {
            name: name.to_string(),
            video_range: range.to_string(),
            width: rung.width,
            height: rung.height,
            frame_rate,
            codecs: track.written.codecs.clone(),
            bandwidth: rates.peak_bps,
            average_bandwidth: rates.average_bps,
        });
    }
    sound::order(&mut multivariant.variants, &sounds);

    let trick = &plan.trick.rung;
    let (track, path) = renditions.track(&PublishedFile::Trick(trick.height, TrackFile::Playlist))?;
    let playlist = media_playlist(track, MediaKind::IFrames);
    multivariant.iframes.push(IFrameVariant {
        uri: path.clone(),
        rates: playlist.rates(),
        codecs: vec![track.written.codecs.clone()],
        width: trick.width,
        height: trick.height,
        video_range: VideoRange::Sdr,
    });
    files.insert(path, playlist.render().map_err(built)?);

    let images = images(plan, &renditions.stills, asset.duration_ms);
    multivariant.images.push(ImageVariant {
        uri: PublishedFile::ImagesPlaylist.to_string(),
        bandwidth_bps: images.rates().peak_bps,
        width: images.layout.tile_width,
        height: images.layout.tile_height,
    });
    files.insert(PublishedFile::ImagesPlaylist.to_string(), images.render().map_err(built)?);
    files.insert(PublishedFile::Storyboard.to_string(), images.storyboard_vtt().map_err(built)?);
    files.extend(subtitles::chapters(plan));
    files.insert(PublishedFile::Multivariant.to_string(), multivariant.render().map_err(built)?);
    let json = serde_json::to_string_pretty(&asset).map_err(|e| JobError::internal("asset.json", e))?;
    files.insert(PublishedFile::Asset.to_string(), json);
    Ok(Package { files, asset })
}

/// The rungs of all ladders, with their folders and ranges.
fn rungs(plan: &Plan) -> impl Iterator<Item = (RungName, VideoRange, f64, &RungTask)> {
    let rate = plan.cadence.rate.as_f64();
    let main = plan.rungs.iter().map(move |rung| (RungName::from(rung.height), VideoRange::Sdr, rate, rung));
    let beside = plan.beside.iter().flat_map(move |ladder| {
        let range = match ladder.hdr.map(|hdr| hdr.transfer) {
            None => VideoRange::Sdr,
            Some(HdrTransfer::Pq) => VideoRange::Pq,
            Some(HdrTransfer::Hlg) => VideoRange::Hlg,
        };
        ladder.rungs.iter().map(move |rung| {
            let name = RungName { height: rung.height, ladder: Some(ladder.name.clone()) };
            (name, range, ladder.cadence(plan.cadence).rate.as_f64(), rung)
        })
    });
    main.chain(beside)
}

fn media_playlist(track: &Track, kind: MediaKind) -> MediaPlaylist {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let seconds = |ticks: u64, s: &SegmentWritten| ticks as f64 / f64::from(s.timescale);
    let segments = match kind {
        MediaKind::Media => track
            .segments
            .iter()
            .map(|s| Segment {
                uri: name(&s.path),
                duration_s: seconds(s.duration, s),
                bytes: s.bytes,
                byte_offset: None,
            })
            .collect(),
        MediaKind::IFrames => track
            .segments
            .iter()
            .flat_map(|s| {
                s.iframes.iter().map(move |frame| Segment {
                    uri: name(&s.path),
                    duration_s: seconds(frame.duration, s),
                    bytes: frame.bytes,
                    byte_offset: Some(frame.offset),
                })
            })
            .collect(),
    };
    MediaPlaylist { kind, target_duration_s: None, map_uri: Some(TrackFile::Init.to_string()), segments }
}

fn images(plan: &Plan, stills: &StillsWritten, duration_ms: u64) -> ImagesPlaylist {
    let sheets = (1..=stills.sheets.len() as u32).map(|n| {
        let path = PublishedFile::Sprite(n).to_string();
        let bytes = stills.files.iter().find(|(file, _)| *file == path).map_or(0, |(_, bytes)| *bytes);
        Sheet { uri: path.trim_start_matches("thumbs/").to_owned(), bytes }
    });
    ImagesPlaylist {
        layout: TileLayout {
            tile_width: plan.stills.tile.0,
            tile_height: plan.stills.tile.1,
            columns: plan.stills.layout.0,
            rows: plan.stills.layout.1,
            interval_ms: plan.stills.interval_ms,
        },
        duration_ms,
        sheets: sheets.collect(),
    }
}

fn posters(plan: &Plan, stills: &StillsWritten) -> Vec<Poster> {
    let sizes = plan.stills.poster_widths.iter().zip(&stills.posters);
    sizes
        .map(|(name, (width, height))| Poster {
            jpeg: PublishedFile::PosterJpeg(*name).to_string(),
            webp: PublishedFile::PosterWebp(*name).to_string(),
            width: *width,
            height: *height,
        })
        .collect()
}
