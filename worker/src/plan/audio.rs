//! Sound: which tracks become which renditions, and in which groups players find them.
//!
//! A *member* is one thing to listen to: a language, and for whom. Every group has every member (RFC 8216bis 4.4.6.1.1):
//! in the group of 5.1, a member that has no 5.1 is heard in stereo.

use flodrama_media::task::{AudioCodec, LoudnessTarget};
use flodrama_media::{AudioTrack, Purpose, Ratio};
use serde::{Deserialize, Serialize};

use super::language::{self, Tag};
use super::preset::{AudioPreset, SurroundPreset};

/// Members at most. A player's menu shows them all; files with hundreds of tracks were made to break something.
const MAX_MEMBERS: usize = 32;
/// Channels of the renditions beside stereo.
const SURROUND: u32 = 6;
/// Where the preset does not say: what EBU R 128 s2 and AES TD1008 ask of streams.
const TRUE_PEAK_DBTP: f64 = -1.0;

/// One audio rendition of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioPlan {
    /// Stream index.
    pub stream: usize,
    /// Folder name, `<lang>-<channels>`, and `-<number>` from the second of its kind on.
    pub group: String,
    /// Groups of the multivariant playlist that list it.
    pub groups: Vec<String>,
    /// BCP 47 tag.
    pub language: String,
    /// ISO 639-2 code for the track header.
    pub iso639_2: String,
    /// Name for people, different from that of every other member.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// True for the one that plays unasked.
    pub default: bool,
    /// Start of the presentation in seconds of the file's clock.
    pub origin_s: f64,
    /// Samples of the presentation.
    pub samples: u64,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u32,
    /// Bits a second.
    pub bit_rate: u32,
    /// The encoder.
    pub codec: AudioCodec,
    /// The level that it is brought to; none where it stays as it is.
    pub loudness: Option<LoudnessTarget>,
}

impl AudioPlan {
    /// Seconds of an access unit: nothing is cut finer.
    pub fn unit_s(&self) -> f64 {
        self.codec.unit() as f64 / f64::from(self.sample_rate)
    }
}

/// The groups of a plan's renditions in the order in which variants are written, stereo first.
pub fn groups<'a>(renditions: impl IntoIterator<Item = &'a AudioPlan>) -> Vec<&'a str> {
    let mut groups: Vec<&str> = Vec::new();
    for group in renditions.into_iter().flat_map(|audio| &audio.groups) {
        if !groups.contains(&group.as_str()) {
            groups.push(group);
        }
    }
    groups
}

/// One thing to listen to, and the tracks that have it.
struct Member<'a> {
    track: &'a AudioTrack,
    purpose: Purpose,
    tag: Tag,
    /// What its title says beside language and loudspeakers.
    subject: String,
    /// The source's own mix in stereo of `track`, which has more channels.
    stereo: Option<&'a AudioTrack>,
    name: String,
}

/// Renditions of all tracks, over a presentation from `origin_s` on.
pub fn audio(
    tracks: &[AudioTrack],
    preset: &AudioPreset,
    origin_s: f64,
    duration: Ratio,
    reasons: &mut Vec<(String, String)>,
) -> Vec<AudioPlan> {
    let mut because = |what: &str, why: String| reasons.push((what.to_owned(), why));
    let mut members = members(tracks);
    if members.is_empty() {
        because("audio", "the source has none".into());
        return Vec::new();
    }
    if members.len() > MAX_MEMBERS {
        let dropped = members.len() - MAX_MEMBERS;
        because("audio dropped", format!("{dropped} tracks: more than {MAX_MEMBERS} are not carried over"));
        members.truncate(MAX_MEMBERS);
    }
    name(&mut members);
    let surround = preset.surround.as_ref().filter(|_| members.iter().any(|m| is_surround(m.track)));
    let stereo_group = format!("aac-{}", preset.channels);
    let surround_group = surround.map(|s| format!("{}-{SURROUND}", s.codec.encoder()));
    let mut plans: Vec<AudioPlan> = Vec::new();
    for (i, member) in members.iter().enumerate() {
        let more = surround.filter(|_| is_surround(member.track));
        let mut renditions = vec![(member.stereo.unwrap_or(member.track), None)];
        renditions.extend(more.map(|more| (member.track, Some(more))));
        for (track, more) in renditions {
            let mut groups = vec![stereo_group.clone()];
            match (more, &surround_group) {
                (Some(_), Some(group)) => groups = vec![group.clone()],
                // Nothing else has this member for the larger group.
                (None, Some(group)) if !is_surround(member.track) => groups.push(group.clone()),
                _ => {}
            }
            let plan = rendition(track, member, more, preset);
            because("audio", why(track, member, &plan));
            let folders = plans.iter().map(|p| p.group.as_str()).collect::<Vec<_>>();
            let group = unlike(&folders, &plan.group, '-');
            let samples = super::samples_until(duration, plan.sample_rate);
            plans.push(AudioPlan { group, groups, default: i == 0, origin_s, samples, ..plan });
        }
    }
    plans
}

