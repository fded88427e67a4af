//! Which tile makes a good poster: light enough, rich in tones, sharp, coloured, not on the way from one scene to the
//! next, and not from the titles at the ends. Of tiles about as good, the one that takes least decoding.

use image::RgbImage;

/// Shares of the duration in which titles and credits are likely.
const OPENING: f64 = 0.04;
const CREDITS: f64 = 0.90;
/// Within so much of the best score, the eye has no favourite.
const AS_GOOD: f64 = 0.95;

/// What a picture looks like.
#[derive(Clone, Copy)]
pub struct Look {
    /// Mean luma, 0 to 255.
    mean: f64,
    /// Shannon entropy of the luma histogram, in bits: 0 for a plain picture, 8 at most.
    tones: f64,
    /// Mean absolute Laplacian: high for sharp detail, near 0 for blur.
    detail: f64,
    /// After Hasler and Süsstrunk (2003).
    colour: f64,
}

/// The poster among the tiles.
pub struct Choice {
    /// Which.
    pub index: usize,
    /// The figures behind it.
    pub reason: String,
}

impl Look {
    /// Of a picture.
    pub fn of(picture: &RgbImage) -> Look {
        let luma: Vec<f64> = picture
            .pixels()
            .map(|p| 0.2126 * f64::from(p[0]) + 0.7152 * f64::from(p[1]) + 0.0722 * f64::from(p[2]))
            .collect();
        Look {
            mean: luma.iter().sum::<f64>() / luma.len() as f64,
            tones: entropy(&luma),
            detail: sharpness(&luma, picture.width() as usize),
            colour: colourfulness(picture),
        }
    }

    /// How good it is alone, the larger the better.
    fn value(&self) -> f64 {
        // A picture at either end of the scale is hard to see, whatever is in it.
        let light = 1.0 - ((self.mean - 110.0) / 130.0).powi(2);
        // A black or plain frame has almost no tones, which nothing else may outweigh.
        self.tones * light.max(0.05) * (1.0 + self.detail.ln_1p() / 4.0) * (1.0 + self.colour / 150.0)
    }
}

/// Chooses, of tiles in order of time. `lead_ins` says for each how much is decoded on the way to its frame.
pub fn choose(looks: &[Look], lead_ins: &[f64]) -> Choice {
    let values: Vec<f64> = (0..looks.len()).map(|i| in_place(looks, i)).collect();
    let best = values.iter().copied().fold(0.0, f64::max);
    let cheapest = (0..looks.len())
        .filter(|i| values[*i] >= best * AS_GOOD)
        .min_by(|a, b| lead_ins[*a].total_cmp(&lead_ins[*b]).then(values[*b].total_cmp(&values[*a])));
    let index = cheapest.unwrap_or(0);
    let Look { mean, tones, detail, colour } = looks[index];
    let reason = format!(
        "score {:.2} of at most {best:.2}: mean luma {mean:.0}, tonal entropy {tones:.1} bit, sharpness {detail:.1}, \
         colourfulness {colour:.0}; {:.1} s of the source decoded on the way to it",
        values[index], lead_ins[index]
    );
    Choice { index, reason }
}

/// How good a tile is where it stands.
fn in_place(looks: &[Look], index: usize) -> f64 {
    let look = &looks[index];
    let position = index as f64 / looks.len() as f64;
    let titles = if looks.len() > 8 && !(OPENING..CREDITS).contains(&position) { 0.5 } else { 1.0 };
    // Two scenes at once are softer than either, and a fade is darker than what it comes from.
    let between = match (index.checked_sub(1).map(|i| &looks[i]), looks.get(index + 1)) {
        (Some(before), Some(after)) => {
            let dip =
                |of: fn(&Look) -> f64| (of(look) / of(before).min(of(after)).max(f64::EPSILON)).min(1.0);
            dip(|l| l.detail).min(dip(|l| l.tones))
        }
        _ => 1.0,
    };
    look.value() * titles * between
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

    fn looks(pictures: &[RgbImage]) -> Vec<Look> {
        pictures.iter().map(Look::of).collect()
    }

    fn scene(x: u32, y: u32) -> [u8; 3] {
        [(x * 4) as u8, (y * 7) as u8, ((x * y) % 200) as u8]
    }

    #[test]
    fn a_scene_beats_black_white_plain_and_blurred_frames() {
        let value = |p: RgbImage| Look::of(&p).value();
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
    fn titles_at_the_ends_are_passed_over() {
        let same = looks(&vec![picture(scene); 20]);
        let choice = choose(&same, &[0.0; 20]);
        assert!((1..18).contains(&choice.index), "{}", choice.index);
    }

    #[test]
    fn half_way_between_two_scenes_is_passed_over() {
        let other = |x: u32, y: u32| scene(63 - x, 35 - y);
        let mixed = picture(|x, y| {
            let (a, b) = (scene(x, y), other(x, y));
            std::array::from_fn(|i| a[i].midpoint(b[i]))
        });
        let tiles = looks(&[picture(scene), mixed, picture(other)]);
        // The mixture takes no decoding at all, and yet it is not taken.
        assert_ne!(choose(&tiles, &[5.0, 0.0, 5.0]).index, 1);
    }

    #[test]
    fn of_tiles_about_as_good_the_one_nearest_behind_a_keyframe_is_taken() {
        let tiles = looks(&[picture(scene), picture(|x, y| scene(63 - x, y)), picture(|_, _| [30, 30, 30])]);
        assert_eq!(choose(&tiles, &[4.0, 1.0, 0.0]).index, 1);
        assert_eq!(choose(&tiles, &[1.0, 4.0, 0.0]).index, 0);
    }

    #[test]
    fn one_tile_is_the_poster_whatever_it_is() {
        assert_eq!(choose(&looks(&[picture(|_, _| [0, 0, 0])]), &[0.0]).index, 0);
    }
}
