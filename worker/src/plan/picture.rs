//! From stored frames to the largest rung: orientation, colours, square pixels. A chain in libav's filter syntax.

use flodrama_media::task::HdrTransfer;
use flodrama_media::{Colour, Scanning, VideoTrack};

/// Bit-exact scaling, so that a chunk has the same bits whatever processor it ran on.
const SCALE_FLAGS: &str = "lanczos+accurate_rnd+full_chroma_int+bitexact";

/// What the encoders are told about colours, by libav's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColour {
    /// Primaries.
    pub primaries: &'static str,
    /// Transfer characteristics.
    pub transfer: &'static str,
    /// Matrix coefficients.
    pub matrix: &'static str,
}

const BT709: OutputColour = OutputColour { primaries: "bt709", transfer: "bt709", matrix: "bt709" };
const NTSC: OutputColour =
    OutputColour { primaries: "smpte170m", transfer: "smpte170m", matrix: "smpte170m" };
const PAL: OutputColour = OutputColour { primaries: "bt470bg", transfer: "bt709", matrix: "bt470bg" };

/// What is done about fields, and why; nothing where there are none.
pub fn scanning(scanning: Scanning) -> Option<&'static str> {
    match scanning {
        Scanning::Progressive => None,
        Scanning::WholeFrames => Some("frames are stored as two fields of one moment: kept whole"),
        Scanning::Fields => Some(
            "the two fields of a frame show two moments: each becomes a picture (bwdif), at twice the rate",
        ),
        Scanning::Pulldown => Some(
            "film of 24 frames a second spread over fields (3:2 pulldown): fields are matched to whole frames again, and \
             the doubled one of each five is dropped",
        ),
    }
}

/// Orientation alone, as filters.
pub fn orient(video: &VideoTrack) -> Vec<&'static str> {
    // Scalers would treat fields apart.
    let whole = (video.scanning == Scanning::WholeFrames).then_some("setfield=prog");
    let mirror = video.mirrored.then_some("hflip");
    let turn = match video.rotation {
        90 => Some("transpose=clock"),
        180 => Some("hflip,vflip"),
        270 => Some("transpose=cclock"),
        _ => None,
    };
    [whole, mirror, turn].into_iter().flatten().collect()
}

/// The curve of an HDR source.
pub fn hdr_transfer(colour: &Colour) -> Option<HdrTransfer> {
    match colour.transfer.as_str() {
        "smpte2084" => Some(HdrTransfer::Pq),
        "arib-std-b67" => Some(HdrTransfer::Hlg),
        _ => None,
    }
}

/// True for libav's pixel formats without luma.
fn is_rgb(format: &str) -> bool {
    ["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2rgb", "x2bgr", "pal8"]
        .iter()
        .any(|kind| format.starts_with(kind))
}

/// True for libav's pixel formats with ten bits a sample or more.
pub fn has_ten_bits(format: &str) -> bool {
    let name = format.trim_end_matches("le").trim_end_matches("be");
    ["p10", "p12", "p14", "p16", "p010", "p012", "p016"].iter().any(|depth| name.ends_with(depth))
}

/// Orientation and colours, without scaling: what sprites and posters need too. Adds a reason for each step.
pub fn orient_and_colour(video: &VideoTrack, reasons: &mut Vec<(String, String)>) -> (String, OutputColour) {
    let mut steps: Vec<String> = orient(video).into_iter().map(str::to_owned).collect();
    let why = match (video.mirrored, video.rotation) {
        (false, 0) => None,
        (false, turn) => Some(format!("the file says: shown turned by {turn}°")),
        (true, 0) => Some("the file says: shown mirrored".to_owned()),
        (true, turn) => Some(format!("the file says: shown mirrored, then turned by {turn}°")),
    };
    reasons.extend(why.map(|why| ("rotation".to_owned(), why)));
    let (conversion, colour) = colour(video, reasons);
    steps.extend(conversion);
    (steps.join(","), colour)
}

/// The whole chain to `size`; empty where frames already are what the encoders take.
pub fn prepare(video: &VideoTrack, steps: &str, size: (u32, u32)) -> String {
    prepare_for(video, steps, size, false)
}

