//! Rules of the multivariant playlist on variants, I-frame streams and image streams.

use super::codecs::is_audio;
use super::multivariant::{Entry, Multivariant};
use super::report::Findings;
use super::rule::*;
use crate::build::start_distance;

/// The dearest variant that iOS may start with over a cellular network, bits per second (Apple 9.21).
const CELLULAR_BPS: u64 = 192_000;

/// The highest rate, and the one that tvOS wants HDR at too; rates are written with three decimals.
const MOST_FPS: f64 = 60.01;
const SLOW_FPS: f64 = 30.01;

/// Pictures are scaled to even sizes, so that 416x234 and 854x480 are both 16:9.
const ASPECT_TOLERANCE: f64 = 0.02;

pub(super) fn check(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    let path = multivariant.path;
    if multivariant.variants.is_empty() {
        findings.of(&HAS_VARIANTS, path, "no EXT-X-STREAM-INF");
        return;
    }
    for stream in multivariant.variants.iter().chain(&multivariant.iframes) {
        check_stream(path, stream, findings);
    }
    for variant in &multivariant.variants {
        if is_audio_alone(variant) {
            findings.at(&PICTURE_IN_EVERY_VARIANT, path, variant.line, found(variant, "CODECS"));
        } else if variant.frame_rate().is_none() {
            findings.at(&HAS_FRAME_RATE, path, variant.line, found(variant, "FRAME-RATE"));
        }
        if variant.frame_rate().is_some_and(|rate| rate > MOST_FPS) {
            findings.at(&AT_MOST_60_FPS, path, variant.line, found(variant, "FRAME-RATE"));
        }
        if variant.get("CLOSED-CAPTIONS").is_none() {
            findings.at(&CLOSED_CAPTIONS_SAID, path, variant.line, "no CLOSED-CAPTIONS");
        }
    }
    for image in &multivariant.images {
        let bandwidth = image.integer("BANDWIDTH").is_some();
        if !bandwidth || image.resolution().is_none() || image.get("CODECS").is_none() || image.uri.is_none()
        {
            findings.at(&IMAGE_STREAM_COMPLETE, path, image.line, "an attribute is missing or unreadable");
        }
    }
    if multivariant.iframes.is_empty() {
        findings.of(&IFRAMES_PRESENT, path, "no EXT-X-I-FRAME-STREAM-INF");
    }
    check_iframe_codecs(multivariant, findings);
    check_ranges(multivariant, findings);
    check_ladder(multivariant, findings);
    check_start(multivariant, findings);
}

fn check_stream(path: &str, stream: &Entry<'_>, findings: &mut Findings) {
    let mut lacks = |rule, name| findings.at(rule, path, stream.line, found(stream, name));
    if stream.integer("BANDWIDTH").is_none() {
        lacks(&HAS_BANDWIDTH, "BANDWIDTH");
    }
    if stream.integer("AVERAGE-BANDWIDTH").is_none() {
        lacks(&HAS_AVERAGE_BANDWIDTH, "AVERAGE-BANDWIDTH");
    }
    if stream.codecs().next().is_none() {
        lacks(&HAS_CODECS, "CODECS");
    }
    if stream.resolution().is_none() && !is_audio_alone(stream) {
        lacks(&HAS_RESOLUTION, "RESOLUTION");
    }
}

/// True where CODECS names audio and nothing else.
fn is_audio_alone(stream: &Entry<'_>) -> bool {
    stream.codecs().next().is_some() && stream.codecs().all(is_audio)
}

/// Televisions scrub with the decoder that plays.
fn check_iframe_codecs(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    let video = |stream: &Entry<'_>| -> Vec<String> {
        let codecs = stream.codecs().filter(|codec| !is_audio(codec));
        codecs.map(|codec| codec.split('.').next().unwrap_or_default().to_owned()).collect()
    };
    let played: Vec<String> = multivariant.variants.iter().flat_map(video).collect();
    let scrubbed: Vec<String> = multivariant.iframes.iter().flat_map(video).collect();
    let is_known = |codec: &String| codec == "mjpg" || played.contains(codec);
    if !scrubbed.is_empty() && !played.is_empty() && !scrubbed.iter().any(is_known) {
        let found = format!("I-frames in {}, video in {}", scrubbed.join(", "), played.join(", "));
        findings.of(&IFRAMES_IN_CODECS, multivariant.path, found);
    }
}

