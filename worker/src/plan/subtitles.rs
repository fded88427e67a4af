//! Which subtitles are published, and as what. Subtitle files beside the source come first: who puts one there means it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flodrama_asset::{PublishedFile, SubtitleKind};
use flodrama_media::task::{Cadence, Limits, SubtitlesTask, Task, TextSource};
use flodrama_media::{SidecarTrack, SourceInfo, SubtitleTrack};
use serde::{Deserialize, Serialize};

use super::tasks::NamedTask;
use super::{Plan, language};

/// Renditions of one episode, more than any service has languages for.
const MOST: usize = 40;
/// Codecs of text (libav's names).
const TEXT: [&str; 6] = ["mov_text", "subrip", "ass", "ssa", "webvtt", "text"];
/// What is not carried, and why.
const NOT_CARRIED: [(&str, &str); 7] = [
    ("hdmv_pgs_subtitle", "pictures, which nothing here reads as text"),
    ("dvd_subtitle", "pictures, which nothing here reads as text"),
    ("dvb_subtitle", "pictures, which nothing here reads as text"),
    ("xsub", "pictures, which nothing here reads as text"),
    ("eia_608", "closed captions of television"),
    ("dvb_teletext", "teletext"),
    ("ttml", "a format that the decoder does not know"),
];
/// Words in a track's title that say what it is for, where the container has no flag for it.
const TITLES: [(&str, SubtitleKind); 5] = [
    ("forced", SubtitleKind::Forced),
    ("foreign", SubtitleKind::Forced),
    ("sdh", SubtitleKind::Sdh),
    ("cc", SubtitleKind::Sdh),
    ("impaired", SubtitleKind::Sdh),
];

/// One subtitle rendition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitlePlan {
    /// Where its text comes from.
    pub from: TextSource,
    /// Folder name, such as `en`, `en-forced` or `en-2`.
    pub folder: String,
    /// BCP 47 tag; `und` where unknown.
    pub language: String,
    /// Name for people; different for each.
    pub name: String,
    /// What it is for.
    pub kind: SubtitleKind,
    /// True for the first of its language and kind: players may choose it by the viewer's settings.
    pub autoselect: bool,
}

impl SubtitlePlan {
    /// The name of the task that makes it.
    pub fn task_name(&self) -> String {
        format!("subs-{}", self.folder)
    }
}

impl Plan {
    /// A task for each rendition.
    pub(super) fn subtitles_tasks(&self, tree: &Path, limits: &Limits) -> impl Iterator<Item = NamedTask> {
        let Cadence { origin_pts, time_base, .. } = self.cadence;
        let origin_s = origin_pts as f64 * time_base.as_f64();
        let duration_ms = (self.duration_s() * 1000.0).round() as u64;
        self.subtitles.iter().map(move |s| {
            // A file's clock is the presentation's: its author saw the episode begin at 0.
            let origin_s = if matches!(s.from, TextSource::Stream(_)) { origin_s } else { 0.0 };
            let path = PublishedFile::SubtitleSegment(s.folder.clone(), 1).to_string();
            let (out, limits, from) = (tree.to_owned(), *limits, s.from.clone());
            let task = SubtitlesTask { out, limits, from, path, origin_s, duration_ms };
            NamedTask { name: s.task_name(), frames: 0, task: Task::Subtitles(task) }
        })
    }
}

/// A track or a file that could be published.
struct Candidate<'a> {
    from: TextSource,
    /// The source, in words.
    words: String,
    language: String,
    title: Option<&'a str>,
    kind: SubtitleKind,
}

/// Decides about every track of the source and every file beside it.
pub fn subtitles(source: &SourceInfo, reasons: &mut Vec<(String, String)>) -> Vec<SubtitlePlan> {
    let mut say = |why: String| reasons.push(("subtitles".to_owned(), why));
    let mut candidates = Vec::new();
    for sidecar in &source.sidecars {
        match of_sidecar(sidecar) {
            Ok(candidate) => candidates.push(candidate),
            Err(why) => say(why),
        }
    }
    let taken: BTreeMap<(String, SubtitleKind), String> =
        candidates.iter().map(|c| ((c.language.clone(), c.kind), c.words.clone())).collect();
    for track in &source.subtitles {
        match of_track(track) {
            Ok(c) => match taken.get(&(c.language.clone(), c.kind)) {
                Some(file) => say(format!("{} not carried: {file} stands for it", c.words)),
                None => candidates.push(c),
            },
            Err(why) => say(why),
        }
    }
    if candidates.len() > MOST {
        say(format!("{} more are left out: at most {MOST} are published", candidates.len() - MOST));
        candidates.truncate(MOST);
    }
    let (mut plans, mut folders, mut names) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for Candidate { from, words, language, title, kind } in candidates {
        let plan = SubtitlePlan {
            folder: first_free(&mut folders, &format!("{language}{}", kind.suffix()), '-'),
            name: first_free(&mut names, &name(title, &language, kind), ' '),
            autoselect: !plans.iter().any(|p: &SubtitlePlan| p.language == language && p.kind == kind),
            from,
            language,
            kind,
        };
        let kind = if kind == SubtitleKind::Full { String::new() } else { format!(", {kind}") };
        say(format!("{words} as WebVTT '{}'{kind}: subs/{}", plan.name, plan.folder));
        plans.push(plan);
    }
    plans
}

