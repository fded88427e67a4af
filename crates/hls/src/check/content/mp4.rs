//! Segments of fragmented MP4.

use super::window::Window;
use super::{Container, Content, Failure, Keyframes, Part};
use crate::mp4::{
    Coding, FirstPicture, Fragment, HEADER_BYTES, Handler, Init, MAX_SAMPLES, Sample, Track, fragment, header,
};

/// More boxes than this are no segment.
const MAX_BOXES: usize = 10_000;
/// Fragments of minutes stay below this.
const MAX_MOOF_BYTES: u64 = 8 * 1024 * 1024;
/// How far into a sample its first picture is looked for: at first, and then.
const SAMPLE_BYTES: [u64; 2] = [4 * 1024, 1024 * 1024];

pub(super) fn read(
    window: &mut Window<'_>,
    init: &Init,
    is_iframe: bool,
    is_hidden: bool,
) -> Result<Content, Failure> {
    let mut content = Content::new(Container::Mp4, Vec::new());
    let (mut at, mut count, mut samples) = (0, 0, MAX_SAMPLES);
    while at < window.length() {
        let left = window.length() - at;
        let header = header(window.get(at, left.min(HEADER_BYTES as u64) as usize)?);
        let header = header.ok_or("has a box that cannot be read")?;
        let size = header.size.unwrap_or(left);
        count += 1;
        if count > MAX_BOXES {
            return Err("has more boxes than a segment can have".into());
        }
        if size > left {
            if !is_iframe {
                return Err("ends within a box".into());
            }
            // A range that was cut out of a segment: another rule tells.
            content.is_whole = false;
            break;
        }
        if &header.kind == b"moof" {
            if size > MAX_MOOF_BYTES {
                return Err("has a moof box that is too long to be read".into());
            }
            let moof = window.get(at, size as usize)?;
            let fragments = fragment(&moof[header.length as usize..], size, init, &mut samples)?;
            for fragment in fragments {
                add(&mut content, window, at, &fragment, init, is_hidden, is_iframe)?;
            }
        }
        at += size;
    }
    if content.parts.is_empty() && is_iframe {
        content.is_whole = false;
    } else if content.parts.is_empty() {
        return Err("has no moof box".into());
    }
    content.audio_streams = content.parts.iter().filter(|part| part.handler == Handler::Audio).count();
    Ok(content)
}

/// Adds one fragment, whose `moof` begins at `at`.
fn add(
    content: &mut Content,
    window: &mut Window<'_>,
    at: u64,
    fragment: &Fragment,
    init: &Init,
    is_hidden: bool,
    is_iframe: bool,
) -> Result<(), Failure> {
    let track = &init.tracks[fragment.track];
    let bytes: u64 = fragment.samples.iter().map(|sample| u64::from(sample.size)).sum();
    let data = at.checked_add_signed(fragment.data_at).ok_or("points before its begin")?;
    if data.checked_add(bytes).is_none_or(|end| end > window.length()) {
        if !is_iframe {
            return Err("points at samples beyond its end".into());
        }
        content.is_whole = false;
    }
    let Some(first) = fragment.samples.first() else { return Ok(()) };
    let index = content.parts.iter().position(|part| part.track == fragment.track);
    let index = match index {
        Some(index) => index,
        None => {
            let is_readable = !is_hidden && !track.entry.is_encrypted && content.is_whole;
            let coding = track.entry.coding.filter(|_| is_readable);
            let picture = coding.map(|coding| first_picture(window, data, first, coding)).transpose()?;
            content.parts.push(begin(fragment, track, first, picture));
            content.parts.len() - 1
        }
    };
    extend(&mut content.parts[index], fragment, track);
    Ok(())
}

fn begin(fragment: &Fragment, track: &Track, first: &Sample, picture: Option<FirstPicture>) -> Part {
    Part {
        track: fragment.track,
        handler: track.handler,
        timescale: track.timescale,
        decode_time: fragment.decode_time,
        ticks: 0,
        samples: 0,
        sample_ticks: (u32::MAX, 0),
        start_s: f64::INFINITY,
        end_s: None,
        keyframes: Keyframes::default(),
        is_sync: first.is_sync,
        picture,
        gap: None,
        has_negative: false,
    }
}

fn extend(part: &mut Part, fragment: &Fragment, track: &Track) {
    let expected = part.decode_time.saturating_add(part.ticks);
    if fragment.decode_time != expected && part.gap.is_none() {
        part.gap = Some((expected, fragment.decode_time));
    }
    let is_negative = |sample: &Sample| sample.duration > i32::MAX as u32 || sample.size > i32::MAX as u32;
    part.has_negative |= fragment.decode_time > i64::MAX as u64 || fragment.samples.iter().any(is_negative);
    let seconds = |ticks: i128| ticks as f64 / f64::from(track.timescale) + track.shift_s;
    let mut decode_time = i128::from(fragment.decode_time);
    for sample in &fragment.samples {
        let shown = decode_time + i128::from(sample.composition);
        let (start_s, end_s) = (seconds(shown), seconds(shown + i128::from(sample.duration)));
        // What an edit skips is never shown.
        let start_s = if track.edits > 0 { start_s.max(0.0) } else { start_s };
        part.start_s = part.start_s.min(start_s);
        part.end_s = Some(part.end_s.map_or(end_s, |end| end.max(end_s)));
        let (least, most) = part.sample_ticks;
        part.sample_ticks = (least.min(sample.duration), most.max(sample.duration));
        if sample.is_sync && track.handler == Handler::Video {
            part.keyframes.add(start_s);
        }
        decode_time += i128::from(sample.duration);
    }
    part.ticks = (decode_time - i128::from(part.decode_time)).clamp(0, u64::MAX.into()) as u64;
    part.samples += fragment.samples.len();
}

fn first_picture(
    window: &mut Window<'_>,
    data: u64,
    sample: &Sample,
    coding: Coding,
) -> Result<FirstPicture, Failure> {
    let mut picture = FirstPicture::NotSeen;
    for most in SAMPLE_BYTES {
        let length = u64::from(sample.size).min(most);
        picture = coding.first_picture(window.get(data, length as usize)?);
        if picture != FirstPicture::NotSeen || length < most {
            break;
        }
    }
    Ok(picture)
}
