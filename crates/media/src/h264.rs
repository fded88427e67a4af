//! One H.264 encoder: frames in, access units of length-prefixed NAL units out (ISO/IEC 14496-15).

use std::collections::BTreeMap;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec;

use crate::Ratio;
use crate::error::{MediaError, Result, Step};
use crate::lead::FrameKind;
use crate::scale::WORK_FORMAT;
use crate::task::RungTask;

const NAL_IDR: u8 = 5;
const NAL_SEI: u8 = 6;
const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;
const NAL_AUD: u8 = 9;
/// SEI payload type `user_data_unregistered`: x264 writes its settings there, in every chunk, for nobody.
const SEI_USER_DATA: u8 = 5;

/// One access unit in decoding order.
pub struct AccessUnit {
    /// Length-prefixed NAL units.
    pub data: Vec<u8>,
    /// Presentation time in frames.
    pub pts: i64,
    /// True for an IDR access unit.
    pub idr: bool,
}

/// An opened encoder.
pub struct Encoder {
    inner: ffmpeg::encoder::video::Encoder,
    /// Sequence parameter set.
    pub sps: Vec<u8>,
    /// Picture parameter set.
    pub pps: Vec<u8>,
    /// Frames by which decoding order may run ahead of presentation: the same for every chunk of a rendition.
    pub reorder_frames: u32,
}

impl Encoder {
    /// Opens the encoder of a rung for frames of `rate` a second. Its clock ticks once a frame.
    pub fn open(rung: &RungTask, rate: Ratio) -> Result<Encoder> {
        let codec = ffmpeg::encoder::find_by_name(&rung.encoder)
            .ok_or_else(|| MediaError::internal("encoder", format!("this libav has no {}", rung.encoder)))?;
        let mut video = codec::Context::new_with_codec(codec).encoder().video().step("encoder context")?;
        video.set_width(rung.width);
        video.set_height(rung.height);
        video.set_format(WORK_FORMAT);
        video.set_aspect_ratio((1, 1));
        let (num, den) = (rate.num as i32, rate.den as i32);
        video.set_time_base((den, num));
        video.set_frame_rate(Some((num, den)));
        video.set_threading(ffmpeg::threading::Config::count(1));
        video.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP);
        let inner = crate::sys::open_video_encoder(video, codec, dictionary(&rung.options))?;
        let extradata = crate::sys::extradata(&inner);
        let find = |kind| nal_units(&extradata).find(|n| n[0] & 0x1f == kind).map(<[u8]>::to_vec);
        let reorder_frames = crate::sys::reorder_frames(&inner);
        match (find(NAL_SPS), find(NAL_PPS)) {
            (Some(sps), Some(pps)) => Ok(Encoder { inner, sps, pps, reorder_frames }),
            _ => Err(MediaError::internal("encoder", format!("{} gave no parameter sets", rung.encoder))),
        }
    }

    /// Encodes `frame` as number `pts`.
    pub fn push(
        &mut self,
        frame: &mut ffmpeg::frame::Video,
        pts: i64,
        kind: FrameKind,
        out: &mut Vec<AccessUnit>,
    ) -> Result<()> {
        frame.set_pts(Some(pts));
        // A decoded frame still says what it was in the source, and x264 would take that as an order.
        frame.set_kind(match kind {
            FrameKind::Idr => ffmpeg::picture::Type::I,
            FrameKind::P => ffmpeg::picture::Type::P,
            FrameKind::B => ffmpeg::picture::Type::B,
            FrameKind::Free => ffmpeg::picture::Type::None,
        });
        self.inner.send_frame(frame).step("encode")?;
        self.drain(out)
    }

    /// Gives what the encoder still holds.
    pub fn finish(&mut self, out: &mut Vec<AccessUnit>) -> Result<()> {
        self.inner.send_eof().step("end of encoding")?;
        self.drain(out)
    }

    fn drain(&mut self, out: &mut Vec<AccessUnit>) -> Result<()> {
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match self.inner.receive_packet(&mut packet) {
                Ok(()) => out.push(access_unit(&packet)),
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {
                    return Ok(());
                }
                Err(e) => return Err(MediaError::internal("encode", e)),
            }
        }
    }
}

/// Options as libav takes them.
pub fn dictionary(options: &BTreeMap<String, String>) -> ffmpeg::Dictionary<'static> {
    let mut out = ffmpeg::Dictionary::new();
    for (key, value) in options {
        out.set(key, value);
    }
    out
}

fn access_unit(packet: &ffmpeg::Packet) -> AccessUnit {
    let bytes = packet.data().unwrap_or_default();
    let mut data = Vec::with_capacity(bytes.len() + 16);
    let mut idr = false;
    for nal in nal_units(bytes) {
        match nal[0] & 0x1f {
            NAL_AUD | NAL_SPS | NAL_PPS => continue,
            NAL_SEI if nal.get(1) == Some(&SEI_USER_DATA) => continue,
            NAL_IDR => idr = true,
            _ => {}
        }
        data.extend_from_slice(&(nal.len() as u32).to_be_bytes());
        data.extend_from_slice(nal);
    }
    AccessUnit { data, pts: packet.pts().unwrap_or_default(), idr }
}

/// The NAL units of an Annex B byte stream, without start codes.
pub fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = Vec::new();
    let mut i = 0;
    while i + 3 <= stream.len() {
        if stream[i..i + 3] == [0, 0, 1] {
            starts.push(i + 3);
            i += 3;
        } else {
            i += 1;
        }
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|s| s - 3).chain([stream.len()]).collect();
    starts.into_iter().zip(ends).filter_map(move |(start, end)| {
        // Zero bytes before the next start code belong to the start code.
        let nal = &stream[start..end];
        let len = nal.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
        (len > 0).then(|| &nal[..len])
    })
}

/// True where an access unit of length-prefixed NAL units begins with an IDR picture: non-picture units may precede.
pub fn starts_with_idr(mut data: &[u8]) -> bool {
    while data.len() > 4 {
        let len = u32::from_be_bytes([data[0], data[1], data[2], data[3]]) as usize;
        let kind = data[4] & 0x1f;
        if (1..=NAL_IDR).contains(&kind) {
            return kind == NAL_IDR;
        }
        data = data.get(4 + len..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nal_units_are_found_behind_either_start_code() {
        let stream = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0, 4];
        let units: Vec<&[u8]> = nal_units(&stream).collect();
        assert_eq!(units, [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 0, 4]]);
        assert_eq!(nal_units(&[]).count(), 0);
        assert_eq!(nal_units(&[0, 0, 1]).count(), 0);
    }

    #[test]
    fn an_access_unit_begins_with_its_first_picture() {
        let sei = [0, 0, 0, 2, 6, 1];
        let idr = [0, 0, 0, 2, 0x65, 9];
        let other = [0, 0, 0, 2, 0x41, 9];
        assert!(starts_with_idr(&[sei, idr].concat()));
        assert!(!starts_with_idr(&[sei, other, idr].concat()));
        assert!(!starts_with_idr(&sei));
        assert!(!starts_with_idr(&[0, 0, 0, 200, 6, 1]));
    }
}