fn of_sidecar(sidecar: &SidecarTrack) -> Result<Candidate<'_>, String> {
    let language = language::with_subtags(sidecar.language.as_deref());
    let text = sidecar.text.as_ref().map_err(|why| format!("file {} not carried: {why}", sidecar.name))?;
    let words = format!(
        "file {} ({}, {}, {} cues, '{language}')",
        sidecar.name, text.format, text.encoding, text.cues
    );
    let from = TextSource::Sidecar(sidecar.name.clone());
    Ok(Candidate { from, words, language, title: None, kind: sidecar.kind })
}

fn of_track(track: &SubtitleTrack) -> Result<Candidate<'_>, String> {
    let language = language::with_subtags(track.language.as_deref());
    let words = format!("stream {} ({}, '{language}')", track.stream, track.codec);
    if !TEXT.contains(&track.codec.as_str()) {
        let known = NOT_CARRIED.iter().find(|(codec, _)| *codec == track.codec);
        let why = known.map_or("a format that is not known here", |(_, why)| why);
        return Err(format!("{words} not carried: {why}"));
    }
    if track.packets == 0 {
        return Err(format!("{words} not carried: it has no text"));
    }
    let title = track.title.as_deref();
    let kind = match (track.forced, track.hearing_impaired) {
        (true, _) => SubtitleKind::Forced,
        (_, true) => SubtitleKind::Sdh,
        _ => title.map_or(SubtitleKind::Full, said_by),
    };
    Ok(Candidate { from: TextSource::Stream(track.stream), words, language, title, kind })
}

fn said_by(title: &str) -> SubtitleKind {
    let mut words = title.split(|c: char| !c.is_alphanumeric());
    let kind =
        |word: &str| TITLES.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, k)| *k);
    words.find_map(kind).unwrap_or_default()
}

/// The track's own title; else the language, and what the subtitles are for.
fn name(title: Option<&str>, language: &str, kind: SubtitleKind) -> String {
    if let Some(title) = title {
        return title.to_owned();
    }
    let language = language::name(language).unwrap_or_else(|| "Subtitles".to_owned());
    if kind == SubtitleKind::Full { language } else { format!("{language} ({kind})") }
}

