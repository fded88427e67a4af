//! One encoder: frames in, access units out, as ISO base media files store them. H.264, HEVC and AV1.

use std::collections::BTreeMap;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec;
use mp4_atom::{Av1c, Avcc, AvccExt, Hvcc};

use crate::Ratio;
use crate::error::{MediaError, Result, Step};
use crate::h26x::{Kind, Nal};
use crate::lead::FrameKind;
use crate::scale::work_format;
use crate::task::RungTask;
use crate::{h26x, obu};

/// A coding that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// H.264 or HEVC.
    Nal(Nal),
    /// AV1.
    Av1,
}

impl Coding {
    /// Of a codec, if it is one of ours.
    pub fn of(id: codec::Id) -> Option<Coding> {
        match id {
            codec::Id::H264 => Some(Coding::Nal(Nal::Avc)),
            codec::Id::HEVC => Some(Coding::Nal(Nal::Hevc)),
            codec::Id::AV1 => Some(Coding::Av1),
            _ => None,
        }
    }

    /// True where decoding can begin at a sample, with nothing before it needed after it: IDR pictures of H.264 and
    /// HEVC, shown key frames of AV1.
    pub fn starts_with_idr(self, sample: &[u8]) -> bool {
        match self {
            Coding::Nal(nal) => nal.starts_with_idr(sample),
            Coding::Av1 => obu::starts_with_key_frame(sample),
        }
    }

    fn access_unit(self, packet: &ffmpeg::Packet) -> AccessUnit {
        let bytes = packet.data().unwrap_or_default();
        let (data, idr) = match self {
            Coding::Nal(nal) => nal.access_unit(bytes),
            Coding::Av1 => obu::access_unit(bytes),
        };
        AccessUnit { data, pts: packet.pts().unwrap_or_default(), idr }
    }
}

/// One access unit in decoding order.
pub struct AccessUnit {
    /// Length-prefixed NAL units, or OBUs without temporal delimiters.
    pub data: Vec<u8>,
    /// Presentation time in frames.
    pub pts: i64,
    /// True where decoding can begin.
    pub idr: bool,
}

/// What a decoder must know before the first access unit.
#[derive(Clone, Debug, PartialEq)]
pub enum DecoderConfig {
    /// `avcC`.
    Avc(Box<Avcc>),
    /// `hvcC`, and the frames by which decoding order may run ahead: libx265's wrapper does not say them.
    Hevc(Box<Hvcc>, u32),
    /// `av1C`, and the RFC 6381 string, which says more than the box does.
    Av1(Box<Av1c>, String),
}

impl DecoderConfig {
    /// From the headers that an opened encoder gives.
    fn read(coding: Coding, headers: &[u8]) -> Option<DecoderConfig> {
        Some(match coding {
            Coding::Nal(nal @ Nal::Avc) => {
                DecoderConfig::avc(&nal.find(headers, Kind::Sps)?, &nal.find(headers, Kind::Pps)?)?
            }
            Coding::Nal(nal @ Nal::Hevc) => {
                let find = |kind| nal.find(headers, kind);
                let (vps, sps, pps) = (find(Kind::Vps)?, find(Kind::Sps)?, find(Kind::Pps)?);
                let (hvcc, reorder_frames) = h26x::hevc_configuration(&vps, &sps, &pps)?;
                DecoderConfig::Hevc(Box::new(hvcc), reorder_frames)
            }
            Coding::Av1 => {
                let (av1c, codecs) = obu::configuration(headers)?;
                DecoderConfig::Av1(Box::new(av1c), codecs)
            }
        })
    }

    /// Of an H.264 track, from its sequence and picture parameter set.
    pub fn avc(sps: &[u8], pps: &[u8]) -> Option<DecoderConfig> {
        let mut avcc = Avcc::new(sps, pps).ok()?;
        // Profiles from High on carry the sample format; ours is always 4:2:0 with 8 bits.
        avcc.ext = (avcc.avc_profile_indication >= 100).then(AvccExt::default);
        Some(DecoderConfig::Avc(Box::new(avcc)))
    }

    /// RFC 6381 string of a track.
    pub fn codecs(&self) -> String {
        match self {
            DecoderConfig::Avc(avcc) => format!(
                "avc1.{:02x}{:02x}{:02x}",
                avcc.avc_profile_indication, avcc.profile_compatibility, avcc.avc_level_indication
            ),
            DecoderConfig::Hevc(hvcc, _) => h26x::hevc_codecs(hvcc),
            DecoderConfig::Av1(_, codecs) => codecs.clone(),
        }
    }
}

