//! What a size costs at any rate factor, from a few that were measured.

use flodrama_media::task::Measured;

use super::candidates::Candidate;

/// Rate and quality of one size over the rate factor.
#[derive(Clone, Debug)]
pub struct SizeCurve {
    log_kbps: Curve,
    quality: Curve,
}

impl SizeCurve {
    /// Kilobits a second and quality.
    pub fn at(&self, crf: f64) -> (f64, f64) {
        (self.log_kbps.at(crf).exp(), self.quality.at(crf))
    }

    /// `part` of the way from this size to a smaller one.
    fn towards(&self, smaller: &SizeCurve, part: f64) -> SizeCurve {
        SizeCurve {
            log_kbps: self.log_kbps.towards(&smaller.log_kbps, part),
            quality: self.quality.towards(&smaller.quality, part),
        }
    }
}

/// The curve of each candidate; `None` where something was not measured.
pub fn curves(candidates: &[Candidate], measured: &[Measured]) -> Option<Vec<SizeCurve>> {
    let own = |candidate: &Candidate| {
        let size = (candidate.width, candidate.height);
        let mut points: Vec<&Measured> = measured.iter().filter(|m| (m.width, m.height) == size).collect();
        points.sort_by(|a, b| a.crf.total_cmp(&b.crf));
        // A still picture costs next to nothing, but never nothing.
        let log = |kbps: f64| kbps.max(0.1).ln();
        Some(SizeCurve {
            log_kbps: Curve::through(points.iter().map(|m| (m.crf, log(m.kbps))).collect())?,
            quality: Curve::through(points.iter().map(|m| (m.crf, m.quality)).collect())?,
        })
    };
    let mut curves: Vec<Option<SizeCurve>> =
        candidates.iter().map(|c| if c.is_measured { own(c) } else { None }).collect();
    for i in 0..candidates.len() {
        if !candidates[i].is_measured {
            let (above, below) = (curves.get(i.checked_sub(1)?)?.clone()?, curves.get(i + 1)?.clone()?);
            let log = |i: usize| candidates[i].area().ln();
            let part = (log(i - 1) - log(i)) / (log(i - 1) - log(i + 1));
            curves[i] = Some(above.towards(&below, part));
        }
    }
    curves.into_iter().collect()
}

/// A function through points that overshoots nowhere (Fritsch and Carlson, 1980).
#[derive(Clone, Debug)]
struct Curve {
    /// Place, value and slope, by place.
    knots: Vec<(f64, f64, f64)>,
}

impl Curve {
    fn through(points: Vec<(f64, f64)>) -> Option<Curve> {
        if points.len() < 2 || points.windows(2).any(|p| p[0].0 >= p[1].0) {
            return None;
        }
        let rises: Vec<f64> = points.windows(2).map(|p| (p[1].1 - p[0].1) / (p[1].0 - p[0].0)).collect();
        let width = |i: usize| points[i + 1].0 - points[i].0;
        let last = points.len() - 1;
        let inner = |i: usize| {
            let (before, after) = (rises[i - 1], rises[i]);
            if before * after <= 0.0 {
                return 0.0;
            }
            let (w1, w2) = (2.0 * width(i) + width(i - 1), width(i) + 2.0 * width(i - 1));
            (w1 + w2) / (w1 / before + w2 / after)
        };
        // At an end as the parabola through three points has it, as far as that goes the same way.
        let end = |own: usize, next: usize| {
            let (w0, w1) = (width(own), width(next));
            let slope = ((2.0 * w0 + w1) * rises[own] - w0 * rises[next]) / (w0 + w1);
            let most = 3.0 * rises[own];
            if slope * rises[own] <= 0.0 { 0.0 } else { slope.clamp(most.min(0.0), most.max(0.0)) }
        };
        let slope = |i: usize| match i {
            _ if last == 1 => rises[0],
            0 => end(0, 1),
            i if i == last => end(last - 1, last - 2),
            i => inner(i),
        };
        let knots = points.iter().enumerate().map(|(i, (x, y))| (*x, *y, slope(i))).collect();
        Some(Curve { knots })
    }

    /// Beyond its ends it stays as it is there.
    fn at(&self, x: f64) -> f64 {
        let last = self.knots.len() - 1;
        let x = x.clamp(self.knots[0].0, self.knots[last].0);
        let i = self.knots.partition_point(|k| k.0 <= x).clamp(1, last) - 1;
        let ((x0, y0, s0), (x1, y1, s1)) = (self.knots[i], self.knots[i + 1]);
        let w = x1 - x0;
        let t = (x - x0) / w;
        let u = 1.0 - t;
        y0 * (1.0 + 2.0 * t) * u * u + s0 * w * t * u * u + y1 * t * t * (3.0 - 2.0 * t) - s1 * w * t * t * u
    }

    fn towards(&self, other: &Curve, part: f64) -> Curve {
        let mix = |a: f64, b: f64| a * (1.0 - part) + b * part;
        let knots = self.knots.iter().zip(&other.knots);
        Curve { knots: knots.map(|(a, b)| (a.0, mix(a.1, b.1), mix(a.2, b.2))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_through_its_points_and_overshoots_nowhere() {
        let points = vec![(20.0, 95.0), (26.0, 90.0), (32.0, 75.0), (38.0, 74.0)];
        let curve = Curve::through(points.clone()).expect("a curve");
        for (x, y) in &points {
            assert!((curve.at(*x) - y).abs() < 1e-9, "{x}");
        }
        let values: Vec<f64> = (0..=180).map(|i| curve.at(20.0 + f64::from(i) / 10.0)).collect();
        assert!(values.windows(2).all(|v| v[0] >= v[1]), "{values:?}");
        assert_eq!((curve.at(0.0), curve.at(60.0)), (95.0, 74.0));
    }

    #[test]
    fn what_is_no_function_is_no_curve() {
        assert!(Curve::through(vec![(20.0, 1.0)]).is_none());
        assert!(Curve::through(vec![(20.0, 1.0), (20.0, 2.0)]).is_none());
    }
}
