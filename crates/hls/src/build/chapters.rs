//! Chapters as WebVTT, for players that read a chapters track (HTML §4.8.11.11; W3C WebVTT §1.6).

use super::images::Timestamp;
use super::media::push;

/// A chapter, times in milliseconds of the presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChapterCue<'a> {
    /// Where it begins.
    pub start_ms: u64,
    /// Where it ends.
    pub end_ms: u64,
    /// Title for people, in one line.
    pub title: &'a str,
}

/// The text of `chapters.vtt`: one cue for each chapter, its title as plain text.
pub fn chapters_vtt<'a>(chapters: impl IntoIterator<Item = ChapterCue<'a>>) -> String {
    let mut out = String::from("WEBVTT\n");
    for ChapterCue { start_ms, end_ms, title } in chapters {
        push(&mut out, format_args!("\n{} --> {}\n", Timestamp(start_ms), Timestamp(end_ms)));
        for c in title.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                // A line break would end the cue.
                c if c.is_control() => out.push(' '),
                c => out.push(c),
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_plain_text_and_end_no_cue() {
        let chapter = |start_ms, end_ms, title| ChapterCue { start_ms, end_ms, title };
        let chapters = [chapter(0, 1999, "Q&A --> <b>"), chapter(2000, 3_600_000, "A\n\nB")];
        assert_eq!(
            chapters_vtt(chapters),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.999\nQ&amp;A --&gt; &lt;b&gt;\n\
             \n00:00:02.000 --> 01:00:00.000\nA  B\n"
        );
    }
}
