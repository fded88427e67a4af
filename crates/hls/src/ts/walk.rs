//! Every picture of a segment. Transport streams have no index, so all of it is read.

use super::{PACKET, SYNC, Stream, WRAP, first_picture, payload, pes};
use crate::mp4::{Broken, FirstPicture};

/// A picture begins within so many bytes of its unit: parameter sets and messages come before it.
const HEAD_BYTES: usize = 16 * 1024;

/// A walk over the packets, for the pictures of one stream. A packet of it (PES) that holds several is taken for one that
/// lasts longer.
pub(crate) struct Walk {
    pid: u16,
    is_h264: bool,
    /// Presentation times as they are written, and what is shown then.
    units: Vec<(u64, FirstPicture)>,
    /// Begin of the unit that is being read, if its time is known.
    head: Option<Vec<u8>>,
}

/// Times of a segment's pictures, in ticks from the first unit's presentation on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times {
    /// When the last to be shown ends.
    pub(crate) ticks: u64,
    /// What one usually lasts.
    pub(crate) unit: u64,
    /// When those are shown at which decoding can begin; `None` where some unit shows no picture that we know.
    pub(crate) keyframes: Option<Vec<u64>>,
}

impl Walk {
    pub(crate) fn of(stream: &Stream) -> Walk {
        Walk { pid: stream.pid, is_h264: stream.codecs.starts_with("avc1"), units: Vec::new(), head: None }
    }

    /// Takes the next packets of the segment.
    pub(crate) fn take(&mut self, packets: &[u8]) -> Result<(), Broken> {
        for packet in packets.chunks_exact(PACKET) {
            if packet[0] != SYNC {
                return Err("loses the sync bytes of MPEG-2 TS");
            }
            let pid = u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]);
            match payload(packet).filter(|_| pid == self.pid) {
                None => {}
                Some(payload) if packet[1] & 0x40 != 0 => self.begin(payload),
                Some(payload) => {
                    if let Some(head) = self.head.as_mut().filter(|head| head.len() < HEAD_BYTES) {
                        head.extend_from_slice(payload);
                    }
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, payload: &[u8]) {
        self.look();
        if let Some((pts, data)) = pes(payload) {
            self.units.push((pts, FirstPicture::NotSeen));
            self.head = Some(data.to_owned());
        }
    }

    /// Looks into the unit that was read.
    fn look(&mut self) {
        if let (Some(head), Some((_, picture))) = (self.head.take(), self.units.last_mut()) {
            *picture = first_picture(&head, self.is_h264);
        }
    }

    /// What was found; `None` where there is no picture.
    pub(crate) fn end(mut self) -> Option<Times> {
        self.look();
        let (first, _) = *self.units.first()?;
        // Signed: some are shown before the first.
        let from_first = |pts: u64| {
            let ahead = pts.wrapping_sub(first) % WRAP;
            if ahead < WRAP / 2 { ahead as i64 } else { ahead as i64 - WRAP as i64 }
        };
        let mut shown: Vec<i64> = self.units.iter().map(|(pts, _)| from_first(*pts)).collect();
        shown.sort_unstable();
        let mut apart: Vec<i64> = shown.windows(2).map(|pair| pair[1] - pair[0]).collect();
        apart.sort_unstable();
        let unit = apart.get(apart.len() / 2).copied().unwrap_or(0) as u64;
        let is_known = self.units.iter().all(|(_, picture)| *picture != FirstPicture::NotSeen);
        let keys = self.units.iter().filter(|(_, picture)| *picture == FirstPicture::Independent);
        let keyframes = is_known.then(|| keys.map(|(pts, _)| from_first(*pts).max(0) as u64).collect());
        // The first is shown at 0, so the last is not shown before.
        Some(Times { ticks: shown[shown.len() - 1] as u64 + unit, unit, keyframes })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{packet, pes_at};
    use super::super::{Handler, Stream};
    use super::*;

    const PID: u16 = 0x101;
    const KEY: [u8; 5] = [0, 0, 1, 0x65, 0x88];
    const OTHER: [u8; 5] = [0, 0, 1, 0x41, 0x88];

    fn walked(units: &[(u64, &[u8])]) -> Option<Times> {
        let stream = Stream::of(PID, Handler::Video, "avc1", false);
        let mut walk = Walk::of(&stream);
        for (pts, data) in units {
            walk.take(&packet(PID, &pes_at(*pts, data))).expect("packets");
            // Another stream's packets are none of ours.
            walk.take(&packet(PID + 1, &pes_at(*pts, &KEY))).expect("packets");
        }
        walk.end()
    }

    #[test]
    fn pictures_are_told_by_when_they_are_shown() {
        let units: [(u64, &[u8]); 5] =
            [(9000, &KEY), (19_800, &OTHER), (12_600, &OTHER), (16_200, &OTHER), (23_400, &KEY)];
        let times = walked(&units).expect("pictures");
        assert_eq!(times, Times { ticks: 18_000, unit: 3600, keyframes: Some(vec![0, 14_400]) });
        assert_eq!(walked(&[]), None);
    }

    #[test]
    fn clocks_may_wrap_and_units_may_hide_their_picture() {
        let hidden: [(u64, &[u8]); 3] = [(WRAP - 3600, &KEY), (0, &[0, 0, 1, 9, 0xf0]), (3600, &OTHER)];
        let times = walked(&hidden).expect("times");
        assert_eq!(times, Times { ticks: 10_800, unit: 3600, keyframes: None });
    }
}
