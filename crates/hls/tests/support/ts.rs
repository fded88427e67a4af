//! The begin of a segment of MPEG-2 TS, as bytes.

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

/// Tables and one access unit of each stream, all at `pts` (90 kHz). `picture` is what video begins with.
pub fn segment(streams: &[u8], pts: u64, picture: &[u8]) -> Vec<u8> {
    let entries: Vec<u8> =
        streams.iter().zip(1..).flat_map(|(kind, pid): (&u8, u8)| [*kind, 0xe1, pid, 0xf0, 0]).collect();
    let map_length = 13 + entries.len() as u8;
    let map = [&[0, 2, 0xb0, map_length, 0, 1, 0xc1, 0, 0, 0xe1, 1, 0xf0, 0][..], &entries, &[0; 4]].concat();
    let association = [0, 0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe1, 0, 0, 0, 0, 0];
    let mut out = [packet(0, &association), packet(0x100, &map)].concat();
    for (kind, pid) in streams.iter().zip(0x101..) {
        let data = if *kind == AAC { &[0xff, 0xf1][..] } else { picture };
        let time = [
            0x21 | (pts >> 29) as u8 & 0xe,
            (pts >> 22) as u8,
            (pts >> 14) as u8 | 1,
            (pts >> 7) as u8,
            (pts << 1) as u8 | 1,
        ];
        let header = [0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5];
        out.extend(packet(pid, &[&header[..], &time, data].concat()));
    }
    out
}
