//! Opens untrusted bytes: one descriptor, allow-lists of demuxers and decoders, no protocol, no other file. The only place
//! where containers and decoders of sources are opened.

use std::ffi::CStr;
use std::fs::File;
use std::io::{BufReader, Cursor, Seek};

use ffmpeg_next as ffmpeg;
use flodrama_asset::ErrorKind;

use crate::error::{MediaError, Result, Step};
use crate::task::Limits;

/// Demuxers that an upload may be read with. No playlists, no concatenation scripts, no image sequences, no
/// subtitles: those read other files, or are no episodes.
const UPLOAD_FORMATS: &str = "mov,matroska,mpegts,mpeg,avi,mxf,flv,ogg,asf,mp3,wav,aac,flac";
/// Decoders for uploads: what cameras, editors and broadcasters write, by libav's names. Not what nobody sends an episode
/// in: games, screens, pictures of forgotten formats. That is where faults are found that nobody looks for.
const DECODERS: &CStr = c"h264,hevc,av1,libdav1d,libaom-av1,vp8,vp9,libvpx,libvpx-vp9,mpeg1video,mpeg2video,mpegvideo,\
    mpeg4,msmpeg4,msmpeg4v1,msmpeg4v2,h263,h263p,flv,vp6,vp6f,wmv1,wmv2,wmv3,vc1,theora,prores,dnxhd,cfhd,mjpeg,dvvideo,\
    ffv1,huffyuv,ffvhuff,utvideo,rawvideo,v210,png,qtrle,jpeg2000,libopenjpeg,\
    aac,aac_latm,ac3,eac3,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,dca,truehd,mlp,\
    wmav1,wmav2,wmapro,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,speex,libspeex,nellymoser,adpcm_ima_wav,\
    adpcm_ima_qt,adpcm_ms,adpcm_swf,pcm_s8,pcm_u8,pcm_s16le,pcm_s16be,pcm_u16le,pcm_u16be,pcm_s24le,pcm_s24be,pcm_s32le,\
    pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd,s302m,\
    subrip,srt,ass,ssa,webvtt,mov_text,text";
/// Samples of one channel in one frame: a second of the highest rate that there is.
const MAX_SAMPLES: u32 = 768_000;
/// Bytes that are read to learn what a file is: libav's own default. How long it looks is libav's own choice, by format.
const PROBE_BYTES: &str = "5000000";
/// Demuxer that our own renditions are read with.
const OWN_FORMATS: &str = "mov";
/// Demuxers that a subtitle file may be read with.
const TEXT_FORMATS: &str = "srt,webvtt";
/// A name that no protocol has: libav may open nothing by itself.
const NO_PROTOCOL: &str = "none";
/// A name that no decoder has.
const NO_DECODER: &str = "none";
/// Tracks are counted up to so many, to say how many there are.
const COUNTED_STREAMS: u32 = 4000;
/// For decoders that are asked how large the picture is, and never given any.
pub const ANY_SIZE: u64 = u64::MAX;
/// Pixels of a frame where only words are looked for.
pub const NO_PICTURE: u64 = 1;
/// Pixels of a frame of a rendition, at most: none is larger than what uploads may be.
const OWN_PIXELS: u64 = 1 << 28;
const READ_BUFFER: usize = 1 << 18;

/// Opens the source file of a task.
pub fn open_upload(file: File, limits: &Limits) -> Result<ffmpeg::format::context::Input> {
    let bytes = file.metadata().map_err(|e| MediaError::io("source", &e))?.len();
    if bytes == 0 {
        return Err(MediaError::new(ErrorKind::EmptyFile, "The file is empty."));
    }
    let again = file.try_clone().map_err(|e| MediaError::io("source", &e))?;
    match open_from_start(file, limits.max_streams, Some(limits.max_pixels))? {
        Ok(input) => Ok(input),
        Err(e @ ffmpeg::Error::Other { errno: ffmpeg::error::ENOMEM }) => {
            // libav has the same error for too many tracks.
            let streams =
                open_from_start(again, COUNTED_STREAMS, None)?.map_or(0, |input| input.nb_streams());
            if streams > limits.max_streams {
                let message =
                    format!("The file has {streams} tracks; at most {} are accepted.", limits.max_streams);
                return Err(MediaError::new(ErrorKind::OverLimit, message).detail(e));
            }
            let message = "The file needs more memory than a job may use.";
            Err(MediaError::new(ErrorKind::OverLimit, message).detail(e))
        }
        Err(e) => {
            Err(MediaError::new(ErrorKind::NotMedia, "This is not a video file that we can read.").detail(e))
        }
    }
}

/// Opens the source file of a task without the help of decoders: what the container says alone.
pub fn open_container(
    file: File,
    limits: &Limits,
) -> Result<std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error>> {
    open_from_start(file, limits.max_streams, None)
}

/// `decoded`: pixels of a frame, at most, that may be decoded to learn what the tracks are; none where nothing may.
fn open_from_start(
    mut file: File,
    max_streams: u32,
    decoded: Option<u64>,
) -> Result<std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error>> {
    file.rewind().map_err(|e| MediaError::io("source", &e))?;
    let mut options = options(UPLOAD_FORMATS);
    options.set("max_streams", &max_streams.to_string());
    if decoded.is_none() {
        options.set("codec_whitelist", NO_DECODER);
    }
    let max_pixels = decoded.unwrap_or(NO_PICTURE);
    Ok(open(BufReader::with_capacity(READ_BUFFER, file), options, max_pixels))
}

/// What a decoder of a track of an upload is made of: one that is not on the list is refused when it is opened.
pub fn decoder_of(parameters: ffmpeg::codec::Parameters, max_pixels: u64) -> Result<ffmpeg::codec::Context> {
    let mut context = ffmpeg::codec::Context::from_parameters(parameters).step("codec parameters")?;
    context.set_threading(ffmpeg::threading::Config::count(1));
    crate::sys::limit_decoder(&mut context, DECODERS, max_pixels, MAX_SAMPLES);
    Ok(context)
}

/// Opens a subtitle file, whose text is UTF-8 by now.
pub fn open_text(text: String) -> std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error> {
    open(Cursor::new(text.into_bytes()), options(TEXT_FORMATS), NO_PICTURE)
}

/// Opens a rendition that we wrote.
pub fn open_own<R: std::io::Read + Seek + Send + 'static>(
    reader: R,
) -> std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error> {
    open(reader, options(OWN_FORMATS), OWN_PIXELS)
}

fn options(formats: &str) -> ffmpeg::Dictionary<'static> {
    let mut options = ffmpeg::Dictionary::new();
    options.set("format_whitelist", formats);
    options.set("protocol_whitelist", NO_PROTOCOL);
    options.set("codec_whitelist", &DECODERS.to_string_lossy());
    options.set("probesize", PROBE_BYTES);
    options
}

fn open<R: std::io::Read + Seek + Send + 'static>(
    reader: R,
    options: ffmpeg::Dictionary,
    max_pixels: u64,
) -> std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error> {
    let io = ffmpeg::format::context::StreamIo::from_read_seek(reader)?;
    let mut probing = ffmpeg::Dictionary::new();
    probing.set("max_pixels", &max_pixels.to_string());
    probing.set("max_samples", &MAX_SAMPLES.to_string());
    crate::sys::open_input(io, options, &probing)
}
