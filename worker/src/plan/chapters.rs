//! Chapters of the source, on the presentation's clock.

use flodrama_asset::document::Chapter;
use flodrama_media::SourceInfo;

/// Characters of a title.
const TITLE_CHARS: usize = 200;

/// Chapters in order of time, each ending where it says or where the next begins. What lies before or after the picture is
/// left out, and said.
pub fn chapters(
    source: &SourceInfo,
    origin_s: f64,
    duration_ms: u64,
    reasons: &mut Vec<(String, String)>,
) -> Vec<Chapter> {
    let ms = |s: f64| ((s - origin_s) * 1000.0).round().clamp(0.0, duration_ms as f64) as u64;
    let mut found: Vec<_> = source.chapters.iter().filter(|c| c.start_s.is_finite()).collect();
    found.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let mut chapters: Vec<Chapter> = Vec::new();
    for (i, chapter) in found.iter().enumerate() {
        let next_ms = found.get(i + 1).map_or(duration_ms, |next| ms(next.start_s));
        let start_ms = ms(chapter.start_s);
        let end_ms = chapter.end_s.map_or(next_ms, ms).min(next_ms);
        if start_ms < end_ms {
            let number = chapters.len() + 1;
            chapters.push(Chapter { start_ms, end_ms, title: title(chapter.title.as_deref(), number) });
        }
    }
    if !source.chapters.is_empty() {
        let lost = source.chapters.len() - chapters.len();
        let rest = if lost == 0 {
            String::new()
        } else {
            format!("; {lost} left out that take no time within the picture")
        };
        reasons.push(("chapters".into(), format!("{} kept{rest}", chapters.len())));
    }
    chapters
}

/// The file's title in one line, or the chapter's number.
fn title(title: Option<&str>, number: usize) -> String {
    let line: String = title
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(TITLE_CHARS)
        .collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { format!("Chapter {number}") } else { line }
}

#[cfg(test)]
mod tests {
    use flodrama_media::Chapter as Found;

    use super::*;
    use crate::plan::fixtures;

    fn found(start_s: f64, end_s: Option<f64>, title: &str) -> Found {
        Found { start_s, end_s, title: (!title.is_empty()).then(|| title.to_owned()) }
    }

    type Times = Vec<(u64, u64, String)>;

    /// Chapters, and what is said about them.
    fn planned(found: Vec<Found>, origin_s: f64) -> (Times, Vec<String>) {
        let mut reasons = Vec::new();
        let source = SourceInfo { chapters: found, ..fixtures::source(250) };
        let chapters = chapters(&source, origin_s, 10_000, &mut reasons);
        let times = chapters.into_iter().map(|c| (c.start_ms, c.end_ms, c.title)).collect();
        (times, reasons.into_iter().map(|(_, why)| why).collect())
    }

    #[test]
    fn chapters_move_with_the_presentation_and_end_with_it() {
        let files = vec![
            found(0.0, Some(1.0), "Before"),
            found(1.0, Some(4.0), "Opening"),
            found(4.0, Some(8.0), ""),
            found(8.0, None, " The\tend\n"),
        ];
        let (chapters, reasons) = planned(files, 1.5);
        let wanted = [(0, 2500, "Opening"), (2500, 6500, "Chapter 2"), (6500, 10_000, "The end")];
        assert_eq!(chapters, wanted.map(|(start, end, title)| (start, end, title.to_owned())));
        assert_eq!(reasons[0], "3 kept; 1 left out that take no time within the picture");
    }

    #[test]
    fn chapters_that_overlap_or_come_in_disorder_are_put_in_order() {
        let (chapters, _) = planned(vec![found(5.0, Some(99.0), "b"), found(0.0, Some(7.0), "a")], 0.0);
        assert_eq!(chapters, [(0, 5000, "a".to_owned()), (5000, 10_000, "b".to_owned())]);
        assert_eq!(planned(Vec::new(), 0.0), (Vec::new(), Vec::new()));
    }
}
