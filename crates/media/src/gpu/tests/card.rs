//! A chunk's walk on a real card, held against the processor's: NVDEC and scaling by CUDA, without an encoder, which not
//! every card has. A feature, because most machines have no card; where there is one:
//!
//! ```sh
//! FLODRAMA_MEDIA=FOLDER cargo test --package flodrama-media --features card --lib -- --nocapture card
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use ffmpeg_next::format::Pixel;

use super::super::*;
use crate::pictures::Pictures;
use crate::scale::{Prepare, WORK_FORMAT};
use crate::source::SourceInfo;
use crate::task::{Cadence, Limits, Role, SegmentSpan};

const LIMITS: Limits = Limits { max_pixels: 8192 * 8192, max_duration_s: 3600.0, max_streams: 64 };
/// Output frames of each of two chunks.
const FRAMES: u64 = 28;
/// Frames that are decoded in both ways.
const DECODED: usize = 56;
/// By two different scalers, and from ten bits to eight in two ways, in dB of luma.
const ALIKE_DB: f64 = 36.0;

/// A clip of the folder.
struct Clip {
    name: &'static str,
    decoder: Decoder,
}

/// Who decodes it where there is a card.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decoder {
    /// The card, to the very samples that the processor gives.
    Exact,
    /// The card; the standard leaves some rounding open, or samples have more than eight bits.
    Alike,
    /// The processor: no card before Blackwell decodes H.264 in 4:2:2.
    Processor,
}

const CLIPS: [Clip; 7] = [
    Clip { name: "720p24_sintel_trailer.mp4", decoder: Decoder::Exact },
    Clip { name: "1080p20_night_noaudio.mp4", decoder: Decoder::Exact },
    Clip { name: "derived_opengop_bframes8.mp4", decoder: Decoder::Exact },
    // Full range, which no device's scaler narrows.
    Clip { name: "hevc_8bit_1080p30.mp4", decoder: Decoder::Exact },
    Clip { name: "derived_hdr10_hevc_1080p25.mp4", decoder: Decoder::Alike },
    Clip { name: "mpeg2_1080p_mp2.ts", decoder: Decoder::Alike },
    Clip { name: "1080p25_svt_422_10bit.mp4", decoder: Decoder::Processor },
];

#[test]
fn a_card_decodes_what_the_processor_does() {
    for Clip { name, decoder } in CLIPS {
        let path = clip(name);
        let stream = probe(&path).video.stream;
        let read = |device| {
            VideoReader::open_on(device, File::open(&path).expect(name), stream, &LIMITS).expect("a reader")
        };
        let card = Rc::new(DeviceKind::Cuda.open().expect("a card"));
        let (mut by_card, mut by_processor) = (read(Some(card)), read(None));
        for n in 0..DECODED {
            let [(at, frame), (expected_at, expected)] = [&mut by_card, &mut by_processor]
                .map(|reader| reader.next_frame().expect("decoded").expect("a frame"));
            assert_eq!(at, expected_at, "{name}: time of frame {n}");
            assert_eq!(sys::is_surface(&frame), decoder != Decoder::Processor, "{name}: who decodes");
            if decoder == Decoder::Exact {
                let same = planar(&sys::download(&frame).expect("downloaded")) == planar(&expected);
                assert!(same, "{name}: frame {n} differs");
            }
        }
        println!("{name}: {DECODED} frames");
    }
}

#[test]
fn a_card_shows_the_processors_pictures_in_every_size() {
    for Clip { name, .. } in CLIPS {
        let path = clip(name);
        let source = probe(&path);
        for number in 0..2 {
            let task = chunk_of(&source, number);
            let (on_card, expected) = (on_card(&task, &path), by_processor(&task, &path));
            assert_eq!(on_card.len(), FRAMES as usize, "{name}");
            assert!(on_card.keys().eq(expected.keys()), "{name}: other frames");
            let alike = on_card.iter().flat_map(|(n, sizes)| {
                sizes.iter().zip(&expected[n]).map(|(size, expected)| psnr(size, expected))
            });
            let least = alike.fold(f64::INFINITY, f64::min);
            println!("{name}, chunk {number}: {FRAMES} frames in two sizes, at least {least:.1} dB");
            assert!(least > ALIKE_DB, "{name}, chunk {number}");
        }
    }
}

fn clip(name: &str) -> PathBuf {
    let folder = std::env::var_os("FLODRAMA_MEDIA").expect("FLODRAMA_MEDIA names the folder of clips");
    PathBuf::from(folder).join(name)
}

fn probe(path: &PathBuf) -> SourceInfo {
    crate::probe::run(&LIMITS, File::open(path).expect("the clip"), &Reporter::default()).expect("a source")
}

