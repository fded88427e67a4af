//! Writes WebVTT, as RFC 8216bis §3.1.4 wants its segments.

use std::fmt::Write;

/// Our segments start at 0 on the presentation's clock, so a cue's time is what it says. Media3 and Shaka want both
/// parts; another MPEGTS would move every cue.
const HEADER: &str = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n";
/// Cue settings that a source may give (W3C WebVTT §4.4); `region` names what we do not carry.
const SETTINGS: [&str; 5] = ["vertical", "line", "position", "size", "align"];
/// No setting has a longer value.
const SETTING_LENGTH: usize = 24;

/// A cue, times in milliseconds of the presentation's clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cue {
    /// First moment.
    pub start_ms: u64,
    /// The moment after the last.
    pub end_ms: u64,
    /// Lines of cue text, escaped.
    pub text: String,
    /// Cue settings, or nothing.
    pub settings: String,
}

/// A whole file.
pub fn text(cues: &[Cue]) -> String {
    let mut out = HEADER.to_owned();
    for cue in cues {
        let (start, end) = (clock(cue.start_ms), clock(cue.end_ms));
        let settings = if cue.settings.is_empty() { String::new() } else { format!(" {}", cue.settings) };
        // Writing to a String cannot fail.
        let _ = write!(out, "\n{start} --> {end}{settings}\n{}\n", cue.text);
    }
    out
}

/// Of a source's settings those that are written as they should be, each once.
pub fn settings(text: &str) -> String {
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for (name, value) in text.split_ascii_whitespace().filter_map(|setting| setting.split_once(':')) {
        let plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b',' | b'%' | b'-');
        let sound = SETTINGS.contains(&name)
            && (1..=SETTING_LENGTH).contains(&value.len())
            && value.bytes().all(plain)
            && !value.contains("--");
        if sound && kept.iter().all(|(known, _)| *known != name) {
            kept.push((name, value));
        }
    }
    kept.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(" ")
}

fn clock(ms: u64) -> String {
    let (s, ms) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_header_and_cues_with_blank_lines_between() {
        let cue = |start_ms, end_ms, text: &str, settings: &str| Cue {
            start_ms,
            end_ms,
            text: text.into(),
            settings: settings.into(),
        };
        let cues = [cue(0, 1_250, "One\nTwo", ""), cue(3_600_000, 360_000_001, "Late", "line:0")];
        assert_eq!(
            text(&cues),
            "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\
             \n00:00:00.000 --> 00:00:01.250\nOne\nTwo\n\
             \n01:00:00.000 --> 100:00:00.001 line:0\nLate\n"
        );
    }

    #[test]
    fn settings_are_kept_where_they_are_sound() {
        assert_eq!(
            settings("line:10%  align:start\tposition:5%,line-left"),
            "line:10% align:start position:5%,line-left"
        );
        assert_eq!(settings("line:0 line:5 region:fred size:"), "line:0");
        assert_eq!(settings("line:-1 --> align:<b>"), "line:-1");
        assert_eq!(settings(&format!("line:{}", "9".repeat(99))), "");
    }
}
