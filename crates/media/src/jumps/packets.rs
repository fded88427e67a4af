//! Packets of an MPEG-2 transport stream and the clock values in them (ISO/IEC 13818-1 §2.4.3). Nothing else of a packet
//! is read, and nothing else is ever changed.

use std::io::{self, Read, Write};

const SYNC: u8 = 0x47;
const PACKET: usize = 188;
/// Distances between packets: bare, with a time stamp before each (Blu-ray, AVCHD), with a checksum behind each (DVB).
const STRIDES: [usize; 3] = [188, 192, 204];
const BLOCK: usize = 1 << 20;
/// Ticks after which a clock value begins anew.
const WRAP: u64 = 1 << 33;

/// Ticks of 90 kHz from one clock value to another, by the shorter way round.
pub fn ticks(from: u64, to: u64) -> i64 {
    let ahead = to.wrapping_sub(from) & (WRAP - 1);
    if ahead < WRAP / 2 { ahead as i64 } else { ahead as i64 - WRAP as i64 }
}

/// True where packets follow each other, in what a file begins with.
pub fn are_there(begin: &[u8]) -> bool {
    let sync = |at: usize| begin.get(at) == Some(&SYNC);
    (0..STRIDES[2])
        .any(|at| STRIDES.iter().any(|stride| sync(at) && sync(at + stride) && sync(at + 2 * stride)))
}

/// What a clock value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The programme's clock (PCR).
    Programme,
    /// When a picture is decoded.
    Video,
    /// When sound is decoded.
    Audio,
}

/// A clock value of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The track.
    pub pid: u16,
    /// What it is for.
    pub kind: Kind,
    /// Ticks of 90 kHz, below 2³³.
    pub value: u64,
}

/// Reads `input` to its end. `each` gets every packet and its place in the file, and may change it; `output` gets every
/// byte, also those that belong to no packet.
pub fn walk(
    input: &mut impl Read,
    output: &mut impl Write,
    mut each: impl FnMut(u64, &mut [u8]),
) -> io::Result<()> {
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * BLOCK);
    let (mut place, mut stride) = (0, None);
    loop {
        let read = input.by_ref().take(BLOCK as u64).read_to_end(&mut buffer)?;
        let mut at = 0;
        while at + PACKET <= buffer.len() {
            // To tell a packet from a byte that looks like one, the next must follow: there, or at the file's end.
            let follows = |stride: &usize| match buffer.get(at + stride) {
                Some(next) => *next == SYNC,
                None => read == 0,
            };
            if buffer[at] != SYNC {
                at += 1;
                continue;
            }
            stride = stride.filter(follows).or_else(|| STRIDES.into_iter().find(follows));
            match stride {
                Some(_) => {
                    each(place + at as u64, &mut buffer[at..at + PACKET]);
                    at += PACKET;
                }
                // What follows is not read yet.
                None if read > 0 && at + STRIDES[2] >= buffer.len() => break,
                None => at += 1,
            }
        }
        if read == 0 {
            at = buffer.len();
        }
        output.write_all(&buffer[..at])?;
        place += at as u64;
        buffer.drain(..at);
        if read == 0 {
            return Ok(());
        }
    }
}

/// The clock values of a packet that say when something happens: the programme's clock, and of pictures and sound the
/// time of decoding.
pub fn stamps(packet: &[u8]) -> impl Iterator<Item = Stamp> {
    let places = Places::of(packet);
    let pid = places.pid;
    let programme = places.pcr.map(|at| Stamp { pid, kind: Kind::Programme, value: read_pcr(&packet[at..]) });
    let decoding = places.dts.or(places.pts);
    let decoding =
        places.kind.zip(decoding).map(|(kind, at)| Stamp { pid, kind, value: read_time(&packet[at..]) });
    programme.into_iter().chain(decoding)
}

/// Adds `shift` ticks of 90 kHz to every clock value of a packet.
pub fn shift(packet: &mut [u8], shift: i64) {
    let places = Places::of(packet);
    let moved = |value: u64| value.wrapping_add_signed(shift) & (WRAP - 1);
    if let Some(at) = places.pcr {
        let value = moved(read_pcr(&packet[at..]));
        packet[at..at + 4].copy_from_slice(&((value >> 1) as u32).to_be_bytes());
        packet[at + 4] = packet[at + 4] & 0x7f | ((value & 1) << 7) as u8;
    }
    for at in places.pts.into_iter().chain(places.dts) {
        let value = moved(read_time(&packet[at..]));
        let field = &mut packet[at..at + 5];
        field[0] = field[0] & 0xf1 | (value >> 29) as u8 & 0x0e;
        field[1] = (value >> 22) as u8;
        field[2] = field[2] & 0x01 | (value >> 14) as u8 & 0xfe;
        field[3] = (value >> 7) as u8;
        field[4] = field[4] & 0x01 | (value << 1) as u8 & 0xfe;
    }
}

