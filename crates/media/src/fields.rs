//! Pictures that are stored as two fields of different moments become pictures of their own, one for each field: by
//! bwdif, which looks at the frames before and after for what stands still.

use std::collections::VecDeque;

use ffmpeg_next::frame::Video;

use crate::Ratio;
use crate::decode::VideoReader;
use crate::error::{MediaError, Result};
use crate::scale::Prepare;

/// Frames that are not marked as two fields pass as they are.
const FIELDS_TO_FRAMES: &str = "bwdif=mode=send_field:parity=auto:deint=interlaced";
const FIRST_FIELD_TO_FRAME: &str = "bwdif=mode=send_frame:parity=auto:deint=interlaced";

/// A track's pictures in the order in which they are shown.
pub struct Frames {
    reader: VideoReader,
    fields: Option<Fields>,
}

struct Fields {
    filter: Prepare,
    ready: VecDeque<Video>,
    ended: bool,
}

impl Frames {
    /// Of a track with this time base. Where `deinterlace` is set, times are in half of its ticks: a second field is
    /// shown half-way between two frames.
    pub fn new(reader: VideoReader, deinterlace: bool, time_base: Ratio) -> Frames {
        let fields = deinterlace.then(|| Fields {
            filter: Prepare::keeping_format(FIELDS_TO_FRAMES, time_base),
            ready: VecDeque::new(),
            ended: false,
        });
        Frames { reader, fields }
    }

    /// The next picture and its presentation time, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<(i64, Video)>> {
        let Some(fields) = &mut self.fields else { return self.reader.next_frame() };
        loop {
            if let Some(picture) = fields.ready.pop_front() {
                let pts =
                    picture.pts().ok_or_else(|| MediaError::internal("fields", "a field has no time"))?;
                return Ok(Some((pts, picture)));
            }
            if fields.ended {
                return Ok(None);
            }
            match self.reader.next_frame()? {
                Some((pts, mut frame)) => {
                    frame.set_pts(Some(pts));
                    fields.ready.extend(fields.filter.feed(frame)?);
                }
                None => {
                    fields.ready.extend(fields.filter.finish()?);
                    fields.ended = true;
                }
            }
        }
    }
}

/// One whole picture of a frame that may be two fields.
pub fn whole(frame: Video, time_base: Ratio) -> Result<Video> {
    let mut filter = Prepare::keeping_format(FIRST_FIELD_TO_FRAME, time_base);
    let mut pictures = filter.feed(frame)?;
    pictures.extend(filter.finish()?);
    pictures.into_iter().next().ok_or_else(|| MediaError::internal("fields", "no picture came out"))
}
