//! Every `unsafe` of the project: what ffmpeg-next has no safe call for.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::ptr;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::ffi;

use crate::error::{MediaError, Result, Step};

/// Opens `encoder` as `codec` and refuses options that it does not know. (ffmpeg-next throws the leftovers away, so a
/// mistyped option would pass unnoticed.)
pub fn open_video_encoder(
    mut encoder: ffmpeg::encoder::video::Video,
    codec: ffmpeg::Codec,
    options: ffmpeg::Dictionary,
) -> Result<ffmpeg::encoder::video::Encoder> {
    open(&mut encoder, codec, options)?;
    Ok(ffmpeg::encoder::video::Encoder(encoder))
}

/// As [`open_video_encoder`], for audio.
pub fn open_audio_encoder(
    mut encoder: ffmpeg::encoder::audio::Audio,
    codec: ffmpeg::Codec,
    options: ffmpeg::Dictionary,
) -> Result<ffmpeg::encoder::audio::Encoder> {
    open(&mut encoder, codec, options)?;
    Ok(ffmpeg::encoder::audio::Encoder(encoder))
}

/// What a call of libav's says by a negative number.
fn done(code: i32) -> std::result::Result<(), ffmpeg::Error> {
    if code < 0 { Err(ffmpeg::Error::from(code)) } else { Ok(()) }
}

fn open(
    context: &mut ffmpeg::codec::Context,
    codec: ffmpeg::Codec,
    options: ffmpeg::Dictionary,
) -> Result<()> {
    // SAFETY: the context and the codec are alive for the call; the dictionary is disowned and owned again after.
    let (code, left) = unsafe {
        let mut raw = options.disown();
        let code = ffi::avcodec_open2(context.as_mut_ptr(), codec.as_ptr(), &mut raw);
        (code, ffmpeg::Dictionary::own(raw))
    };
    let step = format!("open encoder {}", codec.name());
    done(code).step(&step)?;
    match left.iter().next() {
        Some((key, _)) => Err(MediaError::internal(&step, format!("no option '{key}'"))),
        None => Ok(()),
    }
}

/// The parameter sets or codec configuration of an opened context.
pub fn extradata(context: &ffmpeg::codec::Context) -> Vec<u8> {
    // SAFETY: libav keeps `extradata` valid for `extradata_size` bytes as long as the context lives.
    unsafe { copied((*context.as_ptr()).extradata, (*context.as_ptr()).extradata_size) }
}

/// The codec configuration of a source's track: an `avcC` record, parameter sets, or nothing.
pub fn configuration(stream: &ffmpeg::format::stream::Stream) -> Vec<u8> {
    // SAFETY: a live stream's parameters; libav keeps `extradata` valid for `extradata_size` bytes.
    unsafe {
        let parameters = (*stream.as_ptr()).codecpar;
        copied((*parameters).extradata, (*parameters).extradata_size)
    }
}

// SAFETY: to be called with `size` bytes that are valid for the call, or a null pointer.
unsafe fn copied(bytes: *const u8, size: i32) -> Vec<u8> {
    if bytes.is_null() || size <= 0 {
        return Vec::new();
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(bytes, size as usize).to_vec() }
}

/// What a decoder must know of the stream of an opened encoder.
pub fn parameters(encoder: &ffmpeg::codec::Context) -> Result<ffmpeg::codec::Parameters> {
    let mut parameters = ffmpeg::codec::Parameters::new();
    // SAFETY: both are live; libav copies what it needs.
    let code = unsafe { ffi::avcodec_parameters_from_context(parameters.as_mut_ptr(), encoder.as_ptr()) };
    done(code).step("codec parameters").map(|()| parameters)
}