/// An encoder that takes frames in main memory.
pub struct Encoder {
    settings: Settings,
    inner: ffmpeg::encoder::video::Encoder,
    /// What decoders must know: the same for every chunk of a rendition.
    pub config: DecoderConfig,
    /// Frames by which decoding order may run ahead of presentation: the same for every chunk of a rendition.
    pub reorder_frames: u32,
    /// True from the first frame on.
    begun: bool,
}

/// What an encoder is opened with.
struct Settings {
    rung: RungTask,
    rate: Ratio,
    coding: Coding,
    /// Takes surfaces of a device, as this frame is one.
    surface: Option<ffmpeg::frame::Video>,
}

impl Encoder {
    /// Opens the encoder of a rung for frames of `rate` a second. Its clock ticks once a frame.
    pub fn open(rung: &RungTask, rate: Ratio) -> Result<Encoder> {
        Encoder::with(rung, rate, None)
    }

    /// As [`Encoder::open`], for frames in the memory of a device, of which `surface` is one.
    pub fn open_on(surface: &ffmpeg::frame::Video, rung: &RungTask, rate: Ratio) -> Result<Encoder> {
        Encoder::with(rung, rate, Some(crate::sys::share(surface)?))
    }

    fn with(rung: &RungTask, rate: Ratio, surface: Option<ffmpeg::frame::Video>) -> Result<Encoder> {
        let name = &rung.encoder;
        let codec = find(name)?;
        let coding = Coding::of(codec.id())
            .ok_or_else(|| MediaError::internal("encoder", format!("{name} is not of a codec of ours")))?;
        let settings = Settings { rung: rung.clone(), rate, coding, surface };
        let inner = settings.open()?;
        let config = DecoderConfig::read(coding, &crate::sys::extradata(&inner))
            .ok_or_else(|| MediaError::internal("encoder", format!("{name} gave no headers that we read")))?;
        // Not every hardware encoder says it; B-frames in a row bound it, and more than needed does no harm.
        let b_frames =
            rung.options.get("bf").and_then(|n| n.parse().ok()).filter(|_| settings.surface.is_some());
        let reorder_frames = match &config {
            DecoderConfig::Avc(_) => crate::sys::reorder_frames(&inner).max(b_frames.unwrap_or(0)),
            DecoderConfig::Hevc(_, reorder_frames) => *reorder_frames,
            // A temporal unit is what is shown at one time, whatever else it decodes.
            DecoderConfig::Av1(..) => 0,
        };
        Ok(Encoder { settings, inner, config, reorder_frames, begun: false })
    }

    /// Encodes `frame` as number `pts`.
    pub fn push(
        &mut self,
        frame: &mut ffmpeg::frame::Video,
        pts: i64,
        kind: FrameKind,
        out: &mut Vec<AccessUnit>,
    ) -> Result<()> {
        let coding = self.settings.coding;
        self.push_raw(frame, pts, kind, |packet| out.push(coding.access_unit(&packet)))
    }

    /// As [`Encoder::push`], with access units as the encoder gives them: what [`Encoder::decoder`] takes.
    pub fn push_raw(
        &mut self,
        frame: &mut ffmpeg::frame::Video,
        pts: i64,
        kind: FrameKind,
        mut take: impl FnMut(ffmpeg::Packet),
    ) -> Result<()> {
        if kind == FrameKind::Idr && self.begun && self.settings.begins_anew() {
            self.finish_raw(&mut take)?;
            self.inner = self.settings.open()?;
        }
        self.begun = true;
        frame.set_pts(Some(pts));
        // A decoded frame still says what it was in the source, and x264 would take that as an order.
        frame.set_kind(match kind {
            FrameKind::Idr => ffmpeg::picture::Type::I,
            FrameKind::P => ffmpeg::picture::Type::P,
            FrameKind::B => ffmpeg::picture::Type::B,
            FrameKind::Free => ffmpeg::picture::Type::None,
        });
        self.inner.send_frame(frame).step("encode")?;
        self.drain(take)
    }

    /// Gives what the encoder still holds.
    pub fn finish(&mut self, out: &mut Vec<AccessUnit>) -> Result<()> {
        let coding = self.settings.coding;
        self.finish_raw(|packet| out.push(coding.access_unit(&packet)))
    }

