//! Every rule that is checked, once.

use serde::{Serialize, Serializer};

/// How much a broken rule matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Some player fails: not to be published.
    Must,
    /// Plays, but worse than it could.
    Should,
}

/// A rule: its name never changes, its source says who asks for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable name.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The document and clause that ask for it. Where a clause is not given to the digit, it is of that section.
    pub source: &'static str,
    /// How to mend a presentation that breaks it.
    pub mend: &'static str,
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id)
    }
}

macro_rules! rules {
    ($($name:ident = $level:ident $id:literal, $source:literal: $mend:literal;)*) => {
        $(pub(super) static $name: Rule =
            Rule { id: $id, level: Level::$level, source: $source, mend: $mend };)*

        /// Every rule, in the order of this file.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    // Any playlist.
    CLEAN_TEXT = Must "clean-text", "RFC 4.1":
        "write UTF-8 without a byte order mark or control characters";
    STARTS_WITH_EXTM3U = Must "starts-with-extm3u", "RFC 4.4.1.1":
        "make #EXTM3U the first line";
    ONE_KIND = Must "one-kind-of-playlist", "RFC 4.1":
        "keep tags of media playlists out of multivariant playlists, and the other way round";
    TAG_ONCE = Must "tag-once", "RFC 4.4":
        "write the tag once";
    READABLE_TAGS = Must "readable-tags", "RFC 4.2":
        "write the value in the form that its tag asks for";
    VARIABLE_DEFINED = Must "variable-defined", "RFC 4.3, 4.4.2.3":
        "define the variable above its use, give IMPORT what the multivariant playlist defines, and the URL what QUERYPARAM reads";
    VARIABLE_ONCE = Must "variable-once", "RFC 4.4.2.3":
        "define the variable once";
    VERSION_HIGH_ENOUGH = Must "version-high-enough", "RFC 8":
        "raise EXT-X-VERSION to what the tags in use need";

    // References.
    FILE_EXISTS = Must "file-exists", "RFC 6.2.1":
        "publish the file, or take its URI out";
    URI_STAYS_INSIDE = Must "uri-stays-inside", "FloDrama: presentations move as one folder":
        "name the file relative to its playlist, within the presentation";
    RANGE_INSIDE_FILE = Must "range-inside-file", "RFC 4.4.4.2":
        "give the byte range that the file has";

    KNOWN_EXTENSIONS = Should "known-extensions", "m3u-proxy issue 64 (FFmpeg's allowed_segment_extensions)":
        "name playlists .m3u8, fragments .m4s or .mp4, transport streams .ts, subtitles .vtt";

    // Delivery, of what comes from a server.
    PLAYLISTS_COMPRESSED = Must "playlists-compressed", "Apple 10.1":
        "send playlists with Content-Encoding: gzip";
    NO_REDIRECTS = Must "no-redirects", "Apple 10 (delivery)":
        "name the URL that answers: players ask it for every segment";
    CONTENT_TYPES = Should "content-types", "RFC 4; Apple 10, 12 (delivery)":
        "send playlists as application/vnd.apple.mpegurl, MP4 as video/mp4, audio/mp4 or video/iso.segment, \
         transport streams as video/mp2t, subtitles as text/vtt";
    SENT_PRIVATELY = Should "sent-privately", "Apple 10 (delivery): TLS 1.2 or later":
        "serve everything over https";

    // Variants.
    HAS_VARIANTS = Must "has-variants", "RFC 4.4.6.2":
        "list at least one variant";
    VARIANT_HAS_URI = Must "variant-has-uri", "RFC 4.4.6.2, 4.4.6.3":
        "name the media playlist of each variant";
    HAS_BANDWIDTH = Must "has-bandwidth", "RFC 4.4.6.2":
        "declare the measured peak rate as BANDWIDTH";
    HAS_AVERAGE_BANDWIDTH = Must "has-average-bandwidth", "Apple 9.14-9.15":
        "declare the measured average rate as AVERAGE-BANDWIDTH";
    HAS_CODECS = Must "has-codecs", "Apple 9.1-9.4":
        "declare CODECS";
    HAS_RESOLUTION = Must "has-resolution", "Apple 9.1-9.4":
        "declare RESOLUTION";
    HAS_FRAME_RATE = Must "has-frame-rate", "Apple 9.14-9.15":
        "declare FRAME-RATE";
    CODECS_NAME_AUDIO = Must "codecs-name-audio", "RFC 4.4.6.2":
        "add the codec of the audio group to CODECS";
    PARAMETER_SETS_IN_ENTRY = Should "parameter-sets-in-entry", "Apple 1 (sample entries)":
        "use the sample entry avc1, hvc1 or dvh1: Apple's players do not play the others";
    CODECS_WITHIN_LIMITS = Must "codecs-within-limits", "Apple 1 (video)":
        "encode H.264 up to High at level 5.2, HEVC up to Main 10 at level 5.1, AV1 up to level 6.2";
    EASY_H264_PRESENT = Should "easy-h264-present", "Apple 1 (H.264)":
        "add H.264 variants at level 4.1 or below";
    AT_MOST_60_FPS = Must "at-most-60-fps", "Apple 1 (video)":
        "halve the frame rate";
    HDR_AT_30_FPS = Should "hdr-at-30-fps", "Apple 1.20 (tvOS)":
        "offer HDR at 30 frames a second or fewer too";
    DOLBY_VISION_RANGE = Must "dolby-vision-range", "Apple 1 (Dolby Vision 8)":
        "declare VIDEO-RANGE=PQ beside db1p, and HLG beside db4h";
    PICTURE_IN_EVERY_VARIANT = Should "picture-in-every-variant", "Apple 9.20 (tvOS)":
        "leave variants without video out";
    RANGE_DECLARED = Must "video-range-declared", "Apple 9.16":
        "declare VIDEO-RANGE on every variant and I-frame stream, unless all are SDR";
    SDR_PRESENT = Must "sdr-present", "Apple 1.24":
        "add SDR variants";
    SDR_IFRAMES_PRESENT = Must "sdr-iframes-present", "Apple 6.16":
        "add an SDR I-frame stream";
    SEVERAL_BITRATES = Must "several-bitrates", "Apple 9.9":
        "add a variant of another bit rate";
    SCORE_ON_ALL = Should "score-on-all-or-none", "Apple 9.19":
        "give every variant a SCORE, or none";
    INDEPENDENT_SEGMENTS = Must "independent-segments", "Apple 9.11-9.12":
        "declare EXT-X-INDEPENDENT-SEGMENTS in the multivariant playlist";
    LOW_BANDWIDTH_VARIANT = Should "low-bandwidth-variant", "Apple 9.21":
        "add a variant whose BANDWIDTH is at most 192000";
    STARTS_NEAR_2_MBPS = Should "starts-near-2-mbps", "Apple 1.32":
        "list the SDR variant nearest to 2 Mb/s on average first";
    SAME_ASPECT_RATIO = Should "same-aspect-ratio", "Apple 1.33":
        "scale all variants from the same picture";
    IFRAMES_PRESENT = Must "iframes-present", "Apple 6.1":
        "add an I-frame stream";
    IFRAMES_IN_CODECS = Should "iframes-in-codecs-of-video", "Apple 6 (AirPlay 2 televisions)":
        "add an I-frame stream in a codec that the variants use, or of mjpg";
    THUMBNAILS_PRESENT = Should "thumbnails-present", "Roku trick mode: asked for above 15 minutes":
        "add an EXT-X-IMAGE-STREAM-INF";
    CLOSED_CAPTIONS_SAID = Must "closed-captions-said", "RFC 4.4.6.2":
        "write CLOSED-CAPTIONS=NONE on every variant";
    IMAGE_STREAM_COMPLETE = Must "image-stream-complete", "Image Media Playlist 0.4":
        "declare BANDWIDTH, RESOLUTION, CODECS and URI";

    // Groups.
    MEDIA_COMPLETE = Must "media-complete", "RFC 4.4.6.1":
        "write TYPE, GROUP-ID and NAME, and the URI of subtitles";
    MEDIA_HAS_LANGUAGE = Must "media-has-language", "Apple 8.10":
        "declare LANGUAGE, und where unknown";
    GROUP_EXISTS = Must "group-exists", "RFC 4.4.6.2":
        "add a rendition to the group, or take the reference out";
    NAMES_DIFFER = Must "names-differ", "RFC 4.4.6.1.1":
        "give each rendition of a group its own NAME";
    ONE_DEFAULT = Must "one-default", "RFC 4.4.6.1.1":
        "make one rendition of the group the default";
    DEFAULT_IS_AUTOSELECT = Must "default-is-autoselect", "RFC 4.4.6.1":
        "write AUTOSELECT=YES on the default rendition";
    AUDIO_HAS_CHANNELS = Should "audio-has-channels", "RFC 4.4.6.1":
        "declare CHANNELS";
    STEREO_BESIDE_SURROUND = Must "stereo-beside-surround", "Apple 2 (audio)":
        "add a stereo group beside the multichannel one";

    AAC_PRESENT = Must "aac-present", "Apple 2 (audio)":
        "add variants whose audio is AAC in stereo";
    AC3_BESIDE_EAC3 = Should "ac3-beside-eac3", "Apple 2 (audio)":
        "add a group of AC-3 for older devices";
    SAME_MEMBERS = Must "same-members", "RFC 4.4.6.1.1":
        "give each group of a type the same renditions, with the same NAME and LANGUAGE";
    DESCRIPTIONS_SELECTED = Must "descriptions-selected", "Apple 2 (audio descriptions)":
        "write AUTOSELECT=YES beside public.accessibility.describes-video";
    CAPTIONS_COMPLETE = Must "captions-complete", "Apple 4.5-4.6":
        "for the hard of hearing, declare both public.accessibility.transcribes-spoken-dialog and \
         public.accessibility.describes-music-and-sound, and AUTOSELECT=YES";

    // One media playlist.
    HAS_SEGMENTS = Must "has-segments", "RFC 6.2.1":
        "list the segments";
    HAS_TARGET_DURATION = Must "has-target-duration", "RFC 4.4.3.1":
        "declare EXT-X-TARGETDURATION";
    WITHIN_TARGET_DURATION = Must "within-target-duration", "RFC 4.4.3.1":
        "raise EXT-X-TARGETDURATION to the longest segment, rounded";
    TARGET_DURATION_SIX = Should "target-duration-six", "Apple 7.5":
        "cut segments of 6 s";
    SEGMENT_HAS_EXTINF = Must "segment-has-extinf", "RFC 4.4.4.1":
        "write EXTINF before each segment";
    IS_VOD = Must "is-vod", "Apple 8 (VOD)":
        "declare EXT-X-PLAYLIST-TYPE:VOD";
    HAS_ENDLIST = Must "has-endlist", "RFC 4.4.3.4":
        "end the playlist with EXT-X-ENDLIST";
    HAS_MAP = Must "has-map", "RFC 3.1.2":
        "name the initialisation section by EXT-X-MAP";
    MAP_BEFORE_EXTINF = Must "map-before-extinf", "RFC 4.4.4.5; hls.js issue 4223":
        "move EXT-X-MAP before the EXTINF of its segment";
    IFRAMES_ONLY = Must "iframes-only", "RFC 4.4.3.6":
        "declare EXT-X-I-FRAMES-ONLY in the playlists of I-frame streams, and there alone";
    IFRAME_EACH_SECOND = Should "iframe-each-second", "Apple 6 (trick play)":
        "list an I-frame for each second";
    IMAGES_ONLY = Must "images-only", "Image Media Playlist 0.4":
        "declare EXT-X-IMAGES-ONLY";
    TILES_FIT = Must "tiles-fit", "Image Media Playlist 0.4":
        "give each sheet EXT-X-TILES, and an EXTINF of its tiles times their DURATION";
    SHEET_SIZE = Must "sheet-size", "Image Media Playlist 0.4":
        "declare the size of a tile and the layout that the sheet has";
    VTT_HEADER = Must "vtt-header", "RFC 3.1.4":
        "begin the segment with WEBVTT";
    VTT_TIMESTAMP_MAP = Must "vtt-timestamp-map", "RFC 3.1.4; Apple 5.2-5.4":
        "add X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000 to the segment's header";

    VTT_CLOCK = Must "vtt-clock", "RFC 3.1.4; jellyfin issue 16647":
        "let X-TIMESTAMP-MAP name the time at which video begins: MPEGTS:0 for fragmented MP4 from 0 on";
    CUES_REPEATED_EXACTLY = Should "cues-repeated-exactly", "hls.js issue 6681":
        "repeat a cue that goes on in the next segment with the same times, text and identifier, or write one segment";
    SUBTITLES_AS_TEXT = Must "subtitles-as-text", "Apple 5.2-5.4; hls.js issue 6273":
        "publish WebVTT as text: Apple's players show none in MP4";

    // Within the segments.
    INIT_READABLE = Must "init-readable", "RFC 3.1.2; ISO/IEC 14496-12":
        "write ftyp and moov, with a track, its sample entry, and mvex";
    SEGMENT_READABLE = Must "segment-readable", "RFC 3.1; ISO/IEC 14496-12 or 13818-1":
        "package the segment anew";
    PACKED_AUDIO_CLOCK = Must "packed-audio-clock", "RFC 3.1.3":
        "begin packed audio with an ID3 tag whose PRIV frame has the time of its first sample";
    ONE_AUDIO_STREAM = Must "one-audio-stream", "Apple 2 (audio)":
        "put each audio stream into a rendition of its own";
    HEVC_IN_MP4 = Must "hevc-in-mp4", "Apple 1 (HEVC)":
        "package HEVC as fragmented MP4";
    FRAMES_NOT_FIELDS = Should "frames-not-fields", "Apple 1 (video)":
        "deinterlace, and encode H.264 as frames alone";
    STARTS_WITH_IDR = Must "starts-with-idr", "Apple 7.4; RFC 4.4.2.1":
        "cut at IDR pictures, and flag them as sync samples";
    KEYFRAME_EACH_2_S = Should "keyframe-each-two-seconds", "Apple 1.13":
        "encode an IDR picture every two seconds";
    DECODE_TIMES_GO_ON = Must "decode-times-go-on", "Apple 7.3":
        "let tfdt be the one before it plus all durations of the fragment before";
    NOT_NEGATIVE = Must "times-not-negative", "jellyfin issue 18049; hls.js issue 4900":
        "keep tfdt, durations and sizes from being below 0: players read the sign";
    DURATIONS_AS_MEASURED = Must "durations-as-measured", "Apple 7.7, 8.1":
        "write the duration that the samples have as EXTINF: no run of segments may differ by more than a frame";
    SEGMENT_NOT_TOO_LONG = Must "segment-not-too-long", "Apple 7.7, 8.1":
        "raise EXT-X-TARGETDURATION, or cut earlier: half a second above it is the limit";
    ONE_EDIT = Must "one-edit", "Media3 (one edit that shifts the track)":
        "write one edit at most";
    IFRAME_IS_ONE_SAMPLE = Must "iframe-is-one-sample", "RFC 4.4.3.6; shaka-player issue 10304":
        "list byte ranges that begin with a moof box that describes exactly one sample";

    // Declared against what the segments hold.
    CODECS_AS_MEDIA = Must "codecs-as-media", "RFC 4.4.6.2; ExoPlayer issue 7678, video.js issue 8549":
        "make CODECS from the decoder configurations";
    CODECS_NOT_ABSENT = Must "codecs-not-absent", "ExoPlayer issue 6210":
        "take what no rendition has out of CODECS";
    RESOLUTION_AS_MEDIA = Must "resolution-as-media", "RFC 4.4.6.2; Apple 9.1-9.4":
        "declare the size of the picture as RESOLUTION";
    RANGE_AS_MEDIA = Must "video-range-as-media", "RFC 4.4.6.2; Apple 9.16":
        "declare PQ or HLG as VIDEO-RANGE where the colr box says it, and SDR where it says another";
    FRAME_RATE_AS_MEDIA = Must "frame-rate-as-media", "RFC 4.4.6.2; Apple 9.14-9.15":
        "declare the frame rate that the samples have";

    // Playlists together.
    SAME_TIME_RANGE = Must "same-time-range", "Apple 8.2; RFC 6.2.4":
        "make every playlist cover the presentation, padding audio with silence and subtitles with empty segments";
    SAME_TARGET_DURATION = Must "same-target-duration", "RFC 6.2.4":
        "give audio and video the same target duration";
    ALIGNED_BOUNDARIES = Should "aligned-boundaries", "Apple 8.22":
        "cut all video renditions at the same frames";
    SAME_DISCONTINUITIES = Must "same-discontinuities", "Apple 8.15; RFC 6.2.4":
        "put discontinuities at the same times in every playlist";

    SAME_FIRST_TIMESTAMP = Must "same-first-timestamp", "Apple 8.6-8.7; RFC 6.2.4":
        "begin all audio and video at the same time";
    AUDIO_ENDS_WITH_VIDEO = Must "audio-ends-with-video", "hls.js issues 7266, 7543":
        "pad audio with silence, or cut it, to end within a frame of video";
    NO_TINY_LAST_AUDIO = Should "no-tiny-last-audio", "hls.js issue 7646":
        "join the last audio segment to the one before it";
    SAME_AUDIO_EDITS = Should "same-audio-edits", "hls.js issue 2468":
        "skip the same priming in all audio of one codec";

    // Declared against measured.
    PEAK_AS_DECLARED = Must "peak-as-declared", "Apple 1.27, 9.13":
        "declare the measured peak rate as BANDWIDTH";
    AVERAGE_AS_DECLARED = Must "average-as-declared", "Apple 1.26":
        "declare the measured average rate as AVERAGE-BANDWIDTH";
    PEAK_WITHIN_TWICE_AVERAGE = Should "peak-within-twice-average", "Apple 1.30":
        "limit the encoder's peak rate";
}
