//! Files that are whole by their index, and zeros inside, as a copy leaves them that broke off or a card that fails: what is
//! lost in one piece is no flaw, and nobody publishes a still picture or silence for it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::clip::Clip;
use crate::support::ffmpeg;
use crate::support::process::{Finished, run};
use crate::support::programs;

#[test]
fn pictures_lost_in_one_piece_are_said() {
    let (seconds, from) = refused("v:0", 3.0..8.0, "video");
    assert!((4.8..=5.0).contains(&seconds) && (2.9..3.1).contains(&from), "{seconds} from {from}");
}

#[test]
fn sound_lost_in_one_piece_is_said() {
    let (seconds, from) = refused("a:0", 2.0..6.0, "sound");
    assert!((3.8..=4.1).contains(&seconds) && (1.9..2.1).contains(&from), "{seconds} from {from}");
}

#[test]
fn two_pictures_and_a_sound_are_flaws_which_the_report_counts() {
    let folder = tempfile::tempdir().expect("folder");
    let film = film(folder.path());
    let lost = zero(&film, "v:0", 3.1..3.2) + zero(&film, "a:0", 5.0..5.032);
    let out = folder.path().join("out");
    let done = transcode(&film, &out);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let report = std::fs::read(out.join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let numbers = ["frames", "repeated_frames", "lost_packets"].map(|name| report[name].as_u64());
    assert_eq!((lost, numbers), (3, [Some(200), Some(2), Some(3)]));
}

/// Eight seconds with sound whose packets begin with a sync word.
fn film(folder: &Path) -> PathBuf {
    let clip = Clip { name: "clip.mkv", ..Clip::default() }.make(folder);
    let film = folder.join("film.mp4");
    let [from, to] = [&clip, &film].map(|path| path.to_str().expect("a plain path"));
    ffmpeg::ffmpeg(&["-i", from, "-c:v", "copy", "-c:a", "ac3", to]);
    film
}

/// Makes every packet of a track within these times zeros; their number.
fn zero(film: &Path, track: &str, within: Range<f64>) -> usize {
    let found = ffmpeg::probe_leniently(film, &["-select_streams", track, "-show_packets"]);
    let mut bytes = std::fs::read(film).expect("the film");
    let number = |packet: &Value, name: &str| -> f64 {
        let text = packet[name].as_str().unwrap_or_else(|| panic!("{name} of {packet}"));
        text.parse().expect("a number")
    };
    let packets = found["packets"].as_array().expect("packets");
    let start = number(&packets[0], "pts_time");
    let mut count = 0;
    for packet in packets {
        if !within.contains(&(number(packet, "pts_time") - start)) {
            continue;
        }
        let at = number(packet, "pos") as usize;
        bytes[at..at + number(packet, "size") as usize].fill(0);
        count += 1;
    }
    std::fs::write(film, bytes).expect("written");
    assert!(count > 0, "{film:?} has packets in {within:?}");
    count
}

fn transcode(film: &Path, out: &Path) -> Finished {
    run(programs::worker(), [Path::new("transcode"), film, out])
}

/// What is said to be lost of a film whose track is zeros within these times: seconds, and from when on.
fn refused(track: &str, within: Range<f64>, what: &str) -> (f64, f64) {
    let folder = tempfile::tempdir().expect("folder");
    let film = film(folder.path());
    zero(&film, track, within);
    let done = transcode(&film, &folder.path().join("out"));
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    let said = done.stderr.lines().find_map(|line| line.strip_prefix("The file is damaged: "));
    let said = said.unwrap_or_else(|| panic!("{}", done.stderr));
    let (lost, rest) = said.split_once(&format!(" s of {what} from ")).unwrap_or_else(|| panic!("{said}"));
    let from = rest.strip_suffix(" s on cannot be decoded.").unwrap_or_else(|| panic!("{said}"));
    (lost.parse().expect("seconds"), from.parse().expect("seconds"))
}
