//! Declared bit rates against measured ones.

use super::multivariant::{Entry, Multivariant};
use super::playlist::Playlist;
use super::report::Findings;
use super::rule::{AVERAGE_AS_DECLARED, PEAK_AS_DECLARED, PEAK_WITHIN_TWICE_AVERAGE, Rule};
use super::tree::Tree;
use crate::build::{Rates, rates_of};

pub(super) fn check(multivariant: &Multivariant<'_>, tree: &Tree, findings: &mut Findings) {
    let of_entry = |entry: &Entry<'_>| tree.named_by(entry).and_then(measured);
    for variant in &multivariant.variants {
        // A rendition without a URI is in the variant's own segments, and one with the variant's URI is the variant.
        let is_apart = |media: &&Entry<'_>| media.uri.is_some() && media.uri != variant.uri;
        let group = |kind| -> Option<Vec<Rates>> {
            let members = multivariant.group(kind, variant.get(kind)).filter(is_apart);
            members.map(of_entry).collect()
        };
        let all = (of_entry(variant), group("AUDIO"), group("SUBTITLES"));
        let (Some(video), Some(audio), Some(subtitles)) = all else { continue };
        let rates = Rates::of_variant(video, audio, subtitles);
        compare(multivariant.path, variant, rates, findings);
        if rates.peak_bps > 2 * rates.average_bps {
            let found = format!("a peak of {} over an average of {}", rates.peak_bps, rates.average_bps);
            findings.at(&PEAK_WITHIN_TWICE_AVERAGE, multivariant.path, variant.line, found);
        }
    }
    for stream in multivariant.iframes.iter().chain(&multivariant.images) {
        if let Some(rates) = of_entry(stream) {
            compare(multivariant.path, stream, rates, findings);
        }
    }
}

/// `None` where a size or duration is unknown, which has its own finding.
fn measured(playlist: &Playlist) -> Option<Rates> {
    let segment = |s: &super::playlist::Segment| Some((s.bytes?, s.duration_s)).filter(|(_, d)| *d > 0.0);
    let segments: Vec<_> = playlist.segments.iter().map(segment).collect::<Option<_>>()?;
    Some(rates_of(&segments, playlist.target_duration_s? as f64)).filter(|_| !segments.is_empty())
}

fn compare(path: &str, entry: &Entry<'_>, rates: Rates, findings: &mut Findings) {
    let mut within_a_tenth = |rule: &'static Rule, name: &str, measured: u64| {
        let Some(declared) = entry.integer(name) else { return };
        if (measured.abs_diff(declared)).saturating_mul(10) > declared {
            findings.at(rule, path, entry.line, format!("{name}={declared}, measured {measured}"));
        }
    };
    within_a_tenth(&PEAK_AS_DECLARED, "BANDWIDTH", rates.peak_bps);
    within_a_tenth(&AVERAGE_AS_DECLARED, "AVERAGE-BANDWIDTH", rates.average_bps);
}