    /// As [`Encoder::finish`], with access units as the encoder gives them.
    pub fn finish_raw(&mut self, take: impl FnMut(ffmpeg::Packet)) -> Result<()> {
        self.inner.send_eof().step("end of encoding")?;
        self.drain(take)
    }

    /// A decoder of what this encoder gives, on one thread.
    pub fn decoder(&self) -> Result<ffmpeg::decoder::Video> {
        let parameters = crate::sys::parameters(&self.inner)?;
        let mut context = codec::Context::from_parameters(parameters).step("codec parameters")?;
        context.set_threading(ffmpeg::threading::Config::count(1));
        context.decoder().video().step("open decoder")
    }

    fn drain(&mut self, mut take: impl FnMut(ffmpeg::Packet)) -> Result<()> {
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match self.inner.receive_packet(&mut packet) {
                Ok(()) => take(packet),
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {
                    return Ok(());
                }
                Err(e) => return Err(MediaError::internal("encode", e)),
            }
        }
    }
}

impl Settings {
    fn open(&self) -> Result<ffmpeg::encoder::video::Encoder> {
        let rung = &self.rung;
        let codec = find(&rung.encoder)?;
        let mut video = codec::Context::new_with_codec(codec).encoder().video().step("encoder context")?;
        video.set_width(rung.width);
        video.set_height(rung.height);
        video.set_format(work_format(rung.ten_bit));
        video.set_aspect_ratio((1, 1));
        let (num, den) = (self.rate.num as i32, self.rate.den as i32);
        video.set_time_base((den, num));
        video.set_frame_rate(Some((num, den)));
        video.set_threading(ffmpeg::threading::Config::count(1));
        video.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP);
        if let Some(surface) = &self.surface {
            crate::sys::take_surfaces_of(&mut video, surface)?;
        }
        let mut options = rung.options.clone();
        let all_instructions = options.get("mbtree").is_some_and(|on| on == "0");
        if let Some(asm) = x264_instructions().filter(|_| rung.encoder == "libx264" && !all_instructions) {
            let asked = options.remove("x264-params").map_or_else(String::new, |asked| format!(":{asked}"));
            options.insert("x264-params".into(), format!("asm={asm}{asked}"));
        }
        crate::sys::open_video_encoder(video, codec, dictionary(&options))
    }

    /// True for encoders that cannot be told where a GOP begins: each GOP gets an encoder of its own.
    ///
    /// FFmpeg 5.1 passes a frame's type to SVT-AV1 1.4 without `force_key_frames`, which SVT-AV1 then ignores; and
    /// `g=1` gives one key frame, not every one. A GOP of its own is exactly as long as the plan says, and CRF needs no
    /// history.
    fn begins_anew(&self) -> bool {
        self.rung.encoder == "libsvtav1"
    }
}

fn find(name: &str) -> Result<ffmpeg::Codec> {
    ffmpeg::encoder::find_by_name(name)
        .ok_or_else(|| MediaError::internal("encoder", format!("this libav has no {name}")))
}

/// The instructions that x264 shall use where it makes an MB-tree; `None` leaves them to x264.
///
/// Not AVX-512: there MB-tree goes on past the end of a row of macroblocks that is no multiple of eight, into memory
/// that nobody wrote (x264 r3095, `mbtree_propagate_list_avx512`), so 960×540 and 416×234 would come out otherwise from
/// one run to the next. Encoders without a tree give the bytes of AVX2 with AVX-512 too.
#[cfg(target_arch = "x86_64")]
fn x264_instructions() -> Option<&'static str> {
    let has_all = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt");
    has_all.then_some("SSE2Fast,AVX2")
}

#[cfg(not(target_arch = "x86_64"))]
fn x264_instructions() -> Option<&'static str> {
    None
}

