//! What a device's failure means: the only such table.
//!
//! libav says little by its codes (`EIO` for most), more by what it logs; the parent sees both in a failure's detail,
//! which is why this reads text. Texts are those of FFmpeg 5.1 (`libavcodec/nvenc.c`, `vaapi_encode.c`, `qsv.c`,
//! `libavutil/hwcontext_*.c`), of libva, and of the C library for codes.

use serde::{Deserialize, Serialize};

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The device works, and has no room for one more encoder: try again with fewer.
    SessionLimit,
    /// There is no such device, or it is gone: the processor takes over.
    DeviceLost,
    /// The device does not do this: the processor takes over.
    Unsupported,
}

use Fault::{DeviceLost, SessionLimit, Unsupported};

/// Texts in lower case; the first that is found decides. So what is said of the cause stands before what libav makes of
/// it: a session limit ends as `Generic error in an external library` too.
const TABLE: &[(&str, Fault)] = &[
    // Wrong by our own fault or by the version of libav: no retry mends it.
    ("it does not take ", Unsupported),
    ("no option '", Unsupported),
    ("built without it", Unsupported),
    ("this libav has no ", Unsupported),
    // NVENC. A consumer card over its limit of sessions answers with either of the first two.
    ("openencodesessionex failed: out of memory (10)", SessionLimit),
    ("openencodesessionex failed: incompatible client key (21)", SessionLimit),
    ("too many concurrent sessions", SessionLimit),
    ("encoder busy (17)", SessionLimit),
    ("lock busy (13)", SessionLimit),
    ("openencodesessionex failed: unsupported device (2)", Unsupported),
    ("openencodesessionex failed: no encode device (1)", Unsupported),
    // An NVENC-less chip (H100, H200) says this at its first session.
    ("no capable devices found", Unsupported),
    ("provided device doesn't support required nvenc features", Unsupported),
    ("driver does not support the required nvenc api version", Unsupported),
    ("the minimum required nvidia driver for nvenc", Unsupported),
    ("cannot load libcuda", DeviceLost),
    ("cannot load libnvidia-encode", DeviceLost),
    ("cuda_error_no_device", DeviceLost),
    ("cuda_error_invalid_device", DeviceLost),
    ("cuda_error_out_of_memory", SessionLimit),
    ("cuda_error_", DeviceLost),
    ("device does not exist (5)", DeviceLost),
    // VAAPI.
    ("va_status_error_allocation_failed", SessionLimit),
    ("resource allocation failed", SessionLimit),
    ("maximum number exceeded", SessionLimit),
    ("hardware busy", SessionLimit),
    ("no va display found", DeviceLost),
    ("failed to initialise vaapi connection", DeviceLost),
    ("failed to open the given device", DeviceLost),
    ("no usable encoding entrypoint", Unsupported),
    ("no usable encoding profile", Unsupported),
    ("encoding profile not found", Unsupported),
    ("driver does not support", Unsupported),
    ("the requested vaprofile is not supported", Unsupported),
    ("the requested vaentrypoint is not supported", Unsupported),
    // QSV.
    ("device busy", SessionLimit),
    ("gpu hang", DeviceLost),
    ("device failed", DeviceLost),
    ("device lost", DeviceLost),
    ("error creating a mfx session", DeviceLost),
    ("error initializing an internal mfx session", DeviceLost),
    ("low power mode is unsupported", Unsupported),
    ("current profile is unsupported", Unsupported),
    ("current codec type is unsupported", Unsupported),
    // Codes, as the C library words them: ENOSYS, ENODEV, ENXIO, ENOENT, EAGAIN, ENOMEM, EBUSY, EIO.
    ("device: no such file or directory", DeviceLost),
    ("function not implemented", Unsupported),
    ("no such device", DeviceLost),
    ("resource temporarily unavailable", SessionLimit),
    ("cannot allocate memory", SessionLimit),
    ("device or resource busy", SessionLimit),
    ("input/output error", DeviceLost),
    ("operation not permitted", DeviceLost),
    ("permission denied", DeviceLost),
    ("invalid argument", Unsupported),
    ("external library", DeviceLost),
];

/// What the failure of a task on a device means, by its detail. A failure that says nothing known is a lost device: a
/// driver that crashes says nothing at all.
pub fn of(detail: &str) -> Fault {
    let detail = detail.to_lowercase();
    TABLE.iter().find(|(text, _)| detail.contains(text)).map_or(DeviceLost, |(_, fault)| *fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_card_is_told_from_a_broken_one() {
        for (said, fault) in [
            // Reports of users, with libav's last word behind.
            (
                "open encoder h264_nvenc: Generic error in an external library; libav: [h264_nvenc @ 0x55] \
                 OpenEncodeSessionEx failed: out of memory (10): (no details)",
                SessionLimit,
            ),
            (
                "open encoder h264_nvenc: Cannot allocate memory; libav: [h264_nvenc @ 0x55] OpenEncodeSessionEx \
                 failed: incompatible client key (21): (no details)",
                SessionLimit,
            ),
            (
                "open encoder h264_nvenc: Generic error in an external library; libav: [h264_nvenc @ 0x1] \
                 OpenEncodeSessionEx failed: unsupported device (2): (no details) [h264_nvenc @ 0x1] No capable \
                 devices found",
                Unsupported,
            ),
            ("open cuda device: Operation not permitted; libav: Cannot load libcuda.so.1", DeviceLost),
            ("encode: Input/output error; libav: Failed to sync to picture completion: 23", DeviceLost),
            ("encode: Resource temporarily unavailable", SessionLimit),
            ("surfaces: Cannot allocate memory", SessionLimit),
            ("scale_vaapi: Function not implemented", Unsupported),
            (
                "open vaapi device: Input/output error; libav: No VA display found for any default device.",
                DeviceLost,
            ),
            (
                "open encoder hevc_vaapi: Function not implemented; libav: No usable encoding profile found.",
                Unsupported,
            ),
            ("cq: it does not take cq=x: Invalid argument", Unsupported),
            ("chunk-0001: the media child ended without a result (signal: 11)", DeviceLost),
        ] {
            assert_eq!(of(said), fault, "{said}");
        }
    }

    #[test]
    fn the_table_is_in_lower_case_and_says_nothing_twice() {
        for (i, (text, _)) in TABLE.iter().enumerate() {
            assert_eq!(*text, text.to_lowercase());
            let hidden = TABLE[..i].iter().find(|(before, _)| text.contains(before));
            assert!(hidden.is_none(), "'{text}' is never reached behind '{}'", hidden.map_or("", |h| h.0));
        }
    }
}