/// Tracks that are the same in more and in fewer channels are one member. The programme comes before what was made for
/// few, and the file's default before all others.
fn members(tracks: &[AudioTrack]) -> Vec<Member<'_>> {
    let mut members: Vec<Member<'_>> = Vec::new();
    let mut ordered: Vec<&AudioTrack> = tracks.iter().collect();
    ordered.sort_by_key(|t| (purpose(t), !t.default));
    for track in ordered {
        let tag = language::parse(track.language.as_deref());
        let (purpose, subject) = (purpose(track), subject(track, &tag));
        let twin = members.iter_mut().find(|m| {
            let same = m.tag == tag && m.purpose == purpose && m.subject == subject;
            same && m.stereo.is_none()
                && is_surround(m.track) != is_surround(track)
                && is_stereo(m.track, track)
        });
        match twin {
            Some(member) if is_surround(track) => {
                member.stereo = Some(member.track);
                member.track = track;
            }
            Some(member) => member.stereo = Some(track),
            None => members.push(Member { track, purpose, tag, subject, stereo: None, name: String::new() }),
        }
    }
    members
}

/// True where one of the two is a mix in stereo: mono is none.
fn is_stereo(one: &AudioTrack, other: &AudioTrack) -> bool {
    one.channels == 2 || other.channels == 2
}

/// More than two loudspeakers that are no subwoofers.
fn is_surround(track: &AudioTrack) -> bool {
    match track.speakers.is_empty() {
        true => (3..=8).contains(&track.channels),
        false => track.speakers.iter().filter(|name| !name.starts_with("LFE")).count() > 2,
    }
}

/// MP4 files do not mark what a track is for: then its title may say.
fn purpose(track: &AudioTrack) -> Purpose {
    let title = track.title.as_deref().unwrap_or_default().to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| title.contains(word));
    match track.purpose {
        Purpose::Main if says(&["commentary", "commentaire", "kommentar"]) => Purpose::Commentary,
        Purpose::Main if says(&["audio description", "audiodescription", "descriptive", "described"]) => {
            Purpose::Description
        }
        marked => marked,
    }
}

/// What is left of a title without the words for its language and its loudspeakers.
fn subject(track: &AudioTrack, tag: &Tag) -> String {
    const LAYOUT: [&str; 15] = [
        "stereo", "surround", "mono", "2.0", "5.1", "5.1ch", "7.1", "2ch", "6ch", "aac", "ac3", "ac-3",
        "dolby", "digital", "mix",
    ];
    let language = language::name(&tag.bcp47).unwrap_or_default().to_lowercase();
    let title = track.title.as_deref().unwrap_or_default().to_lowercase();
    let words =
        title.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '-' | '/' | '[' | ']'));
    let own = [language.as_str(), tag.bcp47.as_str(), tag.iso639_2.as_str()];
    let left = words.filter(|word| !word.is_empty() && !LAYOUT.contains(word) && !own.contains(word));
    left.collect::<Vec<_>>().join(" ")
}

