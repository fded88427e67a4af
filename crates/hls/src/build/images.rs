//! Sprite sheets for scrubbing, described twice from one set of numbers: as an images playlist (Roku, Shaka) and as
//! a WebVTT storyboard (JW, Plyr, video.js plugins).
//!
//! Source: Image Media Playlist specification 0.4, time-based method.

use super::media::{Life, begin, push, push_extinf, rounded_seconds};
use super::{BuildError, Rates, Segment, rates};
use crate::build::error::checked_uri;

/// How tiles lie on a sheet, and in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileLayout {
    /// Width of one tile in pixels.
    pub tile_width: u32,
    /// Height of one tile in pixels.
    pub tile_height: u32,
    /// Tiles beside each other.
    pub columns: u32,
    /// Tiles above each other.
    pub rows: u32,
    /// Time from one tile to the next, in milliseconds.
    pub interval_ms: u64,
}

/// One file of tiles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sheet {
    /// Relative to the playlist and the storyboard.
    pub uri: String,
    /// Size of the file.
    pub bytes: u64,
}

/// All sheets of a presentation. The last one may be short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagesPlaylist {
    /// How tiles lie.
    pub layout: TileLayout,
    /// Duration of the presentation in milliseconds.
    pub duration_ms: u64,
    /// In order of time.
    pub sheets: Vec<Sheet>,
}

impl TileLayout {
    /// Tiles of one full sheet.
    pub fn tiles_per_sheet(&self) -> u64 {
        u64::from(self.columns) * u64::from(self.rows)
    }

    /// Tiles of a presentation of this length: one at the start of each interval.
    pub fn tiles(&self, duration_ms: u64) -> u64 {
        duration_ms.checked_div(self.interval_ms).map_or(0, |_| duration_ms.div_ceil(self.interval_ms))
    }

    /// Sheets of a presentation of this length.
    pub fn sheets(&self, duration_ms: u64) -> u64 {
        match self.tiles_per_sheet() {
            0 => 0,
            per_sheet => self.tiles(duration_ms).div_ceil(per_sheet),
        }
    }

    /// Time that one full sheet covers, in milliseconds.
    fn sheet_ms(&self) -> u64 {
        self.tiles_per_sheet().saturating_mul(self.interval_ms)
    }
}

impl ImagesPlaylist {
    /// Measured bit rates, for the stream's declaration.
    pub fn rates(&self) -> Rates {
        rates(&self.segments(), self.target_duration_s())
    }

    /// The images playlist's text.
    ///
    /// # Errors
    /// A layout without tiles, a number of sheets that does not fit the duration, a URI that cannot be written.
    pub fn render(&self) -> Result<String, BuildError> {
        self.checked()?;
        let layout = &self.layout;
        // 7 is what the specification's own examples declare; nothing in here needs more than fractions (3).
        let mut out = begin(7, self.target_duration_s(), Life::Complete);
        out.push_str("#EXT-X-IMAGES-ONLY\n");
        for segment in self.segments() {
            push_extinf(&mut out, segment.duration_s);
            push(
                &mut out,
                format_args!(
                    "#EXT-X-TILES:RESOLUTION={}x{},LAYOUT={}x{},DURATION={:.3}\n{}\n",
                    layout.tile_width,
                    layout.tile_height,
                    layout.columns,
                    layout.rows,
                    layout.interval_ms as f64 / 1000.0,
                    checked_uri(&segment.uri)?,
                ),
            );
        }
        out.push_str("#EXT-X-ENDLIST\n");
        Ok(out)
    }

    /// The storyboard's text: one cue for each tile, `sprite-001.jpg#xywh=x,y,w,h`.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn storyboard_vtt(&self) -> Result<String, BuildError> {
        self.checked()?;
        let layout = &self.layout;
        let mut out = String::from("WEBVTT\n");
        for tile in 0..layout.tiles(self.duration_ms) {
            let start_ms = tile * layout.interval_ms;
            let end_ms = (start_ms + layout.interval_ms).min(self.duration_ms);
            let (sheet, cell) = (tile / layout.tiles_per_sheet(), tile % layout.tiles_per_sheet());
            let (row, column) = (cell / u64::from(layout.columns), cell % u64::from(layout.columns));
            push(
                &mut out,
                format_args!(
                    "\n{} --> {}\n{}#xywh={},{},{},{}\n",
                    Timestamp(start_ms),
                    Timestamp(end_ms),
                    checked_uri(&self.sheets[sheet as usize].uri)?,
                    column * u64::from(layout.tile_width),
                    row * u64::from(layout.tile_height),
                    layout.tile_width,
                    layout.tile_height,
                ),
            );
        }
        Ok(out)
    }

    fn checked(&self) -> Result<(), BuildError> {
        let layout = &self.layout;
        let tile_area = u64::from(layout.tile_width) * u64::from(layout.tile_height);
        if layout.tiles(self.duration_ms) == 0 || layout.tiles_per_sheet() == 0 || tile_area == 0 {
            return Err(BuildError::Empty { what: "tile" });
        }
        let needed = layout.sheets(self.duration_ms) as usize;
        if self.sheets.len() != needed {
            return Err(BuildError::SheetCount { given: self.sheets.len(), needed });
        }
        Ok(())
    }

    /// Each sheet with the time that it covers; together exactly the presentation's.
    fn segments(&self) -> Vec<Segment> {
        let sheet_ms = self.layout.sheet_ms();
        let starts = (0u64..).map(|index| index.saturating_mul(sheet_ms));
        let segment = |(sheet, start_ms): (&Sheet, u64)| Segment {
            uri: sheet.uri.clone(),
            duration_s: sheet_ms.min(self.duration_ms.saturating_sub(start_ms)) as f64 / 1000.0,
            bytes: sheet.bytes,
            byte_offset: None,
        };
        self.sheets.iter().zip(starts).map(segment).collect()
    }

    fn target_duration_s(&self) -> u32 {
        rounded_seconds(self.layout.sheet_ms().min(self.duration_ms) as f64 / 1000.0).max(1)
    }
}

/// Milliseconds as WebVTT writes them.
pub(super) struct Timestamp(pub(super) u64);

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, ms) = (self.0 / 1000, self.0 % 1000);
        write!(f, "{:02}:{:02}:{:02}.{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}
