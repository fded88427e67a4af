//! Sources for the tests of the plan.

use flodrama_media::{
    AudioTrack, CodedVideo, Colour, HdrMetadata, Keyframe, Purpose, Ratio, Scanning, SourceInfo, VideoTrack,
};

/// A Full HD track with these frame times and a keyframe at the first.
pub fn video(pts: Vec<i64>) -> VideoTrack {
    let last = pts[pts.len() - 1];
    let step = if pts.len() > 1 { last - pts[pts.len() - 2] } else { 1 };
    VideoTrack {
        stream: 0,
        codec: "h264".into(),
        width: 1920,
        height: 1080,
        sample_aspect: Ratio::new(1, 1),
        rotation: 0,
        mirrored: false,
        pixel_format: "yuv420p".into(),
        colour: Colour {
            primaries: "bt709".into(),
            transfer: "bt709".into(),
            matrix: "bt709".into(),
            full_range: false,
        },
        hdr: HdrMetadata::default(),
        interlaced: false,
        scanning: Scanning::Progressive,
        time_base: Ratio::new(1, 90_000),
        declared_rate: Some(Ratio::new(25, 1)),
        keyframes: vec![Keyframe { pts: pts[0], dts: pts[0] }],
        end_pts: last + step,
        pts,
        bytes: 1_000_000,
        coded: None,
    }
}

/// So many frames at 25 fps, with stereo sound.
pub fn source(frames: i64) -> SourceInfo {
    SourceInfo {
        container: "mov,mp4,m4a,3gp,3g2,mj2".into(),
        title: None,
        bytes: 1_000_000,
        declared_duration_s: Some(frames as f64 / 25.0),
        video: video((0..frames).map(|i| i * 3600).collect()),
        audio: vec![audio(1, Some("eng"), true)],
        subtitles: Vec::new(),
        sidecars: Vec::new(),
        jumps: Vec::new(),
        chapters: Vec::new(),
    }
}

/// A stereo track.
pub fn audio(stream: usize, language: Option<&str>, default: bool) -> AudioTrack {
    AudioTrack {
        stream,
        codec: "aac".into(),
        channels: 2,
        speakers: ["FL", "FR"].map(str::to_owned).to_vec(),
        purpose: Purpose::Main,
        sample_rate: 48_000,
        language: language.map(str::to_owned),
        title: None,
        default,
        start_s: 0.0,
    }
}

/// The packets of a source that can be passed through: `video`'s frames, with an IDR frame every `gop` of them.
pub fn coded(video: &VideoTrack, gop: usize) -> CodedVideo {
    CodedVideo {
        profile: 100,
        constraints: 0,
        level: 40,
        width: video.width,
        height: video.height,
        is_420_8bit: true,
        frames_only: true,
        square_pixels: true,
        colour: video.colour.clone(),
        parameter_sets: 2,
        parameter_set_changes: 0,
        layers: false,
        pictures: video.pts.len() as u32,
        untimed_packets: 0,
        hidden_packets: 0,
        damaged_packets: 0,
        open_keyframes: 0,
        reorder_frames: 2,
        idr_frames: (0..video.pts.len() as u32).step_by(gop).collect(),
        buffers: vec![(4000, 9000), (4900, 7600), (5000, 7200), (5100, 6000)],
    }
}
