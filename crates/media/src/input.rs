//! Opens untrusted bytes: one descriptor, an allow-list of demuxers, no protocol at all.

use std::fs::File;
use std::io::{BufReader, Cursor, Seek};

use ffmpeg_next as ffmpeg;
use flodrama_asset::ErrorKind;

use crate::error::{MediaError, Result};
use crate::task::Limits;

/// Demuxers that an upload may be read with. No playlists, no concatenation scripts, no image sequences, no
/// subtitles: those read other files, or are no episodes.
const UPLOAD_FORMATS: &str = "mov,matroska,mpegts,mpeg,avi,mxf,flv,ogg,asf,mp3,wav,aac,flac";
/// Demuxer that our own renditions are read with.
const OWN_FORMATS: &str = "mov";
/// Demuxers that a subtitle file may be read with.
const TEXT_FORMATS: &str = "srt,webvtt";
/// A name that no protocol has: libav may open nothing by itself.
const NO_PROTOCOL: &str = "none";
/// Tracks are counted up to so many, to say how many there are.
const COUNTED_STREAMS: u32 = 4000;
const READ_BUFFER: usize = 1 << 18;

/// Opens the source file of a task.
pub fn open_upload(file: File, limits: &Limits) -> Result<ffmpeg::format::context::Input> {
    let bytes = file.metadata().map_err(|e| MediaError::io("source", &e))?.len();
    if bytes == 0 {
        return Err(MediaError::new(ErrorKind::EmptyFile, "The file is empty."));
    }
    let again = file.try_clone().map_err(|e| MediaError::io("source", &e))?;
    match open_from_start(file, limits.max_streams)? {
        Ok(input) => Ok(input),
        Err(e @ ffmpeg::Error::Other { errno: ffmpeg::error::ENOMEM }) => {
            // libav has the same error for too many tracks.
            let streams = open_from_start(again, COUNTED_STREAMS)?.map_or(0, |input| input.nb_streams());
            if streams > limits.max_streams {
                let message =
                    format!("The file has {streams} tracks; at most {} are accepted.", limits.max_streams);
                return Err(MediaError::new(ErrorKind::OverLimit, message).detail(e));
            }
            let message = "The file needs more memory than a job may use.";
            Err(MediaError::new(ErrorKind::OutOfResources, message).detail(e))
        }
        Err(e) => {
            Err(MediaError::new(ErrorKind::NotMedia, "This is not a video file that we can read.").detail(e))
        }
    }
}

fn open_from_start(
    mut file: File,
    max_streams: u32,
) -> Result<std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error>> {
    file.rewind().map_err(|e| MediaError::io("source", &e))?;
    let mut options = options(UPLOAD_FORMATS);
    options.set("max_streams", &max_streams.to_string());
    Ok(open(BufReader::with_capacity(READ_BUFFER, file), options))
}

/// Opens a subtitle file, whose text is UTF-8 by now.
pub fn open_text(text: String) -> std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error> {
    open(Cursor::new(text.into_bytes()), options(TEXT_FORMATS))
}

/// Opens a rendition that we wrote.
pub fn open_own<R: std::io::Read + Seek + Send + 'static>(
    reader: R,
) -> std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error> {
    open(reader, options(OWN_FORMATS))
}

fn options(formats: &str) -> ffmpeg::Dictionary<'static> {
    let mut options = ffmpeg::Dictionary::new();
    options.set("format_whitelist", formats);
    options.set("protocol_whitelist", NO_PROTOCOL);
    options
}

fn open<R: std::io::Read + Seek + Send + 'static>(
    reader: R,
    options: ffmpeg::Dictionary,
) -> std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error> {
    let io = ffmpeg::format::context::StreamIo::from_read_seek(reader)?;
    ffmpeg::format::input_from_stream(io, None, Some(options))
}
