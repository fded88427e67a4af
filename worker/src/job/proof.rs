//! Proof before publish: what was written is read again, and nothing that fails is published.

use std::path::Path;

use flodrama_asset::ErrorKind;
use flodrama_hls::check;
use flodrama_media::task::{Output, Task, Verified, VerifyTask};
use serde::{Deserialize, Serialize};

use super::package::{Package, Renditions};
use crate::child::Children;
use crate::error::{JobError, Result};
use crate::folder::Folder;
use crate::plan::{AudioPlan, Plan};

/// For what is lost where a time is counted in other units.
const ROUNDED_UP: f64 = 1.001;

/// What was checked, for the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Renditions that were demuxed again.
    pub renditions: usize,
    /// Samples in them.
    pub samples: u64,
    /// Playlists and segments that the HLS rules were checked over.
    pub playlists: usize,
    /// Segments named in them.
    pub segments: usize,
    /// HLS rules of the SHOULD kind that are not kept, with their places.
    pub shoulds: Vec<String>,
}

/// Proves the tree, or says in full what is wrong with it.
pub async fn prove(
    plan: &Plan,
    renditions: &Renditions,
    package: &Package,
    tree: &Path,
    children: &Children,
) -> Result<Proof> {
    let mut faults = Vec::new();
    let mut proof = Proof { renditions: 0, samples: 0, playlists: 0, segments: 0, shoulds: Vec::new() };
    let demuxed = demux(renditions, tree, children).await?;
    for ((name, track), verified) in renditions.tracks.iter().zip(demuxed) {
        let sizes = track.segments.iter().map(|s| (s.path.as_str(), s.bytes));
        for (path, bytes) in sizes.chain([(format!("{name}/init.mp4").as_str(), track.written.init_bytes)]) {
            match tokio::fs::metadata(tree.join(path)).await {
                Ok(file) if file.len() == bytes => {}
                Ok(file) => faults.push(format!("{path} has {} bytes, not {bytes}", file.len())),
                Err(e) => faults.push(format!("{path}: {e}")),
            }
        }
        // Of a ladder with fewer frames, or of the main one.
        let ladder = plan.beside.iter().find(|ladder| name.ends_with(&format!("p-{}", ladder.name)));
        let cadence = ladder.map_or(plan.cadence, |ladder| ladder.cadence(plan.cadence));
        let frames = ladder.map_or(plan.frames, |ladder| ladder.frames(plan.frames));
        let frame_s = 1.0 / cadence.rate.as_f64();
        let expected: u64 = track.segments.iter().map(|s| s.samples).sum();
        if verified.samples != expected {
            faults.push(format!("{name} has {} samples, not {expected}", verified.samples));
        }
        if name.starts_with("video/") && expected != frames {
            faults.push(format!("{name} has {expected} frames, the plan says {frames}"));
        }
        // Sound comes in access units: one of priming lies before its begin, and padding behind its end. At 50 frames a
        // second and more they are longer than a frame.
        let sound = name.strip_prefix("audio/");
        let unit_s =
            plan.audio.iter().find(|audio| sound == Some(&audio.group)).map_or(0.0, AudioPlan::unit_s);
        let tolerated_s = frame_s.max(unit_s * ROUNDED_UP);
        if verified.start_s.abs() > tolerated_s {
            faults.push(format!("{name} begins at {:.3} s, not 0", verified.start_s));
        }
        // libav takes an I-frame for as long as any frame of its rate; the last one may stand for one and a half times
        // the distance.
        let trick_s = 1.5 * plan.trick.every_frames as f64 * frame_s;
        let tolerated_s = if name.starts_with("trick/") { trick_s } else { tolerated_s };
        if (verified.end_s - plan.duration_s()).abs() > tolerated_s {
            faults.push(format!("{name} ends at {:.3} s, not {:.3}", verified.end_s, plan.duration_s()));
        }
        faults.extend(verified.faults.into_iter().map(|fault| format!("{name} {fault}")));
        proof.renditions += 1;
        proof.samples += verified.samples;
    }

    subtitles(renditions, tree, &mut faults).await;
    let folder = Folder { root: tree.to_owned(), texts: package.files.clone() };
    let rules = tokio::task::spawn_blocking(move || check::check("main.m3u8", &folder)).await;
    let rules =
        rules.map_err(|e| JobError::internal("check", e))?.map_err(|e| JobError::internal("check", e))?;
    faults.extend(rules.musts().map(|f| format!("{}: {} ({})", f.place, f.found, f.rule.id)));
    proof.shoulds = rules.shoulds().map(|f| format!("{}: {} ({})", f.place, f.found, f.rule.id)).collect();
    (proof.playlists, proof.segments) = (rules.playlists, rules.segments);
    if faults.is_empty() {
        return Ok(proof);
    }
    let message = "The finished stream did not pass its checks, so it was not published.";
    Err(JobError::new(ErrorKind::ProofFailed, message).detail(faults.join("; ")))
}

/// Reads every rendition again, all in one child: starting one takes longer than most renditions.
async fn demux(renditions: &Renditions, tree: &Path, children: &Children) -> Result<Vec<Verified>> {
    let task = |(name, track): (&String, &super::package::Track)| {
        let init = tree.join(name).join("init.mp4");
        VerifyTask {
            files: std::iter::once(init).chain(track.segments.iter().map(|s| tree.join(&s.path))).collect(),
            video: !name.starts_with("audio/"),
        }
    };
    let tasks = renditions.tracks.iter().map(task).collect();
    match children.run("verify", &Task::Verify(tasks), None, |_| {}).await?.output {
        Output::Verified(verified) if verified.len() == renditions.tracks.len() => Ok(verified),
        other => Err(JobError::internal("verify", format_args!("unexpected answer {other:?}"))),
    }
}

/// Reads every subtitle file again, whole: each has the cues that its task counted.
async fn subtitles(renditions: &Renditions, tree: &Path, faults: &mut Vec<String>) {
    for written in renditions.subtitles.values() {
        let Some((path, bytes)) = &written.file else { continue };
        match tokio::fs::read_to_string(tree.join(path)).await {
            Ok(text) => {
                let cues = text.lines().filter(|line| line.contains("-->")).count();
                if cues != written.cues as usize || text.len() as u64 != *bytes {
                    let wanted = written.cues;
                    faults.push(format!(
                        "{path} has {cues} cues in {} bytes, not {wanted} in {bytes}",
                        text.len()
                    ));
                }
            }
            Err(e) => faults.push(format!("{path}: {e}")),
        }
    }
}
