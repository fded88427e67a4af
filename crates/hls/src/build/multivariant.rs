//! The multivariant playlist: what there is to choose from.

use std::fmt;

use super::attributes::TagWriter;
use super::error::checked_uri;
use super::media::push;
use super::{BuildError, Rates};

/// Dynamic range of a picture (RFC 4.4.6.2, VIDEO-RANGE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoRange {
    /// Standard.
    Sdr,
    /// SMPTE ST 2084: HDR10, Dolby Vision.
    Pq,
    /// Hybrid log-gamma.
    Hlg,
}

/// A video rendition, together with the groups that play along with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The video's media playlist.
    pub uri: String,
    /// Of the video and its groups: see [`Rates::of_variant`].
    pub rates: Rates,
    /// RFC 6381 codecs of the video; those of the audio group are added from its members.
    pub codecs: Vec<String>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: f64,
    /// Dynamic range.
    pub video_range: VideoRange,
    /// The audio that plays along, by group.
    pub audio_group: Option<String>,
    /// The subtitles to choose from, by group.
    pub subtitle_group: Option<String>,
}

/// An audio rendition. One group per codec and channel count, with every language in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioMedia {
    /// Group that variants refer to.
    pub group: String,
    /// For people; different within a group.
    pub name: String,
    /// BCP 47 tag, `und` where unknown.
    pub language: String,
    /// Played unless the viewer chose otherwise; one in a group.
    pub default: bool,
    /// May be chosen from the viewer's language settings.
    pub autoselect: bool,
    /// Channel count.
    pub channels: u32,
    /// RFC 6381 codec.
    pub codec: String,
    /// The media playlist.
    pub uri: String,
    /// Uniform type identifiers, such as `public.accessibility.describes-video`.
    pub characteristics: Vec<String>,
}

/// A subtitle rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubtitleMedia {
    /// Group that variants refer to.
    pub group: String,
    /// For people; different within a group.
    pub name: String,
    /// BCP 47 tag, `und` where unknown.
    pub language: String,
    /// Shown unless the viewer chose otherwise; one in a group at most.
    pub default: bool,
    /// May be chosen from the viewer's language settings.
    pub autoselect: bool,
    /// Only what nobody can do without, such as foreign dialogue.
    pub forced: bool,
    /// The media playlist.
    pub uri: String,
    /// Uniform type identifiers, such as `public.accessibility.transcribes-spoken-dialog`.
    pub characteristics: Vec<String>,
}

/// An I-frame rendition for scrubbing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IFrameVariant {
    /// The I-frame playlist.
    pub uri: String,
    /// Measured over the I-frames.
    pub rates: Rates,
    /// RFC 6381 codecs.
    pub codecs: Vec<String>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Dynamic range.
    pub video_range: VideoRange,
}

/// Sprite sheets, for players that read images playlists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageVariant {
    /// The images playlist.
    pub uri: String,
    /// Peak rate, bits per second.
    pub bandwidth_bps: u64,
    /// Pixels of one tile.
    pub width: u32,
    /// Pixels of one tile.
    pub height: u32,
}

/// A multivariant playlist. The order of its parts is the order written: see
/// [`order_variants`](super::order_variants).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Multivariant {
    /// Video renditions; players start with the first.
    pub variants: Vec<Variant>,
    /// Audio renditions.
    pub audio: Vec<AudioMedia>,
    /// Subtitle renditions.
    pub subtitles: Vec<SubtitleMedia>,
    /// I-frame renditions.
    pub iframes: Vec<IFrameVariant>,
    /// Sprite sheets.
    pub images: Vec<ImageVariant>,
}

impl Multivariant {
    /// The playlist's text.
    ///
    /// # Errors
    /// No variant, a group without a member, a frame rate or a URI that cannot be written.
    pub fn render(&self) -> Result<String, BuildError> {
        if self.variants.is_empty() {
            return Err(BuildError::Empty { what: "variant" });
        }
        // The version that the segments' playlists need, so that a player that is too old learns it here.
        let mut out = String::from("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n");
        for audio in &self.audio {
            audio.push(&mut out)?;
        }
        for subtitle in &self.subtitles {
            subtitle.push(&mut out)?;
        }
        for variant in &self.variants {
            self.push_variant(&mut out, variant)?;
        }
        for iframe in &self.iframes {
            self.push_iframe(&mut out, iframe)?;
        }
        for image in &self.images {
            image.push(&mut out)?;
        }
        Ok(out)
    }

