//! CMAF (ISO/IEC 23000-19) tracks in fragmented MP4: initialisation sections and fragments.
//!
//! Conventions, the same in every rendition: decoding begins at 0, and one edit makes presentation begin at 0 too. It
//! skips the delay that B-frames need in video and the encoder's priming in audio. (Signed composition offsets without
//! an edit would be shorter, but libav shows such video late by the reordering delay: see docs/adr/0005-edit-lists.md.)

use mp4_atom::{
    Ac3, Ac3SpecificBox, Audio, Av01, Avc1, Codec, Dinf, Dref, Edts, Elst, ElstEntry, Encode, Esds, Ftyp,
    Hdlr, Hvc1, Mdhd, Mdia, Mfhd, Minf, Moof, Moov, Mp4a, Mvex, Mvhd, Pasp, Smhd, Stbl, Stco, Stsc, Stsd,
    Stsz, Stts, Styp, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, Url, Visual, Vmhd,
};

use crate::encoder::DecoderConfig;
use crate::error::{Result, Step};
use crate::hdr;
use crate::task::Hdr;

const TRACK_ID: u32 = 1;
/// `sample_depends_on = 2`: needs no other sample.
const SYNC_SAMPLE: u32 = 0x0200_0000;
/// `sample_depends_on = 1`, `sample_is_non_sync_sample`.
const OTHER_SAMPLE: u32 = 0x0101_0000;

/// One sample of a fragment, in decoding order.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Bytes.
    pub size: u32,
    /// Ticks until the next sample is decoded.
    pub duration: u32,
    /// Presentation minus decoding time, in ticks: never below 0.
    pub composition: u32,
    /// True where decoding can begin.
    pub sync: bool,
}

/// The initialisation section of a video track, whose first picture is shown `delay` ticks after it is decoded.
/// Pictures in HDR say so in the sample entry too: some players look nowhere else.
pub fn video_init(
    (width, height): (u32, u32),
    timescale: u32,
    delay: u64,
    config: &DecoderConfig,
    hdr: Option<&Hdr>,
) -> Result<Vec<u8>> {
    let visual = Visual {
        data_reference_index: 1,
        width: width as u16,
        height: height as u16,
        horizresolution: 72.into(),
        vertresolution: 72.into(),
        frame_count: 1,
        depth: 24,
        ..Visual::default()
    };
    let pasp = Some(Pasp::new(1, 1).step("pasp")?);
    // `avc1` and `hvc1`: parameter sets are here and nowhere else, which is what Apple's players ask for.
    let colr = hdr.map(hdr::colour);
    let entry = match config {
        DecoderConfig::Avc(avcc) => {
            Codec::Avc1(Avc1 { visual, avcc: (**avcc).clone(), pasp, ..Avc1::default() })
        }
        DecoderConfig::Hevc(hvcc, _) => {
            Codec::Hvc1(Hvc1 { visual, hvcc: (**hvcc).clone(), colr, pasp, ..Hvc1::default() })
        }
        DecoderConfig::Av1(av1c, _) => {
            Codec::Av01(Av01 { visual, av1c: (**av1c).clone(), pasp, ..Av01::default() })
        }
    };
    let tkhd = Tkhd { width: (width as u16).into(), height: (height as u16).into(), ..track_header() };
    let minf = Minf { vmhd: Some(Vmhd::default()), ..media_information(entry) };
    let mut out = init(timescale, tkhd, skip(delay), media(timescale, b"vide", "VideoHandler", "und", minf))?;
    if let Some(hdr) = hdr {
        append_to_sample_entry(&mut out, &hdr::boxes(&hdr.metadata));
    }
    Ok(out)
}

