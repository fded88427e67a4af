//! Writes one tag with an attribute list (RFC 4.2), in the order of the calls.

use std::fmt::{Display, Write};

use super::BuildError;
use super::error::checked_uri;

/// A tag under construction; [`end`](Self::end) closes its line.
pub(super) struct TagWriter<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> TagWriter<'a> {
    /// Begins `#NAME:`; the name comes without `#`.
    pub(super) fn begin(out: &'a mut String, name: &str) -> Self {
        out.push('#');
        out.push_str(name);
        out.push(':');
        TagWriter { out, first: true }
    }

    /// `NAME=value`, for numbers, resolutions and enumerated words.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.name(name);
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{value}");
        self
    }

    /// `NAME=YES` or `NAME=NO`.
    pub(super) fn yes_no(&mut self, name: &str, value: bool) -> &mut Self {
        self.plain(name, if value { "YES" } else { "NO" })
    }

    /// `NAME="value"`. Names of tracks come from uploads: what cannot stand in quotes is replaced, so that a
    /// title can never end the string and go on as attributes.
    pub(super) fn quoted(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.out.push('"');
        self.out.extend(value.chars().map(|c| match c {
            '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        }));
        self.out.push('"');
        self
    }

    /// `URI="uri"`, refused rather than changed where it cannot be written.
    pub(super) fn uri(&mut self, uri: &str) -> Result<&mut Self, BuildError> {
        let uri = checked_uri(uri)?;
        Ok(self.quoted("URI", uri))
    }

    /// Ends the line.
    pub(super) fn end(&mut self) {
        self.out.push('\n');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        self.out.push_str(name);
        self.out.push('=');
    }
}
