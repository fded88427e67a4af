//! Decodes video from a keyframe on, one thread.

use std::fs::File;
use std::rc::Rc;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::discard::Discard;
use flodrama_asset::ErrorKind;

use crate::Keyframe;
use crate::damage::Damage;
use crate::error::{MediaError, Result, Step};
use crate::input::{decoder_of, open_upload};
use crate::one_size::OneSize;
use crate::sys::HardwareDevice;
use crate::task::Limits;

/// Frames of one video stream in presentation order, of one size unless a device decodes them.
pub struct VideoReader {
    file: File,
    limits: Limits,
    stream: usize,
    /// Decodes what it can; main memory gets the rest.
    device: Option<Rc<HardwareDevice>>,
    input: ffmpeg::format::context::Input,
    decoder: ffmpeg::decoder::Video,
    size: OneSize,
    /// The packet that decoding begins with, found by `seek`.
    pending: Option<ffmpeg::Packet>,
    /// What `seek` was asked for.
    sought: Option<Keyframe>,
    /// Pictures before this time need not come.
    wanted_from: i64,
    draining: bool,
    damage: Damage,
}

impl VideoReader {
    /// Opens the stream; the first frame is the file's first.
    pub fn open(file: File, stream: usize, limits: &Limits) -> Result<VideoReader> {
        VideoReader::open_on(None, file, stream, limits)
    }

    /// As [`VideoReader::open`], on a device: frames are surfaces of it, or in main memory where it cannot decode them.
    pub fn open_on(
        device: Option<Rc<HardwareDevice>>,
        file: File,
        stream: usize,
        limits: &Limits,
    ) -> Result<VideoReader> {
        let again = file.try_clone().map_err(|e| MediaError::io("source", &e))?;
        let input = open_upload(file, limits)?;
        let decoder = decoder(&input, stream, limits, device.as_deref())?;
        let size = OneSize::of(&decoder, decoder.packet_time_base());
        Ok(VideoReader {
            file: again,
            limits: *limits,
            stream,
            device,
            input,
            decoder,
            size,
            pending: None,
            sought: None,
            wanted_from: i64::MIN,
            draining: false,
            damage: Damage::default(),
        })
    }

    /// True where of a frame's fields the lower one is shown first.
    pub fn is_lower_field_first(&self) -> bool {
        self.input.stream(self.stream).is_some_and(|stream| crate::sys::is_lower_field_first(&stream))
    }

    /// Of pictures before `pts` only those come that others lean on: a chunk far behind its keyframe decodes half as many.
    pub fn want_from(&mut self, pts: i64) {
        self.wanted_from = pts;
        // A decoder begins with a keyframe only where the stream vouches for it, which not every stream with open groups
        // of pictures does. Here it may begin anyway: what leans on the group before lies before `pts`. Where a recording
        // begins in the middle of a group, `pts` lies before its first keyframe, and what is broken stays out.
        if self.sought.is_some_and(|keyframe| keyframe.pts <= pts) {
            self.decoder.set_flags(ffmpeg::codec::Flags::OUTPUT_CORRUPT);
        }
    }

    /// Makes `keyframe` the next packet to decode.
    ///
    /// Demuxers promise little about seeking, so the packet itself is looked for; where a seek went past it, the file
    /// is read again from its start.
    pub fn seek(&mut self, keyframe: Keyframe) -> Result<()> {
        self.sought = Some(keyframe);
        self.decoder.flush();
        self.draining = false;
        if crate::sys::seek_stream(&mut self.input, self.stream, keyframe.dts) && self.find(keyframe)? {
            return Ok(());
        }
        let file = self.file.try_clone().map_err(|e| MediaError::io("source", &e))?;
        self.input = open_upload(file, &self.limits)?;
        self.decoder = decoder(&self.input, self.stream, &self.limits, self.device.as_deref())?;
        if self.find(keyframe)? {
            return Ok(());
        }
        Err(MediaError::new(ErrorKind::Truncated, "The file changed or broke while it was read.")
            .detail(format_args!("keyframe at dts {} of stream {} is gone", keyframe.dts, self.stream)))
    }

    /// The next packet as it is; not to be mixed with `next_frame`.
    pub fn next_packet(&mut self) -> Result<Option<ffmpeg::Packet>> {
        match self.pending.take() {
            Some(packet) => Ok(Some(packet)),
            None => self.read(),
        }
    }

    /// What could not be decoded so far of the pictures that are wanted.
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    /// The track's codec configuration.
    pub fn configuration(&self) -> Vec<u8> {
        self.input.stream(self.stream).map_or_else(Vec::new, |stream| crate::sys::configuration(&stream))
    }

