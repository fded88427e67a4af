//! Reads as much of ISO base media files as the check needs: initialisation sections and fragments.
//!
//! The bytes may be anybody's, so every length is held against what is there, boxes are walked and never recursed into
//! by their own say, and what a fragment claims to hold is bounded. Source: ISO/IEC 14496-12, -14, -15; the AV1 and VP9
//! bindings to it.

mod bits;
mod boxes;
mod codecs;
mod fragment;
mod init;
mod sps;
mod units;

pub(crate) use boxes::{HEADER_BYTES, header};
pub(crate) use fragment::{Fragment, MAX_SAMPLES, Sample, fragment};
pub(crate) use init::{Handler, Init, Track, init};
pub(crate) use sps::h264_sps;
pub(crate) use units::{Coding, FirstPicture, h264_first_picture, hevc_first_picture};

/// Why bytes are not what they were taken for: a few words that go on "the segment …".
pub(crate) type Broken = &'static str;