    fn push_variant(&self, out: &mut String, variant: &Variant) -> Result<(), BuildError> {
        let uri = checked_uri(&variant.uri)?;
        if !(variant.frame_rate.is_finite() && variant.frame_rate > 0.0) {
            return Err(BuildError::BadFrameRate { uri: uri.to_owned(), frame_rate: variant.frame_rate });
        }
        let codecs = self.codecs(variant)?;
        let mut tag = TagWriter::begin(out, "EXT-X-STREAM-INF");
        tag.plain("BANDWIDTH", variant.rates.peak_bps);
        // Of a presentation that still grows it is not known.
        if variant.rates.average_bps > 0 {
            tag.plain("AVERAGE-BANDWIDTH", variant.rates.average_bps);
        }
        tag.quoted("CODECS", &codecs)
            .plain("RESOLUTION", format_args!("{}x{}", variant.width, variant.height))
            .plain("FRAME-RATE", format_args!("{:.3}", variant.frame_rate));
        if self.has_hdr() {
            tag.plain("VIDEO-RANGE", variant.video_range);
        }
        if let Some(group) = &variant.audio_group {
            tag.quoted("AUDIO", group);
        }
        if let Some(group) = &variant.subtitle_group {
            self.subtitles.iter().find(|s| s.group == *group).ok_or_else(|| unknown(variant, group))?;
            tag.quoted("SUBTITLES", group);
        }
        // Without it, players offer captions that are not there (Apple 9, captions).
        tag.plain("CLOSED-CAPTIONS", "NONE").end();
        push(out, format_args!("{uri}\n"));
        Ok(())
    }

    /// Every format in every rendition that the variant plays, audio included although it is a file of its own
    /// (RFC 4.4.6.2): players drop the sound of a variant that does not name it.
    fn codecs(&self, variant: &Variant) -> Result<String, BuildError> {
        let mut codecs: Vec<&str> = Vec::new();
        let video = variant.codecs.iter().map(String::as_str);
        let group = variant.audio_group.as_ref();
        let audio = self.audio.iter().filter(|a| Some(&a.group) == group).map(|a| a.codec.as_str());
        if let (Some(group), None) = (group, audio.clone().next()) {
            return Err(unknown(variant, group));
        }
        for codec in video.chain(audio) {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        Ok(codecs.join(","))
    }

    fn push_iframe(&self, out: &mut String, iframe: &IFrameVariant) -> Result<(), BuildError> {
        let mut tag = TagWriter::begin(out, "EXT-X-I-FRAME-STREAM-INF");
        tag.plain("BANDWIDTH", iframe.rates.peak_bps)
            .plain("AVERAGE-BANDWIDTH", iframe.rates.average_bps)
            .quoted("CODECS", &iframe.codecs.join(","))
            .plain("RESOLUTION", format_args!("{}x{}", iframe.width, iframe.height));
        if self.has_hdr() {
            tag.plain("VIDEO-RANGE", iframe.video_range);
        }
        tag.uri(&iframe.uri)?.end();
        Ok(())
    }

    /// VIDEO-RANGE is on everything unless everything is SDR (Apple 9.16).
    fn has_hdr(&self) -> bool {
        self.variants.iter().any(|v| v.video_range != VideoRange::Sdr)
    }
}

fn unknown(variant: &Variant, group: &str) -> BuildError {
    BuildError::UnknownGroup { uri: variant.uri.clone(), group: group.to_owned() }
}

impl AudioMedia {
    fn push(&self, out: &mut String) -> Result<(), BuildError> {
        let mut tag = TagWriter::begin(out, "EXT-X-MEDIA");
        tag.plain("TYPE", "AUDIO")
            .quoted("GROUP-ID", &self.group)
            .quoted("NAME", &self.name)
            .quoted("LANGUAGE", &self.language)
            .yes_no("DEFAULT", self.default)
            .yes_no("AUTOSELECT", self.autoselect)
            .quoted("CHANNELS", &self.channels.to_string());
        push_characteristics(&mut tag, &self.characteristics);
        tag.uri(&self.uri)?.end();
        Ok(())
    }
}

impl SubtitleMedia {
    fn push(&self, out: &mut String) -> Result<(), BuildError> {
        let mut tag = TagWriter::begin(out, "EXT-X-MEDIA");
        tag.plain("TYPE", "SUBTITLES")
            .quoted("GROUP-ID", &self.group)
            .quoted("NAME", &self.name)
            .quoted("LANGUAGE", &self.language)
            .yes_no("DEFAULT", self.default)
            .yes_no("AUTOSELECT", self.autoselect)
            .yes_no("FORCED", self.forced);
        push_characteristics(&mut tag, &self.characteristics);
        tag.uri(&self.uri)?.end();
        Ok(())
    }
}

impl ImageVariant {
    fn push(&self, out: &mut String) -> Result<(), BuildError> {
        TagWriter::begin(out, "EXT-X-IMAGE-STREAM-INF")
            .plain("BANDWIDTH", self.bandwidth_bps)
            .plain("RESOLUTION", format_args!("{}x{}", self.width, self.height))
            .quoted("CODECS", "jpeg")
            .uri(&self.uri)?
            .end();
        Ok(())
    }
}

fn push_characteristics(tag: &mut TagWriter<'_>, characteristics: &[String]) {
    if !characteristics.is_empty() {
        tag.quoted("CHARACTERISTICS", &characteristics.join(","));
    }
}

impl fmt::Display for VideoRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VideoRange::Sdr => "SDR",
            VideoRange::Pq => "PQ",
            VideoRange::Hlg => "HLG",
        })
    }
}