fn found(entry: &Entry<'_>, name: &str) -> String {
    match entry.get(name) {
        None => format!("no {name}"),
        Some(value) => format!("{name}={value}"),
    }
}

fn check_ranges(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    let path = multivariant.path;
    let streams = || multivariant.variants.iter().chain(&multivariant.iframes);
    if streams().all(Entry::is_sdr) {
        return;
    }
    for stream in streams().filter(|stream| stream.get("VIDEO-RANGE").is_none()) {
        findings.at(&RANGE_DECLARED, path, stream.line, "no VIDEO-RANGE beside streams that are not SDR");
    }
    let hdr: Vec<f64> =
        multivariant.variants.iter().filter(|v| !v.is_sdr()).filter_map(Entry::frame_rate).collect();
    if !hdr.is_empty() && hdr.iter().all(|rate| *rate > SLOW_FPS) {
        findings.of(&HDR_AT_30_FPS, path, format!("HDR at {} frames a second alone", hdr[0]));
    }
    if !multivariant.variants.iter().any(Entry::is_sdr) {
        findings.of(&SDR_PRESENT, path, "no variant is SDR");
    }
    if !multivariant.iframes.is_empty() && !multivariant.iframes.iter().any(Entry::is_sdr) {
        findings.of(&SDR_IFRAMES_PRESENT, path, "no I-frame stream is SDR");
    }
}

fn check_ladder(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    let (path, variants) = (multivariant.path, &multivariant.variants);
    let uris = |v: &Entry<'_>| v.uri.map(str::to_owned);
    if variants.iter().all(|v| uris(v) == uris(&variants[0])) {
        findings.of(&SEVERAL_BITRATES, path, "one video bit rate");
    }
    let scored = variants.iter().filter(|v| v.get("SCORE").is_some()).count();
    if scored != 0 && scored != variants.len() {
        findings.of(&SCORE_ON_ALL, path, format!("SCORE on {scored} of {} variants", variants.len()));
    }
    if let Some(least) = variants.iter().filter_map(|v| v.integer("BANDWIDTH")).min()
        && least > CELLULAR_BPS
    {
        findings.of(&LOW_BANDWIDTH_VARIANT, path, format!("the least BANDWIDTH is {least}"));
    }
    let aspect = |v: &Entry<'_>| v.resolution().map(|(w, h)| f64::from(w) / f64::from(h));
    let Some(first) = aspect(&variants[0]) else { return };
    for variant in variants {
        if aspect(variant).is_some_and(|ratio| (ratio / first - 1.0).abs() > ASPECT_TOLERANCE) {
            findings.at(
                &SAME_ASPECT_RATIO,
                path,
                variant.line,
                format!(
                    "{}, but the first variant is {}",
                    found(variant, "RESOLUTION"),
                    found(&variants[0], "RESOLUTION")
                ),
            );
        }
    }
}

/// The first variant is where AVPlayer starts. Compared within its own codec and sound: which of those lead is a choice.
fn check_start(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    let (path, first) = (multivariant.path, &multivariant.variants[0]);
    if !first.is_sdr() && multivariant.variants.iter().any(Entry::is_sdr) {
        findings.at(&STARTS_NEAR_2_MBPS, path, first.line, "the first variant is not SDR");
        return;
    }
    let family =
        |v: &Entry<'_>| v.codecs().next().and_then(|codec| codec.split('.').next().map(str::to_owned));
    let distance = |v: &Entry<'_>| v.integer("AVERAGE-BANDWIDTH").map(start_distance);
    let Some(here) = distance(first) else { return };
    let rivals = multivariant.variants.iter().filter(|v| {
        let of_its_sound = v.get("AUDIO") == first.get("AUDIO");
        v.is_sdr() == first.is_sdr() && family(v) == family(first) && of_its_sound
    });
    if let Some(better) = rivals.filter(|v| distance(v).is_some_and(|d| d < here)).min_by_key(|v| distance(v))
    {
        findings.at(
            &STARTS_NEAR_2_MBPS,
            path,
            first.line,
            format!(
                "{}, but line {} has {}",
                found(first, "AVERAGE-BANDWIDTH"),
                better.line,
                found(better, "AVERAGE-BANDWIDTH")
            ),
        );
    }
}
