//! What a playlist cannot be made from.

use flodrama_asset::ErrorKind;

/// The input makes no playlist. Always a fault of the caller's arithmetic, never of an upload.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// A playlist of nothing.
    #[error("a playlist needs at least one {what}")]
    Empty {
        /// What is missing: segment, variant, tile.
        what: &'static str,
    },
    /// Not a URI that can stand on a line or in quotes.
    #[error("{uri:?} cannot be written as a URI")]
    BadUri {
        /// The text given.
        uri: String,
    },
    /// A duration that is not above zero, or not a number.
    #[error("{uri} lasts {duration_s} s")]
    BadDuration {
        /// The segment.
        uri: String,
        /// The duration given, in seconds.
        duration_s: f64,
    },
    /// A frame rate that is not above zero, or not a number.
    #[error("{uri} has {frame_rate} frames per second")]
    BadFrameRate {
        /// The variant.
        uri: String,
        /// The rate given.
        frame_rate: f64,
    },
    /// A segment is longer than the target duration asked for (RFC 4.4.3.1).
    #[error("the target duration of {target_s} s is less than the {needed_s} s that the segments need")]
    TargetTooShort {
        /// The target duration asked for, in seconds.
        target_s: u32,
        /// The least that holds, in seconds.
        needed_s: u32,
    },
    /// A variant refers to a group with no member.
    #[error("{uri} refers to the group {group:?}, which has no member")]
    UnknownGroup {
        /// The variant.
        uri: String,
        /// The group.
        group: String,
    },
    /// The sprite sheets given do not hold as many tiles as the presentation has.
    #[error("{given} sprite sheets for a presentation that fills {needed}")]
    SheetCount {
        /// Sheets given.
        given: usize,
        /// Sheets that the layout and duration give.
        needed: usize,
    },
}

impl BuildError {
    /// The shared vocabulary's word for this.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }
}

/// Refuses what would break out of its line or quotes.
pub(super) fn checked_uri(uri: &str) -> Result<&str, BuildError> {
    let broken = |c: char| c.is_control() || c.is_whitespace() || c == '"';
    if uri.is_empty() || uri.starts_with('#') || uri.contains(broken) {
        return Err(BuildError::BadUri { uri: uri.to_owned() });
    }
    Ok(uri)
}
