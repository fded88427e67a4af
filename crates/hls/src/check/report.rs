//! What a check found.

use std::fmt;

use serde::Serialize;

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
    /// What was found: MUST before SHOULD, then in the order of reading.
    pub findings: Vec<Finding>,
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
        let (musts, shoulds) = (self.musts().count(), self.shoulds().count());
        write!(
            f,
            "{} playlists, {} segments: {musts} MUST and {shoulds} SHOULD broken",
            self.playlists, self.segments
        )
    }
}

/// A report in the making.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Notes a broken rule at a line of a file.
    pub(super) fn at(&mut self, rule: &'static Rule, path: &str, line: usize, found: impl Into<String>) {
        self.push(rule, format!("{path}:{line}"), found.into());
    }

    /// Notes a broken rule of a whole file.
    pub(super) fn of(&mut self, rule: &'static Rule, path: &str, found: impl Into<String>) {
        self.push(rule, path.to_owned(), found.into());
    }

    fn push(&mut self, rule: &'static Rule, place: String, found: String) {
        let (level, source, mend) = (rule.level, rule.source, rule.mend);
        self.0.push(Finding { level, rule, source, place, found, mend });
    }

    pub(super) fn into_report(mut self, playlists: usize, segments: usize) -> Report {
        self.0.sort_by_key(|finding| finding.level);
        Report { playlists, segments, findings: self.0 }
    }
}
