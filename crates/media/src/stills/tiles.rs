//! The pictures of the seek bar, from the I-frame rendition: already turned, tone-mapped and small, and every frame of
//! it decodes alone.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use image::RgbImage;

use crate::error::{MediaError, Result, Step};
use crate::input::open_own;
use crate::scale::Prepare;
use crate::source::Ratio;
use crate::task::StillsTask;
use crate::verify::Joined;

/// Reads tiles in order of time.
pub struct Tiles {
    input: ffmpeg::format::context::Input,
    decoder: ffmpeg::decoder::Video,
    base_ms: f64,
    prepare: Prepare,
    /// The frame that is shown, and the one behind it, with their times in milliseconds.
    shown: (f64, ffmpeg::frame::Video),
    next: Option<(f64, ffmpeg::frame::Video)>,
}

impl Tiles {
    /// Opens the rendition.
    pub fn open(task: &StillsTask) -> Result<Tiles> {
        let files = Joined::open(&task.trick).map_err(|e| MediaError::io("I-frame rendition", &e))?;
        let input = open_own(files).step("I-frame rendition")?;
        let decoder = crate::decode::decoder(&input, 0, &task.limits, None)?;
        let base = decoder.packet_time_base();
        let scale =
            format!("scale={}:{}:flags=bicubic+accurate_rnd+full_chroma_int", task.tile.0, task.tile.1);
        let time_base = Ratio::new(base.numerator().into(), base.denominator().into());
        let mut tiles = Tiles {
            input,
            decoder,
            base_ms: f64::from(base) * 1000.0,
            prepare: Prepare::new(&scale, Pixel::RGB24, time_base),
            shown: (0.0, ffmpeg::frame::Video::empty()),
            next: None,
        };
        let first = tiles.read()?;
        tiles.shown =
            first.ok_or_else(|| MediaError::internal("stills", "the I-frame rendition is empty"))?;
        tiles.next = tiles.read()?;
        Ok(tiles)
    }

    /// The picture nearest to a time, which must not go back, and its own time; both in milliseconds.
    pub fn at(&mut self, ms: f64) -> Result<(f64, RgbImage)> {
        while let Some(next) = self.next.take_if(|next| (next.0 - ms).abs() <= (self.shown.0 - ms).abs()) {
            self.shown = next;
            self.next = self.read()?;
        }
        let frame = crate::sys::share(&self.shown.1)?;
        Ok((self.shown.0, super::to_rgb(&self.prepare.run(frame)?)?))
    }

    fn read(&mut self) -> Result<Option<(f64, ffmpeg::frame::Video)>> {
        loop {
            let mut frame = ffmpeg::frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => return Ok(Some((frame.timestamp().unwrap_or(0) as f64 * self.base_ms, frame))),
                Err(ffmpeg::Error::Eof) => return Ok(None),
                Err(ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {}
                Err(e) => return Err(MediaError::internal("decode I-frame", e)),
            }
            let mut packet = ffmpeg::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) => self.decoder.send_packet(&packet).step("decode I-frame")?,
                Err(ffmpeg::Error::Eof) => self.decoder.send_eof().step("end of I-frames")?,
                Err(e) => return Err(MediaError::internal("read I-frame", e)),
            }
        }
    }
}
