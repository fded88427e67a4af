//! Segments in fragmented MP4, as bytes: what they say is real, what they show is zeros.

/// Ticks a second of video, and of a frame at 25 frames a second.
pub const VIDEO_SCALE: u32 = 25_000;
pub const FRAME_TICKS: u32 = 1_000;
/// A keyframe each two seconds.
const KEYFRAMES: u64 = 50;
pub const AUDIO_SCALE: u32 = 48_000;
/// Samples in an access unit of audio.
const UNIT: u64 = 1_024;

/// Everything about one track that a test may want to have otherwise.
#[derive(Clone, Debug)]
pub struct Track {
    pub codec: String,
    /// Width and height; `None` for audio.
    pub size: Option<(u32, u32)>,
    pub timescale: u32,
    /// Media times of its edits.
    pub edits: Vec<u32>,
    /// Transfer characteristics in a colr box.
    pub transfer: Option<u16>,
}

impl Track {
    pub fn video(codec: &str, width: u32, height: u32) -> Track {
        Track {
            codec: codec.to_owned(),
            size: Some((width, height)),
            timescale: VIDEO_SCALE,
            edits: vec![],
            transfer: None,
        }
    }

    pub fn audio(codec: &str) -> Track {
        Track { codec: codec.to_owned(), size: None, timescale: AUDIO_SCALE, edits: vec![], transfer: None }
    }
}

pub fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], &body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The initialisation section of these tracks, numbered from 1.
pub fn init(tracks: &[Track]) -> Vec<u8> {
    let mvhd = boxed(b"mvhd", &[&words(&[0, 0, 0, 1_000, 0]), &[0; 80]]);
    let traks: Vec<u8> = tracks.iter().zip(1..).flat_map(|(track, id)| trak(track, id)).collect();
    let trexes: Vec<u8> =
        (1..=tracks.len() as u32).flat_map(|id| boxed(b"trex", &[&words(&[0, id, 1, 0, 0, 0])])).collect();
    let moov = boxed(b"moov", &[&mvhd, &traks, &boxed(b"mvex", &[&trexes])]);
    [boxed(b"ftyp", &[b"iso6\0\0\0\0cmfc"]), moov].concat()
}

fn trak(track: &Track, id: u32) -> Vec<u8> {
    let (width, height) = track.size.unwrap_or_default();
    let tkhd =
        boxed(b"tkhd", &[&words(&[7, 0, 0, id, 0, 0]), &[0; 52], &words(&[width << 16, height << 16])]);
    let mdhd = boxed(b"mdhd", &[&words(&[0, 0, 0, track.timescale, 0, 0])]);
    let handler = match (track.size, track.codec.as_str()) {
        (Some(_), _) => b"vide",
        (None, "wvtt") => b"text",
        (None, _) => b"soun",
    };
    let hdlr = boxed(b"hdlr", &[&words(&[0, 0]), handler, &[0; 13]]);
    let stsd = boxed(b"stsd", &[&words(&[0, 1]), &entry(track)]);
    let minf = boxed(b"minf", &[&boxed(b"stbl", &[&stsd])]);
    let edits: Vec<u8> = track.edits.iter().flat_map(|time| words(&[0, *time, 0x1_0000])).collect();
    let elst = boxed(b"elst", &[&words(&[0, track.edits.len() as u32]), &edits]);
    let edts = if track.edits.is_empty() { vec![] } else { boxed(b"edts", &[&elst]) };
    boxed(b"trak", &[&tkhd, &edts, &boxed(b"mdia", &[&mdhd, &hdlr, &minf])])
}

/// A sample entry whose decoder configuration says what the codec's string says.
fn entry(track: &Track) -> Vec<u8> {
    let (kind, rest) = track.codec.split_once('.').unwrap_or((&track.codec, ""));
    let kind: &[u8; 4] = kind.as_bytes().try_into().expect("four characters");
    let hex = |text: &str| u8::from_str_radix(text, 16).expect("hex");
    let config = match kind {
        b"avc1" => {
            boxed(b"avcC", &[&[1, hex(&rest[..2]), hex(&rest[2..4]), hex(&rest[4..6]), 0xff, 0xe0, 0]])
        }
        b"hvc1" | b"hev1" => {
            let fields: Vec<&str> = rest.split('.').collect();
            let compatibility = u32::from_str_radix(fields[1], 16).expect("hex").reverse_bits();
            let profile = fields[0].parse::<u8>().expect("a profile");
            let level = fields[2][1..].parse::<u8>().expect("a level");
            let head = [&[1, profile], &compatibility.to_be_bytes()[..]].concat();
            let constraints = [hex(fields.get(3).unwrap_or(&"0")), 0, 0, 0, 0, 0];
            boxed(b"hvcC", &[&head, &constraints, &[level], &[0; 8], &[0xf3, 0]])
        }
        b"av01" => {
            let fields: Vec<&str> = rest.split('.').collect();
            let number = |text: &str| text.parse::<u8>().expect("a number");
            boxed(
                b"av1C",
                &[&[0x81, number(fields[0]) << 5 | number(fields[1].trim_end_matches('M')), 0x0c, 0]],
            )
        }
        b"mp4a" => {
            let object: u8 = rest.strip_prefix("40.").expect("MPEG-4 audio").parse().expect("an object type");
            let decoder = [&[4, 17, 0x40][..], &[0; 12], &[5, 2, object << 3 | 1, 0x90]].concat();
            let element = [&[3, 3 + decoder.len() as u8, 0, 1, 0][..], &decoder].concat();
            boxed(b"esds", &[&[0; 4], &element])
        }
        _ => vec![],
    };
    match track.size {
        Some((width, height)) => {
            let size = words(&[width << 16 | height]);
            let colr = track.transfer.map_or(vec![], |transfer| {
                boxed(b"colr", &[b"nclx", &[0, 9], &transfer.to_be_bytes(), &[0, 9, 0]])
            });
            boxed(kind, &[&[0; 24], &size, &[0; 50], &config, &colr])
        }
        None => boxed(kind, &[&[0; 28], &config]),
    }
}

