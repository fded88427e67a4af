//! What is finished, and where finished files go. A commit is written once, after the files it speaks of.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use flodrama_asset::{AssetId, JobFile, ObjectKey, PublishedFile, TrackFile, Version};
use flodrama_media::task::{Output, Sampled, SegmentWritten, StillsWritten, SubtitlesWritten, Written};
use flodrama_store::{Condition, Put, Store};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::child::Finished;
use crate::error::{JobError, Result};

/// Files on their way at a time.
const IN_FLIGHT: usize = 16;

/// The record of a finished task. The same task always gives the same record, but for the CPU time that it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// What the task gave.
    pub result: TaskResult,
    /// Segments that it wrote, by rendition and number.
    pub segments: Vec<SegmentWritten>,
}

/// What a committed task gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskResult {
    /// Of a chunk or an audio track.
    Written(Written),
    /// Of subtitles.
    Subtitles(SubtitlesWritten),
    /// Of the stills.
    Stills(StillsWritten),
    /// Of a sample.
    Sampled(Sampled),
}

impl Commit {
    /// The record of what a child gave.
    pub fn of(finished: Finished) -> Result<Commit> {
        let result = match finished.output {
            Output::Written(written) => TaskResult::Written(written),
            Output::Subtitles(subtitles) => TaskResult::Subtitles(subtitles),
            Output::Stills(stills) => TaskResult::Stills(stills),
            Output::Sampled(sampled) => TaskResult::Sampled(sampled),
            other => return Err(JobError::internal("commit", format_args!("unexpected answer {other:?}"))),
        };
        // Renditions that were made side by side finish in any order; the record does not depend on it.
        let mut segments = finished.segments;
        segments.sort_by(|a, b| (&a.track, a.number).cmp(&(&b.track, b.number)));
        Ok(Commit { result, segments })
    }

    /// The record of subtitles that cannot be read: whoever goes on with this job leaves them out as well.
    pub fn left_out(why: &str) -> Commit {
        let written = SubtitlesWritten { left_out: Some(why.to_owned()), ..SubtitlesWritten::default() };
        Commit { result: TaskResult::Subtitles(written), segments: Vec::new() }
    }

    /// Paths below the tree of all files that the task wrote.
    pub fn files(&self) -> Vec<String> {
        let segments = self.segments.iter().map(|s| s.path.clone());
        match &self.result {
            TaskResult::Written(written) => {
                // The first segments come with the initialisation section.
                let begins = |track: &str| self.segments.iter().any(|s| s.track == track && s.number == 1);
                let tracks = written.tracks.iter().filter(|t| begins(&t.track));
                segments.chain(tracks.map(|t| format!("{}/{}", t.track, TrackFile::Init))).collect()
            }
            TaskResult::Stills(stills) => {
                segments.chain(stills.files.iter().map(|(f, _)| f.clone())).collect()
            }
            TaskResult::Subtitles(subtitles) => subtitles.file.iter().map(|(path, _)| path.clone()).collect(),
            TaskResult::Sampled(_) => Vec::new(),
        }
    }
}

/// Where commits and finished files are kept.
#[derive(Clone, Debug)]
pub enum Ledger {
    /// In a folder: commits in `commits/`, files stay in the tree.
    Folder(PathBuf),
    /// In the bucket: files at their final keys, then the commit, once (`If-None-Match: *`).
    Bucket(Store, AssetId, Version),
}

