//! How good a picture is, from 0 to 100: about what VMAF would say.
//!
//! The measure is how much detail of the reference is left that an eye would see (S. Li et al., "Image quality assessment
//! by separately evaluating detail losses and additive impairments", 2011): both pictures are taken apart by a wavelet, each
//! coefficient of the distorted one is split into what it kept of the reference and what it adds, and what was kept is
//! weighed by the eye's contrast sensitivity (A. Watson et al., "Visibility of wavelet quantization noise", 1997) less what
//! the additions mask. It is the part of VMAF that explains most of it; [`VMAF`] takes it to VMAF's scale.

use ffmpeg_next::frame::Video;

/// VMAF (v0.6.1) as a parabola of the share of detail that is kept: constant, linear, quadratic term. Least squares over
/// 480 encodes of eight real clips (8 sizes, x264 at crf 19 to 37), judged by libvmaf. Without a clip's own encodes the fit
/// misses that clip's VMAF by 5.8 (root mean square), above VMAF 85 by 2.1; docs/adr/0013-per-title-ladder.md has more.
const VMAF: [f64; 3] = [13.73, -178.48, 265.84];

/// Scales of the wavelet.
const SCALES: usize = 4;
/// Daubechies' wavelet with two vanishing moments.
const LOW: [f32; 4] = [0.482_962_9, 0.836_516_3, 0.224_143_87, -0.129_409_52];
const HIGH: [f32; 4] = [-0.129_409_52, -0.224_143_87, 0.836_516_3, -0.482_962_9];
/// Watson's thresholds for luma, and the amplitudes of the basis functions by scale: across one direction, across both.
const THRESHOLD: f64 = 0.495;
const STEEPNESS: f64 = 0.466;
const FREQUENCY: f64 = 0.401;
const DIAGONAL: f64 = 0.534;
const AMPLITUDES: [(f64, f64); SCALES] =
    [(0.67234, 0.72709), (0.41317, 0.49428), (0.22727, 0.28688), (0.11792, 0.15214)];
/// Pixels for each degree of the eye at three times the height of a 1080p screen.
const PIXELS_PER_DEGREE: f64 = 3.0 * 1080.0 * std::f64::consts::PI / 180.0;
/// Squared cosine of the angle, one degree, within which a change counts as more contrast, not as an addition.
const SAME_DIRECTION: f32 = 0.999_695_4;
/// Share of each side that is left out at an edge.
const BORDER: f64 = 0.1;
/// Detail below this, a share of the area, is invisible: it keeps flat pictures from being judged by noise.
const NOISE: f64 = 1.0 / 32.0;

/// A picture of luma samples.
pub struct Luma {
    width: usize,
    height: usize,
    samples: Vec<f32>,
}

impl Luma {
    /// Of a picture with 8-bit luma.
    pub fn of(picture: &Video) -> Luma {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let (stride, data) = (picture.stride(0), picture.data(0));
        let rows = (0..height).flat_map(|y| &data[y * stride..y * stride + width]);
        Luma { width, height, samples: rows.map(|s| f32::from(*s)).collect() }
    }
}

/// A picture to compare with, taken apart once for many comparisons.
pub struct Reference {
    /// From the finest on.
    scales: Vec<Bands>,
}

impl Reference {
    /// Of a picture.
    pub fn new(mut picture: Luma) -> Reference {
        let mut scales = Vec::with_capacity(SCALES);
        for _ in 0..SCALES {
            let (low, bands) = wavelet(&picture);
            picture = low;
            scales.push(bands);
        }
        Reference { scales }
    }

    /// Quality of `distorted`, a picture of the same size.
    pub fn quality(&self, distorted: Luma) -> f64 {
        // Below the parabola's vertex there is nothing to see any more.
        let kept = self.detail_kept(distorted).max(-VMAF[1] / (2.0 * VMAF[2]));
        (VMAF[0] + kept * (VMAF[1] + kept * VMAF[2])).clamp(0.0, 100.0)
    }