/// Where a packet holds clock values.
#[derive(Default)]
struct Places {
    pid: u16,
    pcr: Option<usize>,
    /// Of pictures and sound.
    kind: Option<Kind>,
    pts: Option<usize>,
    dts: Option<usize>,
}

impl Places {
    fn of(packet: &[u8]) -> Places {
        let mut places =
            Places { pid: u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff, ..Places::default() };
        let (has_adaptation, has_payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        let mut payload = 4;
        if has_adaptation {
            let length = usize::from(packet[4]);
            payload = 5 + length;
            if length >= 7 && packet[5] & 0x10 != 0 {
                places.pcr = Some(6);
            }
        }
        let is_scrambled = packet[3] & 0xc0 != 0;
        let (starts, head) = (packet[1] & 0x40 != 0, packet.get(payload..).unwrap_or_default());
        if has_payload && starts && !is_scrambled && head.len() >= 14 && head.starts_with(&[0, 0, 1]) {
            places.header(head, payload);
        }
        places
    }

    /// Of the header of a packetized elementary stream (§2.4.3.7), which begins at `at`.
    fn header(&mut self, head: &[u8], at: usize) {
        self.kind = match head[3] {
            0xe0..=0xef => Some(Kind::Video),
            0xc0..=0xdf => Some(Kind::Audio),
            // Private data, which AC-3 and subtitles are: shifted with the rest, asked nothing.
            0xbd | 0xfd => None,
            _ => return,
        };
        let marked = head[6] & 0xc0 == 0x80;
        let times = head[7] >> 6;
        if marked && times & 2 != 0 {
            self.pts = Some(at + 9);
        }
        if marked && times == 3 && head.len() >= 19 {
            self.dts = Some(at + 14);
        }
    }
}

fn read_pcr(field: &[u8]) -> u64 {
    let high = u32::from_be_bytes([field[0], field[1], field[2], field[3]]);
    u64::from(high) << 1 | u64::from(field[4] >> 7)
}

fn read_time(field: &[u8]) -> u64 {
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|i| u64::from(field[i]));
    (a & 0x0e) << 29 | b << 22 | (c & 0xfe) << 14 | d << 7 | e >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with the programme's clock, and the times of a picture.
    fn packet(pcr: u64, pts: u64, dts: u64) -> [u8; PACKET] {
        let mut packet = [0xff; PACKET];
        packet[..6].copy_from_slice(&[SYNC, 0x41, 0x00, 0x30, 7, 0x10]);
        packet[6..12].copy_from_slice(&[0, 0, 0, 0, 0x7e, 0]);
        packet[12..21].copy_from_slice(&[0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10]);
        packet[21..31].copy_from_slice(&[0x31, 0, 1, 0, 1, 0x11, 0, 1, 0, 1]);
        shift(&mut packet, 0);
        for (at, value) in [(21, pts), (26, dts)] {
            let mut one = packet;
            shift(&mut one, value as i64);
            packet[at..at + 5].copy_from_slice(&one[at..at + 5]);
        }
        let mut one = packet;
        shift(&mut one, pcr as i64);
        packet[6..12].copy_from_slice(&one[6..12]);
        packet
    }

    #[test]
    fn all_clock_values_move_and_nothing_else_does() {
        let times = |packet: &[u8]| stamps(packet).map(|s| (s.kind, s.value)).collect::<Vec<_>>();
        let mut moved = packet(WRAP - 5, 900_000, 896_400);
        assert_eq!(times(&moved), [(Kind::Programme, WRAP - 5), (Kind::Video, 896_400)]);
        // Five bytes by hand, from the standard's table: 900000 is 0x0DBBA0.
        assert_eq!(moved[21..26], [0x31, 0x00, 0x37, 0x77, 0x41]);
        shift(&mut moved, 10);
        assert_eq!(times(&moved), [(Kind::Programme, 5), (Kind::Video, 896_410)]);
        shift(&mut moved, -10);
        assert_eq!(moved, packet(WRAP - 5, 900_000, 896_400));
    }

    #[test]
    fn packets_are_found_at_any_distance_and_behind_rubbish() {
        for stride in STRIDES {
            let mut file = vec![SYNC, 1, 2, SYNC];
            for n in 0..12_000u64 {
                file.extend(packet(n, n, n));
                // One byte is lost in the middle.
                file.resize(file.len() + stride - PACKET - usize::from(n == 6000 && stride > PACKET), 0);
            }
            let (mut seen, mut out) = (Vec::new(), Vec::new());
            walk(&mut file.as_slice(), &mut out, |_, p| seen.extend(stamps(p).map(|s| s.value)))
                .expect("no file");
            seen.dedup();
            assert_eq!(out, file, "{stride}");
            assert!(seen.len() >= 11_999, "{stride}: {}", seen.len());
        }
    }

    #[test]
    fn values_wrap() {
        assert_eq!(ticks(WRAP - 10, 20), 30);
        assert_eq!(ticks(20, WRAP - 10), -30);
    }
}