impl Ledger {
    /// Everything committed so far, by task name.
    pub async fn commits(&self) -> Result<BTreeMap<String, Commit>> {
        let mut commits = BTreeMap::new();
        match self {
            Ledger::Folder(folder) => {
                let folder = folder.join("commits");
                let Ok(mut entries) = tokio::fs::read_dir(&folder).await else { return Ok(commits) };
                while let Some(entry) = entries.next_entry().await.map_err(|e| JobError::io("commits", &e))? {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    let Some(task) = name.strip_suffix(".json") else { continue };
                    let json = tokio::fs::read(entry.path()).await.map_err(|e| JobError::io("commit", &e))?;
                    let commit =
                        serde_json::from_slice(&json).map_err(|e| JobError::internal("commit", e))?;
                    commits.insert(task.to_owned(), commit);
                }
            }
            Ledger::Bucket(store, asset, version) => {
                // In this order: what is committed by now has its files by now.
                let names = self.names().await?;
                let stored = self.stored().await?;
                for task in names {
                    let Some(commit) = self.find(&task).await? else { continue };
                    if commit.files().iter().all(|path| stored.contains(path)) {
                        commits.insert(task, commit);
                        continue;
                    }
                    // Files come before their commit, so somebody has removed them since: the task is open again.
                    tracing::warn!(%asset, %version, task, "committed, and its files are gone: made again");
                    store.delete(&self.commit_key(asset, version, &task)).await?;
                }
            }
        }
        Ok(commits)
    }

    /// Paths of what the bucket has of the version's files.
    async fn stored(&self) -> Result<HashSet<String>> {
        let Ledger::Bucket(store, asset, version) = self else { return Ok(HashSet::new()) };
        let prefix = format!("vod/{asset}/{version}/");
        let listed = store.list(&prefix).await?;
        Ok(listed.iter().filter_map(|o| o.key.strip_prefix(&prefix).map(str::to_owned)).collect())
    }

    /// Names of the tasks that are committed in the bucket; none of a folder, which nobody else writes to.
    pub async fn names(&self) -> Result<Vec<String>> {
        let Ledger::Bucket(store, asset, version) = self else { return Ok(Vec::new()) };
        let prefix = format!("jobs/{asset}/{version}/commits/");
        let listed = store.list(&prefix).await?;
        let name = |key: &str| Some(key.strip_prefix(&prefix)?.strip_suffix(".json")?.to_owned());
        Ok(listed.iter().filter_map(|object| name(&object.key)).collect())
    }

    /// The commit of one task in the bucket, if there is one.
    pub async fn find(&self, task: &str) -> Result<Option<Commit>> {
        let Ledger::Bucket(store, asset, version) = self else { return Ok(None) };
        Ok(store.get_json(&self.commit_key(asset, version, task)).await?.map(|(commit, _)| commit))
    }

    /// Keeps a finished task: its files first, then the record. Files that `has_stored` knows are at their keys already.
    /// Gives the record that holds: where another worker was first, its own.
    pub async fn commit(
        &self,
        task: &str,
        commit: Commit,
        tree: &Path,
        has_stored: impl Fn(&str) -> bool,
    ) -> Result<Commit> {
        match self {
            Ledger::Folder(folder) => {
                let folder = folder.join("commits");
                tokio::fs::create_dir_all(&folder).await.map_err(|e| JobError::io("commits", &e))?;
                let json = serde_json::to_vec(&commit).map_err(|e| JobError::internal("commit", e))?;
                // A name appears only once its content is whole.
                let temporary = folder.join(format!("{task}.tmp"));
                tokio::fs::write(&temporary, json).await.map_err(|e| JobError::io("commit", &e))?;
                let path = folder.join(format!("{task}.json"));
                tokio::fs::rename(&temporary, path).await.map_err(|e| JobError::io("commit", &e))?;
                Ok(commit)
            }
            Ledger::Bucket(store, asset, version) => {
                for path in commit.files().into_iter().filter(|path| !has_stored(path)) {
                    let key = published(asset, version, &path)?;
                    store.put_file(&key, &tree.join(&path)).await?;
                }
                let key = self.commit_key(asset, version, task);
                match store.put_json(&key, &commit, Condition::IfAbsent).await? {
                    Put::Written(_) => Ok(commit),
                    // Another worker did the same work. Same input, same keys, same bytes.
                    Put::Refused => Ok(store.get_json(&key).await?.map_or(commit, |(held, _)| held)),
                }
            }
        }
    }

