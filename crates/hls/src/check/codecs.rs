//! Rules of the multivariant playlist on CODECS, and what its words mean.

use super::multivariant::{Entry, Multivariant};
use super::report::Findings;
use super::rule::*;

/// Sample entries of audio formats that HLS carries (RFC 6381 and its registrations).
const AUDIO: &[&str] =
    &["mp4a", "ac-3", "ec-3", "ac-4", "alac", "fLaC", "Opus", "opus", "dts", "mha1", "mhm1"];

/// Sample entries that keep parameter sets in the samples, and the ones that Apple plays instead.
const IN_BAND: &[(&str, &str)] = &[("avc3", "avc1"), ("hev1", "hvc1"), ("dvhe", "dvh1")];

/// H.264 levels in tenths, HEVC levels in thirtieths, AV1 levels by their number: the highest that Apple allows.
const MOST_H264: u8 = 52;
const MOST_HEVC: u32 = 153;
const MOST_AV1: u32 = 18;
/// What every Apple device plays.
const EASY_H264: u8 = 41;

pub(super) fn check(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    let path = multivariant.path;
    for stream in multivariant.variants.iter().chain(&multivariant.iframes) {
        for codec in stream.codecs() {
            let entry = codec.split('.').next().unwrap_or_default();
            if let Some((_, instead)) = IN_BAND.iter().find(|(in_band, _)| *in_band == entry) {
                let found = format!("{codec} where {instead} would play");
                findings.at(&PARAMETER_SETS_IN_ENTRY, path, stream.line, found);
            }
            if let Some(why) = beyond_limits(codec) {
                findings.at(&CODECS_WITHIN_LIMITS, path, stream.line, format!("{codec}: {why}"));
            }
        }
        check_dolby_vision(path, stream, findings);
    }
    for variant in &multivariant.variants {
        let plays_audio = multivariant.group("AUDIO", variant.get("AUDIO")).next().is_some();
        let mut codecs = variant.codecs().peekable();
        // A variant without CODECS at all has its own finding.
        if plays_audio && codecs.peek().is_some() && !codecs.any(is_audio) {
            let found = format!("CODECS=\"{}\"", variant.get("CODECS").unwrap_or_default());
            findings.at(&CODECS_NAME_AUDIO, path, variant.line, found);
        }
    }
    let levels: Vec<u8> = all(multivariant).filter_map(h264).map(|(_, level)| level).collect();
    if let Some(least) = levels.iter().min().filter(|least| **least > EASY_H264) {
        let found = format!("the lowest level of H.264 is {}.{}", least / 10, least % 10);
        findings.of(&EASY_H264_PRESENT, path, found);
    }
    let audio: Vec<&str> = all(multivariant).filter(|codec| is_audio(codec)).collect();
    let has = |entry: &str| audio.iter().any(|codec| codec.starts_with(entry));
    if !audio.is_empty() && !has("mp4a") {
        findings.of(&AAC_PRESENT, path, format!("audio in {} alone", audio[0]));
    }
    if has("ec-3") && !has("ac-3") {
        findings.of(&AC3_BESIDE_EAC3, path, "E-AC-3 without AC-3");
    }
}

/// The codecs of all variants.
fn all<'a>(multivariant: &Multivariant<'a>) -> impl Iterator<Item = &'a str> {
    multivariant.variants.iter().flat_map(Entry::codecs)
}

/// True for the formats of audio.
pub(super) fn is_audio(codec: &str) -> bool {
    let entry = codec.split('.').next().unwrap_or_default();
    AUDIO.iter().any(|audio| entry.starts_with(audio))
}

/// Profile and level of an H.264 codec.
fn h264(codec: &str) -> Option<(u8, u8)> {
    let hex = codec.strip_prefix("avc1.").or_else(|| codec.strip_prefix("avc3."))?;
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    Some((byte(0)?, byte(4)?))
}

/// What of a codec Apple's devices do not play (§1 of its specification).
fn beyond_limits(codec: &str) -> Option<&'static str> {
    if let Some((profile, level)) = h264(codec) {
        // Baseline, Main, Extended and High: those above have more than 8 bits or 4:2:0.
        return match profile {
            _ if level > MOST_H264 => Some("above level 5.2"),
            66 | 77 | 88 | 100 => None,
            _ => Some("a profile above High"),
        };
    }
    let fields: Vec<&str> = codec.split('.').collect();
    match fields[..] {
        ["hvc1" | "hev1", profile, _, tier, ..] => {
            let level: u32 = tier.get(1..)?.parse().ok()?;
            match profile.trim_start_matches(['A', 'B', 'C']) {
                _ if level > MOST_HEVC => Some("above level 5.1"),
                "1" | "2" => None,
                _ => Some("a profile other than Main and Main 10"),
            }
        }
        ["av01", _, level, ..] => {
            let level: u32 = level.trim_end_matches(['M', 'H']).parse().ok()?;
            (level > MOST_AV1).then_some("above level 6.2")
        }
        _ => None,
    }
}

