//! Tries an encoder for real: a few frames through it, with the options that chunks use. (A tiny probe frame makes good
//! hardware look absent, so callers ask for 1080p.)

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;

use crate::Ratio;
use crate::encoder::Encoder;
use crate::error::{MediaError, Result, Step};
use crate::gpu::Scaler;
use crate::lead::FrameKind;
use crate::scale::WORK_FORMAT;
use crate::task::TrialTask;

const FRAMES: i64 = 12;
const RATE: Ratio = Ratio::new(25, 1);

/// Runs the task; says what was done.
pub fn run(task: &TrialTask) -> Result<String> {
    let rung = &task.rung;
    let size = (rung.width, rung.height);
    let codec = ffmpeg::encoder::find_by_name(&rung.encoder)
        .ok_or_else(|| MediaError::internal(&rung.encoder, "this libav was built without it"))?;
    // Before the device, so that a wrong option is never taken for a missing device.
    if let Some(refused) = crate::sys::refused_option(codec, &rung.options) {
        return Err(MediaError::internal(&rung.encoder, refused));
    }
    let mut units = Vec::new();
    let where_ = match task.device {
        None => {
            let mut encoder = Encoder::open(rung, RATE)?;
            for n in 0..FRAMES {
                encoder.push(&mut grey(WORK_FORMAT, size, n), n, order(n), &mut units)?;
            }
            encoder.finish(&mut units)?;
            "in memory"
        }
        Some(kind) => {
            let device = kind.open()?;
            let pool = device.surfaces(kind.surface(), size).step("surfaces")?;
            let mut scaler = Scaler::new(kind.scale(size), Ratio::new(1, 25));
            let mut encoder: Option<Encoder> = None;
            for n in 0..FRAMES {
                let uploaded = pool.upload(&grey(Pixel::NV12, size, n)).step("upload")?;
                let mut surface = scaler.run(&uploaded)?;
                let encoder = match &mut encoder {
                    Some(encoder) => encoder,
                    None => encoder.insert(Encoder::open_on(&surface, rung, RATE)?),
                };
                encoder.push(&mut surface, n, order(n), &mut units)?;
            }
            if let Some(encoder) = &mut encoder {
                encoder.finish(&mut units)?;
            }
            "uploaded, scaled and encoded on the device"
        }
    };
    if units.len() as i64 != FRAMES || !units[0].idr {
        let what = format!("took {FRAMES} frames and gave {} packets", units.len());
        return Err(MediaError::internal(&rung.encoder, what));
    }
    Ok(format!("encoded {FRAMES} frames of {}×{}, {where_}", size.0, size.1))
}

/// The first frame is an order, the others are not.
fn order(n: i64) -> FrameKind {
    if n == 0 { FrameKind::Idr } else { FrameKind::Free }
}

fn grey(format: Pixel, size: (u32, u32), n: i64) -> ffmpeg::frame::Video {
    let mut frame = ffmpeg::frame::Video::new(format, size.0, size.1);
    for plane in 0..frame.planes() {
        frame.data_mut(plane).fill(100 + n as u8);
    }
    frame.set_pts(Some(n));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{DeviceKind, Role, RungTask};

    fn trial(encoder: &str, option: (&str, &str), device: Option<DeviceKind>) -> TrialTask {
        let options = [(option.0.to_owned(), option.1.to_owned())].into();
        TrialTask {
            rung: RungTask {
                width: 320,
                height: 180,
                encoder: encoder.into(),
                options,
                role: Role::Alone,
                ten_bit: false,
            },
            device,
        }
    }

    #[test]
    fn a_trial_goes_through_the_encoder() {
        assert!(run(&trial("libx264", ("preset", "ultrafast"), None)).is_ok());
        let unknown = run(&trial("h266", ("preset", "p5"), None)).expect_err("no such encoder");
        assert!(unknown.detail.contains("built without"), "{}", unknown.detail);
    }

    #[test]
    fn a_wrong_option_is_not_taken_for_a_missing_device() {
        for option in [("no-such-option", "1"), ("rc", "no-such-mode")] {
            let e = run(&trial("h264_nvenc", option, Some(DeviceKind::Cuda))).expect_err("an option");
            assert!(e.detail.contains(option.0), "{}", e.detail);
        }
    }
}
