//! Where a presentation plays: what is known of players, held against what was found.
//!
//! The table says what players do, from their sources and issues, not what was tried here. Where it says nothing, a
//! player plays.

use std::fmt;

use serde::Serialize;

use super::codecs::is_audio;
use super::multivariant::Multivariant;
use super::playlist::Playlist;
use super::report::Findings;
use super::rule::*;
use super::tree::{Role, Tree};
use crate::mp4::Handler;

/// A player that people watch with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Player {
    /// Apple's, in Safari, iOS and tvOS.
    AVPlayer,
    /// Android's, ExoPlayer before.
    Media3,
    /// In browsers.
    #[serde(rename = "hls.js")]
    HlsJs,
    /// In browsers and televisions.
    Shaka,
    /// Televisions and sticks.
    Roku,
    /// Chromecast and what has it built in.
    Cast,
}

/// Whether it plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plays {
    /// Nothing speaks against it.
    Yes,
    /// With restrictions, or on some devices.
    Limited,
    /// Not at all.
    No,
}

/// What is to be expected of one player.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaysOn {
    /// The player.
    pub player: Player,
    /// Whether it plays.
    pub plays: Plays,
    /// Why not, or not everywhere; empty where it plays.
    pub why: Vec<&'static str>,
}

use Player::*;
use Plays::*;

const ALL: &[Player] = &[AVPlayer, Media3, HlsJs, Shaka, Roku, Cast];
const BROWSERS: &[Player] = &[HlsJs, Shaka];

/// What speaks against a player.
struct Limit {
    players: &'static [Player],
    when: When,
    plays: Plays,
    why: &'static str,
}

enum When {
    /// The rule is broken.
    Broken(&'static Rule),
    /// The presentation is so.
    Is(fn(&Facts) -> bool),
}

/// What decides, beside broken rules.
struct Facts {
    /// First parts of the video codecs of each variant: `avc1`.
    video: Vec<String>,
    /// The same of all audio.
    audio: Vec<String>,
    has_iframes: bool,
    /// EXT-X-DEFINE with QUERYPARAM.
    takes_query: bool,
    /// Samples are encrypted, which needs a key system.
    has_hidden_samples: bool,
}

impl Facts {
    fn all_video_is(&self, entries: &[&str]) -> bool {
        !self.video.is_empty() && self.video.iter().all(|video| entries.contains(&video.as_str()))
    }