/// Of profile 8, the compatibility brand says which range the base layer has.
fn check_dolby_vision(path: &str, stream: &Entry<'_>, findings: &mut Findings) {
    let supplemental = stream.get("SUPPLEMENTAL-CODECS").unwrap_or_default();
    let range = stream.get("VIDEO-RANGE").unwrap_or("SDR");
    for (brand, needed) in [("/db1p", "PQ"), ("/db4h", "HLG")] {
        if supplemental.contains(brand) && range != needed {
            let found = format!("SUPPLEMENTAL-CODECS=\"{supplemental}\" beside VIDEO-RANGE={range}");
            findings.at(&DOLBY_VISION_RANGE, path, stream.line, found);
        }
    }
}

/// True where `declared` names what the media have. Where of `media` only the first part is known, so much is compared.
///
/// Of H.264, profile and level are compared: the constraint flags between them are written in several ways. Of AV1, what
/// follows the bit depth may be left out.
pub(super) fn agree(declared: &str, media: &str) -> bool {
    let (Some(entry), Some(in_media)) = (declared.split('.').next(), media.split('.').next()) else {
        return false;
    };
    // `Opus` and `opus`, `fLaC` and `flac` are one; sample entries of parameter sets in band are another.
    if !entry.eq_ignore_ascii_case(in_media) {
        return false;
    }
    if !media.contains('.') {
        return true;
    }
    match in_media {
        "avc1" | "avc3" => h264(declared).is_some() && h264(declared) == h264(media),
        "hvc1" | "hev1" => hevc(declared) == hevc(media),
        "av01" => declared.split('.').take(4).eq(media.split('.').take(4)),
        // VP9's level may be left at 0 by writers.
        "vp09" => declared.split('.').nth(1) == media.split('.').nth(1),
        // AAC-LC that carries more in the stream itself may be declared as what comes out.
        "mp4a" => declared == media || (declared == "mp4a.40.02" && media == "mp4a.40.2"),
        _ => true,
    }
}

/// The fields of an HEVC codec in one spelling: upper case, no leading zeros, no trailing zero bytes of constraints.
fn hevc(codec: &str) -> Vec<String> {
    let upper = codec.to_ascii_uppercase();
    let mut fields: Vec<String> =
        upper.split('.').map(|field| field.trim_start_matches('0').to_owned()).collect();
    while fields.len() > 4 && fields.last().is_some_and(String::is_empty) {
        fields.pop();
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::{agree, beyond_limits};

    #[test]
    fn spellings_of_one_codec_agree() {
        for (declared, media) in [
            ("avc1.640028", "avc1.640028"),
            ("avc1.42E01E", "avc1.42c01e"),
            ("avc1.64001f", "avc1"),
            ("hvc1.2.4.L93.B0", "hvc1.2.4.L93.B0"),
            ("hvc1.1.6.L93.90.00.00", "hvc1.1.6.L93.90"),
            ("av01.0.04M.08.0.110.01.01.01.0", "av01.0.04M.08"),
            ("opus", "Opus"),
            ("mp4a.40.2", "mp4a.40.2"),
            ("mp4a.40.34", "mp4a"),
        ] {
            assert!(agree(declared, media), "{declared} {media}");
        }
        for (declared, media) in [
            ("avc1.640028", "avc1.64001f"),
            ("avc1.4d0028", "avc1.640028"),
            ("avc1", "avc1.640028"),
            ("avc1.640028", "avc3.640028"),
            ("hvc1.1.6.L93.B0", "hvc1.1.6.L93.90"),
            ("hev1.1.6.L93.90", "hvc1.1.6.L93.90"),
            ("av01.0.04M.10", "av01.0.04M.08"),
            ("mp4a.40.5", "mp4a.40.2"),
            ("ac-3", "ec-3"),
        ] {
            assert!(!agree(declared, media), "{declared} {media}");
        }
    }

    #[test]
    fn limits_are_those_of_each_standard() {
        let kept = ["avc1.640034", "avc1.42e01e", "hvc1.2.4.H153.B0", "av01.0.18M.10", "mp4a.40.2", "ec-3"];
        for codec in kept {
            assert_eq!(beyond_limits(codec), None, "{codec}");
        }
        for codec in ["avc1.64003c", "avc1.6e0028", "hvc1.2.4.L156.B0", "hvc1.4.10.L93.B0", "av01.0.19M.10"] {
            assert!(beyond_limits(codec).is_some(), "{codec}");
        }
    }
}