/// Gives each member a name that no other has: its title where that says more than language and loudspeakers, or else its
/// language and what it is for.
fn name(members: &mut [Member<'_>]) {
    let mut taken: Vec<String> = Vec::new();
    for member in members {
        let language = language::name(&member.tag.bcp47).unwrap_or_else(|| "Audio".to_owned());
        let own = match (&member.track.title, member.purpose) {
            (Some(title), _) if !member.subject.is_empty() => title.clone(),
            (_, Purpose::Main) => language.to_owned(),
            (_, Purpose::Description) => format!("{language} (audio description)"),
            (_, Purpose::ClearDialogue) => format!("{language} (clear dialogue)"),
            (_, Purpose::Commentary) => format!("{language} (commentary)"),
        };
        member.name = unlike(&taken.iter().map(String::as_str).collect::<Vec<_>>(), &own, ' ');
        taken.push(member.name.clone());
    }
}

/// `name`, or with the first number from 2 on that makes it unlike all others.
fn unlike(others: &[&str], name: &str, before: char) -> String {
    let numbered = (2..).map(|n| format!("{name}{before}{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !others.contains(&name.as_str())).expect("numbers do not end")
}

fn rendition(
    track: &AudioTrack,
    member: &Member<'_>,
    surround: Option<&SurroundPreset>,
    preset: &AudioPreset,
) -> AudioPlan {
    let channels = surround.map_or(preset.channels, |_| SURROUND);
    let true_peak_dbtp = preset.true_peak_dbtp.unwrap_or(TRUE_PEAK_DBTP);
    AudioPlan {
        stream: track.stream,
        group: format!("{}-{channels}", member.tag.bcp47),
        groups: Vec::new(),
        language: member.tag.bcp47.clone(),
        iso639_2: member.tag.iso639_2.clone(),
        name: member.name.clone(),
        purpose: member.purpose,
        default: false,
        origin_s: 0.0,
        samples: 0,
        sample_rate: preset.sample_rate,
        channels,
        bit_rate: surround.map_or(preset.kbps, |s| s.kbps) * 1000,
        codec: surround.map_or(AudioCodec::Aac, |s| s.codec),
        loudness: preset.loudness_lufs.map(|lufs| LoudnessTarget { lufs, true_peak_dbtp }),
    }
}

fn why(track: &AudioTrack, member: &Member<'_>, plan: &AudioPlan) -> String {
    let AudioTrack { stream, codec, channels, .. } = track;
    let from = match track.speakers.is_empty() {
        true if *channels > 8 => {
            format!("{channels} channels without names, the first two taken for left and right")
        }
        true if *channels > 2 => {
            format!("{channels} channels without names, taken for the usual loudspeakers")
        }
        true => format!("{channels} channels"),
        false => track.speakers.join("+"),
    };
    let mut why = format!(
        "stream {stream} ({codec}, {from}, '{}') as {} with {} channels at {} kb/s",
        member.tag.bcp47,
        if plan.codec == AudioCodec::Aac { "AAC" } else { "AC-3" },
        plan.channels,
        plan.bit_rate / 1000
    );
    if member.stereo.is_some_and(|stereo| stereo.stream == track.stream) {
        why += &format!(": the source's own stereo beside stream {}", member.track.stream);
    } else if is_surround(track) && plan.channels <= 2 {
        why += ": mixed as ITU-R BS.775 says, without the subwoofer";
    }
    if let Some(target) = plan.loudness {
        why += &format!(", to {} LUFS and {} dBTP at most", target.lufs, target.true_peak_dbtp);
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::audio as track;
    use crate::plan::{Preset, preset};

    const FIVE_ONE: [&str; 6] = ["FL", "FR", "FC", "LFE", "BL", "BR"];

    fn surround(stream: usize, language: Option<&str>) -> AudioTrack {
        let speakers = FIVE_ONE.map(str::to_owned).to_vec();
        AudioTrack { channels: 6, speakers, ..track(stream, language, false) }
    }

    fn titled(track: AudioTrack, title: &str) -> AudioTrack {
        AudioTrack { title: Some(title.into()), ..track }
    }

    fn planned(tracks: &[AudioTrack]) -> (Vec<AudioPlan>, Vec<(String, String)>) {
        let preset = Preset::load(preset::DEFAULT).expect("shipped");
        let mut reasons = Vec::new();
        (audio(tracks, &preset.audio, 0.0, Ratio::new(10, 1), &mut reasons), reasons)
    }

    /// Stream, folder, groups.
    fn summary(plans: &[AudioPlan]) -> Vec<(usize, &str, Vec<&str>)> {
        plans
            .iter()
            .map(|p| (p.stream, p.group.as_str(), p.groups.iter().map(String::as_str).collect()))
            .collect()
    }

    #[test]
    fn every_group_has_every_member() {
        let (plans, _) = planned(&[surround(1, Some("eng")), track(2, Some("fre"), false)]);
        assert_eq!(
            summary(&plans),
            [(1, "en-2", vec!["aac-2"]), (1, "en-6", vec!["ac3-6"]), (2, "fr-2", vec!["aac-2", "ac3-6"])]
        );
        let names = |group: &str| -> Vec<&str> {
            let listed = plans.iter().filter(|p| p.groups.iter().any(|g| g == group));
            listed.map(|p| p.name.as_str()).collect()
        };
        assert_eq!(names("aac-2"), ["English", "French"]);
        assert_eq!(names("ac3-6"), names("aac-2"));
        assert_eq!(groups(&plans), ["aac-2", "ac3-6"]);
    }

    #[test]
    fn stereo_alone_makes_no_larger_group() {
        let (plans, _) = planned(&[track(1, Some("eng"), false), track(2, None, false)]);
        assert_eq!(summary(&plans), [(1, "en-2", vec!["aac-2"]), (2, "und-2", vec!["aac-2"])]);
    }

    #[test]
    fn a_mix_in_stereo_of_the_source_is_kept_and_not_made_again() {
        let tracks = [
            titled(surround(1, Some("eng")), "English 5.1"),
            titled(track(2, Some("eng"), false), "Stereo"),
            titled(track(3, Some("eng"), false), "The director speaks"),
        ];
        let (plans, reasons) = planned(&tracks);
        assert_eq!(
            summary(&plans),
            [(2, "en-2", vec!["aac-2"]), (1, "en-6", vec!["ac3-6"]), (3, "en-2-2", vec!["aac-2", "ac3-6"])]
        );
        assert!(reasons[0].1.contains("the source's own stereo beside stream 1"), "{reasons:?}");
    }

    #[test]
    fn tracks_of_one_language_are_all_kept_with_names_of_their_own() {
        let commentary = AudioTrack { purpose: Purpose::Commentary, ..track(1, Some("eng"), true) };
        let tracks = [
            commentary,
            track(2, Some("eng"), false),
            track(3, Some("eng"), false),
            titled(track(4, Some("eng"), false), "Audio description"),
            track(5, Some("ger"), true),
        ];
        let (plans, _) = planned(&tracks);
        let found: Vec<_> = plans.iter().map(|p| (p.stream, p.name.as_str(), p.default)).collect();
        assert_eq!(
            found,
            [
                (5, "German", true),
                (2, "English", false),
                (3, "English 2", false),
                (4, "Audio description", false),
                (1, "English (commentary)", false),
            ]
        );
        assert_eq!(plans[3].purpose, Purpose::Description);
    }

    #[test]
    fn a_title_that_another_name_would_be_is_no_trap() {
        let tracks =
            ["English 2", "English", "English"].map(|title| titled(track(1, Some("eng"), false), title));
        let (plans, _) = planned(&tracks);
        let names: Vec<_> = plans.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["English 2", "English", "English 3"]);
    }

    #[test]
    fn hundreds_of_tracks_are_cut_off_with_a_word() {
        let tracks: Vec<_> = (0..90).map(|i| track(i, None, false)).collect();
        let (plans, reasons) = planned(&tracks);
        assert_eq!(plans.len(), MAX_MEMBERS);
        assert_eq!(reasons.iter().filter(|(what, _)| what == "audio dropped").count(), 1);
        let folders: std::collections::BTreeSet<_> = plans.iter().map(|p| &p.group).collect();
        assert_eq!(folders.len(), MAX_MEMBERS);
    }

    #[test]
    fn loudspeakers_decide_what_is_more_than_stereo() {
        let of = |channels, speakers: &[&str]| {
            let speakers = speakers.iter().map(|s| (*s).to_owned()).collect();
            is_surround(&AudioTrack { channels, speakers, ..track(1, None, false) })
        };
        assert!(of(6, &FIVE_ONE) && of(3, &["FL", "FR", "FC"]) && of(6, &[]) && of(8, &[]));
        assert!(!of(3, &["FL", "FR", "LFE"]) && !of(2, &[]) && !of(16, &[]));
    }
}