    fn find(&mut self, keyframe: Keyframe) -> Result<bool> {
        self.pending = None;
        while let Some(packet) = self.read()? {
            if !packet.is_key() {
                continue;
            }
            if stamps(&packet) == (keyframe.pts, keyframe.dts) {
                self.pending = Some(packet);
                return Ok(true);
            }
            if packet.dts().is_some_and(|dts| dts > keyframe.dts) {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// The next frame and its presentation time, or `None` at the end.
    pub fn next_frame(&mut self) -> Result<Option<(i64, ffmpeg::frame::Video)>> {
        loop {
            let mut frame = ffmpeg::frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    // Without a time we cannot place it; the scan counted no such frame either.
                    let Some(pts) = frame.timestamp() else { continue };
                    self.damage.came(pts, pts + 1);
                    let fits = self.device.is_some();
                    return Ok(Some((pts, if fits { frame } else { self.size.fit(frame)? })));
                }
                Err(ffmpeg::Error::Eof) => self.draining = true,
                Err(ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {}
                Err(e) if self.is_damage(&e) => {}
                Err(e) => return Err(self.broken(e)),
            }
            // A decoder that complains once it is told to end could do so for ever.
            if self.draining {
                self.damage.end();
                return Ok(None);
            }
            match self.next_packet()? {
                Some(packet) => {
                    let (pts, _) = stamps(&packet);
                    if pts >= self.wanted_from {
                        self.damage.sent(pts, packet.size());
                    }
                    match self.send(&packet) {
                        Ok(()) => {}
                        // It loses its frame; the frame before it stands. How many may, others judge.
                        Err(e) if self.is_damage(&e) => {}
                        Err(e) => return Err(self.broken(e)),
                    }
                }
                None => {
                    self.decoder.send_eof().step("end of decoding")?;
                    self.draining = true;
                }
            }
        }
    }

    /// On a device other words may be about the device, whose work the processor can take over.
    fn is_damage(&self, error: &ffmpeg::Error) -> bool {
        if self.device.is_some() { *error == ffmpeg::Error::InvalidData } else { is_damage(error) }
    }

    fn send(&mut self, packet: &ffmpeg::Packet) -> std::result::Result<(), ffmpeg::Error> {
        // Other codecs mark pictures that only most decoders can do without.
        if self.decoder.id() == ffmpeg::codec::Id::H264 {
            let early = packet.pts().is_some_and(|pts| pts < self.wanted_from);
            self.decoder.skip_frame(if early { Discard::NonReference } else { Discard::Default });
        }
        self.decoder.send_packet(packet)
    }

    fn read(&mut self) -> Result<Option<ffmpeg::Packet>> {
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream => return Ok(Some(packet)),
                Ok(()) => {}
                Err(ffmpeg::Error::Eof) => return Ok(None),
                // Demuxers go on after a damaged packet.
                Err(ffmpeg::Error::InvalidData) => {}
                Err(e) => return Err(self.broken(e)),
            }
        }
    }

    fn broken(&self, cause: ffmpeg::Error) -> MediaError {
        MediaError::new(ErrorKind::Truncated, "The video stops being readable part of the way through.")
            .detail(format_args!("stream {}: {cause}", self.stream))
    }
}

/// True where a decoder could make nothing of a packet and goes on with the next. Each has its own words for that; only
/// what is no word about the packet is a fault.
pub fn is_damage(error: &ffmpeg::Error) -> bool {
    use ffmpeg::Error::{Eof, Exit, Other};
    use ffmpeg::error::{EAGAIN, ENOMEM};
    !matches!(error, Eof | Exit | Other { errno: EAGAIN | ENOMEM })
}

/// Presentation and decoding time of a packet, each standing in for the other where one is missing.
pub fn stamps(packet: &ffmpeg::Packet) -> (i64, i64) {
    match (packet.pts(), packet.dts()) {
        (Some(pts), Some(dts)) => (pts, dts),
        (Some(pts), None) => (pts, pts),
        (None, Some(dts)) => (dts, dts),
        (None, None) => (0, 0),
    }
}

/// Opens the decoder of a video stream, with one thread.
pub fn decoder(
    input: &ffmpeg::format::context::Input,
    stream: usize,
    limits: &Limits,
    device: Option<&HardwareDevice>,
) -> Result<ffmpeg::decoder::Video> {
    let stream = input.stream(stream).ok_or_else(|| MediaError::internal("open stream", "no such stream"))?;
    let id = stream.parameters().id();
    let mut context = decoder_of(stream.parameters(), limits.max_pixels)?;
    if let Some(device) = device {
        device.decode_with(&mut context);
    }
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(stream.time_base());
    decoder.video().map_err(|e| {
        MediaError::new(
            ErrorKind::UnsupportedCodec,
            format!("The video codec {} cannot be decoded.", id.name()),
        )
        .detail(e)
    })
}