    /// The share of visible detail that is kept.
    fn detail_kept(&self, mut distorted: Luma) -> f64 {
        let (mut kept, mut whole) = (0.0, 0.0);
        for (scale, reference) in self.scales.iter().enumerate() {
            let (low, bands) = wavelet(&distorted);
            distorted = low;
            let sums = compare(reference, &bands, sensitivity(scale));
            kept += sums.0;
            whole += sums.1;
        }
        if whole > 0.0 { kept / whole } else { 1.0 }
    }
}

/// The bands of one scale: detail along the rows, along the columns, along both.
struct Bands {
    width: usize,
    height: usize,
    /// One triple for each place.
    detail: Vec<[f32; 3]>,
}

/// One step of the wavelet: the picture at half the size, and the detail that it lacks.
fn wavelet(picture: &Luma) -> (Luma, Bands) {
    let Luma { width, height, samples } = picture;
    let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
    let across: Vec<[usize; 4]> = (0..columns).map(|x| taps(x, *width)).collect();
    let mut low = Vec::with_capacity(columns * rows);
    let mut detail = Vec::with_capacity(columns * rows);
    let (mut smooth, mut rough) = (vec![0.0_f32; *width], vec![0.0_f32; *width]);
    for y in 0..rows {
        let lines = taps(y, *height).map(|line| &samples[line * width..(line + 1) * width]);
        for x in 0..*width {
            let column = [lines[0][x], lines[1][x], lines[2][x], lines[3][x]];
            (smooth[x], rough[x]) = (dot(LOW, column), dot(HIGH, column));
        }
        for at in &across {
            let (smooth, rough) = (at.map(|x| smooth[x]), at.map(|x| rough[x]));
            low.push(dot(LOW, smooth));
            detail.push([dot(HIGH, smooth), dot(LOW, rough), dot(HIGH, rough)]);
        }
    }
    (Luma { width: columns, height: rows, samples: low }, Bands { width: columns, height: rows, detail })
}

/// The samples below the filter at place `i`, mirrored at the ends.
fn taps(i: usize, len: usize) -> [usize; 4] {
    let mirrored = |n: usize| if n >= len { (2 * len - n - 1).min(len - 1) } else { n };
    [(2 * i).abs_diff(1), 2 * i, 2 * i + 1, 2 * i + 2].map(mirrored)
}

fn dot(a: [f32; 4], b: [f32; 4]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
}

/// The eye's sensitivity to each band of a scale.
fn sensitivity(scale: usize) -> [f32; 3] {
    let step = |direction: f64, amplitude: f64| {
        let octaves = (2f64.powi(scale as i32 + 1) * FREQUENCY * direction / PIXELS_PER_DEGREE).log10();
        (2.0 * THRESHOLD * 10f64.powf(STEEPNESS * octaves * octaves) / amplitude) as f32
    };
    let (single, both) = AMPLITUDES[scale];
    [1.0 / step(1.0, single), 1.0 / step(1.0, single), 1.0 / step(DIAGONAL, both)]
}

