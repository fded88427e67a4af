//! The plan as people read it.

use std::fmt;

use flodrama_media::task::{COPY, Role, TextSource};

use super::Plan;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.2} s, {} frames at {:.3} fps, {} segments in {} chunks, preset {} ({})",
            self.duration_s(),
            self.frames,
            self.cadence.rate.as_f64(),
            self.segments.len(),
            self.chunks.len(),
            self.preset,
            self.family,
        )?;
        for rung in &self.rungs {
            let option = |key: &str| rung.options.get(key).map_or("-", String::as_str);
            if rung.encoder == COPY {
                writeln!(
                    f,
                    "  video/{}p   {}×{}  the source's own pictures, up to {}b/s",
                    rung.height,
                    rung.width,
                    rung.height,
                    option("maxrate")
                )?;
                continue;
            }
            let quality = ["crf", "cq", "global_quality"];
            let quality = quality.iter().find(|key| rung.options.contains_key(**key)).unwrap_or(&"crf");
            writeln!(
                f,
                "  video/{}p   {}×{}  {} {quality} {} up to {}b/s{}",
                rung.height,
                rung.width,
                rung.height,
                rung.encoder,
                option(quality),
                option("maxrate"),
                match rung.role {
                    Role::Alone => "",
                    Role::Leads => ", looks ahead for others",
                    Role::Follows => ", follows",
                },
            )?;
        }
        for ladder in &self.beside {
            for rung in &ladder.rungs {
                let option = |key: &str| rung.options.get(key).map_or("-", String::as_str);
                writeln!(
                    f,
                    "  video/{}p-{}   {}×{}  {} crf {} up to {}b/s",
                    rung.height,
                    ladder.name,
                    rung.width,
                    rung.height,
                    rung.encoder,
                    option("crf"),
                    option("maxrate"),
                )?;
            }
        }
        let trick = &self.trick;
        writeln!(f, "  trick/{}p   an I-frame every {} frames", trick.rung.height, trick.every_frames)?;
        for a in &self.audio {
            writeln!(
                f,
                "  audio/{}  {} {} channels {} b/s, stream {}: {}",
                a.group,
                a.codec.encoder(),
                a.channels,
                a.bit_rate,
                a.stream,
                a.name
            )?;
        }
        for s in &self.subtitles {
            let from = match &s.from {
                TextSource::Stream(stream) => format!("stream {stream}"),
                TextSource::Sidecar(name) => format!("file {name}"),
            };
            writeln!(f, "  subs/{}  WebVTT '{}', {from}", s.folder, s.name)?;
        }
        for c in &self.chapters {
            writeln!(f, "  chapter      {:.3} s to {:.3} s, '{}'", ms(c.start_ms), ms(c.end_ms), c.title)?;
        }
        let stills = &self.stills;
        writeln!(
            f,
            "  thumbs       {} tiles of {}×{}, one every {} s",
            stills.tiles,
            stills.tile.0,
            stills.tile.1,
            stills.interval_ms / 1000
        )?;
        writeln!(f, "because")?;
        for (what, why) in &self.reasons {
            writeln!(f, "  {what}: {why}")?;
        }
        Ok(())
    }
}

fn ms(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
