//! What is said of players: a good presentation plays everywhere, others as far as the table says.

use crate::support::memory::MemoryTree;
use flodrama_hls::check::{Player, Plays, check};

use crate::edit::*;
use crate::support::media::Track;
use crate::support::*;

use Player::*;
use Plays::{Limited, No};

/// The presentation, what is done to it, and who then does not play it, or not everywhere, and why.
type Case = (fn() -> Scenario, crate::Break, &'static [Player], Plays, &'static str);

const ALL: &[Player] = &[AVPlayer, Media3, HlsJs, Shaka, Roku, Cast];

fn in_codec(codec: &'static str) -> Scenario {
    Scenario { rungs: five_rungs().into_iter().map(|rung| Rung { codec, ..rung }).collect(), ..usual() }
}

fn ac3() -> Scenario {
    Scenario { audio: vec![Audio { group: "ac3-2", codec: "ac-3", ..STEREO }], ..usual() }
}

fn define_query(tree: &mut MemoryTree) {
    swap(tree, MAIN, "#EXT-X-VERSION:", "#EXT-X-DEFINE:QUERYPARAM=\"t\"\n#EXT-X-VERSION:");
}

fn nothing(_: &mut MemoryTree) {}

const CASES: &[Case] = &[
    (|| in_codec("hev1.1.6.L93.90"), nothing, &[AVPlayer], No, "hev1"),
    (|| in_codec("hev1.1.6.L93.90"), nothing, &[HlsJs, Shaka], Limited, "the browser's decoder"),
    (|| in_codec("hvc1.1.6.L93.90"), nothing, &[Media3, Roku, Cast], Limited, "the device's decoder"),
    (|| in_codec("av01.0.04M.08"), nothing, ALL, Limited, "AV1 alone"),
    (ac3, nothing, &[HlsJs, Shaka, Media3, Cast], Limited, "no AAC:"),
    (ac3, nothing, &[AVPlayer], Limited, "Apple asks for"),
    (usual, define_query, &[AVPlayer], Limited, "2023"),
    (usual, define_query, &[Media3], Limited, "1.10.0"),
    (usual, define_query, &[Roku, Cast], Limited, "not known"),
    (usual, |t| drop_lines(t, MAIN, "#EXT-X-I-FRAME"), &[AVPlayer], Limited, "scrubbing"),
    (
        usual,
        |t| swap(t, VIDEO, "#EXT-X-MAP", "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://key\"\n#EXT-X-MAP"),
        ALL,
        Limited,
        "key system",
    ),
    (usual, |t| attribute(t, "1280x720", "CODECS", None), &[Shaka], Limited, "guesses"),
    (usual, |t| attribute(t, "1280x720", "CODECS", Some("\"avc1.64001f\"")), &[Media3], Limited, "no sound"),
    (
        || Scenario { audio: vec![], ..usual() },
        |t| attribute(t, "1280x720", "CODECS", Some("\"avc1.64001f,mp4a.40.2\"")),
        &[Media3],
        No,
        "names what is absent",
    ),
    (
        usual,
        |t| put_init("video/720p", &Track { edits: vec![0, 0], ..track() }, t),
        &[Media3],
        Limited,
        "one edit",
    ),
    (good, |t| swap(t, VTT, "MPEGTS:0,", ""), &[Media3, Shaka], Limited, "X-TIMESTAMP-MAP"),
    (|| Scenario { duration_ms: 18_080, ..usual() }, nothing, &[HlsJs], Limited, "very short last segment"),
    (
        || Scenario { duration_ms: 16 * 60_000, ..usual() },
        |t| drop_lines(t, MAIN, "#EXT-X-IMAGE-STREAM-INF"),
        &[Roku],
        Limited,
        "thumbnails",
    ),
    (usual, |t| drop_lines(t, VIDEO, "#EXT-X-MAP"), ALL, Limited, "without its initialisation section"),
];

#[test]
fn a_good_presentation_plays_everywhere() {
    let report = check(MAIN, &good().publish()).expect("memory does not fail");
    let players: Vec<Player> = report.plays_on.iter().map(|plays| plays.player).collect();
    assert_eq!(players, ALL);
    assert!(report.plays_on.iter().all(|p| p.plays == Plays::Yes && p.why.is_empty()), "{report}");
    assert!(report.to_string().contains("\nplays on hls.js    yes\n"), "{report}");
}

#[test]
fn each_player_is_limited_by_what_it_cannot_play_and_by_nothing_else() {
    for (index, (scenario, spoil, players, plays, why)) in CASES.iter().enumerate() {
        let mut tree = scenario().publish();
        spoil(&mut tree);
        let report = check(MAIN, &tree).expect("memory does not fail");
        for said in &report.plays_on {
            let has_reason = said.why.iter().any(|reason| reason.contains(why));
            assert_eq!(has_reason, players.contains(&said.player), "case {index}: {why}\n{report}");
            assert!(!has_reason || said.plays >= *plays, "case {index}: {why}\n{report}");
        }
    }
}
