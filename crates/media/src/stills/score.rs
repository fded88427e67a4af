//! Which tile makes a good poster: light enough, rich in tones, sharp, coloured, and not from the titles at the ends.

use image::RgbImage;

/// Shares of the duration in which titles and credits are likely.
const OPENING: f64 = 0.04;
const CREDITS: f64 = 0.90;

/// How good a picture is, and why.
pub struct Score {
    /// The larger the better.
    pub value: f64,
    /// The figures behind it.
    pub reason: String,
}

/// Scores tile `index` of `count`.
pub fn score(picture: &RgbImage, index: u32, count: u32) -> Score {
    let luma: Vec<f64> = picture
        .pixels()
        .map(|p| 0.2126 * f64::from(p[0]) + 0.7152 * f64::from(p[1]) + 0.0722 * f64::from(p[2]))
        .collect();
    let mean = luma.iter().sum::<f64>() / luma.len() as f64;
    let tones = entropy(&luma);
    let detail = sharpness(&luma, picture.width() as usize);
    let colour = colourfulness(picture);
    // A picture at either end of the scale is hard to see, whatever is in it.
    let light = 1.0 - ((mean - 110.0) / 130.0).powi(2);
    let position = f64::from(index) / f64::from(count.max(1));
    let titles = if count > 8 && !(OPENING..CREDITS).contains(&position) { 0.5 } else { 1.0 };
    // A black or plain frame has almost no tones, which nothing else may outweigh.
    let value = tones * light.max(0.05) * (1.0 + detail.ln_1p() / 4.0) * (1.0 + colour / 150.0) * titles;
    let reason = format!(
        "score {value:.2}: mean luma {mean:.0}, tonal entropy {tones:.1} bit, sharpness {detail:.1}, \
         colourfulness {colour:.0}"
    );
    Score { value, reason }
}

/// Shannon entropy of the luma histogram, in bits: 0 for a plain picture, 8 at most.
fn entropy(luma: &[f64]) -> f64 {
    let mut bins = [0u32; 256];
    for l in luma {
        bins[l.clamp(0.0, 255.0) as usize] += 1;
    }
    let total = luma.len() as f64;
    bins.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / total).map(|p| -p * p.log2()).sum()
}

/// Mean absolute Laplacian: high for sharp detail, near 0 for blur.
fn sharpness(luma: &[f64], width: usize) -> f64 {
    let height = luma.len() / width;
    let mut sum = 0.0;
    let mut n = 0u32;
    for y in 1..height.saturating_sub(1) {
        for x in 1..width - 1 {
            let i = y * width + x;
            sum += (4.0 * luma[i] - luma[i - 1] - luma[i + 1] - luma[i - width] - luma[i + width]).abs();
            n += 1;
        }
    }
    sum / f64::from(n.max(1))
}

/// Colourfulness after Hasler and Süsstrunk (2003).
fn colourfulness(picture: &RgbImage) -> f64 {
    let n = f64::from(picture.width() * picture.height()).max(1.0);
    let (mut rg, mut yb, mut rg2, mut yb2) = (0.0, 0.0, 0.0, 0.0);
    for p in picture.pixels() {
        let [r, g, b] = [f64::from(p[0]), f64::from(p[1]), f64::from(p[2])];
        let (x, y) = (r - g, 0.5 * (r + g) - b);
        rg += x;
        yb += y;
        rg2 += x * x;
        yb2 += y * y;
    }
    let (rg, yb, rg2, yb2) = (rg / n, yb / n, rg2 / n, yb2 / n);
    let deviation = (rg2 - rg * rg).max(0.0) + (yb2 - yb * yb).max(0.0);
    deviation.sqrt() + 0.3 * (rg * rg + yb * yb).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn picture(pixel: impl Fn(u32, u32) -> [u8; 3]) -> RgbImage {
        RgbImage::from_fn(64, 36, |x, y| Rgb(pixel(x, y)))
    }

    #[test]
    fn a_scene_beats_black_white_plain_and_blurred_frames() {
        let scene = |x: u32, y: u32| [(x * 4) as u8, (y * 7) as u8, ((x * y) % 200) as u8];
        let value = |p: RgbImage| score(&p, 5, 20).value;
        let good = value(picture(scene));
        let blurred = value(image::imageops::blur(&picture(scene), 6.0));
        assert!(good > blurred, "{good} {blurred}");
        for plain in [[0, 0, 0], [255, 255, 255], [90, 90, 90]] {
            assert!(value(picture(|_, _| plain)) < blurred * 0.5, "{plain:?}");
        }
        let dark = value(picture(|x, y| scene(x, y).map(|c| c / 12)));
        assert!(dark < good * 0.7, "{dark} {good}");
    }

    #[test]
    fn titles_at_the_ends_count_half() {
        let p = picture(|x, y| [(x * 4) as u8, (y * 7) as u8, 80]);
        assert!(score(&p, 0, 20).value < score(&p, 10, 20).value);
        assert!(score(&p, 19, 20).value < score(&p, 10, 20).value);
    }
}
