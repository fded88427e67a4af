//! A multivariant playlist with less in it, for a viewer who may have less or a player that does better with less. What
//! stays is copied byte for byte, unknown tags included, so that a shaped playlist is what was proved, less some of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::build::START_BPS;
use crate::text::{Line, attributes};

/// What is left out, and what comes first. [`Shape::default`] leaves out nothing and moves nothing.
#[derive(Clone, Copy)]
pub struct Shape<'a> {
    /// Lines of a picture at most, on its shorter side.
    pub max_height: Option<u32>,
    /// Whether HDR stays.
    pub hdr: bool,
    /// Whether sound in a language (BCP 47) stays.
    pub audio: &'a dyn Fn(&str) -> bool,
    /// Variants of this peak rate or less go, in bits per second; none at 0.
    pub drop_peak_bps: u64,
    /// The average rate that players start with, in bits per second: the SDR variant nearest to it that plays everywhere
    /// comes first. Where none is given, what stood first stays first, if it stays.
    pub start_bps: Option<u64>,
}

impl Default for Shape<'_> {
    fn default() -> Self {
        Shape { max_height: None, hdr: true, audio: &|_| true, drop_peak_bps: 0, start_bps: None }
    }
}

/// A tag that may go, with the lines that belong to it.
struct Entry<'a> {
    /// The tag's line and, of a variant, everything down to its URI.
    text: &'a str,
    tag: &'a str,
    list: BTreeMap<&'a str, &'a str>,
    kept: bool,
}

enum Part<'a> {
    /// Stays as it is.
    Text(&'a str),
    Entry(usize),
}

impl<'a> Entry<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.list.get(name).copied()
    }

    fn is(&self, tag: &str) -> bool {
        self.tag == tag
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// The shorter side of the picture. What has no picture is under every limit.
    fn lines(&self) -> u32 {
        let sides = self.get("RESOLUTION").and_then(|size| size.split_once('x'));
        let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        sides.map_or(0, |(width, height): (u32, u32)| width.min(height))
    }

    fn is_hdr(&self) -> bool {
        !matches!(self.get("VIDEO-RANGE"), None | Some("SDR"))
    }

    fn plays_everywhere(&self) -> bool {
        let codecs: Vec<&str> = self.get("CODECS").unwrap_or_default().split(',').map(str::trim).collect();
        codecs.iter().all(|codec| codec.starts_with("avc") || codec.starts_with("mp4a.40"))
    }
}

const VARIANT: &str = "EXT-X-STREAM-INF";
const MEDIA: &str = "EXT-X-MEDIA";
const IFRAMES: &str = "EXT-X-I-FRAME-STREAM-INF";
const IMAGES: &str = "EXT-X-IMAGE-STREAM-INF";
const GROUP_TYPES: [&str; 4] = ["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"];

/// `multivariant` as `shape` says.
///
/// Something always plays: where nothing is left within the limits, the lowest rung stays, and where no language is, the
/// sound stays as it was. Groups that no variant names any more go with their variants.
pub fn shape(multivariant: &str, shape: &Shape<'_>) -> String {
    let (parts, mut entries) = read(multivariant);
    limit_pictures(&mut entries, VARIANT, shape);
    drop_lowest(&mut entries, shape.drop_peak_bps);
    limit_pictures(&mut entries, IFRAMES, shape);
    limit_pictures(&mut entries, IMAGES, shape);
    limit_audio(&mut entries, shape.audio);
    drop_unused_groups(&mut entries);
    let default_texts = new_defaults(&entries);
    write(&parts, &entries, &default_texts, order(&entries, shape.start_bps))
}