/// `text`, or with the first number from 2 on that nobody has.
fn first_free(taken: &mut BTreeSet<String>, text: &str, separator: char) -> String {
    let numbered = (2..).map(|n| format!("{text}{separator}{n}"));
    let mut names = std::iter::once(text.to_owned()).chain(numbered);
    let free = names.find(|name| !taken.contains(name)).expect("numbers do not end");
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use flodrama_media::SidecarText;

    use super::*;
    use crate::plan::fixtures;

    fn track(stream: usize, codec: &str, language: &str) -> SubtitleTrack {
        SubtitleTrack {
            stream,
            codec: codec.into(),
            language: Some(language.into()),
            packets: 9,
            ..SubtitleTrack::default()
        }
    }

    fn file(name: &str, language: &str, kind: SubtitleKind) -> SidecarTrack {
        let text = SidecarText { format: "srt".into(), encoding: "UTF-8".into(), cues: 3 };
        SidecarTrack { name: name.into(), language: Some(language.into()), kind, text: Ok(text) }
    }

    fn planned(
        sidecars: Vec<SidecarTrack>,
        subtitles: Vec<SubtitleTrack>,
    ) -> (Vec<SubtitlePlan>, Vec<String>) {
        let source = SourceInfo { sidecars, subtitles, ..fixtures::source(100) };
        let mut reasons = Vec::new();
        let plans = super::subtitles(&source, &mut reasons);
        (plans, reasons.into_iter().map(|(_, why)| why).collect())
    }

    fn brief(plans: &[SubtitlePlan]) -> Vec<(&str, &str, bool)> {
        plans.iter().map(|p| (p.folder.as_str(), p.name.as_str(), p.autoselect)).collect()
    }

    #[test]
    fn every_text_becomes_a_rendition_with_a_name_of_its_own() {
        let titled = SubtitleTrack { title: Some("Director".into()), ..track(5, "ass", "fre") };
        let tracks =
            vec![track(2, "mov_text", "eng"), track(3, "subrip", "eng"), track(4, "webvtt", "zho"), titled];
        let (plans, reasons) = planned(Vec::new(), tracks);
        assert_eq!(
            brief(&plans),
            [
                ("en", "English", true),
                ("en-2", "English 2", false),
                ("zh", "Chinese", true),
                ("fr", "Director", true)
            ]
        );
        assert_eq!(reasons.len(), 4, "{reasons:?}");
    }

    #[test]
    fn flags_and_titles_say_what_a_track_is_for() {
        let forced = SubtitleTrack { forced: true, ..track(2, "subrip", "eng") };
        let sdh = SubtitleTrack { hearing_impaired: true, ..track(3, "subrip", "eng") };
        let titled = SubtitleTrack { title: Some("Français (SDH)".into()), ..track(4, "mov_text", "fra") };
        let (plans, _) = planned(Vec::new(), vec![forced, sdh, titled]);
        assert_eq!(
            brief(&plans),
            [
                ("en-forced", "English (forced)", true),
                ("en-sdh", "English (SDH)", true),
                ("fr-sdh", "Français (SDH)", true)
            ]
        );
    }

    #[test]
    fn what_is_no_text_is_reported_and_not_carried() {
        let empty = SubtitleTrack { packets: 0, ..track(6, "mov_text", "eng") };
        let tracks = vec![
            track(2, "hdmv_pgs_subtitle", "eng"),
            track(3, "eia_608", "und"),
            track(4, "new", "x"),
            empty,
        ];
        let (plans, reasons) = planned(Vec::new(), tracks);
        assert_eq!(plans, []);
        for (why, said) in
            ["not carried: pictures", "not carried: closed captions", "not known here", "has no text"]
                .iter()
                .zip(&reasons)
        {
            assert!(said.contains(why), "{said}");
        }
        assert_eq!(reasons.len(), 4);
    }

    #[test]
    fn a_file_beats_a_track_of_its_language_and_kind_and_one_that_cannot_be_read_does_not() {
        let broken = SidecarTrack {
            text: Err("This is not a SubRip or WebVTT file that we can read.".into()),
            ..file("demo.fr.srt", "fr", SubtitleKind::Full)
        };
        let files = vec![file("demo.en.srt", "en", SubtitleKind::Full), broken];
        let tracks = vec![track(2, "subrip", "eng"), track(3, "subrip", "fra")];
        let (plans, reasons) = planned(files, tracks);
        let from: Vec<&TextSource> = plans.iter().map(|p| &p.from).collect();
        assert_eq!(from, [&TextSource::Sidecar("demo.en.srt".into()), &TextSource::Stream(3)]);
        assert!(reasons.iter().any(|r| r.contains("stream 2") && r.contains("demo.en.srt")), "{reasons:?}");
        assert!(reasons.iter().any(|r| r.contains("demo.fr.srt not carried: This is not")), "{reasons:?}");
    }

    #[test]
    fn scripts_and_regions_stay_apart() {
        let files = ["zh-Hant", "zh-hans", "pt_br", "pt"].map(|tag| file(tag, tag, SubtitleKind::Full));
        let (plans, _) = planned(files.to_vec(), Vec::new());
        let tags: Vec<&str> = plans.iter().map(|p| p.language.as_str()).collect();
        assert_eq!(tags, ["zh-Hant", "zh-Hans", "pt-BR", "pt"]);
        assert_eq!(plans[0].name, "Chinese (Hant)");
    }

    #[test]
    fn a_file_with_hundreds_of_tracks_publishes_a_bounded_number_and_says_so() {
        let (plans, reasons) = planned(Vec::new(), (0..800).map(|i| track(i, "mov_text", "und")).collect());
        assert_eq!(plans.len(), MOST);
        assert!(reasons.iter().any(|why| why.contains("760 more are left out")), "{reasons:?}");
    }
}