/// Appends boxes that mp4-atom does not know to the one sample entry of an initialisation section.
fn append_to_sample_entry(section: &mut Vec<u8>, boxes: &[u8]) {
    let mut at = 0;
    let mut sizes = Vec::new();
    for (kind, fields) in
        [(b"moov", 0), (b"trak", 0), (b"mdia", 0), (b"minf", 0), (b"stbl", 0), (b"stsd", 8), (b"hvc1", 0)]
    {
        while section[at + 4..at + 8] != kind[..] {
            at += size_at(section, at) as usize;
        }
        sizes.push(at);
        at += 8 + fields;
    }
    let end = sizes[sizes.len() - 1] + size_at(section, sizes[sizes.len() - 1]) as usize;
    section.splice(end..end, boxes.iter().copied());
    for at in sizes {
        let size = size_at(section, at) + boxes.len() as u32;
        section[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
}

fn size_at(section: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([section[at], section[at + 1], section[at + 2], section[at + 3]])
}

/// What a decoder must know of an audio track.
#[derive(Clone, Debug)]
pub enum AudioConfig {
    /// The AudioSpecificConfig (ISO/IEC 14496-3).
    Aac(Vec<u8>),
    /// The AC3SpecificBox (ETSI TS 102 366, annex F).
    Ac3(Ac3SpecificBox),
}

impl AudioConfig {
    /// AC-3 in 5.1; `None` for rates that it does not have.
    pub fn ac3(sample_rate: u32, bit_rate: u32) -> Option<AudioConfig> {
        const KBPS: [u32; 19] =
            [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
        let bit_rate_code = KBPS.iter().position(|kbps| kbps * 1000 == bit_rate)? as u8;
        let fscod = [48_000, 44_100, 32_000].iter().position(|rate| *rate == sample_rate)? as u8;
        // Three front and two surround loudspeakers, and the LFE channel.
        let (acmod, lfeon) = (7, true);
        Some(AudioConfig::Ac3(Ac3SpecificBox { fscod, bsid: 8, bsmod: 0, acmod, lfeon, bit_rate_code }))
    }

    /// The RFC 6381 string.
    pub fn codecs(&self) -> String {
        match self {
            AudioConfig::Aac(config) => format!("mp4a.40.{}", config.first().map_or(2, |b| b >> 3)),
            AudioConfig::Ac3(_) => "ac-3".to_owned(),
        }
    }
}

/// The initialisation section of an audio track; `priming` are the samples to skip.
pub fn audio_init(
    sample_rate: u32,
    channels: u32,
    bit_rate: u32,
    language: &str,
    config: &AudioConfig,
    priming: u32,
) -> Result<Vec<u8>> {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: channels as u16,
        sample_size: 16,
        sample_rate: (sample_rate as u16).into(),
    };
    let entry = match config {
        AudioConfig::Aac(config) => aac_entry(audio, bit_rate, config),
        AudioConfig::Ac3(dac3) => Codec::Ac3(Ac3 { audio, dac3: dac3.clone() }),
    };
    let minf = Minf { smhd: Some(Smhd::default()), ..media_information(entry) };
    let tkhd = Tkhd { volume: 1.into(), alternate_group: 1, ..track_header() };
    let mdia = media(sample_rate, b"soun", "SoundHandler", language, minf);
    init(sample_rate, tkhd, skip(u64::from(priming)), mdia)
}

fn aac_entry(audio: Audio, bit_rate: u32, config: &[u8]) -> Codec {
    use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig};
    let dec_specific = DecoderSpecific { raw: config.to_vec(), ..DecoderSpecific::default() };
    let dec_config = DecoderConfig {
        object_type_indication: 0x40, // MPEG-4 audio
        stream_type: 5,               // audio
        max_bitrate: bit_rate,
        avg_bitrate: bit_rate,
        dec_specific: Some(dec_specific),
        ..DecoderConfig::default()
    };
    let es_desc = EsDescriptor { dec_config, sl_config: SLConfig::default(), ..EsDescriptor::default() };
    Codec::Mp4a(Mp4a { audio, esds: Esds { es_desc }, btrt: None, taic: None })
}

/// The edit that begins presentation `ticks` into the media; none where there is nothing to skip.
fn skip(ticks: u64) -> Option<Edts> {
    let entry = ElstEntry { segment_duration: 0, media_time: Some(ticks), media_rate: 1.into() };
    (ticks > 0).then(|| Edts { elst: Some(Elst { entries: vec![entry] }) })
}

fn init(timescale: u32, tkhd: Tkhd, edts: Option<Edts>, mdia: Mdia) -> Result<Vec<u8>> {
    let brands = [b"iso6", b"cmfc", b"mp41"].map(|b| b.into()).to_vec();
    let ftyp = Ftyp { major_brand: b"iso6".into(), minor_version: 0, compatible_brands: brands };
    let trex = Trex { track_id: TRACK_ID, default_sample_description_index: 1, ..Trex::default() };
    let moov = Moov {
        mvhd: Mvhd {
            timescale,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: TRACK_ID + 1,
            ..Mvhd::default()
        },
        mvex: Some(Mvex { mehd: None, trex: vec![trex] }),
        trak: vec![Trak { tkhd, edts, mdia, ..Trak::default() }],
        ..Moov::default()
    };
    let mut out = Vec::new();
    ftyp.encode(&mut out).step("ftyp")?;
    moov.encode(&mut out).step("moov")?;
    Ok(out)
}

fn track_header() -> Tkhd {
    Tkhd { track_id: TRACK_ID, enabled: true, in_movie: true, ..Tkhd::default() }
}

fn media(timescale: u32, handler: &[u8; 4], name: &str, language: &str, minf: Minf) -> Mdia {
    Mdia {
        mdhd: Mdhd { timescale, language: language.to_owned(), ..Mdhd::default() },
        hdlr: Hdlr { handler: handler.into(), name: name.to_owned() },
        minf,
    }
}

/// Sample tables are empty: every sample is in a fragment.
fn media_information(codec: Codec) -> Minf {
    let stbl = Stbl {
        stsd: Stsd { codecs: vec![codec] },
        stts: Stts::default(),
        stsc: Stsc::default(),
        stsz: Stsz::default(),
        stco: Some(Stco::default()),
        ..Stbl::default()
    };
    let dinf = Dinf { dref: Dref { entries: vec![Url::default().into()] } };
    Minf { dinf, stbl, ..Minf::default() }
}

/// The `styp` box that begins every segment.
pub fn segment_type() -> Result<Vec<u8>> {
    let brands = [b"msdh", b"iso6", b"cmfs", b"cmff"].map(|b| b.into()).to_vec();
    let mut out = Vec::new();
    Styp { major_brand: b"msdh".into(), minor_version: 0, compatible_brands: brands }
        .encode(&mut out)
        .step("styp")?;
    Ok(out)
}

/// Appends one fragment, `moof` and `mdat`, to `out`. `data` is the samples' bytes in order.
pub fn fragment(
    sequence: u32,
    base_decode_time: u64,
    samples: &[Sample],
    data: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let entries = samples
        .iter()
        .map(|s| TrunEntry {
            duration: Some(s.duration),
            size: Some(s.size),
            flags: Some(if s.sync { SYNC_SAMPLE } else { OTHER_SAMPLE }),
            cts: Some(i64::from(s.composition)),
        })
        .collect::<Vec<_>>();
    let mut moof = Moof {
        mfhd: Mfhd { sequence_number: sequence },
        traf: vec![Traf {
            tfhd: Tfhd { track_id: TRACK_ID, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: base_decode_time }),
            trun: vec![Trun { data_offset: Some(0), samples: entries.into() }],
            ..Traf::default()
        }],
    };
    let mut measured = Vec::new();
    moof.encode(&mut measured).step("moof")?;
    // The data begins behind the moof and the 8 bytes of the mdat's header.
    moof.traf[0].trun[0].data_offset = Some(measured.len() as i32 + 8);
    moof.encode(out).step("moof")?;
    out.extend_from_slice(&(data.len() as u32 + 8).to_be_bytes());
    out.extend_from_slice(b"mdat");
    out.extend_from_slice(data);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::{Decode, Header, ReadFrom};

    #[test]
    fn a_fragment_points_at_its_data() {
        let samples = [
            Sample { size: 3, duration: 1000, composition: 0, sync: true },
            Sample { size: 2, duration: 1000, composition: 3000, sync: false },
        ];
        let mut bytes = vec![0xaa; 5];
        fragment(7, 1 << 40, &samples, b"abcde", &mut bytes).expect("fragment");
        let mut reader = std::io::Cursor::new(&bytes[5..]);
        let moof = Moof::read_from(&mut reader).expect("moof");
        let trun = &moof.traf[0].trun[0];
        let data = 5 + trun.data_offset.expect("offset") as usize;
        assert_eq!(&bytes[data..], b"abcde");
        assert_eq!(moof.traf[0].tfdt.as_ref().expect("tfdt").base_media_decode_time, 1 << 40);
        assert_eq!(trun.samples.get(1).and_then(|s| s.cts), Some(3000));
        let header = Header::decode(&mut &bytes[data - 8..]).expect("mdat header");
        assert_eq!(header.size, Some(5));
    }

    #[test]
    fn codecs_strings_come_from_the_decoder_configuration() {
        assert_eq!(AudioConfig::Aac(vec![0x11, 0x90]).codecs(), "mp4a.40.2");
        assert_eq!(AudioConfig::ac3(48_000, 448_000).expect("a config").codecs(), "ac-3");
        assert!(AudioConfig::ac3(48_000, 400_000).is_none());
    }
}