fn read(text: &str) -> (Vec<Part<'_>>, Vec<Entry<'_>>) {
    let (mut parts, mut entries): (Vec<Part<'_>>, Vec<Entry<'_>>) = (Vec::new(), Vec::new());
    let mut at = 0;
    // Where the variant began that waits for its URI (RFC 4.4.6.2: on the next line that is one).
    let mut open: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let (from, to) = (at, at + line.len());
        at = to;
        match (open, Line::read(line)) {
            (Some(begun), Some(Line::Uri(_))) => {
                if let Some(variant) = entries.last_mut() {
                    variant.text = &text[begun..to];
                }
                open = None;
            }
            // Comments and unknown tags between belong to the variant.
            (Some(_), _) => {}
            (None, Some(Line::Tag { name: name @ (VARIANT | MEDIA | IFRAMES | IMAGES), value })) => {
                parts.push(Part::Entry(entries.len()));
                let list = attributes(value).map_while(Result::ok).map(|a| (a.name, a.value)).collect();
                entries.push(Entry { text: line, tag: name, list, kept: true });
                open = (name == VARIANT).then_some(from);
            }
            (None, _) => parts.push(Part::Text(line)),
        }
    }
    // A last variant without a URI has all that is left.
    if let (Some(begun), Some(variant)) = (open, entries.last_mut()) {
        variant.text = &text[begun..];
    }
    (parts, entries)
}

