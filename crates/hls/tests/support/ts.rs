//! Segments of MPEG-2 TS, as bytes.

/// Stream types.
pub const H264: u8 = 0x1b;
pub const HEVC: u8 = 0x24;
pub const AAC: u8 = 0x0f;

/// One packet that begins a payload, filled up by an adaptation field.
fn packet(pid: u16, payload: &[u8]) -> Vec<u8> {
    let stuffing = 183 - payload.len();
    let head = [0x47, 0x40 | (pid >> 8) as u8, pid as u8, 0x30, stuffing as u8];
    [&head[..], &vec![0; stuffing], payload].concat()
}

/// From one picture to the next, in ticks.
pub const FRAME: u64 = 3600;

/// Tables, and one packet for each access unit: of sound one, of video so many pictures.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    pub streams: &'a [u8],
    /// Of the first unit of each stream, 90 kHz.
    pub pts: u64,
    /// What each group of pictures begins with.
    pub picture: &'a [u8],
    pub frames: u64,
    /// Pictures of a group.
    pub gop: u64,
}

impl Segment<'_> {
    pub fn bytes(self) -> Vec<u8> {
        let Segment { streams, pts, picture, frames, gop } = self;
        let mut out = tables(streams);
        for n in 0..frames {
            for (kind, pid) in streams.iter().zip(0x101..) {
                let unit = match (*kind, n % gop) {
                    (AAC, _) if n == 0 => &[0xff, 0xf1][..],
                    (AAC, _) => continue,
                    (_, 0) => picture,
                    (HEVC, _) => &[0, 0, 1, 1 << 1, 1],
                    _ => &[0, 0, 1, 0x41, 0x88],
                };
                out.extend(packet(pid, &unit_at(pts + n * FRAME, unit)));
            }
        }
        out
    }
}

fn tables(streams: &[u8]) -> Vec<u8> {
    let entries: Vec<u8> =
        streams.iter().zip(1..).flat_map(|(kind, pid): (&u8, u8)| [*kind, 0xe1, pid, 0xf0, 0]).collect();
    let map_length = 13 + entries.len() as u8;
    let map = [&[0, 2, 0xb0, map_length, 0, 1, 0xc1, 0, 0, 0xe1, 1, 0xf0, 0][..], &entries, &[0; 4]].concat();
    let association = [0, 0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe1, 0, 0, 0, 0, 0];
    [packet(0, &association), packet(0x100, &map)].concat()
}

fn unit_at(pts: u64, data: &[u8]) -> Vec<u8> {
    let time = [
        0x21 | (pts >> 29) as u8 & 0xe,
        (pts >> 22) as u8,
        (pts >> 14) as u8 | 1,
        (pts >> 7) as u8,
        (pts << 1) as u8 | 1,
    ];
    [&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5][..], &time, data].concat()
}