/// As [`prepare`], for encoders that take ten bits or eight.
pub fn prepare_for(video: &VideoTrack, steps: &str, size: (u32, u32), ten_bit: bool) -> String {
    let taken = if ten_bit { "yuv420p10le" } else { "yuv420p" };
    let full_range = video.colour.full_range;
    if steps.is_empty() && (video.width, video.height) == size && video.pixel_format == taken && !full_range {
        return String::new();
    }
    // Asked for by name: a scaler that has nothing else to do would pass the range on.
    let range = if full_range { ":out_range=tv" } else { "" };
    let scale = format!("scale={}:{}:flags={SCALE_FLAGS}{range}", size.0, size.1);
    if steps.is_empty() { scale } else { format!("{steps},{scale}") }
}

/// What players assume of pictures without tags: by their height in pixels.
pub fn assumed(height: u32) -> OutputColour {
    if height > 576 { BT709 } else { NTSC }
}

fn colour(video: &VideoTrack, reasons: &mut Vec<(String, String)>) -> (Option<String>, OutputColour) {
    let tagged = &video.colour;
    if let Some(transfer) = hdr_transfer(tagged) {
        let name = match transfer {
            HdrTransfer::Pq => "PQ",
            HdrTransfer::Hlg => "HLG",
        };
        let why = format!("{name} source tone-mapped to SDR BT.709 for the main ladder");
        reasons.push(("colour".into(), why));
        // `format` at the end, or swscale would make YUV of RGB, by the matrix of BT.601 whatever the tags say.
        // Linear light at the reference white of BT.2408, then a curve that keeps mid-tones and rolls off highlights.
        let chain = format!(
            "zscale=tin={}:min=bt2020nc:pin=bt2020:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
             tonemap=tonemap=mobius:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p",
            tagged.transfer
        );
        return (Some(chain), BT709);
    }
    if is_rgb(&video.pixel_format) {
        reasons.push(("colour".into(), "RGB source converted to BT.709".into()));
        return (Some("zscale=m=bt709:r=tv,format=yuv444p".into()), BT709);
    }
    match tagged.matrix.as_str() {
        "bt709" => (None, BT709),
        "smpte170m" => (None, NTSC),
        "bt470bg" => (None, PAL),
        "bt2020nc" | "bt2020c" => {
            reasons.push(("colour".into(), "wide-gamut SDR source converted to BT.709".into()));
            let chain = "zscale=min=bt2020nc:pin=bt2020:tin=bt709:m=bt709:p=bt709:t=bt709:r=tv";
            (Some(chain.into()), BT709)
        }
        other => {
            let colour = assumed(video.height);
            let why = format!("matrix '{other}' in the source: taken as {} by its size", colour.matrix);
            reasons.push(("colour".into(), why));
            (None, colour)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::video;

    #[test]
    fn frames_that_fit_are_not_touched() {
        let source = video(vec![0]);
        let mut reasons = Vec::new();
        let (steps, colour) = orient_and_colour(&source, &mut reasons);
        assert_eq!((steps.as_str(), colour), ("", BT709));
        assert_eq!(prepare(&source, &steps, (1920, 1080)), "");
        assert!(reasons.is_empty());
        assert!(prepare(&source, &steps, (1280, 720)).starts_with("scale=1280:720"));
    }

    #[test]
    fn full_range_is_narrowed_even_where_nothing_else_is_to_do() {
        let mut source = video(vec![0]);
        source.colour.full_range = true;
        assert!(prepare(&source, "", (1920, 1080)).ends_with(":out_range=tv"));
    }

    #[test]
    fn rotation_comes_before_scaling() {
        let mut reasons = Vec::new();
        let source = VideoTrack { rotation: 90, ..video(vec![0]) };
        let (steps, _) = orient_and_colour(&source, &mut reasons);
        assert!(prepare(&source, &steps, (1080, 1920)).starts_with("transpose=clock,scale=1080:1920"));
    }

    #[test]
    fn hdr_is_tone_mapped_and_says_so() {
        let mut source = video(vec![0]);
        source.colour.transfer = "smpte2084".into();
        let mut reasons = Vec::new();
        let (steps, colour) = orient_and_colour(&source, &mut reasons);
        assert!(steps.contains("tonemap") && colour == BT709);
        assert!(reasons[0].1.contains("PQ"));
    }

    #[test]
    fn untagged_colours_are_taken_by_size() {
        for (height, matrix) in [(480, "smpte170m"), (1080, "bt709")] {
            let mut source = VideoTrack { height, ..video(vec![0]) };
            source.colour.matrix = "unknown".into();
            assert_eq!(orient_and_colour(&source, &mut Vec::new()).1.matrix, matrix);
        }
    }
}