/// Of the streams of one kind: no HDR where there is something else, then what is low enough, or else the lowest.
fn limit_pictures(entries: &mut [Entry<'_>], tag: &str, shape: &Shape<'_>) {
    let mut of_kind: Vec<&mut Entry<'_>> = entries.iter_mut().filter(|e| e.is(tag)).collect();
    if !shape.hdr && of_kind.iter().any(|e| !e.is_hdr()) {
        of_kind.iter_mut().for_each(|e| e.kept = !e.is_hdr());
    }
    let Some(limit) = shape.max_height else { return };
    let Some(lowest) = of_kind.iter().filter(|e| e.kept).map(|e| e.lines()).min() else { return };
    let limit = limit.max(lowest);
    of_kind.iter_mut().filter(|e| e.lines() > limit).for_each(|e| e.kept = false);
}

/// Rates of nothing but a crawl go, where others with the same sound stay.
fn drop_lowest(entries: &mut [Entry<'_>], peak_bps: u64) {
    let is_low = |e: &Entry<'_>| peak_bps > 0 && e.number("BANDWIDTH").is_some_and(|peak| peak <= peak_bps);
    let others: BTreeSet<Option<&str>> =
        kept_variants(entries).filter(|e| !is_low(e)).map(|e| e.get("AUDIO")).collect();
    for entry in entries.iter_mut().filter(|e| e.is(VARIANT) && is_low(e)) {
        entry.kept &= !others.contains(&entry.get("AUDIO"));
    }
}

fn limit_audio(entries: &mut [Entry<'_>], language_stays: &dyn Fn(&str) -> bool) {
    let is_audio = |e: &Entry<'_>| e.is(MEDIA) && e.get("TYPE") == Some("AUDIO");
    let stays = |e: &Entry<'_>| language_stays(e.get("LANGUAGE").unwrap_or("und"));
    let groups = |stays: &dyn Fn(&Entry<'_>) -> bool| -> BTreeSet<&str> {
        entries.iter().filter(|e| is_audio(e) && stays(e)).filter_map(|e| e.get("GROUP-ID")).collect()
    };
    let (all, served) = (groups(&|_| true), groups(&stays));
    // Nobody knows the languages of a group that is not there.
    let is_served = |group: &str| served.contains(group) || !all.contains(group) && language_stays("und");
    let is_heard = |e: &Entry<'_>| e.get("AUDIO").is_none_or(&is_served);
    // No group has any of the languages: better the title's own sound than none.
    if !kept_variants(entries).any(is_heard) {
        return;
    }
    for entry in entries.iter_mut() {
        if entry.is(VARIANT) {
            entry.kept &= is_heard(entry);
        } else if is_audio(entry) {
            entry.kept = stays(entry);
        }
    }
}

fn drop_unused_groups(entries: &mut [Entry<'_>]) {
    let named = |entries: &[Entry<'_>], kept_alone: bool| -> BTreeSet<(String, String)> {
        let variants = entries.iter().filter(|e| e.is(VARIANT) && (e.kept || !kept_alone));
        let groups = |e: &Entry<'_>| {
            let of_type = |kind: &&str| Some(((*kind).to_owned(), e.get(kind)?.to_owned()));
            GROUP_TYPES.iter().filter_map(of_type).collect::<Vec<_>>()
        };
        variants.flat_map(groups).collect()
    };
    let (before, now) = (named(entries, false), named(entries, true));
    for entry in entries.iter_mut().filter(|e| e.is(MEDIA)) {
        let (Some(kind), Some(group)) = (entry.get("TYPE"), entry.get("GROUP-ID")) else { continue };
        let group = (kind.to_owned(), group.to_owned());
        // One that no variant ever named is no business of ours.
        entry.kept &= now.contains(&group) || !before.contains(&group);
    }
}

/// A group that lost the rendition that plays by itself gets another: the first that is left. By index, as it is written.
fn new_defaults(entries: &[Entry<'_>]) -> BTreeMap<usize, String> {
    let group = |e: &Entry<'_>| (e.get("TYPE").map(str::to_owned), e.get("GROUP-ID").map(str::to_owned));
    let is_default = |e: &Entry<'_>| e.get("DEFAULT") == Some("YES");
    let media = || entries.iter().enumerate().filter(|(_, e)| e.is(MEDIA));
    let mut seen = BTreeSet::new();
    let mut texts = BTreeMap::new();
    for (index, entry) in media().filter(|(_, e)| e.kept && e.get("TYPE") == Some("AUDIO")) {
        if !seen.insert(group(entry)) {
            continue;
        }
        let of_group = || media().filter(|(_, e)| group(e) == group(entry)).map(|(_, e)| e);
        if of_group().any(is_default) && !of_group().any(|e| e.kept && is_default(e)) {
            // AUTOSELECT must not be NO beside it (RFC 4.4.6.1).
            texts.insert(index, said_yes(&said_yes(entry.text, "DEFAULT"), "AUTOSELECT"));
        }
    }
    texts
}

/// A tag's line with an attribute that says NO saying YES.
fn said_yes(line: &str, name: &str) -> String {
    let Some((tag, list)) = line.split_once(':') else { return line.to_owned() };
    let mut found = attributes(list).map_while(Result::ok);
    match found.find(|a| a.name == name && a.value == "NO" && !a.quoted) {
        Some(no) => format!("{tag}:{}YES{}", &list[..no.at], &list[no.at + no.value.len()..]),
        None => line.to_owned(),
    }
}

/// The variants that stay, in the order in which they are written.
fn order(entries: &[Entry<'_>], start_bps: Option<u64>) -> Vec<usize> {
    let all: Vec<usize> = (0..entries.len()).filter(|&i| entries[i].is(VARIANT)).collect();
    let mut kept: Vec<usize> = all.iter().copied().filter(|&i| entries[i].kept).collect();
    let first_stays = all.first().is_some_and(|&first| entries[first].kept);
    let start_bps = match start_bps {
        None if first_stays => return kept,
        given => given.unwrap_or(START_BPS),
    };
    let rank = |index: &usize| {
        let entry = &entries[*index];
        let average = entry.number("AVERAGE-BANDWIDTH").or_else(|| entry.number("BANDWIDTH"));
        (entry.is_hdr(), !entry.plays_everywhere(), average.unwrap_or_default().abs_diff(start_bps))
    };
    if let Some(start) = (0..kept.len()).min_by_key(|&place| rank(&kept[place])) {
        // The best first, as `order_variants` leaves them, with the one to start with before all.
        let start = kept.remove(start);
        kept.sort_by_key(|&index| std::cmp::Reverse(entries[index].number("BANDWIDTH")));
        kept.insert(0, start);
    }
    kept
}

fn write(
    parts: &[Part<'_>],
    entries: &[Entry<'_>],
    texts: &BTreeMap<usize, String>,
    order: Vec<usize>,
) -> String {
    let mut out = String::new();
    let mut variants = order.into_iter();
    let mut push = |text: &str| {
        // A last line may lack its end and no longer be the last.
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(text);
    };
    for part in parts {
        match *part {
            Part::Text(text) => push(text),
            Part::Entry(index) if entries[index].is(VARIANT) => {
                // The places of variants are filled in their new order.
                if let Some(next) = variants.next() {
                    push(entries[next].text);
                }
            }
            Part::Entry(index) if entries[index].kept => {
                push(texts.get(&index).map_or(entries[index].text, String::as_str));
            }
            Part::Entry(_) => {}
        }
    }
    out
}

fn kept_variants<'e, 'a>(entries: &'e [Entry<'a>]) -> impl Iterator<Item = &'e Entry<'a>> {
    entries.iter().filter(|e| e.is(VARIANT) && e.kept)
}
