//! What the packets of an H.264 track say without being decoded: all that decides whether they can be published as
//! they are.

use ffmpeg_next as ffmpeg;

use crate::nal::{Framing, ParameterSets, carry};
use crate::source::{CodedVideo, Colour, VideoTrack};
use crate::sps::Sps;

/// Rates that buffers are computed for, kilobits a second: two digits in each decade from here to there.
const RATES_KBPS: (u32, u32) = (100, 100_000);

/// Looks at packets in decoding order.
pub struct Scanner {
    framing: Framing,
    sets: ParameterSets,
    /// Presentation times and bytes that would be published.
    pictures: Vec<(i64, u32)>,
    /// Positions of IDR pictures among them.
    idrs: Vec<usize>,
    coded: CodedVideo,
}

impl Scanner {
    /// For an H.264 track with this configuration.
    pub fn new(extradata: &[u8]) -> Scanner {
        Scanner {
            framing: Framing::of(extradata),
            sets: ParameterSets::of(extradata),
            pictures: Vec::new(),
            idrs: Vec::new(),
            coded: CodedVideo::default(),
        }
    }

    /// Takes the next packet, shown at `pts`.
    pub fn packet(&mut self, packet: &ffmpeg::Packet, pts: i64) {
        let coded = &mut self.coded;
        coded.untimed_packets += u32::from(packet.pts().is_none());
        coded.hidden_packets += u32::from(crate::sys::is_discarded(packet));
        let new_configuration = ffmpeg::codec::packet::side_data::Type::NewExtraData;
        coded.parameter_set_changes += u32::from(packet.side_data().any(|d| d.kind() == new_configuration));
        let carried = match packet.data() {
            Some(data) if !packet.is_corrupt() => carry(data, self.framing, &mut self.sets),
            _ => None,
        };
        let Some(carried) = carried else {
            coded.damaged_packets += 1;
            return;
        };
        coded.parameter_set_changes += u32::from(carried.changed);
        coded.layers |= carried.layers;
        if carried.idr {
            self.idrs.push(self.pictures.len());
        } else if packet.is_key() {
            coded.open_keyframes += 1;
        }
        self.pictures.push((pts, carried.data.len() as u32));
    }

    /// What was seen, of the track whose times are all known now.
    pub fn finish(self, video: &VideoTrack) -> CodedVideo {
        let mut coded = self.coded;
        coded.pictures = self.pictures.len() as u32;
        coded.parameter_sets = self.sets.units.len() as u32;
        if let Some(sps) = self.sets.single().and_then(|(sps, _)| Sps::parse(sps)) {
            (coded.profile, coded.constraints, coded.level) = (sps.profile, sps.constraints, sps.level);
            (coded.width, coded.height) = sps.size;
            coded.is_420_8bit = sps.is_420_8bit;
            coded.frames_only = sps.frames_only;
            coded.square_pixels = sps.square;
            coded.colour = colour(&sps);
        }
        let shown = |pts: i64| video.pts.partition_point(|p| *p < pts);
        let ahead = self.pictures.iter().enumerate().map(|(i, (pts, _))| i.saturating_sub(shown(*pts)));
        coded.reorder_frames = ahead.max().unwrap_or(0) as u32;
        // Where everything before is also shown before, a track can be cut.
        let clean = |i: &&usize| shown(self.pictures[**i].0) == **i;
        coded.idr_frames = self.idrs.iter().filter(clean).map(|i| *i as u32).collect();
        if let [first, .., last] = video.pts[..] {
            let span_s = (last - first) as f64 * video.time_base.as_f64();
            let frame_s = span_s / (video.pts.len() - 1) as f64;
            let kbits: Vec<f64> =
                self.pictures.iter().map(|(_, bytes)| f64::from(*bytes) * 8.0 / 1000.0).collect();
            coded.buffers = buffers(&kbits, frame_s);
        }
        coded
    }
}

/// The least decoder buffer, kilobits, at each of a row of rates, kilobits a second, for pictures of so many kilobits
/// (ITU-T H.264 annex C: a picture leaves the buffer at once, the buffer fills at the rate).
fn buffers(kbits: &[f64], frame_s: f64) -> Vec<(u32, u32)> {
    let largest = kbits.iter().copied().fold(0.0, f64::max);
    let mean = kbits.iter().sum::<f64>() / (kbits.len() as f64 * frame_s);
    let mut found = Vec::new();
    for rate in rates() {
        // Below its mean rate a track needs a buffer as large as itself: nobody's cap is there.
        if f64::from(rate) < mean * 0.9 {
            continue;
        }
        let refill = f64::from(rate) * frame_s;
        let (mut fullness, mut most) = (0.0f64, 0.0f64);
        for kbit in kbits {
            fullness = (fullness - refill).max(0.0) + kbit;
            most = most.max(fullness);
        }
        found.push((rate, most.ceil() as u32));
        if most <= largest {
            break;
        }
    }
    found
}

/// Rates with two digits: 100, 110, … 990, 1000, 1100, ….
fn rates() -> impl Iterator<Item = u32> {
    let step = |rate: u32| 10u32.pow(rate.ilog10() - 1);
    std::iter::successors(Some(RATES_KBPS.0), move |rate| Some(rate + step(*rate)))
        .take_while(|rate| *rate <= RATES_KBPS.1)
}

/// Code points of ITU-T H.273 by libav's names, as far as the plan knows them.
fn colour(sps: &Sps) -> Colour {
    let [primaries, transfer, matrix] = sps.colour;
    let name = |code: u8, known: &[(u8, &str)]| {
        known
            .iter()
            .find(|(c, _)| *c == code)
            .map_or_else(|| format!("code {code}"), |(_, n)| (*n).to_owned())
    };
    const COMMON: [(u8, &str); 5] =
        [(1, "bt709"), (2, "unknown"), (5, "bt470bg"), (6, "smpte170m"), (7, "smpte240m")];
    Colour {
        primaries: name(primaries, &COMMON),
        transfer: name(transfer, &COMMON),
        matrix: name(matrix, &COMMON),
        full_range: sps.full_range,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_track_needs_a_buffer_of_one_picture_at_its_own_rate() {
        let found = buffers(&[100.0; 250], 0.04);
        assert_eq!(found.last(), Some(&(2500, 100)));
        assert!(found.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1), "{found:?}");
    }

    #[test]
    fn a_burst_needs_what_the_rate_cannot_bring_in_time() {
        // Ten pictures of 500 kbit in 0.36 s, at 5000 kb/s.
        let mut kbits = vec![10.0; 250];
        kbits[100..110].fill(500.0);
        let at_5000 = buffers(&kbits, 0.04).into_iter().find(|(rate, _)| *rate == 5000);
        assert_eq!(at_5000, Some((5000, 5000 - 1800)));
    }

    #[test]
    fn rates_have_two_digits() {
        let all: Vec<u32> = rates().collect();
        assert_eq!(all.len(), 271);
        assert!([100, 900, 1800, 2800, 5000, 6500, 16_000].iter().all(|rate| all.contains(rate)));
    }
}