/// Visible detail that the distorted picture kept of a scale, and all of it.
fn compare(reference: &Bands, distorted: &Bands, sensitivity: [f32; 3]) -> (f64, f64) {
    let Bands { width, height, .. } = *reference;
    let mut kept = Vec::with_capacity(reference.detail.len());
    let mut added = Vec::with_capacity(reference.detail.len());
    for (o, t) in reference.detail.iter().zip(&distorted.detail) {
        let r = restored(*o, *t);
        kept.push([0, 1, 2].map(|band| (r[band] * sensitivity[band]).abs()));
        added.push((0..3).map(|band| ((t[band] - r[band]) * sensitivity[band]).abs()).sum::<f32>());
    }
    let margin = |side: usize| (side as f64 * BORDER - 0.5).max(0.0) as usize;
    let (left, top) = (margin(width), margin(height));
    let (mut sums_kept, mut sums_whole) = ([0.0_f64; 3], [0.0_f64; 3]);
    for y in top..height - top {
        // Neighbours beyond an edge are those inside.
        let lines = [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|line| line * width);
        let (mut row_kept, mut row_whole) = ([0.0_f32; 3], [0.0_f32; 3]);
        for x in left..width - left {
            let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
            let around: f32 = lines.iter().map(|l| columns.iter().map(|c| added[l + c]).sum::<f32>()).sum();
            let at = lines[1] + x;
            // The place itself counts twice.
            let masked = (around + added[at]) / 30.0;
            for band in 0..3 {
                let visible = (kept[at][band] - masked).max(0.0);
                row_kept[band] += visible * visible * visible;
                let own = (reference.detail[at][band] * sensitivity[band]).abs();
                row_whole[band] += own * own * own;
            }
        }
        for band in 0..3 {
            sums_kept[band] += f64::from(row_kept[band]);
            sums_whole[band] += f64::from(row_whole[band]);
        }
    }
    let area = ((height - 2 * top) * (width - 2 * left)) as f64;
    let pooled = |sums: [f64; 3]| sums.iter().map(|s| s.cbrt() + (area * NOISE).cbrt()).sum();
    (pooled(sums_kept), pooled(sums_whole))
}

/// What the distorted coefficients `t` have of the reference's, `o`.
fn restored(o: [f32; 3], t: [f32; 3]) -> [f32; 3] {
    let along = o[0] * t[0] + o[1] * t[1];
    let lengths = (o[0] * o[0] + o[1] * o[1]) * (t[0] * t[0] + t[1] * t[1]);
    if along >= 0.0 && along * along >= SAME_DIRECTION * lengths {
        // More or less contrast of the same detail.
        return [0, 1, 2].map(|band| if o[band] * t[band] > 0.0 { t[band] } else { 0.0 });
    }
    [0, 1, 2].map(|band| (t[band] / (o[band] + 1e-30)).clamp(0.0, 1.0) * o[band])
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 352;
    const HEIGHT: usize = 288;

    fn luma(sample: impl Fn(usize, usize) -> usize) -> Luma {
        let samples = (0..WIDTH * HEIGHT).map(|i| sample(i % WIDTH, i / WIDTH) as f32).collect();
        Luma { width: WIDTH, height: HEIGHT, samples }
    }

    /// Slopes that become steeper and steeper.
    fn scene(x: usize, y: usize) -> usize {
        let zigzag = |n: usize, top: usize| if n % (2 * top) < top { n % top } else { top - n % top };
        60 + zigzag(x * x / 24 + y * 3, 70) + zigzag(y * y / 40 + x * 2, 60)
    }

    #[test]
    fn detail_is_judged_as_libvmaf_judges_it() {
        let blocks = |x: usize, y: usize| {
            let (x, y) = (x / 4 * 4, y / 4 * 4);
            (0..16).map(|i| scene(x + i % 4, y + i / 4)).sum::<usize>() / 16
        };
        let noisy = |x: usize, y: usize| scene(x, y) + (x * 7919 + y * 104_729) % 23 - 11;
        // What libvmaf 3 calls adm2.
        let coarse = |x: usize, y: usize| scene(x, y) / 24 * 24 + 12;
        type Sample<'a> = &'a dyn Fn(usize, usize) -> usize;
        let cases: [(Sample, f64, f64); 4] =
            [(&scene, 1.0, 97.4), (&coarse, 0.972, 88.4), (&blocks, 0.745, 32.0), (&noisy, 0.984, 94.4)];
        for (distorted, adm2, vmaf) in cases {
            let reference = Reference::new(luma(scene));
            let kept = reference.detail_kept(luma(distorted));
            assert!((kept - adm2).abs() < 0.001, "{kept} for {adm2}");
            let judged = reference.quality(luma(distorted));
            assert!((judged - vmaf).abs() < 5.0, "{judged} for {vmaf}");
        }
    }

    #[test]
    fn nothing_of_the_picture_is_no_quality() {
        assert_eq!(Reference::new(luma(scene)).quality(luma(|_, _| 128)), 0.0);
    }
}
