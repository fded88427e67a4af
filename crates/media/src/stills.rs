//! Sprites for the seek bar and posters, from a few frames of the source.
//!
//! Tiles are cut from the I-frame rendition, so the source is not decoded once more; the poster is one frame of the
//! source.

use std::fs::File;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use rayon::prelude::*;

use crate::child::Reporter;
use crate::decode::VideoReader;
use crate::error::{MediaError, Result, Step};
use crate::scale::Prepare;
use crate::source::Keyframe;
use crate::task::{PicturesOf, StillsTask, StillsWritten};
use score::Look;
use tiles::Tiles;

mod score;
mod tiles;

const SPRITE_QUALITY: u8 = 75;
const POSTER_JPEG_QUALITY: u8 = 85;
const POSTER_WEBP_QUALITY: f32 = 80.0;
/// ThumbHash takes at most 100 pixels a side.
const THUMBHASH_SIDE: u32 = 100;

/// Runs the task.
pub fn run(task: &StillsTask, source: File, report: &Reporter) -> Result<StillsWritten> {
    for folder in ["thumbs", "poster"] {
        std::fs::create_dir_all(task.out.join(folder)).map_err(|e| MediaError::io("stills folder", &e))?;
    }
    let mut tiles = Tiles::open(task)?;
    let mut written = StillsWritten {
        files: Vec::new(),
        sheets: Vec::new(),
        posters: Vec::new(),
        poster_ms: 0,
        poster_reason: String::new(),
        thumbhash: String::new(),
        cpu_ms: 0,
        peak_kib: 0,
    };

    let per_sheet = task.layout.0 * task.layout.1;
    let mut scored: Vec<(f64, Look)> = Vec::new();
    let mut done = 0;
    while done < task.tiles {
        let count = per_sheet.min(task.tiles - done);
        // The last sheet is as large as the others: a playlist has one layout for all.
        let mut sheet = RgbImage::new(task.tile.0 * task.layout.0, task.tile.1 * task.layout.1);
        for i in 0..count {
            let (ms, tile) = tiles.at(f64::from(done + i) * task.interval_ms as f64)?;
            let (column, row) = (i % task.layout.0, i / task.layout.0);
            image::imageops::replace(
                &mut sheet,
                &tile,
                i64::from(column * task.tile.0),
                i64::from(row * task.tile.1),
            );
            scored.push((ms, Look::of(&tile)));
            report.progress(u64::from(done + i + 1))?;
        }
        written.sheets.push(count);
        let path = format!("thumbs/sprite-{:03}.jpg", written.sheets.len());
        written.files.push(save(task, path, &jpeg(&sheet, SPRITE_QUALITY)?)?);
        done += count;
    }

    let (times, looks): (Vec<f64>, Vec<Look>) = scored.into_iter().unzip();
    let lead_ins: Vec<f64> = times.iter().map(|ms| lead_in(task, *ms)).collect();
    let choice = score::choose(&looks, &lead_ins);
    written.poster_reason = choice.reason;
    written.poster_ms = times[choice.index].round() as u64;
    let poster = full(task, source, times[choice.index])?;
    written.thumbhash = thumbhash(&poster);
    let encoded: Vec<Result<Poster>> = task.poster_widths.par_iter().map(|w| encode(&poster, *w)).collect();
    for (poster, width) in encoded.into_iter().zip(&task.poster_widths) {
        let poster = poster?;
        written.posters.push(poster.size);
        written.files.push(save(task, format!("poster/{width}.jpg"), &poster.jpeg)?);
        written.files.push(save(task, format!("poster/{width}.webp"), &poster.webp)?);
    }
    Ok(written)
}

/// A time of the presentation on the source's clock.
fn source_pts(task: &StillsTask, ms: f64) -> i64 {
    let ticks = ms / 1000.0 * task.time_base.den as f64 / task.time_base.num as f64;
    task.origin_pts + ticks.round() as i64
}

/// Half a millisecond in ticks of the source. A frame is shown from the output frame nearest to its time: half a
/// millisecond early or late is the same frame.
fn half_ms(task: &StillsTask) -> i64 {
    (task.time_base.den / (2000 * task.time_base.num)).max(1)
}

