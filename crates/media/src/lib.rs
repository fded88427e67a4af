//! Everything that touches a sample or a pixel, and the only crate that names `ffmpeg-next`.
//!
//! libav never runs in a process that holds credentials: the worker starts a child, hands it the source as its
//! standard input and one [`task::Task`], and reads [`task::Event`]s from its standard output. [`child::main`] is that
//! child, which [`confine`] holds to what its task needs before libav is called. Nothing here knows of AWS, of playlists or of async.
//!
//! The life of a chunk: [`task::ChunkTask`] -> `decode` (one range of the source) -> `cadence` (source frames to a
//! constant frame rate) -> `scale` (a cascade of sizes) -> `encoder` (one for each rung) -> `cmaf` (segments) ->
//! [`task::SegmentWritten`]. Where the source's own pictures are the top rung, `copy` takes its packets to `cmaf` as they are.
//!
//! Before a plan for the title, `sample` encodes a little of it in many ways and compares the results by `quality`.

mod aq;
mod audio;
mod bits;
mod cadence;
pub mod child;
mod chunk;
mod cmaf;
mod coded;
pub mod confine;
mod copy;
mod damage;
mod decode;
mod encoder;
mod error;
pub mod fault;
mod fields;
mod gpu;
mod h26x;
mod hdr;
mod input;
mod jumps;
mod ladder;
mod lead;
mod nal;
mod obu;
mod one_size;
mod pictures;
mod probe;
mod quality;
mod sample;
mod scale;
mod scanning;
mod source;
mod sps;
mod stills;
mod subtitles;
mod sys;
pub mod task;
mod track;
mod trial;
mod verify;

pub use error::MediaError;
pub use jumps::{LOOKED_AT, may_be_transport_stream};
pub use source::{
    AudioTrack, Chapter, CodedVideo, Colour, HdrMetadata, Jump, Keyframe, LightLevel, Mastering, Purpose,
    Ratio, Scanning, SidecarText, SidecarTrack, SourceInfo, SubtitleTrack, VideoTrack,
};