    /// Puts a file of the tree at its final key, where that is elsewhere.
    pub async fn put(&self, path: &str, tree: &Path) -> Result<()> {
        match self {
            Ledger::Folder(_) => Ok(()),
            Ledger::Bucket(store, asset, version) => {
                store.put_file(&published(asset, version, path)?, &tree.join(path)).await?;
                Ok(())
            }
        }
    }

    /// Writes a text at its final place, whole, over what is there.
    pub async fn put_text(&self, file: &PublishedFile, text: &str, tree: &Path) -> Result<()> {
        match self {
            Ledger::Folder(_) => {
                let path = tree.join(file.to_string());
                let failed = |e: std::io::Error| JobError::io("tree", &e);
                if let Some(folder) = path.parent() {
                    tokio::fs::create_dir_all(folder).await.map_err(failed)?;
                }
                // A player may read it at any moment: never in the middle of a write.
                let temporary = path.with_extension("tmp");
                tokio::fs::write(&temporary, text).await.map_err(failed)?;
                tokio::fs::rename(&temporary, &path).await.map_err(failed)
            }
            Ledger::Bucket(store, asset, version) => {
                let key = ObjectKey::Published(asset.clone(), version.clone(), file.clone());
                match store.put(&key, text.to_owned(), Condition::Always).await? {
                    Put::Written(_) | Put::Refused => Ok(()),
                }
            }
        }
    }

    /// A text as it stands at its final place; `None` where there is none.
    pub async fn text(&self, file: &PublishedFile, tree: &Path) -> Result<Option<String>> {
        let bytes = match self {
            Ledger::Folder(_) => match tokio::fs::read(tree.join(file.to_string())).await {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(JobError::io("tree", &e)),
            },
            Ledger::Bucket(store, asset, version) => {
                let key = ObjectKey::Published(asset.clone(), version.clone(), file.clone());
                match store.get(&key).await? {
                    Some(object) => object.bytes.to_vec(),
                    None => return Ok(None),
                }
            }
        };
        String::from_utf8(bytes).map(Some).map_err(|e| JobError::internal("text", e))
    }

    /// Brings the files of a commit into `tree` where they are missing, as on another machine than the one that
    /// wrote them.
    pub async fn restore(&self, commit: &Commit, tree: &Path) -> Result<()> {
        let mut files = commit.files().into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < IN_FLIGHT
                && let Some(path) = files.next()
            {
                let (ledger, tree) = (self.clone(), tree.to_owned());
                running.spawn(async move { ledger.bring(&path, &tree).await });
            }
            let Some(brought) = running.join_next().await else { return Ok(()) };
            brought.map_err(|e| JobError::internal("restore", e))??;
        }
    }

    async fn bring(&self, path: &str, tree: &Path) -> Result<()> {
        let local = tree.join(path);
        if tokio::fs::try_exists(&local).await.map_err(|e| JobError::io("tree", &e))? {
            return Ok(());
        }
        let Ledger::Bucket(store, asset, version) = self else {
            return Err(JobError::internal("restore", format_args!("{path} was committed and is gone")));
        };
        let key = published(asset, version, path)?;
        let object = store.get(&key).await?;
        let object = object.ok_or_else(|| JobError::internal("restore", format_args!("{key} is gone")))?;
        if let Some(folder) = local.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(|e| JobError::io("tree", &e))?;
        }
        tokio::fs::write(&local, &object.bytes).await.map_err(|e| JobError::io("tree", &e))
    }

    fn commit_key(&self, asset: &AssetId, version: &Version, task: &str) -> ObjectKey {
        ObjectKey::Job(asset.clone(), version.clone(), JobFile::Commit(task.to_owned()))
    }
}

/// The key of a file of the tree; every file that a job writes is one of the layout's.
pub fn published(asset: &AssetId, version: &Version, path: &str) -> Result<ObjectKey> {
    let file = PublishedFile::parse(path).ok_or_else(|| {
        JobError::internal("layout", format_args!("{path} is no file of the published tree"))
    })?;
    Ok(ObjectKey::Published(asset.clone(), version.clone(), file))
}
