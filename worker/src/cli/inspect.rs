//! `probe`, `plan`, `encoders`: say, and change nothing.

use std::path::Path;

use flodrama_media::{Scanning, SourceInfo};

use crate::child::Children;
use crate::config::Local;
use crate::error::JobError;
use crate::family::{self, Choice};
use crate::job;
use crate::plan::{Family, Preset};

pub async fn probe(input: &Path, local: &Local, json: bool) -> anyhow::Result<()> {
    let source = source(input, local).await?;
    if json {
        println!("{}", serde_json::to_string(&source)?);
        return Ok(());
    }
    let video = &source.video;
    let seconds = (video.end_pts - video.pts[0]) as f64 * video.time_base.as_f64();
    println!("{}, {} bytes, {seconds:.3} s", source.container, source.bytes);
    println!(
        "  video   stream {}: {} {}×{} {}, {} frames, {} keyframes{}{}",
        video.stream,
        video.codec,
        video.width,
        video.height,
        video.pixel_format,
        video.pts.len(),
        video.keyframes.len(),
        if video.rotation == 0 { String::new() } else { format!(", turned by {}°", video.rotation) },
        match video.scanning {
            Scanning::Progressive => "",
            Scanning::WholeFrames => ", stored as fields",
            Scanning::Fields => ", interlaced",
            Scanning::Pulldown => ", film in fields (3:2 pulldown)",
        },
    );
    let colour = &video.colour;
    println!("          colours {}/{}/{}", colour.primaries, colour.transfer, colour.matrix);
    for a in &source.audio {
        let language = a.language.as_deref().unwrap_or("no language");
        println!(
            "  audio   stream {}: {} {} channels {} Hz, {language}",
            a.stream, a.codec, a.channels, a.sample_rate
        );
    }
    for s in &source.subtitles {
        println!(
            "  subs    stream {}: {}, {}",
            s.stream,
            s.codec,
            s.language.as_deref().unwrap_or("no language")
        );
    }
    for s in &source.sidecars {
        match &s.text {
            Ok(text) => {
                println!("  subs    file {}: {}, {}, {} cues", s.name, text.format, text.encoding, text.cues)
            }
            Err(why) => println!("  subs    file {}: {why}", s.name),
        }
    }
    if !source.chapters.is_empty() {
        println!("  chapters {}", source.chapters.len());
    }
    Ok(())
}

/// What a command line asks for.
pub struct Asked {
    /// Preset name or file.
    pub preset: String,
    /// Encoder family, if one is named.
    pub family: Option<String>,
}

impl Asked {
    /// The preset, and the family that works here.
    pub async fn resolve(&self, local: &Local) -> anyhow::Result<(Preset, Choice)> {
        let preset = Preset::load(&self.preset)?;
        let devices = match &self.family {
            Some(name) => family::only(&preset, name)?,
            None => family::candidates(&preset, &local.work.families)?,
        };
        let scratch = tempfile::tempdir()?;
        let choice = family::choose(&preset, &devices, &children(scratch.path(), local)?).await;
        Ok((preset, choice))
    }
}

pub async fn plan(input: &Path, asked: &Asked, local: &Local, json: bool) -> anyhow::Result<()> {
    let (preset, choice) = asked.resolve(local).await?;
    readable(input)?;
    let scratch = tempfile::tempdir()?;
    let (children, slots) = (children(scratch.path(), local)?, local.work.slots());
    let (input, source) = job::probe(&children, input, &job::sidecars::beside(input)?, &local.limits).await?;
    let (complexity, cpu_seconds) =
        job::measure(&children, &input, &source, &preset, &local.limits, slots).await?;
    let mut plan = choice.plan(&source, complexity.as_ref(), &preset);
    if complexity.is_some() {
        plan.reasons.push(("analysis took".into(), format!("{cpu_seconds:.1} CPU seconds")));
    }
    if json {
        println!("{}", serde_json::to_string(&plan)?);
    } else {
        print!("{plan}");
    }
    Ok(())
}

pub async fn encoders(local: &Local, json: bool) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let children = children(scratch.path(), local)?;
    let confined = children.confined().await?;
    let mut trials = Vec::new();
    for family in Family::all() {
        trials.push(family::attempt(family, &children).await.0);
    }
    if json {
        println!("{}", serde_json::to_string(&trials)?);
        return Ok(());
    }
    for trial in trials {
        println!(
            "{:8} {:12} {:14} {}",
            trial.family,
            trial.name,
            if trial.works { "works" } else { "does not work" },
            trial.reason
        );
    }
    println!("media children are confined:");
    confined.enforced.iter().for_each(|how| println!("  {how}"));
    confined.missing.iter().for_each(|what| println!("  MISSING {what}"));
    Ok(())
}

async fn source(input: &Path, local: &Local) -> anyhow::Result<SourceInfo> {
    readable(input)?;
    let scratch = tempfile::tempdir()?;
    let sidecars = job::sidecars::beside(input)?;
    Ok(job::probe(&children(scratch.path(), local)?, input, &sidecars, &local.limits).await?.1)
}

/// A missing file is the user's to mend, not a fault of ours.
pub fn readable(input: &Path) -> Result<(), JobError> {
    use flodrama_asset::ErrorKind;
    let refuse = |why: String| JobError::new(ErrorKind::BadRequest, format!("{}: {why}", input.display()));
    match std::fs::File::open(input).and_then(|f| f.metadata()) {
        Ok(file) if file.is_file() => Ok(()),
        Ok(_) => Err(refuse("this is not a file.".into())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(refuse("there is no such file.".into())),
        Err(e) => Err(refuse(format!("the file cannot be read: {e}."))),
    }
}

pub fn children(scratch: &Path, local: &Local) -> Result<Children, JobError> {
    local.work.children(scratch).map_err(|e| JobError::io("own binary", &e))
}