/// The keyframe from which the frame at a time of the source is decoded.
fn keyframe_before(task: &StillsTask, wanted: i64) -> Option<Keyframe> {
    let before = task.keyframes.iter().filter(|k| k.pts <= wanted + half_ms(task)).max_by_key(|k| k.pts);
    before.or(task.keyframes.first()).copied()
}

/// How many seconds of the source are decoded for the frame at a time.
fn lead_in(task: &StillsTask, ms: f64) -> f64 {
    let wanted = source_pts(task, ms);
    keyframe_before(task, wanted).map_or(0.0, |k| (wanted - k.pts).max(0) as f64 * task.time_base.as_f64())
}

/// The source's frame that is shown at a time of the presentation, in its full size.
fn full(task: &StillsTask, source: File, ms: f64) -> Result<RgbImage> {
    let (wanted, half_ms) = (source_pts(task, ms), half_ms(task));
    let mut reader = VideoReader::open(source, task.stream, &task.limits)?;
    if let Some(keyframe) = keyframe_before(task, wanted) {
        reader.seek(keyframe)?;
        // What is shown at that time may have begun a little earlier.
        let half_s = task.time_base.den / (2 * task.time_base.num);
        reader.want_from(wanted - half_s);
    }
    let mut latest = None;
    while let Some((pts, frame)) = reader.next_frame()? {
        if latest.is_some() && pts > wanted + half_ms {
            break;
        }
        latest = Some(frame);
        if pts >= wanted {
            break;
        }
    }
    let frame = latest.ok_or_else(|| MediaError::internal("stills", "the poster's frame is gone"))?;
    let frame = if task.pictures != PicturesOf::Frames {
        crate::fields::whole(frame, task.time_base)?
    } else {
        frame
    };
    let scale =
        format!("scale={}:{}:flags=bicubic+accurate_rnd+full_chroma_int", task.display.0, task.display.1);
    let chain = if task.prepare.is_empty() { scale } else { format!("{},{scale}", task.prepare) };
    to_rgb(&Prepare::new(&chain, Pixel::RGB24, task.time_base).run(frame)?)
}

struct Poster {
    size: (u32, u32),
    jpeg: Vec<u8>,
    webp: Vec<u8>,
}

/// Encodes the poster at a width, or at its own where that is smaller: posters are never enlarged.
fn encode(picture: &RgbImage, width: u32) -> Result<Poster> {
    let width = width.min(picture.width());
    let height = (u64::from(picture.height()) * u64::from(width)).div_ceil(u64::from(picture.width())) as u32;
    let resized;
    let picture = if width == picture.width() {
        picture
    } else {
        resized = image::imageops::resize(picture, width, height, FilterType::Lanczos3);
        &resized
    };
    let webp = webp::Encoder::from_rgb(picture, picture.width(), picture.height());
    Ok(Poster {
        size: picture.dimensions(),
        jpeg: jpeg(picture, POSTER_JPEG_QUALITY)?,
        webp: webp.encode(POSTER_WEBP_QUALITY).to_vec(),
    })
}

fn jpeg(picture: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, quality)
        .write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .step("JPEG")?;
    Ok(out)
}

fn thumbhash(picture: &RgbImage) -> String {
    let scale = f64::from(THUMBHASH_SIDE) / f64::from(picture.width().max(picture.height()));
    let side = |n: u32| ((f64::from(n) * scale).round() as u32).clamp(1, THUMBHASH_SIDE);
    let (width, height) = (side(picture.width()), side(picture.height()));
    let small = image::imageops::resize(picture, width, height, FilterType::Triangle);
    let rgba: Vec<u8> = small.pixels().flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        thumbhash::rgba_to_thumb_hash(width as usize, height as usize, &rgba),
    )
}

fn to_rgb(frame: &ffmpeg::frame::Video) -> Result<RgbImage> {
    let (width, height) = (frame.width(), frame.height());
    let row = width as usize * 3;
    let mut pixels = Vec::with_capacity(row * height as usize);
    for line in frame.data(0).chunks(frame.stride(0)).take(height as usize) {
        pixels.extend_from_slice(&line[..row]);
    }
    RgbImage::from_raw(width, height, pixels).ok_or_else(|| MediaError::internal("stills", "short frame"))
}

fn save(task: &StillsTask, path: String, bytes: &[u8]) -> Result<(String, u64)> {
    crate::track::write(&task.out.join(&path), bytes)?;
    Ok((path, bytes.len() as u64))
}
