//! Rules of the multivariant playlist on CODECS.

use super::multivariant::Multivariant;
use super::report::Findings;
use super::rule::{CODECS_NAME_AUDIO, PARAMETER_SETS_IN_ENTRY};

/// Sample entries of audio formats that HLS carries (RFC 6381 and its registrations).
const AUDIO: &[&str] =
    &["mp4a", "ac-3", "ec-3", "ac-4", "alac", "fLaC", "Opus", "opus", "dts", "mha1", "mhm1"];

/// Sample entries that keep parameter sets in the samples, and the ones that Apple plays instead.
const IN_BAND: &[(&str, &str)] = &[("avc3", "avc1"), ("hev1", "hvc1"), ("dvhe", "dvh1")];

pub(super) fn check(multivariant: &Multivariant<'_>, findings: &mut Findings) {
    let path = multivariant.path;
    for stream in multivariant.variants.iter().chain(&multivariant.iframes) {
        for codec in stream.codecs() {
            let entry = codec.split('.').next().unwrap_or_default();
            if let Some((_, instead)) = IN_BAND.iter().find(|(in_band, _)| *in_band == entry) {
                let found = format!("{codec} where {instead} would play");
                findings.at(&PARAMETER_SETS_IN_ENTRY, path, stream.line, found);
            }
        }
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
}

fn is_audio(codec: &str) -> bool {
    let entry = codec.split('.').next().unwrap_or_default();
    AUDIO.iter().any(|audio| entry.starts_with(audio))
}
