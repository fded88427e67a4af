//! Frames of one size. A stream may change its size on the way, as recordings do that were put together: later frames are
//! fitted into the size that it began with, whole, with black beside them where their shape is another.

use ffmpeg_next as ffmpeg;

use crate::Ratio;
use crate::error::Result;
use crate::scale::Prepare;

/// Bit-exact, so that a chunk has the same bits whatever processor it ran on; fields stay apart.
const SCALE: &str = "flags=lanczos+accurate_rnd+full_chroma_int+bitexact:interl=-1";
/// Shapes that differ by less are one: sizes are even, and pixel shapes are rounded.
const SAME_SHAPE: f64 = 0.02;

/// The size that a stream began with.
pub struct OneSize {
    size: (u32, u32),
    /// Width by height as it is shown.
    shape: f64,
    time_base: Ratio,
    /// For frames of another size and shape of pixels.
    fit: Option<(Frame, Prepare)>,
}

type Frame = ((u32, u32), ffmpeg::Rational);

impl OneSize {
    /// Of a decoder that has decoded nothing yet.
    pub fn of(decoder: &ffmpeg::decoder::Video, time_base: ffmpeg::Rational) -> OneSize {
        let size = (decoder.width(), decoder.height());
        let time_base = Ratio::new(time_base.numerator().into(), time_base.denominator().into());
        OneSize { size, shape: shape((size, decoder.aspect_ratio())), time_base, fit: None }
    }

    /// The frame, fitted where it must be.
    pub fn fit(&mut self, frame: ffmpeg::frame::Video) -> Result<ffmpeg::frame::Video> {
        let (size, aspect) = ((frame.width(), frame.height()), frame.aspect_ratio());
        if size == self.size {
            return Ok(frame);
        }
        let wanted = (size, aspect);
        let (_, filter) = match self.fit.take().filter(|(made, _)| *made == wanted) {
            Some(made) => self.fit.insert(made),
            None => {
                let filter = Prepare::keeping_format(&self.chain(shape(wanted)), self.time_base);
                self.fit.insert((wanted, filter))
            }
        };
        filter.run(frame)
    }

    fn chain(&self, shape: f64) -> String {
        let (width, height) = self.size;
        let ratio = shape / self.shape;
        if (ratio - 1.0).abs() < SAME_SHAPE {
            return format!("scale={width}:{height}:{SCALE}");
        }
        // Even, so that the planes of colours stay where they are.
        let part =
            |side: u32, share: f64| ((f64::from(side) * share / 2.0).round() as u32 * 2).clamp(2, side);
        let (inner, outer) = match ratio < 1.0 {
            true => (part(width, ratio), height),
            false => (width, part(height, 1.0 / ratio)),
        };
        let (left, top) = ((width - inner) / 4 * 2, (height - outer) / 4 * 2);
        format!("scale={inner}:{outer}:{SCALE},pad={width}:{height}:{left}:{top}")
    }
}

fn shape(((width, height), aspect): Frame) -> f64 {
    let pixel = if aspect.numerator() > 0 { f64::from(aspect) } else { 1.0 };
    f64::from(width) * pixel / f64::from(height.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_fitted_whole() {
        let chain = |size, (num, den), frame: (u32, u32), (frame_num, frame_den)| {
            let shape_of = |size, num, den| shape((size, ffmpeg::Rational::new(num, den)));
            let time_base = Ratio::new(1, 90_000);
            let one = OneSize { size, shape: shape_of(size, num, den), time_base, fit: None };
            one.chain(shape_of(frame, frame_num, frame_den)).replace(&format!(":{SCALE}"), "")
        };
        assert_eq!(chain((1280, 720), (1, 1), (640, 360), (0, 1)), "scale=1280:720");
        // Wide television of standard definition, by the shape of its pixels.
        assert_eq!(chain((1280, 720), (1, 1), (720, 576), (64, 45)), "scale=1280:720");
        assert_eq!(chain((1280, 720), (0, 1), (720, 576), (16, 15)), "scale=960:720,pad=1280:720:160:0");
        assert_eq!(chain((640, 480), (1, 1), (1920, 1080), (1, 1)), "scale=640:360,pad=640:480:0:60");
    }
}