/// The chunk with this number: the source's own frames, in their own size and half of it.
fn chunk_of(source: &SourceInfo, number: u64) -> ChunkTask {
    let video = &source.video;
    let first_frame = number * FRAMES;
    let needed_from = video.pts[first_frame as usize];
    let before = video.keyframes.iter().filter(|k| k.pts <= needed_from);
    let (width, height) = (video.width, video.height);
    // As it is planned, without orientation and colour.
    let prepare = match (video.pixel_format.as_str(), video.colour.full_range) {
        ("yuv420p", false) => String::new(),
        (_, true) => format!("scale={width}:{height}:flags=bicubic:out_range=tv"),
        (_, false) => format!("scale={width}:{height}:flags=bicubic"),
    };
    let rung = |divisor: u32| RungTask {
        width: width / divisor / 2 * 2,
        height: height / divisor / 2 * 2,
        encoder: String::new(),
        options: BTreeMap::new(),
        role: Role::Alone,
        ten_bit: false,
    };
    ChunkTask {
        out: PathBuf::new(),
        index: number as u32,
        threads: 1,
        limits: LIMITS,
        stream: video.stream,
        seek: *before.max_by_key(|k| k.pts).expect("a keyframe"),
        needed_from,
        cadence: Cadence {
            rate: video.declared_rate.expect("a rate"),
            origin_pts: video.pts[0],
            time_base: video.time_base,
        },
        pictures: PicturesOf::Frames,
        prepare,
        segments: vec![SegmentSpan { number: number as u32 + 1, first_frame, gops: vec![FRAMES] }],
        copy: None,
        ladder: None,
        hdr: None,
        rungs: vec![rung(1), rung(2)],
        trick: None,
        device: None,
    }
}

/// Luma and chroma of a picture, without what pads its lines.
type Samples = Vec<Vec<u8>>;

fn on_card(task: &ChunkTask, path: &PathBuf) -> BTreeMap<u64, [Samples; 2]> {
    let mut shown = BTreeMap::<u64, [Samples; 2]>::new();
    let mut pass = Pass::open(task, DeviceKind::Cuda, File::open(path).expect("the clip")).expect("a pass");
    pass.walk(1, |n, from, surface| {
        assert!(sys::is_surface(surface));
        shown.entry(n).or_default()[from] = planar(&sys::download(surface)?);
        Ok(())
    })
    .expect("a walk");
    shown
}

fn by_processor(task: &ChunkTask, path: &PathBuf) -> BTreeMap<u64, [Samples; 2]> {
    let range = task.segments[0].first_frame..task.segments[0].first_frame + FRAMES;
    let mut pictures = Pictures::open(task.into(), File::open(path).expect("the clip"), range).expect("open");
    let half = (task.rungs[1].width, task.rungs[1].height);
    let chain = format!("scale={}:{}:flags=bicubic", half.0, half.1);
    let mut scaler = Prepare::new(&chain, WORK_FORMAT, task.cadence.time_base);
    let mut shown = BTreeMap::new();
    loop {
        let batch = pictures.next(1).expect("pictures");
        if batch.is_empty() {
            return shown;
        }
        for (n, picture) in batch {
            let whole = planar(&picture);
            shown.insert(n, [whole, planar(&scaler.run(picture).expect("scaled"))]);
        }
    }
}

/// The samples of a picture in NV12 or YUV 4:2:0, one plane for each component.
fn planar(picture: &Video) -> Samples {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let lines = |plane: usize, bytes: usize, lines: usize| -> Vec<u8> {
        let (data, stride) = (picture.data(plane), picture.stride(plane));
        (0..lines).flat_map(|line| &data[line * stride..line * stride + bytes]).copied().collect()
    };
    let (half, chroma) = (width.div_ceil(2), height.div_ceil(2));
    match picture.format() {
        Pixel::NV12 => {
            let pairs = lines(1, half * 2, chroma);
            let of = |at: usize| pairs.iter().copied().skip(at).step_by(2).collect();
            vec![lines(0, width, height), of(0), of(1)]
        }
        Pixel::YUV420P | Pixel::YUVJ420P => {
            vec![lines(0, width, height), lines(1, half, chroma), lines(2, half, chroma)]
        }
        other => panic!("a picture in {other:?}"),
    }
}

/// Of luma, in dB; infinite where nothing differs.
fn psnr(one: &Samples, other: &Samples) -> f64 {
    assert_eq!(one[0].len(), other[0].len(), "sizes");
    let squares: f64 = one[0].iter().zip(&other[0]).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * one[0].len() as f64 / squares).log10()
}
