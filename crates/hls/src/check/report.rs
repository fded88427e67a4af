//! What a check found.

use std::fmt;

use serde::Serialize;

use super::path;
use super::plays_on::PlaysOn;
use super::rule::{Level, Rule};

/// One rule broken in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// The rule; its id in JSON.
    pub rule: &'static Rule,
    /// The document and clause that ask for it.
    pub source: &'static str,
    /// File, and line where there is one: `video/720p/index.m3u8:12`.
    #[serde(rename = "where")]
    pub place: String,
    /// What is there.
    pub found: String,
    /// What to do about it.
    pub mend: &'static str,
}

/// The outcome of a check. `Display` is for people; it serialises for machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Playlists read, the multivariant playlist included.
    pub playlists: usize,
    /// Segments named in them.
    pub segments: usize,
    /// How many of those were looked into; the rest are pictures, texts, encrypted, missing, or broken.
    pub looked_into: usize,
    /// What was found: MUST before SHOULD, then in the order of reading.
    pub findings: Vec<Finding>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
    /// Where it plays, going by what was found.
    pub plays_on: Vec<PlaysOn>,
}

impl Report {
    /// The findings that forbid publication.
    pub fn musts(&self) -> impl Iterator<Item = &Finding> {
        self.at(Level::Must)
    }

    /// The findings that leave the presentation playable.
    pub fn shoulds(&self) -> impl Iterator<Item = &Finding> {
        self.at(Level::Should)
    }

    /// True where no MUST is broken.
    pub fn is_publishable(&self) -> bool {
        self.musts().next().is_none()
    }

    fn at(&self, level: Level) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.level == level)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:6}  {}  {} ({})", self.level.to_string(), self.place, self.rule.id, self.source)?;
        writeln!(f, "        found: {}", self.found)?;
        write!(f, "        mend:  {}", self.mend)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        for note in &self.notes {
            writeln!(f, "note    {note}")?;
        }
        for player in &self.plays_on {
            writeln!(f, "{player}")?;
        }
        let (musts, shoulds) = (self.musts().count(), self.shoulds().count());
        write!(
            f,
            "{} playlists, {} segments of which {} were looked into: {musts} MUST and {shoulds} SHOULD broken",
            self.playlists, self.segments, self.looked_into
        )
    }
}

/// A report in the making.
#[derive(Debug, Default)]
pub(super) struct Findings {
    findings: Vec<Finding>,
    notes: Vec<String>,
}

impl Findings {
    /// Notes a broken rule at a line of a file.
    pub(super) fn at(&mut self, rule: &'static Rule, path: &str, line: usize, found: impl Into<String>) {
        self.push(rule, format!("{path}:{line}"), found.into());
    }

    /// Notes a broken rule of a whole file.
    pub(super) fn of(&mut self, rule: &'static Rule, path: &str, found: impl Into<String>) {
        self.push(rule, path.to_owned(), found.into());
    }

    /// Says what could not be checked.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// True where this rule was found broken somewhere.
    pub(super) fn has(&self, rule: &'static Rule) -> bool {
        self.findings.iter().any(|finding| finding.rule == rule)
    }

    /// What is found quotes playlists, and signed ones have signatures in their URIs.
    fn push(&mut self, rule: &'static Rule, place: String, found: String) {
        let found = path::shown_text(&found);
        let (level, source, mend) = (rule.level, rule.source, rule.mend);
        self.findings.push(Finding { level, rule, source, place, found, mend });
    }

    pub(super) fn into_report(mut self) -> Report {
        self.findings.sort_by_key(|finding| finding.level);
        Report { findings: self.findings, notes: self.notes, ..Report::default() }
    }
}

/// One rule over the many segments of a playlist: the first that breaks it is told, the others are counted.
pub(super) struct Tally {
    rule: &'static Rule,
    first: Option<(Place, String)>,
    others: usize,
}

enum Place {
    /// In the playlist.
    Line(usize),
    /// In a file that it names; line 0 is the whole file.
    File(String, usize),
}

impl Tally {
    pub(super) fn new(rule: &'static Rule) -> Tally {
        Tally { rule, first: None, others: 0 }
    }

    /// Broken by what a line of the playlist names.
    pub(super) fn at(&mut self, line: usize, found: impl FnOnce() -> String) {
        self.note(|| (Place::Line(line), found()));
    }

    /// Broken within a file; line 0 is the whole of it.
    pub(super) fn within(&mut self, path: &str, line: usize, found: impl FnOnce() -> String) {
        self.note(|| (Place::File(path.to_owned(), line), found()));
    }

    fn note(&mut self, first: impl FnOnce() -> (Place, String)) {
        match self.first {
            None => self.first = Some(first()),
            Some(_) => self.others += 1,
        }
    }

    pub(super) fn tell(self, playlist: &str, findings: &mut Findings) {
        let Some((place, mut found)) = self.first else { return };
        match self.others {
            0 => {}
            1 => found.push_str(" (and so once more)"),
            others => found.push_str(&format!(" (and so {others} times more)")),
        }
        match place {
            Place::Line(line) => findings.at(self.rule, playlist, line, found),
            Place::File(path, 0) => findings.of(self.rule, &path, found),
            Place::File(path, line) => findings.at(self.rule, &path, line, found),
        }
    }
}
