//! One line of dialogue, as libav's decoders of subtitles give it (Advanced SubStation Alpha, whatever the source was),
//! to the payload of a WebVTT cue (W3C WebVTT §4.2.2).
//!
//! What is kept: the words, line breaks, italics, bold, underlining, and whether it stands at the top. Fonts, colours,
//! positions, karaoke and drawings have no place in subtitles that players style themselves.

use super::styles::Styles;

/// References that subtitle files borrow from HTML.
const REFERENCES: [(&str, char); 7] = [
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&apos;", '\''),
    ("&#39;", '\''),
    ("&nbsp;", '\u{a0}'),
];

/// What a viewer reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// Lines of cue text, safe to write: no blank line, no markup but `b`, `i` and `u`, well nested.
    pub text: String,
    /// Cue settings; empty for the usual place at the bottom.
    pub settings: &'static str,
}

/// Reads one event: nine fields with a comma between, of which the third is a style and the last the text.
pub fn of_event(event: &str, styles: &Styles) -> Payload {
    let mut fields = event.splitn(9, ',').skip(2);
    let style = fields.next().unwrap_or_default();
    of_text(fields.nth(5).unwrap_or_default(), style, styles)
}

fn of_text(mut rest: &str, style: &str, styles: &Styles) -> Payload {
    let mut out = Writer::new(style, styles);
    while let Some(c) = rest.chars().next() {
        if let Some((block, after)) = rest.strip_prefix('{').and_then(|block| block.split_once('}')) {
            // A block without a backslash is a comment.
            block.split('\\').skip(1).for_each(|tag| out.apply(tag.trim()));
            rest = after;
            continue;
        }
        let (read, length) = match c {
            '\\' => escape(&rest[1..]),
            '&' => reference(rest),
            c => (c, c.len_utf8()),
        };
        out.push(read);
        rest = &rest[length..];
    }
    out.finish()
}

/// The character that a backslash and what follows it stand for, and their length.
fn escape(after: &str) -> (char, usize) {
    match after.chars().next() {
        Some('N' | 'n') => ('\n', 2),
        Some('h') => ('\u{a0}', 2),
        Some(brace @ ('{' | '}')) => (brace, 2),
        // libav's own: a backslash of the source, kept apart from what follows by a word joiner.
        Some(joiner @ '\u{2060}') => ('\\', 1 + joiner.len_utf8()),
        _ => ('\\', 1),
    }
}

fn reference(text: &str) -> (char, usize) {
    let found = REFERENCES.iter().find(|(name, _)| text.starts_with(name));
    found.map_or(('&', 1), |(name, c)| (*c, name.len()))
}

/// Writes text so that tags are nested, and neither blank lines nor space at the ends of lines are left.
struct Writer<'a> {
    out: String,
    styles: &'a Styles,
    /// The line's style.
    style: &'a str,
    /// What the style that holds now says.
    plain: [bool; 3],
    /// Bold, italic, underlined: what is wanted for the next character.
    wanted: [bool; 3],
    /// What is open, outermost first, as indices into `TAGS`.
    open: Vec<usize>,
    /// A line break that nothing has followed yet.
    breaks: bool,
    /// Space that nothing has followed yet.
    space: String,
    drawing: bool,
    top: bool,
    middle: bool,
}

const TAGS: [char; 3] = ['b', 'i', 'u'];