/// One fragment, in the numbers that a test may want to have otherwise.
#[derive(Clone, Debug)]
pub struct Fragment {
    pub track: u32,
    pub decode_time: u64,
    /// Duration in ticks, and whether decoding can begin with it, of each sample.
    pub samples: Vec<(u32, bool)>,
    /// What the first sample begins with.
    pub opening: Vec<u8>,
}

impl Fragment {
    /// Frames `from` to `to` of a video track.
    pub fn of_video(codec: &str, from: u64, to: u64) -> Fragment {
        let samples = (from..to).map(|frame| (FRAME_TICKS, frame % KEYFRAMES == 0)).collect();
        let opening = match &codec[..4] {
            "hvc1" | "hev1" => vec![0, 0, 0, 2, 19 << 1, 1],
            // A temporal delimiter, and a frame that begins with a key frame's header.
            "av01" => vec![0x12, 0, 0x32, 1, 0x10],
            _ => vec![0, 0, 0, 2, 0x65, 0x88],
        };
        Fragment { track: 1, decode_time: from * u64::from(FRAME_TICKS), samples, opening }
    }

    /// Access units of audio from the one that `from` lies before to the one before `to`, in samples; a track ends
    /// exactly at `end`.
    pub fn of_audio(from: u64, to: u64, end: u64) -> Fragment {
        let first = from.div_ceil(UNIT) * UNIT;
        let last = if to == end { end } else { to.div_ceil(UNIT) * UNIT };
        let units = (first..last).step_by(UNIT as usize);
        let samples = units.map(|at| (UNIT.min(end - at) as u32, true)).collect();
        Fragment { track: 1, decode_time: first, samples, opening: vec![] }
    }

    /// `moof` and the begin of `mdat`, which together are `bytes` long; what is not written is zeros.
    pub fn head(&self, bytes: u64) -> Vec<u8> {
        let moof = self.moof(&vec![0; self.samples.len()], 0);
        let data = (bytes as usize).checked_sub(moof.len() + 8).expect("room for the boxes");
        let each = data / self.samples.len();
        let mut sizes = vec![each as u32; self.samples.len()];
        // What is left over is the first sample's, a keyframe.
        sizes[0] += (data - each * self.samples.len()) as u32;
        let mdat = [&(data as u32 + 8).to_be_bytes(), &b"mdat"[..]].concat();
        [self.moof(&sizes, moof.len() as u32 + 8), mdat, self.opening.clone()].concat()
    }

    fn moof(&self, sizes: &[u32], data_at: u32) -> Vec<u8> {
        let tfhd = boxed(b"tfhd", &[&words(&[0x02_0000, self.track])]);
        let tfdt = boxed(b"tfdt", &[&words(&[0x0100_0000]), &self.decode_time.to_be_bytes()]);
        let samples = self.samples.iter().zip(sizes).flat_map(|((duration, is_sync), size)| {
            words(&[*duration, *size, if *is_sync { 0x0200_0000 } else { 0x0101_0000 }])
        });
        let samples: Vec<u8> = samples.collect();
        let trun = boxed(b"trun", &[&words(&[0x701, sizes.len() as u32, data_at]), &samples]);
        boxed(b"moof", &[&boxed(b"mfhd", &[&words(&[0, 1])]), &boxed(b"traf", &[&tfhd, &tfdt, &trun])])
    }
}

/// A JPEG as far as its size.
pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let size = [(height >> 8) as u8, height as u8, (width >> 8) as u8, width as u8];
    [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc0, 0, 11, 8][..], &size, &[1, 1, 0x11, 0]].concat()
}
