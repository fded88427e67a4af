//! Clips whose content says what it is: every picture carries its number, every second begins with a beep.
//!
//! The number is a row of 16 black and white blocks over the bottom third: a white one, 14 bits (least first, in Gray
//! code, so that no block alternates as fields do), a black one. So a test knows which picture of the source it sees, in
//! which place, and which way up.

use std::path::{Path, PathBuf};

use super::ffmpeg;

/// Blocks in a row; the first and the last mark the ends.
const BLOCKS: usize = 16;
/// A beep lasts for so many seconds.
const BEEP_S: f64 = 0.05;

/// What to make.
#[derive(Clone, Debug)]
pub struct Clip {
    /// File name; its extension decides the container.
    pub name: &'static str,
    /// Stored size in pixels.
    pub size: (u32, u32),
    /// Size for display in square pixels, upright.
    pub display: (u32, u32),
    /// Frames a second, as a fraction.
    pub rate: (u32, u32),
    /// Pictures before any are dropped.
    pub frames: u32,
    /// Which pictures are kept, by their number.
    pub keep: fn(u32) -> bool,
    /// More filters for the picture.
    pub filter: &'static str,
    /// The player turns the picture clockwise by 90 degrees.
    pub turned: bool,
    pub sounds: Vec<Sound>,
    /// Video encoder and its options.
    pub video: &'static [&'static str],
    /// Options of the container.
    pub output: &'static [&'static str],
}

/// A sound track.
#[derive(Clone, Copy, Debug)]
pub struct Sound {
    /// ISO 639-2.
    pub language: &'static str,
    /// Pitch of its beeps.
    pub hz: u32,
    /// Where it begins; the beeps stay on whole seconds.
    pub from_s: f64,
}

impl Sound {
    pub const ENGLISH: Sound = Sound { language: "eng", hz: 1000, from_s: 0.0 };
    pub const FRENCH: Sound = Sound { language: "fre", hz: 500, from_s: 0.0 };
}

impl Default for Clip {
    fn default() -> Clip {
        Clip {
            name: "clip.mp4",
            size: (320, 180),
            display: (320, 180),
            rate: (25, 1),
            frames: 200,
            keep: |_| true,
            filter: "null",
            turned: false,
            sounds: vec![Sound::ENGLISH],
            video: &["-c:v", "libx264", "-preset", "veryfast", "-g", "50"],
            output: &[],
        }
    }
}

impl Clip {
    /// Seconds from one picture to the next.
    pub fn frame_s(&self) -> f64 {
        f64::from(self.rate.1) / f64::from(self.rate.0)
    }

    /// Numbers of the pictures that are kept.
    pub fn kept(&self) -> Vec<u32> {
        (0..self.frames).filter(|n| (self.keep)(*n)).collect()
    }

    /// A filter that takes the others away.
    fn drop(&self) -> String {
        let dropped = (0..self.frames).filter(|n| !(self.keep)(*n));
        let dropped: String = dropped.map(|n| format!("+eq(n,{n})")).collect();
        if dropped.is_empty() { String::new() } else { format!("select='not(0{dropped})',") }
    }

    /// Makes the clip in `folder`.
    pub fn make(&self, folder: &Path) -> PathBuf {
        let Clip { size: (width, height), rate: (num, den), filter, .. } = *self;
        let strip = height / 3;
        let seconds = f64::from(self.frames) * self.frame_s();
        let blocks = "if(eq(X,0),255,if(eq(X,15),0,255*mod(floor((N+pow(2,X-1))/pow(2,X)),2)))";
        // `trim` counts pictures: a duration in seconds may round to one more.
        let picture = format!(
            "testsrc2=s={width}x{height}:r={num}/{den},format=yuv420p[scene];
             color=black:s={BLOCKS}x2:r={num}/{den},format=gray,geq=lum='{blocks}',
             scale={width}:{strip}:flags=neighbor,format=yuv420p[number];
             [scene][number]overlay=0:{y},trim=end_frame={count},{dropped}{filter},format=yuv420p[picture]",
            y = height - strip,
            count = self.frames,
            dropped = self.drop(),
        );
        let sound = |(i, Sound { hz, from_s, .. }): (usize, &Sound)| {
            format!(
                ";aevalsrc='if(lt(mod(t,1),{BEEP_S}),0.5*sin(2*PI*{hz}*t),0)':s=48000:d={seconds},
                 atrim=start={from_s}[sound{i}]"
            )
        };
        let graph = picture + &self.sounds.iter().enumerate().map(sound).collect::<String>();
        let mut args: Vec<String> = ["-y", "-filter_complex", &graph.replace('\n', ""), "-map", "[picture]"]
            .map(str::to_owned)
            .into();
        for (i, sound) in self.sounds.iter().enumerate() {
            let language = format!("language={}", sound.language);
            args.extend(["-map".into(), format!("[sound{i}]"), format!("-metadata:s:a:{i}"), language]);
        }
        let path = folder.join(self.name);
        args.extend(["-vsync", "passthrough", "-c:a", "aac", "-ac", "2"].map(str::to_owned));
        args.extend(self.video.iter().chain(self.output).map(|arg| (*arg).to_owned()));
        args.push(path.to_str().expect("a plain path").to_owned());
        ffmpeg::ffmpeg(&args.iter().map(String::as_str).collect::<Vec<_>>());
        if self.turned {
            turn(&path);
        }
        path
    }