    fn all_audio_is(&self, entries: &[&str]) -> bool {
        !self.audio.is_empty() && self.audio.iter().all(|audio| entries.contains(&audio.as_str()))
    }
}

static LIMITS: &[Limit] = &[
    Limit { players: ALL, when: When::Broken(&HAS_VARIANTS), plays: No, why: "nothing is listed" },
    Limit { players: ALL, when: When::Broken(&HAS_SEGMENTS), plays: Limited, why: "a playlist is empty" },
    Limit { players: ALL, when: When::Broken(&FILE_EXISTS), plays: Limited, why: "files are missing" },
    Limit {
        players: ALL,
        when: When::Broken(&INIT_READABLE),
        plays: Limited,
        why: "an initialisation section cannot be read",
    },
    Limit {
        players: ALL,
        when: When::Broken(&SEGMENT_READABLE),
        plays: Limited,
        why: "segments cannot be read",
    },
    Limit {
        players: ALL,
        when: When::Broken(&HAS_MAP),
        plays: Limited,
        why: "fragmented MP4 without its initialisation section",
    },
    // Codecs.
    Limit {
        players: &[AVPlayer],
        when: When::Is(|f| f.all_video_is(&["hev1", "avc3", "dvhe"])),
        plays: No,
        why: "parameter sets in the samples (hev1, avc3) do not play on Apple's devices",
    },
    Limit {
        players: &[AVPlayer],
        when: When::Is(|f| f.all_video_is(&["vp09", "vp08"])),
        plays: No,
        why: "VP9 is not among the formats that Apple lists",
    },
    Limit {
        players: &[AVPlayer],
        when: When::Broken(&HEVC_IN_MP4),
        plays: No,
        why: "HEVC plays from fragmented MP4 alone",
    },
    Limit {
        players: ALL,
        when: When::Is(|f| f.all_video_is(&["av01"])),
        plays: Limited,
        why: "AV1 alone: needs a newer device or a decoder in software",
    },
    Limit {
        players: BROWSERS,
        when: When::Is(|f| f.all_video_is(&["hvc1", "hev1", "dvh1", "dvhe"])),
        plays: Limited,
        why: "HEVC alone: whether it plays is up to the browser's decoder",
    },
    Limit {
        players: &[Media3, Roku, Cast],
        when: When::Is(|f| f.all_video_is(&["hvc1", "hev1", "dvh1", "dvhe"])),
        plays: Limited,
        why: "HEVC alone: whether it plays is up to the device's decoder",
    },
    Limit {
        players: &[HlsJs, Shaka, Media3, Cast],
        when: When::Is(|f| f.all_audio_is(&["ac-3", "ec-3", "ac-4"])),
        plays: Limited,
        why: "no AAC: sound is up to the decoder of browser or device",
    },
    Limit {
        players: &[AVPlayer],
        when: When::Broken(&AAC_PRESENT),
        plays: Limited,
        why: "no AAC in stereo, which Apple asks for",
    },
    // What is declared.
    Limit {
        players: &[Shaka],
        when: When::Broken(&HAS_CODECS),
        plays: Limited,
        why: "guesses avc1.42E01E and mp4a.40.2 where CODECS is absent",
    },
    Limit {
        players: &[Media3],
        when: When::Broken(&CODECS_NAME_AUDIO),
        plays: Limited,
        why: "no sound where CODECS does not name it",
    },
    Limit {
        players: &[Media3],
        when: When::Broken(&CODECS_NOT_ABSENT),
        plays: No,
        why: "fails where CODECS names what is absent",
    },
    Limit {
        players: &[Media3, HlsJs, Shaka],
        when: When::Broken(&CODECS_AS_MEDIA),
        plays: Limited,
        why: "prepares decoders by CODECS, which is wrong",
    },
    Limit {
        players: &[AVPlayer],
        when: When::Broken(&PEAK_AS_DECLARED),
        plays: Limited,
        why: "switches badly where BANDWIDTH is not the peak",
    },
    Limit {
        players: &[AVPlayer],
        when: When::Is(|f| f.takes_query),
        plays: Limited,
        why: "EXT-X-DEFINE with QUERYPARAM needs a system of 2023 or later",
    },
    Limit {
        players: &[Media3],
        when: When::Is(|f| f.takes_query),
        plays: Limited,
        why: "EXT-X-DEFINE with QUERYPARAM needs 1.10.0",
    },
    Limit {
        players: &[Roku, Cast],
        when: When::Is(|f| f.takes_query),
        plays: Limited,
        why: "EXT-X-DEFINE with QUERYPARAM is not known to be understood",
    },
    Limit {
        players: ALL,
        when: When::Is(|f| f.has_hidden_samples),
        plays: Limited,
        why: "encrypted samples: only where the player has the key system",
    },
    // Times.
    Limit {
        players: &[Media3, HlsJs],
        when: When::Broken(&NOT_NEGATIVE),
        plays: No,
        why: "reads a time below 0 and fails",
    },
    Limit { players: &[Media3], when: When::Broken(&ONE_EDIT), plays: Limited, why: "honours one edit only" },
    Limit {
        players: BROWSERS,
        when: When::Broken(&SAME_FIRST_TIMESTAMP),
        plays: Limited,
        why: "a gap at the start where renditions begin at different times",
    },
    Limit {
        players: &[HlsJs],
        when: When::Broken(&AUDIO_ENDS_WITH_VIDEO),
        plays: Limited,
        why: "stalls at the end where audio is shorter than video",
    },
    Limit {
        players: &[HlsJs],
        when: When::Broken(&NO_TINY_LAST_AUDIO),
        plays: Limited,
        why: "freezes on a very short last segment of audio",
    },
    Limit {
        players: &[HlsJs],
        when: When::Broken(&MAP_BEFORE_EXTINF),
        plays: Limited,
        why: "loses the segment where EXT-X-MAP stands between EXTINF and URI",
    },
    Limit {
        players: BROWSERS,
        when: When::Broken(&STARTS_WITH_IDR),
        plays: Limited,
        why: "broken pictures after seeking and switching",
    },
    // Subtitles and pictures for scrubbing.
    Limit {
        players: &[Media3, Shaka],
        when: When::Broken(&VTT_TIMESTAMP_MAP),
        plays: Limited,
        why: "subtitles fail where X-TIMESTAMP-MAP lacks LOCAL or MPEGTS",
    },
    Limit {
        players: &[AVPlayer],
        when: When::Broken(&SUBTITLES_AS_TEXT),
        plays: Limited,
        why: "no subtitles: WebVTT in MP4 is not shown",
    },
    Limit {
        players: &[AVPlayer],
        when: When::Is(|f| !f.has_iframes && !f.video.is_empty()),
        plays: Limited,
        why: "no pictures while scrubbing: no I-frame stream",
    },
    Limit {
        players: &[Shaka, HlsJs],
        when: When::Broken(&IFRAME_IS_ONE_SAMPLE),
        plays: Limited,
        why: "scrubbing fails: I-frame ranges hold a moof box of more samples",
    },
    Limit {
        players: &[Roku],
        when: When::Broken(&THUMBNAILS_PRESENT),
        plays: Limited,
        why: "thumbnails are required above 15 minutes",
    },
];

/// What is to be expected of each player.
pub(super) fn plays_on(
    root: &str,
    multivariant: &Multivariant<'_>,
    tree: &Tree,
    findings: &Findings,
) -> Vec<PlaysOn> {
    let facts = facts(root, multivariant, tree);
    let holds = |limit: &&Limit| match limit.when {
        When::Broken(rule) => findings.has(rule),
        When::Is(fact) => fact(&facts),
    };
    let of_player = |player: &Player| {
        let limits: Vec<&Limit> =
            LIMITS.iter().filter(|limit| limit.players.contains(player)).filter(holds).collect();
        let plays = limits.iter().map(|limit| limit.plays).max().unwrap_or(Yes);
        PlaysOn { player: *player, plays, why: limits.iter().map(|limit| limit.why).collect() }
    };
    ALL.iter().map(of_player).collect()
}

fn facts(root: &str, multivariant: &Multivariant<'_>, tree: &Tree) -> Facts {
    // What is declared, and what media say.
    let played: Vec<&Playlist> = tree.of(Role::Video).chain(tree.of(Role::Audio)).collect();
    let declared = multivariant.variants.iter().flat_map(|variant| variant.codecs());
    let mut codecs: Vec<(bool, &str)> = declared.map(|codec| (is_audio(codec), codec)).collect();
    let formats = played.iter().flat_map(|playlist| &playlist.formats);
    let formats = formats.filter(|format| format.handler != Handler::Other);
    codecs.extend(formats.map(|format| (format.handler == Handler::Audio, format.codecs.as_str())));
    let entries = |of_audio: bool| -> Vec<String> {
        let of_kind = codecs.iter().filter(|(is_audio, _)| *is_audio == of_audio);
        of_kind.map(|(_, codec)| codec.split('.').next().unwrap_or_default().to_owned()).collect()
    };
    Facts {
        video: entries(false),
        audio: entries(true),
        has_iframes: !multivariant.iframes.is_empty(),
        takes_query: root.lines().any(|l| l.starts_with("#EXT-X-DEFINE:") && l.contains("QUERYPARAM=")),
        has_hidden_samples: played.iter().any(|playlist| playlist.has_hidden_samples),
    }
}

impl fmt::Display for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            AVPlayer => "AVPlayer",
            Media3 => "Media3",
            HlsJs => "hls.js",
            Shaka => "Shaka",
            Roku => "Roku",
            Cast => "Cast",
        })
    }
}

impl fmt::Display for PlaysOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plays = match self.plays {
            Yes => "yes",
            Limited => "limited",
            No => "no",
        };
        write!(f, "plays on {:8}  {plays}", self.player)?;
        if !self.why.is_empty() {
            write!(f, ": {}", self.why.join("; "))?;
        }
        Ok(())
    }
}
