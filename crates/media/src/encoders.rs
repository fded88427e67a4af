//! Tries encoders for real: a few 1080p frames through each. (A tiny probe frame makes good hardware look absent.)

use std::collections::BTreeMap;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;

use crate::Ratio;
use crate::h264::Encoder;
use crate::lead::FrameKind;
use crate::sys::HardwareDevice;
use crate::task::{EncoderTrial, Role, RungTask};

const SIZE: (u32, u32) = (1920, 1080);
const FRAMES: i64 = 12;

/// Runs the task.
pub fn run(names: &[String]) -> Vec<EncoderTrial> {
    names
        .iter()
        .map(|name| match attempt(name) {
            Ok(packets) => {
                let reason =
                    format!("encoded {FRAMES} frames of {}×{} into {packets} packets", SIZE.0, SIZE.1);
                EncoderTrial { name: name.clone(), works: true, reason }
            }
            Err(reason) => EncoderTrial { name: name.clone(), works: false, reason },
        })
        .collect()
}

fn attempt(name: &str) -> Result<usize, String> {
    if ffmpeg::encoder::find_by_name(name).is_none() {
        return Err("this libav was built without it".into());
    }
    let device = |kind: &str| HardwareDevice::open(kind).map_err(|e| format!("no {kind} device: {e}"));
    if name.ends_with("_vaapi") {
        return on_surfaces(name, &device("vaapi")?);
    }
    if name.ends_with("_nvenc") {
        device("cuda")?;
    } else if name.ends_with("_qsv") {
        device("qsv")?;
    }
    in_memory(name)
}

/// Encoders that take frames in main memory.
fn in_memory(name: &str) -> Result<usize, String> {
    let rung = RungTask {
        height: SIZE.1,
        width: SIZE.0,
        encoder: name.to_owned(),
        options: BTreeMap::new(),
        role: Role::Alone,
    };
    let mut encoder = Encoder::open(&rung, Ratio::new(25, 1)).map_err(|e| e.detail)?;
    let mut units = Vec::new();
    for n in 0..FRAMES {
        let mut frame = grey(Pixel::YUV420P, n);
        encoder.push(&mut frame, n, FrameKind::Free, &mut units).map_err(|e| e.detail)?;
    }
    encoder.finish(&mut units).map_err(|e| e.detail)?;
    enough(units.len())
}

/// Encoders that take surfaces of a device.
fn on_surfaces(name: &str, device: &HardwareDevice) -> Result<usize, String> {
    let say = |e: ffmpeg::Error| e.to_string();
    let codec = ffmpeg::encoder::find_by_name(name).ok_or("gone")?;
    let mut video = ffmpeg::codec::Context::new_with_codec(codec).encoder().video().map_err(say)?;
    video.set_width(SIZE.0);
    video.set_height(SIZE.1);
    video.set_time_base((1, 25));
    let surfaces = device.surfaces(&mut video, Pixel::VAAPI, SIZE).map_err(say)?;
    let mut encoder =
        crate::sys::open_video_encoder(video, codec, ffmpeg::Dictionary::new()).map_err(|e| e.detail)?;
    let mut packets = 0;
    let mut drain = |encoder: &mut ffmpeg::encoder::video::Encoder| {
        let mut packet = ffmpeg::Packet::empty();
        while encoder.receive_packet(&mut packet).is_ok() {
            packets += 1;
        }
    };
    for n in 0..FRAMES {
        let frame = surfaces.upload(&grey(Pixel::NV12, n)).map_err(say)?;
        encoder.send_frame(&frame).map_err(say)?;
        drain(&mut encoder);
    }
    encoder.send_eof().map_err(say)?;
    drain(&mut encoder);
    enough(packets)
}

fn enough(packets: usize) -> Result<usize, String> {
    match packets {
        n if n as i64 == FRAMES => Ok(n),
        n => Err(format!("took {FRAMES} frames and gave {n} packets")),
    }
}

fn grey(format: Pixel, n: i64) -> ffmpeg::frame::Video {
    let mut frame = ffmpeg::frame::Video::new(format, SIZE.0, SIZE.1);
    for plane in 0..frame.planes() {
        frame.data_mut(plane).fill(100 + n as u8);
    }
    frame.set_pts(Some(n));
    frame
}