    /// The numbers of the pictures that a rendition shows, in its order.
    pub fn numbers(&self, playlist: &Path) -> Vec<u32> {
        self.numbers_within(playlist, "null")
    }

    /// The numbers of the pictures that the rendition at `url` shows.
    pub fn numbers_of(&self, url: &str) -> Vec<u32> {
        self.numbers_within(Path::new(url), "null")
    }

    /// The numbers of the pictures in a part of `path`: `part` is a filter that cuts it out.
    pub fn numbers_within(&self, path: &Path, part: &str) -> Vec<u32> {
        let upright = if self.turned { "transpose=cclock," } else { "" };
        // From the middle of the strip, where no ringing of an edge reaches.
        let strip = format!("crop=iw:ih/5:0:ih*0.73,scale={BLOCKS}:1:flags=area,format=gray");
        let filter = format!("{part},{upright}{strip}");
        let path = path.to_str().expect("a plain path");
        let args = ["-i", path, "-vsync", "passthrough", "-vf", &filter, "-f", "rawvideo", "-"];
        ffmpeg::ffmpeg(&args).chunks_exact(BLOCKS).map(number).collect()
    }
}

fn number(blocks: &[u8]) -> u32 {
    let white = |block: u8| {
        assert!(!(64..192).contains(&block), "a block is neither black nor white: {blocks:?}");
        block >= 192
    };
    assert!(white(blocks[0]) && !white(blocks[BLOCKS - 1]), "the ends are not where they were: {blocks:?}");
    let bits = &blocks[1..BLOCKS - 1];
    // Each bit of a Gray code says whether the number's bit differs from the one above it.
    let above = |number: u32, block: &u8| number << 1 | (number & 1) ^ u32::from(white(*block));
    bits.iter().rev().fold(0, above)
}

/// Writes a turn by 90 degrees into the first track's header (ISO/IEC 14496-12 §8.3.2): ffmpeg's own option for it
/// has another name in every few versions.
fn turn(path: &Path) {
    const MATRIX: usize = 44;
    let mut bytes = std::fs::read(path).expect("the clip");
    let header = bytes.windows(4).position(|w| w == b"tkhd").expect("a track header");
    let matrix: [u32; 9] = [0, 0x1_0000, 0, 0xffff_0000, 0, 0, 0, 0, 0x4000_0000];
    for (i, entry) in matrix.iter().enumerate() {
        bytes[header + MATRIX + i * 4..][..4].copy_from_slice(&entry.to_be_bytes());
    }
    std::fs::write(path, bytes).expect("the clip");
}

/// Where beeps begin, in seconds from the first sample.
pub fn beeps(samples: &[f32]) -> Vec<f64> {
    const LOUD: f32 = 0.1;
    // Shorter than the pause between two beeps, longer than one.
    const QUIET: usize = 12_000;
    let mut last = None;
    let mut found = Vec::new();
    for (i, _) in samples.iter().enumerate().filter(|(_, s)| s.abs() > LOUD) {
        if last.is_none_or(|last| i - last > QUIET) {
            found.push(i as f64 / 48_000.0);
        }
        last = Some(i);
    }
    found
}

/// The pitch of the beep at `second`, by counting its swings.
pub fn pitch_hz(samples: &[f32], second: f64) -> f64 {
    let begin = (second * 48_000.0) as usize;
    let beep = &samples[begin..begin + (BEEP_S * 48_000.0) as usize];
    let swings = beep.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
    swings as f64 / BEEP_S
}