impl<'a> Writer<'a> {
    fn new(style: &'a str, styles: &'a Styles) -> Writer<'a> {
        let plain = [false, styles.is_italic(style), false];
        Writer {
            out: String::new(),
            styles,
            style,
            plain,
            wanted: plain,
            open: Vec::new(),
            breaks: false,
            space: String::new(),
            drawing: false,
            top: false,
            middle: false,
        }
    }

    /// An override tag, without its backslash.
    fn apply(&mut self, tag: &str) {
        let split = tag.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tag.len());
        let (name, value) = tag.split_at(split);
        let number: Option<i64> = value.parse().ok();
        match name {
            // Without a value: as the style says. A weight of 400 is regular.
            "b" => self.wanted[0] = number.map_or(self.plain[0], |n| n == 1 || n > 400),
            "i" => self.wanted[1] = number.map_or(self.plain[1], |n| n != 0),
            "u" => self.wanted[2] = number.map_or(self.plain[2], |n| n != 0),
            "p" => self.drawing = number.is_some_and(|n| n > 0),
            "an" => (self.middle, self.top) = (matches!(number, Some(4..=6)), matches!(number, Some(7..=9))),
            _ if name.starts_with('r') => {
                let style = if tag.len() > 1 { &tag[1..] } else { self.style };
                self.plain = [false, self.styles.is_italic(style), false];
                self.wanted = self.plain;
            }
            _ => {}
        }
    }

    fn push(&mut self, c: char) {
        match c {
            _ if self.drawing => {}
            '\n' => {
                self.breaks = true;
                self.space.clear();
            }
            c if c.is_whitespace() && c != '\u{85}' && c != '\u{2028}' && c != '\u{2029}' => {
                self.space.push(if c == '\u{a0}' { c } else { ' ' });
            }
            // Nothing to see; a byte order mark in the middle of a file, or libav's word joiner.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{2060}') => {}
            c => self.visible(c),
        }
    }

    fn visible(&mut self, c: char) {
        self.close_what_is_over();
        let space = std::mem::take(&mut self.space);
        if std::mem::take(&mut self.breaks) && !self.out.is_empty() {
            self.out.push('\n');
        } else if !self.out.is_empty() {
            self.out.push_str(&space);
        }
        for (tag, name) in TAGS.iter().enumerate() {
            if self.wanted[tag] && !self.open.contains(&tag) {
                self.open.push(tag);
                self.out.extend(['<', *name, '>']);
            }
        }
        match c {
            '&' => self.out.push_str("&amp;"),
            '<' => self.out.push_str("&lt;"),
            '>' => self.out.push_str("&gt;"),
            c => self.out.push(c),
        }
    }

    /// Closes from the innermost tag on until none is open that is not wanted.
    fn close_what_is_over(&mut self) {
        while self.open.iter().any(|tag| !self.wanted[*tag]) {
            self.close_innermost();
        }
    }

    fn close_innermost(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.out.extend(['<', '/', TAGS[tag], '>']);
        }
    }

    fn finish(mut self) -> Payload {
        while !self.open.is_empty() {
            self.close_innermost();
        }
        let settings = match (self.top, self.middle) {
            (true, _) => "line:0",
            (_, true) => "line:50%",
            _ => "",
        };
        Payload { text: self.out, settings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(ass: &str) -> Payload {
        super::of_text(ass, "Default", &Styles::default())
    }

    fn text(ass: &str) -> String {
        of_text(ass).text
    }

    #[test]
    fn an_event_has_eight_fields_before_its_text() {
        let styles = Styles::default();
        assert_eq!(of_event("0,0,Default,,0,0,0,,Well, then.", &styles).text, "Well, then.");
        assert_eq!(of_event("0,0,Default", &styles), Payload::default());
    }

    #[test]
    fn a_style_may_be_italic() {
        let styles = Styles::read("[V4+ Styles]\nFormat: Name, Italic\nStyle: Off,-1\nStyle: On,0\n");
        let text = |event: &str| of_event(event, &styles).text;
        assert_eq!(text("0,0,Off,,0,0,0,,Far away"), "<i>Far away</i>");
        assert_eq!(text(r"0,0,Off,,0,0,0,,Far {\i0}near {\i}far"), "<i>Far</i> near <i>far</i>");
        assert_eq!(text(r"0,0,On,,0,0,0,,Near {\rOff}far {\r}near"), "Near <i>far</i> near");
    }

    #[test]
    fn markup_of_the_source_is_text_and_no_cue_ends_early() {
        assert_eq!(text("<script>a && b</script>"), "&lt;script&gt;a &amp;&amp; b&lt;/script&gt;");
        assert_eq!(text("00:01 --> 00:02"), "00:01 --&gt; 00:02");
        assert_eq!(text(r"a\N\N \Nb"), "a\nb");
        assert_eq!(text(r"\N  a  \N"), "a");
        assert_eq!(text("NUL \0 bell \x07 line\u{2028}end"), "NUL  bell  lineend");
    }

    #[test]
    fn references_are_read_once() {
        assert_eq!(text("R&amp;D &lt;3 &quot;&nbsp;&quot;"), "R&amp;D &lt;3 \"\u{a0}\"");
        assert_eq!(text("&amp;lt;"), "&amp;lt;");
        assert_eq!(text("AT&T &unknown;"), "AT&amp;T &amp;unknown;");
    }

    #[test]
    fn italics_bold_and_underlining_stay_and_nest() {
        assert_eq!(text(r"{\i1}Hello{\i0} there"), "<i>Hello</i> there");
        assert_eq!(text(r"{\b1}a{\i1}b{\b0}c{\i0}d"), "<b>a<i>b</i></b><i>c</i>d");
        assert_eq!(text(r"{\i1}never closed"), "<i>never closed</i>");
        assert_eq!(text(r"{\i1}one{\i0}\Ntwo"), "<i>one</i>\ntwo");
        assert_eq!(text(r"{\i1}one\Ntwo{\i0}"), "<i>one\ntwo</i>");
        assert_eq!(text(r"{\b700\u1}x{\rStyle}y{\b400}z"), "<b><u>x</u></b>yz");
        assert_eq!(text(r"{\i1}{\i0}"), "");
    }

    #[test]
    fn what_has_no_place_in_webvtt_goes() {
        assert_eq!(text(r"{\fnArial\fs20\c&HFFFFFF&\bord2}Plain{\blur3}"), "Plain");
        assert_eq!(text(r"{a comment}Said{\k20}{\kf30} aloud"), "Said aloud");
        assert_eq!(text(r"{\p1\blur9}m 0 0 l 99 99{\p0}Sign"), "Sign");
        assert_eq!(text(r"{\p1}m 0 0 l 99 99"), "");
        assert_eq!(text(r"{\iclip(0,0,1,1)\pos(3,4)}x"), "x");
    }

    #[test]
    fn braces_and_backslashes_of_the_source_are_text() {
        assert_eq!(text(r"\{\\i1\}"), r"{\\i1}");
        assert_eq!(text("C:\\\u{2060}New"), r"C:\New");
        assert_eq!(text("a { b"), "a { b");
        assert_eq!(text(r"ends in \"), r"ends in \");
        assert_eq!(text(r"hard\hspace"), "hard\u{a0}space");
    }

    #[test]
    fn only_the_height_of_a_place_is_kept() {
        assert_eq!(of_text(r"{\an8}Top").settings, "line:0");
        assert_eq!(of_text(r"{\an5}Middle").settings, "line:50%");
        assert_eq!(of_text(r"{\an2}Bottom").settings, "");
        assert_eq!(of_text(r"{\an99}Nowhere").settings, "");
    }
}
