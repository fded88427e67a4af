//! What players of one platform do better with, as data. The stored playlist suits all of them; these rows mend what
//! suits one and not another. An app names its own platform: nothing is guessed from headers.
//!
//! The rates are Apple's (HLS Authoring Specification 1.32, 9.20, 9.21). What is not said here stays as published.

use std::fmt;
use std::sync::LazyLock;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// As it is written in `?platform=`.
    pub name: &'static str,
    /// The average rate of the variant that is listed first, in bits per second.
    pub start_bps: u64,
    /// Variants of this peak rate or less are left out, in bits per second.
    pub drop_peak_bps: u64,
}

/// AVPlayer starts with the first variant, and hls.js takes its rate for its first estimate.
const WIFI_BPS: u64 = 2_000_000;
/// What Apple wants listed first where the app knows that it is on a cellular network.
const CELLULAR_BPS: u64 = 730_000;
/// The rung for cellular networks: Apple asks for it on phones and advises against it on a television.
const CELLULAR_RUNG_PEAK_BPS: u64 = 192_000;

const fn row(name: &'static str) -> Platform {
    Platform { name, start_bps: WIFI_BPS, drop_peak_bps: 0 }
}

/// The table.
pub static PLATFORMS: [Platform; 8] = [
    row("web"),
    row("ios"),
    Platform { start_bps: CELLULAR_BPS, ..row("ios-cellular") },
    Platform { drop_peak_bps: CELLULAR_RUNG_PEAK_BPS, ..row("tvos") },
    row("android"),
    row("roku"),
    row("cast"),
    row("tv"),
];

/// The text names no platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such platform")]
pub struct UnknownPlatform;

impl Platform {
    /// The row of that name.
    pub fn named(name: &str) -> Result<&'static Platform, UnknownPlatform> {
        PLATFORMS.iter().find(|platform| platform.name == name).ok_or(UnknownPlatform)
    }

    /// A sentence with all of them.
    pub fn list() -> &'static str {
        static LIST: LazyLock<String> = LazyLock::new(|| {
            let names: Vec<String> = PLATFORMS.iter().map(|platform| format!("`{platform}`")).collect();
            format!("`platform` is one of {}.", names.join(", "))
        });
        &LIST
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_of_the_interface_lists_the_table() {
        let description: serde_json::Value =
            serde_json::from_str(include_str!("../openapi.json")).expect("JSON");
        let listed = &description["components"]["parameters"]["platform"]["schema"]["enum"];
        let names: Vec<&str> = PLATFORMS.iter().map(|platform| platform.name).collect();
        assert_eq!(*listed, serde_json::json!(names));
        for name in names {
            assert_eq!(Platform::named(name).map(|platform| platform.name), Ok(name));
            assert!(Platform::list().contains(&format!("`{name}`")));
        }
        for other in ["", "Web", "web ", "windows"] {
            assert_eq!(Platform::named(other), Err(UnknownPlatform), "{other}");
        }
    }
}
