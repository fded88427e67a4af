//! Subtitle files beside a source: found, looked into by a child before the plan is made, read by another for the
//! rendition. One that cannot be read is reported and never fails the episode.

use std::path::{Path, PathBuf};

use flodrama_asset::{
    ObjectKey, SidecarName, SidecarRef, SourceRef, SubtitleKind, sidecar_of, strip_extension,
};
use flodrama_media::task::{Output, Task};
use flodrama_media::{SidecarText, SidecarTrack};
use flodrama_store::Store;

use crate::child::Children;
use crate::error::{JobError, Result};

/// Files beside one episode: more are not looked at.
const MOST: usize = 100;
/// Bytes that are fetched: children refuse files far smaller.
const MAX_BYTES: u64 = 32 << 20;

/// A subtitle file beside the source.
#[derive(Clone, Debug)]
pub struct Sidecar {
    /// Its name, by which plan and report call it.
    pub name: String,
    /// Where it is on this machine.
    pub path: PathBuf,
    /// Language tag as the name has it, if any.
    pub language: Option<String>,
    /// What its name says that it is for.
    pub kind: SubtitleKind,
    /// Why it is not there, in a sentence.
    pub problem: Option<String>,
}

impl Sidecar {
    fn new(name: &str, path: PathBuf, read: SidecarName<'_>) -> Sidecar {
        let SidecarName { language, kind } = read;
        Sidecar { name: name.to_owned(), path, language: language.map(str::to_owned), kind, problem: None }
    }
}

/// Subtitle files in the folder of `input` whose names begin as its own, in order.
pub fn beside(input: &Path) -> Result<Vec<Sidecar>> {
    let Some(own) = input.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
    let stem = strip_extension(own);
    let folder = match input.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // A folder that cannot be listed, with a file in it that can be read, hides what lies beside.
    let entries = std::fs::read_dir(folder).map_err(|e| JobError::io("folder of the input", &e))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| JobError::io("folder of the input", &e))?;
        let name = entry.file_name();
        if let Some(name) = name.to_str()
            && let Some(read) = sidecar_of(stem, name)
            && entry.path().is_file()
        {
            found.push(Sidecar::new(name, entry.path(), read));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.truncate(MOST);
    Ok(found)
}

/// What a file beside a local source is, so that a changed one is not taken for what it was.
pub fn local_ref(sidecar: &Sidecar) -> Result<SidecarRef> {
    let file = std::fs::metadata(&sidecar.path).map_err(|e| JobError::io("subtitle file", &e))?;
    let written = file.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    let written = written.unwrap_or_default();
    Ok(SidecarRef {
        key: sidecar.name.clone(),
        etag: format!("{}-{}", file.len(), written.as_nanos()),
        written_s: written.as_secs() as i64,
    })
}

/// Fetches the subtitle files of an upload into `folder`: exactly those that the version is named for.
///
/// # Errors
/// `Unavailable` where one changed in the meantime: whoever tries again finds what is there now.
pub async fn fetch(store: &Store, source: &SourceRef, folder: &Path) -> Result<Vec<Sidecar>> {
    let stem = strip_extension(&source.key);
    let mut fetched = Vec::new();
    for (number, sidecar) in source.sidecars.iter().enumerate() {
        let Some(read) = sidecar_of(stem, &sidecar.key) else { continue };
        // A name of ours: nothing of the key reaches a path.
        let path = folder.join(format!("sidecar-{number}"));
        let name = sidecar.key.rsplit('/').next().unwrap_or(&sidecar.key);
        let mut found = Sidecar::new(name, path, read);
        if number >= MOST {
            found.problem = Some(format!("There are more than {MOST} subtitle files."));
            fetched.push(found);
            continue;
        }
        let size = store.head(&ObjectKey::Upload(sidecar.key.clone())).await?.map_or(0, |head| head.size);
        if size > MAX_BYTES {
            found.problem = Some(format!("The subtitle file has {} MB.", size >> 20));
        } else {
            let exact = SourceRef {
                key: sidecar.key.clone(),
                etag: sidecar.etag.clone(),
                version_id: None,
                sequencer: None,
                sidecars: Vec::new(),
                ..source.clone()
            };
            store.download(&exact, &found.path, |_, _| {}).await.map_err(|e| changed(e.into()))?;
        }
        fetched.push(found);
    }
    Ok(fetched)
}

fn changed(e: JobError) -> JobError {
    use flodrama_asset::ErrorKind::{NotFound, Superseded, Unavailable};
    match e.kind {
        NotFound | Superseded => {
            JobError::new(Unavailable, "A subtitle file changed while the episode was being fetched.")
                .detail(e.detail)
        }
        _ => e,
    }
}

/// Says what each file holds, or why it cannot be read.
pub async fn look(children: &Children, sidecars: &[Sidecar]) -> Result<Vec<SidecarTrack>> {
    let mut tracks = Vec::new();
    for (number, sidecar) in sidecars.iter().enumerate() {
        let text = match &sidecar.problem {
            Some(problem) => Err(problem.clone()),
            None => look_into(children, &format!("sidecar-{number}"), &sidecar.path).await?,
        };
        if let Err(why) = &text {
            tracing::warn!(file = sidecar.name, why, "a subtitle file is left out");
        }
        let (language, kind) = (sidecar.language.clone(), sidecar.kind);
        tracks.push(SidecarTrack { name: sidecar.name.clone(), language, kind, text });
    }
    Ok(tracks)
}

async fn look_into(
    children: &Children,
    name: &str,
    path: &Path,
) -> Result<std::result::Result<SidecarText, String>> {
    match children.run(name, &Task::Sidecar, Some(path), |_| {}).await {
        Ok(finished) => match finished.output {
            Output::Sidecar(text) => Ok(Ok(text)),
            other => Err(JobError::internal(name, format_args!("unexpected answer {other:?}"))),
        },
        Err(e) if may_go_without(&e) => Ok(Err(e.message)),
        Err(e) => Err(e),
    }
}

/// True where the subtitles are to blame: whoever reads them again finds the same. A fault of the machine is tried again,
/// or one version would have them in one worker and not in another.
pub fn may_go_without(e: &JobError) -> bool {
    e.kind.is_bad_input()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_name_of_the_input() {
        let folder = tempfile::tempdir().expect("folder");
        for name in ["demo.mp4", "demo.fr.srt", "demo.en.sdh.vtt", "demo2.en.srt", "demo.en.txt", "other.srt"]
        {
            std::fs::write(folder.path().join(name), "x").expect("a file");
        }
        std::fs::create_dir(folder.path().join("demo.de.srt")).expect("a folder");
        let found = beside(&folder.path().join("demo.mp4")).expect("found");
        let found: Vec<_> = found.iter().map(|s| (s.name.as_str(), s.language.as_deref(), s.kind)).collect();
        assert_eq!(
            found,
            [
                ("demo.en.sdh.vtt", Some("en"), SubtitleKind::Sdh),
                ("demo.fr.srt", Some("fr"), SubtitleKind::Full)
            ]
        );
    }
}
