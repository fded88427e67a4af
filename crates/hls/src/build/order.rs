//! Which variant comes first. Players start with it: AVPlayer always, hls.js for its first estimate.

use std::cmp::Reverse;

use super::{Variant, VideoRange};

/// The average rate that Apple's default variant should have, in bits per second (Apple 1.32).
pub(crate) const START_BPS: u64 = 2_000_000;

/// How far a variant of this average rate is from the one to start with.
pub(crate) fn start_distance(average_bps: u64) -> u64 {
    average_bps.abs_diff(START_BPS)
}

/// Puts the variant to start with first: SDR before HDR and H.264 before newer codecs, as every device plays them,
/// then nearest to 2 Mb/s on average. The rest follows from the best rate down.
pub fn order_variants(variants: &mut [Variant]) {
    // The URI last, so that equals have one order whatever order they came in.
    variants.sort_by(|a, b| {
        let best = |v: &Variant| (Reverse(v.rates.peak_bps), Reverse(v.height));
        best(a).cmp(&best(b)).then_with(|| a.uri.cmp(&b.uri))
    });
    let rank =
        |v: &Variant| (v.video_range != VideoRange::Sdr, !is_h264(v), start_distance(v.rates.average_bps));
    if let Some(start) = (0..variants.len()).min_by_key(|&index| rank(&variants[index])) {
        variants[..=start].rotate_right(1);
    }
}

fn is_h264(variant: &Variant) -> bool {
    variant.codecs.iter().any(|codec| codec.starts_with("avc"))
}