/// Makes `encoder`, not opened yet, take surfaces from the pool that `surface` is of.
pub fn take_surfaces_of(
    encoder: &mut ffmpeg::encoder::video::Video,
    surface: &ffmpeg::frame::Video,
) -> Result<()> {
    // SAFETY: both are live; the encoder gets a reference of its own to the pool.
    unsafe {
        let pool = (*surface.as_ptr()).hw_frames_ctx;
        if pool.is_null() {
            return Err(MediaError::internal("encoder", "the frame is in no device's memory"));
        }
        let context = encoder.as_mut_ptr();
        (*context).pix_fmt = surface.format().into();
        (*context).hw_frames_ctx = ffi::av_buffer_ref(pool);
    }
    Ok(())
}

/// Frames by which an opened encoder's decoding order may run ahead of presentation.
pub fn reorder_frames(context: &ffmpeg::codec::Context) -> u32 {
    // SAFETY: a plain field read of a live context.
    unsafe { (*context.as_ptr()).has_b_frames.max(0) as u32 }
}

/// Samples that an opened audio encoder puts before the first real one.
pub fn initial_padding(context: &ffmpeg::codec::Context) -> u32 {
    // SAFETY: a plain field read of a live context.
    unsafe { (*context.as_ptr()).initial_padding.max(0) as u32 }
}

/// Limits what a decoder, not opened yet, may be and may allocate: those of `codecs` alone (names between commas), for
/// frames of so many pixels and so many samples of a channel.
pub fn limit_decoder(context: &mut ffmpeg::codec::Context, codecs: &CStr, pixels: u64, samples: u32) {
    // SAFETY: a live, unopened context: plain field writes, and an option whose text libav copies.
    unsafe {
        let raw = context.as_mut_ptr();
        (*raw).max_pixels = i64::try_from(pixels).unwrap_or(i64::MAX);
        (*raw).max_samples = i64::from(samples);
        ffi::av_opt_set(raw.cast(), c"codec_whitelist".as_ptr(), codecs.as_ptr(), 0);
    }
}

/// Opens what `io` reads and looks into its streams, with `options` for the demuxer and `probing` for the decoders that
/// looking takes. Whatever a file says, no other one is opened: libav asks, and is refused.
pub fn open_input(
    mut io: ffmpeg::format::context::StreamIo,
    options: ffmpeg::Dictionary,
    probing: &ffmpeg::Dictionary,
) -> std::result::Result<ffmpeg::format::context::Input, ffmpeg::Error> {
    extern "C" fn refuse(
        _: *mut ffi::AVFormatContext,
        _: *mut *mut ffi::AVIOContext,
        _: *const std::ffi::c_char,
        _: std::ffi::c_int,
        _: *mut *mut ffi::AVDictionary,
    ) -> std::ffi::c_int {
        ffi::AVERROR(ffmpeg::error::EPERM)
    }
    // SAFETY: the context is ours until it is wrapped; libav frees it where opening fails; `io` outlives it on every path. libav keeps `nb_streams` streams and takes as many dictionaries, which we
    // free.
    unsafe {
        let mut context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(ffmpeg::Error::Other { errno: ffmpeg::error::ENOMEM });
        }
        (*context).pb = io.as_mut_ptr();
        (*context).io_open = Some(refuse);
        (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
        let mut options = options.disown();
        let code = ffi::avformat_open_input(&mut context, ptr::null(), ptr::null_mut(), &mut options);
        drop(ffmpeg::Dictionary::own(options));
        done(code)?;
        let mut each: Vec<_> = (0..(*context).nb_streams).map(|_| probing.clone().disown()).collect();
        let code = ffi::avformat_find_stream_info(context, each.as_mut_ptr());
        each.into_iter().for_each(|left| drop(ffmpeg::Dictionary::own(left)));
        // Owned from here on, so that it is closed on either path.
        let input = ffmpeg::format::context::Input::wrap_with_custom_io(context, io);
        done(code).map(|()| input)
    }
}