/// Options as libav takes them.
pub fn dictionary(options: &BTreeMap<String, String>) -> ffmpeg::Dictionary<'static> {
    let mut out = ffmpeg::Dictionary::new();
    for (key, value) in options {
        out.set(key, value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Role;

    /// Twenty pictures of 128×96 in GOPs of eight, eight and four.
    fn encode(encoder: &str, options: &[(&str, &str)]) -> (Encoder, Vec<AccessUnit>) {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let rung = RungTask {
            height: 96,
            width: 128,
            encoder: encoder.to_owned(),
            options,
            role: Role::Alone,
            ten_bit: false,
        };
        let mut encoder = Encoder::open(&rung, Ratio::new(25, 1)).expect("open");
        let mut units = Vec::new();
        for n in 0..20 {
            let mut frame = ffmpeg::frame::Video::new(work_format(false), 128, 96);
            for plane in 0..3 {
                let seed = n as usize * 7 + plane;
                frame.data_mut(plane).iter_mut().enumerate().for_each(|(i, b)| *b = ((i / 9) * seed) as u8);
            }
            let kind = if n % 8 == 0 { FrameKind::Idr } else { FrameKind::Free };
            encoder.push(&mut frame, n, kind, &mut units).expect("push");
        }
        encoder.finish(&mut units).expect("finish");
        (encoder, units)
    }

    /// A follower's bytes, of a picture that moves over noise, with x264's own choice of instructions or with `params`.
    fn follow(params: Option<&str>) -> Vec<u8> {
        let (width, height) = (416, 234);
        let mut options: BTreeMap<String, String> = [
            ("preset", "veryfast"),
            ("trellis", "1"),
            ("mbtree", "0"),
            ("rc-lookahead", "0"),
            ("crf", "24"),
            ("maxrate", "900k"),
            ("bufsize", "1350k"),
            ("aq-mode", "2"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        options.extend(params.map(|params| ("x264-params".to_owned(), params.to_owned())));
        let encoder = "libx264".to_owned();
        let rung = RungTask { height, width, encoder, options, role: Role::Follows, ten_bit: false };
        let mut encoder = Encoder::open(&rung, Ratio::new(25, 1)).expect("open");
        let mut units = Vec::new();
        for n in 0..30 {
            let mut frame = ffmpeg::frame::Video::new(work_format(false), width, height);
            for plane in 0..3 {
                let stride = frame.stride(plane);
                for (i, pixel) in frame.data_mut(plane).iter_mut().enumerate() {
                    let (x, y) = (i % stride + 3 * n, i / stride + n);
                    let noise = (x * 7919 + y * 104_729) % 61;
                    *pixel = (40 + x / 4 % 90 + y / 3 % 40 + noise / 2) as u8;
                }
            }
            encoder.push(&mut frame, n as i64, FrameKind::Free, &mut units).expect("push");
        }
        encoder.finish(&mut units).expect("finish");
        units.into_iter().flat_map(|unit| unit.data).collect()
    }

    #[test]
    fn followers_give_the_bytes_of_avx2_with_whatever_the_processor_has() {
        let all = follow(None);
        assert!(all.len() > 20_000, "{} bytes", all.len());
        // Says nothing where the processor has no more than AVX2.
        if let Some(asm) = x264_instructions() {
            assert!(all == follow(Some(&format!("asm={asm}"))), "with {asm}");
        }
    }

    #[test]
    fn every_codec_begins_its_gops_where_it_is_told() {
        let x265 = "pools=none:frame-threads=1:wpp=0:scenecut=0:open-gop=0:info=0:log-level=none";
        for (name, options, codecs) in [
            ("libx264", vec![("preset", "ultrafast"), ("forced-idr", "1")], "avc1.42"),
            (
                "libx265",
                vec![("preset", "veryfast"), ("forced-idr", "1"), ("x265-params", x265)],
                "hvc1.1.6.L",
            ),
            ("libsvtav1", vec![("preset", "12"), ("crf", "50"), ("svtav1-params", "lp=1")], "av01.0.00M.08"),
        ] {
            let (encoder, units) = encode(name, &options);
            for (decoded, unit) in units.iter().enumerate() {
                assert!(
                    unit.pts + i64::from(encoder.reorder_frames) >= decoded as i64,
                    "{name}: {}",
                    unit.pts
                );
            }
            let idrs: Vec<i64> = units.iter().filter(|u| u.idr).map(|u| u.pts).collect();
            assert_eq!(idrs, [0, 8, 16], "{name}");
            let mut shown: Vec<i64> = units.iter().map(|u| u.pts).collect();
            shown.sort_unstable();
            assert!(shown.into_iter().eq(0..20), "{name}");
            assert!(
                units.iter().all(|u| u.idr == encoder.settings.coding.starts_with_idr(&u.data)),
                "{name}"
            );
            assert!(encoder.config.codecs().starts_with(codecs), "{name}: {}", encoder.config.codecs());
        }
    }
}
