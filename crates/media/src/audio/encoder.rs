//! Audio encoders: samples in, access units out.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::{ChannelLayout, codec};

use super::{FORMAT, Planes};
use crate::cmaf;
use crate::error::{MediaError, Result, Step};
use crate::task::{AudioCodec, AudioTask};

/// An encoder and the access units that it gave and nobody took yet.
pub struct Encoder {
    inner: ffmpeg::encoder::audio::Encoder,
    /// What a decoder must know.
    pub config: cmaf::AudioConfig,
    /// Samples that the encoder puts before the first real one.
    pub priming: u32,
    /// Access units that nobody took yet.
    pub units: Vec<Vec<u8>>,
    rate: u32,
    channels: u32,
    /// Samples of an access unit.
    unit: usize,
    /// Samples that make no whole unit yet.
    pending: Planes,
    given: i64,
}

impl Encoder {
    /// Opens the encoder of `task`.
    pub fn open(task: &AudioTask) -> Result<Encoder> {
        let name = task.codec.encoder();
        let codec = ffmpeg::encoder::find_by_name(name)
            .ok_or_else(|| MediaError::internal("encoder", format!("no {name}")))?;
        let mut audio = codec::Context::new_with_codec(codec).encoder().audio().step("encoder context")?;
        audio.set_rate(task.sample_rate as i32);
        audio.set_format(FORMAT);
        audio.set_channel_layout(ChannelLayout::default(task.channels as i32));
        audio.set_time_base((1, task.sample_rate as i32));
        audio.set_bit_rate(task.bit_rate as usize);
        audio.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let inner = crate::sys::open_audio_encoder(audio, codec, ffmpeg::Dictionary::new())?;
        let config = match task.codec {
            AudioCodec::Aac => cmaf::AudioConfig::Aac(crate::sys::extradata(&inner)),
            AudioCodec::Ac3 => cmaf::AudioConfig::ac3(task.sample_rate, task.bit_rate).ok_or_else(|| {
                let what = format!("no {} Hz with {} b/s", task.sample_rate, task.bit_rate);
                MediaError::internal("encoder ac3", what)
            })?,
        };
        let priming = crate::sys::initial_padding(&inner);
        Ok(Encoder {
            inner,
            config,
            priming,
            units: Vec::new(),
            rate: task.sample_rate,
            channels: task.channels,
            unit: task.codec.unit() as usize,
            pending: vec![Vec::new(); task.channels as usize],
            given: 0,
        })
    }

    /// Takes samples.
    pub fn push(&mut self, planes: &Planes) -> Result<()> {
        for (pending, plane) in self.pending.iter_mut().zip(planes) {
            pending.extend_from_slice(plane);
        }
        while self.pending[0].len() >= self.unit {
            self.send(self.unit)?;
        }
        Ok(())
    }

    /// No more samples come: what is left, so that there are at least `units` in all.
    pub fn finish(&mut self, units: u64) -> Result<()> {
        if self.inner.id() == codec::Id::AC3 {
            // It holds nothing back, so its last samples come out with those that follow; AAC gives what it holds when it
            // is told of the end.
            let missing = (units * self.unit as u64).saturating_sub(self.given as u64) as usize;
            self.pending.iter_mut().for_each(|plane| plane.resize(missing, 0.0));
        }
        while !self.pending[0].is_empty() {
            self.send(self.unit.min(self.pending[0].len()))?;
        }
        self.inner.send_eof().step("end of audio")?;
        self.drain()
    }

    fn send(&mut self, samples: usize) -> Result<()> {
        let planes: Planes = self.pending.iter_mut().map(|plane| plane.drain(..samples).collect()).collect();
        let frame = super::frame(&planes, self.rate, self.channels, self.given);
        self.given += samples as i64;
        self.inner.send_frame(&frame).step("encode audio")?;
        self.drain()
    }

    fn drain(&mut self) -> Result<()> {
        loop {
            let mut packet = ffmpeg::Packet::empty();
            match self.inner.receive_packet(&mut packet) {
                Ok(()) => self.units.push(packet.data().unwrap_or_default().to_vec()),
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {
                    return Ok(());
                }
                Err(e) => return Err(MediaError::internal("encode audio", e)),
            }
        }
    }
}