/// Closes every descriptor but standard input, output and error. To be called before this process opens any.
pub fn close_inherited() -> std::io::Result<()> {
    // SAFETY: nothing of this process owns any descriptor from 3 on yet.
    match unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Makes a system call of `confine`'s list of those that are only tried, with arguments that are all zero.
pub fn ask(call: i64) -> std::io::Result<()> {
    // SAFETY: no argument leads to memory, and none of these calls changes any without.
    match unsafe { libc::syscall(call, 0, 0, 0, 0, 0, 0) } {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Leaves the namespaces named, of which the one of descriptors is never one.
pub fn leave_namespaces(flags: rustix::thread::UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: descriptors stay shared.
    unsafe { rustix::thread::unshare_unsafe(flags.difference(rustix::thread::UnshareFlags::FILES)) }
}

/// One thread for a filter graph: children fill the cores, threads inside them would only contend.
pub fn single_thread(graph: &mut ffmpeg::filter::Graph) {
    // SAFETY: a plain field write of a live, unconfigured graph.
    unsafe { (*graph.as_mut_ptr()).nb_threads = 1 }
}

/// True where the demuxer says that the packet is decoded but not shown (edit lists).
pub fn is_discarded(packet: &ffmpeg::Packet) -> bool {
    use ffmpeg::codec::packet::Ref;
    // SAFETY: a plain field read of a live packet.
    unsafe { (*packet.as_ptr()).flags & ffi::AV_PKT_FLAG_DISCARD != 0 }
}

/// Seeks one stream to the last keyframe at or before `dts`.
pub fn seek_stream(input: &mut ffmpeg::format::context::Input, stream: usize, dts: i64) -> bool {
    // SAFETY: the context is live; the stream index is range-checked by libav.
    unsafe { ffi::av_seek_frame(input.as_mut_ptr(), stream as i32, dts, ffi::AVSEEK_FLAG_BACKWARD) >= 0 }
}

/// Lets the demuxer skip all tracks but one, as far as the container allows.
pub fn read_only(input: &mut ffmpeg::format::context::Input, stream: usize) {
    // SAFETY: a live context, which keeps `nb_streams` pointers in `streams`; plain field writes.
    unsafe {
        let context = input.as_mut_ptr();
        for i in (0..(*context).nb_streams as usize).filter(|i| *i != stream) {
            (**(*context).streams.add(i)).discard = ffi::AVDiscard::AVDISCARD_ALL;
        }
    }
}

/// The header of the script that an opened decoder of subtitles gives lines of: its styles are in there.
pub fn subtitle_header(context: &ffmpeg::codec::Context) -> String {
    // SAFETY: libav keeps `subtitle_header` valid for `subtitle_header_size` bytes as long as the context lives; we copy.
    unsafe {
        let raw = context.as_ptr();
        let header = copied((*raw).subtitle_header, (*raw).subtitle_header_size);
        String::from_utf8_lossy(&header).into_owned()
    }
}

/// The lines that a decoder of subtitles gave, and frees what holds them: ffmpeg-next never does.
pub fn take_lines(mut subtitle: ffmpeg::Subtitle) -> Vec<String> {
    // SAFETY: libav filled the subtitle: `num_rects` pointers in `rects`, each with a null or NUL-terminated text. We
    // copy before we free, and nobody sees the subtitle afterwards.
    unsafe {
        let raw = subtitle.as_mut_ptr();
        let mut lines = Vec::new();
        for i in 0..(*raw).num_rects as usize {
            let ass = (**(*raw).rects.add(i)).ass;
            if !ass.is_null() {
                lines.push(CStr::from_ptr(ass).to_string_lossy().into_owned());
            }
        }
        ffi::avsubtitle_free(raw);
        lines
    }
}

/// Another reference to the same picture: times and side data are its own, pixels are shared and not to be written.
pub fn share(frame: &ffmpeg::frame::Video) -> Result<ffmpeg::frame::Video> {
    let mut shared = ffmpeg::frame::Video::empty();
    // SAFETY: the source is live, the target is empty and owned; libav counts the references.
    done(unsafe { ffi::av_frame_ref(shared.as_mut_ptr(), frame.as_ptr()) }).step("share frame")?;
    Ok(shared)
}

/// Tells the encoder by how much each block of 16×16 pixels departs from the frame's quantiser, in 256ths, row by row.
pub fn set_block_offsets(frame: &mut ffmpeg::frame::Video, columns: u32, offsets: &[i16]) -> Result<()> {
    /// libav takes shares of the quantiser's whole range: 51 for 8 bits.
    const RANGE: i32 = 51 * 256;
    const SIDE: i32 = 16;
    let size = std::mem::size_of::<ffi::AVRegionOfInterest>();
    // SAFETY: the frame is live; libav allocates `offsets.len()` regions, aligned for any type, which we fill.
    unsafe {
        let kind = ffi::AVFrameSideDataType::AV_FRAME_DATA_REGIONS_OF_INTEREST;
        let data = ffi::av_frame_new_side_data(frame.as_mut_ptr(), kind, size * offsets.len());
        if data.is_null() {
            return Err(MediaError::internal("block offsets", "no memory"));
        }
        let regions = (*data).data.cast::<ffi::AVRegionOfInterest>();
        for (i, offset) in offsets.iter().enumerate() {
            let (x, y) = ((i as u32 % columns) as i32 * SIDE, (i as u32 / columns) as i32 * SIDE);
            regions.add(i).write(ffi::AVRegionOfInterest {
                self_size: size as u32,
                top: y,
                bottom: y + SIDE,
                left: x,
                right: x + SIDE,
                qoffset: ffi::AVRational { num: i32::from(*offset), den: RANGE },
            });
        }
    }
    Ok(())
}

/// Writes out what C streams of this process still hold in memory: x264 keeps its statistics in one.
pub fn flush_streams() {
    // SAFETY: the C standard defines a null stream as all of them. What fails shows when the file is read.
    unsafe { libc::fflush(ptr::null_mut()) };
}

/// Surfaces that encoders with look-ahead and B-frames may hold at a time, beyond what a scaler needs itself: pools of
/// VAAPI and QSV do not grow.
const HELD_SURFACES: i32 = 32;
/// Of a decoder's, which are scaled at once: NVDEC has 32 in all, H.264 may need 21, and with more it does not decode.
const HELD_BY_SCALER: i32 = 4;

/// A hardware device context, freed on drop.
pub struct HardwareDevice(*mut ffi::AVBufferRef);

impl HardwareDevice {
    /// Opens the default device of a kind that libav names `vaapi`, `qsv` or `cuda`.
    pub fn open(kind: &str) -> std::result::Result<HardwareDevice, ffmpeg::Error> {
        let name = CString::new(kind).map_err(|_| ffmpeg::Error::InvalidData)?;
        let mut device = ptr::null_mut();
        // SAFETY: out-pointer to a local, a NUL-terminated name; libav fills the pointer only on success.
        unsafe {
            let kind = ffi::av_hwdevice_find_type_by_name(name.as_ptr());
            done(ffi::av_hwdevice_ctx_create(&mut device, kind, ptr::null(), ptr::null_mut(), 0))?;
        }
        Ok(HardwareDevice(device))
    }

    /// A pool of NV12 surfaces of `size` in the device's memory; `format` is libav's name for such a surface.
    pub fn surfaces(
        &self,
        format: ffmpeg::format::Pixel,
        size: (u32, u32),
    ) -> std::result::Result<Surfaces, ffmpeg::Error> {
        // SAFETY: `self.0` is a live device reference; the frames context is configured before it is initialised,
        // and is freed when `Surfaces` drops.
        unsafe {
            let frames = ffi::av_hwframe_ctx_alloc(self.0);
            if frames.is_null() {
                return Err(ffmpeg::Error::Other { errno: ffmpeg::error::ENOMEM });
            }
            let surfaces = Surfaces(frames);
            let context = (*frames).data.cast::<ffi::AVHWFramesContext>();
            (*context).format = format.into();
            (*context).sw_format = ffmpeg::format::Pixel::NV12.into();
            (*context).width = size.0 as i32;
            (*context).height = size.1 as i32;
            (*context).initial_pool_size = HELD_SURFACES;
            done(ffi::av_hwframe_ctx_init(frames)).map(|()| surfaces)
        }
    }

    /// Lets `decoder`, not opened yet, decode on the device where it can; libav falls back to main memory by itself
    /// where the device cannot decode such a stream.
    pub fn decode_with(&self, decoder: &mut ffmpeg::codec::Context) {
        // SAFETY: both are live; the decoder gets a reference of its own to the device.
        unsafe {
            let context = decoder.as_mut_ptr();
            (*context).hw_device_ctx = ffi::av_buffer_ref(self.0);
            (*context).extra_hw_frames = HELD_BY_SCALER;
        }
    }
}

impl Drop for HardwareDevice {
    fn drop(&mut self) {
        // SAFETY: we own this reference.
        unsafe { ffi::av_buffer_unref(&mut self.0) }
    }
}

/// A pool of surfaces in a device's memory, freed on drop.
pub struct Surfaces(*mut ffi::AVBufferRef);

impl Surfaces {
    /// Copies a frame in main memory to a surface.
    pub fn upload(
        &self,
        frame: &ffmpeg::frame::Video,
    ) -> std::result::Result<ffmpeg::frame::Video, ffmpeg::Error> {
        let mut surface = ffmpeg::frame::Video::empty();
        // SAFETY: both frames are live; libav allocates the surface from our live pool.
        unsafe {
            done(ffi::av_hwframe_get_buffer(self.0, surface.as_mut_ptr(), 0))?;
            done(ffi::av_hwframe_transfer_data(surface.as_mut_ptr(), frame.as_ptr(), 0))?;
        }
        surface.set_pts(frame.pts());
        Ok(surface)
    }
}

impl Drop for Surfaces {
    fn drop(&mut self) {
        // SAFETY: we own this reference.
        unsafe { ffi::av_buffer_unref(&mut self.0) }
    }
}

/// True for a frame in a device's memory.
pub fn is_surface(frame: &ffmpeg::frame::Video) -> bool {
    // SAFETY: a plain field read of a live frame.
    unsafe { !(*frame.as_ptr()).hw_frames_ctx.is_null() }
}

/// Copies a surface to main memory.
pub fn download(surface: &ffmpeg::frame::Video) -> Result<ffmpeg::frame::Video> {
    let mut frame = ffmpeg::frame::Video::empty();
    // SAFETY: both frames are live; libav allocates the samples of the new one, which keeps the old one's properties.
    let code = unsafe {
        match ffi::av_hwframe_transfer_data(frame.as_mut_ptr(), surface.as_ptr(), 0) {
            0 => ffi::av_frame_copy_props(frame.as_mut_ptr(), surface.as_ptr()),
            e => e,
        }
    };
    if code < 0 { Err(MediaError::internal("download", ffmpeg::Error::from(code))) } else { Ok(frame) }
}

/// Adds the source `name` to a filter graph, for surfaces like `surface`.
pub fn add_surface_source(
    graph: &mut ffmpeg::filter::Graph,
    name: &str,
    surface: &ffmpeg::frame::Video,
    time_base: (i32, i32),
) -> Result<()> {
    let refused = |e: i32| MediaError::internal("filter source", ffmpeg::Error::from(e));
    let name = CString::new(name).map_err(|e| MediaError::internal("filter source", e))?;
    let out_of_memory = || MediaError::internal("filter source", "no memory");
    // SAFETY: the graph and the frame are live; the graph owns the filter; the parameters are ours, libav takes
    // references of its own from them, and we free them on every path.
    unsafe {
        let buffer = ffi::avfilter_get_by_name(c"buffer".as_ptr());
        let filter = ffi::avfilter_graph_alloc_filter(graph.as_mut_ptr(), buffer, name.as_ptr());
        let parameters = ffi::av_buffersrc_parameters_alloc();
        if filter.is_null() || parameters.is_null() {
            ffi::av_free(parameters.cast());
            return Err(out_of_memory());
        }
        let frame = surface.as_ptr();
        (*parameters).format = (*frame).format;
        (*parameters).width = (*frame).width;
        (*parameters).height = (*frame).height;
        (*parameters).time_base = ffi::AVRational { num: time_base.0, den: time_base.1 };
        (*parameters).hw_frames_ctx = (*frame).hw_frames_ctx;
        let set = ffi::av_buffersrc_parameters_set(filter, parameters);
        ffi::av_free(parameters.cast());
        match if set < 0 { set } else { ffi::avfilter_init_str(filter, ptr::null()) } {
            0.. => Ok(()),
            e => Err(refused(e)),
        }
    }
}

/// Makes the pools of a graph's filters large enough for what encoders hold.
pub fn hold_surfaces(graph: &mut ffmpeg::filter::Graph) {
    // SAFETY: a live, unconfigured graph; libav keeps `nb_filters` pointers in `filters`.
    unsafe {
        let graph = graph.as_mut_ptr();
        for i in 0..(*graph).nb_filters as usize {
            (**(*graph).filters.add(i)).extra_hw_frames = HELD_SURFACES;
        }
    }
}

/// The first option that `codec` does not know, or does not take with this value. Needs no device.
pub fn refused_option<'a>(
    codec: ffmpeg::Codec,
    options: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Option<String> {
    let mut context = ffmpeg::codec::Context::new_with_codec(codec);
    for (key, value) in options {
        let (Ok(name), Ok(text)) = (CString::new(key.as_str()), CString::new(value.as_str())) else {
            return Some(format!("'{key}' is no option"));
        };
        // SAFETY: a live context with its private options; libav copies both texts.
        let code = unsafe {
            ffi::av_opt_set(
                context.as_mut_ptr().cast(),
                name.as_ptr(),
                text.as_ptr(),
                ffi::AV_OPT_SEARCH_CHILDREN,
            )
        };
        if code < 0 {
            return Some(format!("it does not take {key}={value}: {}", ffmpeg::Error::from(code)));
        }
    }
    None
}

/// The four letters by which a container names a stream's codec, where it does.
pub fn codec_tag(stream: &ffmpeg::format::stream::Stream) -> Option<String> {
    // SAFETY: a plain field read of a live stream's parameters.
    let tag = unsafe { (*(*stream.as_ptr()).codecpar).codec_tag }.to_le_bytes();
    tag.iter().all(u8::is_ascii_graphic).then(|| tag.iter().map(|b| char::from(*b)).collect())
}

/// True where the container or the parser says that frames are stored as two fields.
pub fn is_interlaced(stream: &ffmpeg::format::stream::Stream) -> bool {
    use ffi::AVFieldOrder::{AV_FIELD_PROGRESSIVE, AV_FIELD_UNKNOWN};
    !matches!(field_order(stream), AV_FIELD_PROGRESSIVE | AV_FIELD_UNKNOWN)
}

/// True where the container or the parser says that of a frame's fields the lower one is shown first.
pub fn is_lower_field_first(stream: &ffmpeg::format::stream::Stream) -> bool {
    use ffi::AVFieldOrder::{AV_FIELD_BB, AV_FIELD_TB};
    matches!(field_order(stream), AV_FIELD_BB | AV_FIELD_TB)
}

fn field_order(stream: &ffmpeg::format::stream::Stream) -> ffi::AVFieldOrder {
    // SAFETY: a plain field read of a live stream's parameters.
    unsafe { (*(*stream.as_ptr()).codecpar).field_order }
}
