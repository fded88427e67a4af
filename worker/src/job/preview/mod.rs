//! Early play: while an episode is being encoded, its leading segments go to their final keys as soon as every
//! rendition has them, and growing playlists below `preview/` name them (docs/adr/0009-preview-path.md).
//!
//! A preview is an extra: where it cannot be written, that is logged and the job goes on.

mod growth;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flodrama_asset::document::{EarlyPlay, Preview as Note};
use flodrama_asset::{AssetId, ObjectKey, PreviewFile, PublishedFile, Version};
use flodrama_store::Store;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::growth::Growth;
use super::ledger::{Commit, Ledger, TaskResult};
use super::status::Sender;
use crate::child::Heard;
use crate::error::{JobError, Result};
use crate::plan::Plan;

/// Playlists are written at most this often.
const EVERY: Duration = Duration::from_secs(1);
/// The end of a preview is worth so many tries: without it a player would wait for more.
const END_TRIES: u32 = 3;
/// Files on their way at a time.
const IN_FLIGHT: usize = 8;

/// The preview of one job: tasks tell it what they have, [`write`](Preview::write) publishes it.
#[derive(Clone, Debug)]
pub struct Preview {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ledger: Ledger,
    tree: PathBuf,
    early_play: EarlyPlay,
    state: Mutex<State>,
    changed: Notify,
    /// Encoding is over.
    over: CancellationToken,
}

#[derive(Debug)]
struct State {
    growth: Growth,
    /// Paths below the tree that are at their final keys.
    stored: HashSet<String>,
    /// Everything is encoded.
    complete: bool,
}

impl Preview {
    /// A preview of `plan` that nobody told anything yet. With [`EarlyPlay::Nobody`] it stays silent.
    pub fn new(plan: &Plan, ledger: &Ledger, tree: &Path, early_play: EarlyPlay) -> Preview {
        let state = State { growth: Growth::new(plan), stored: HashSet::new(), complete: false };
        let inner = Inner {
            ledger: ledger.clone(),
            tree: tree.to_owned(),
            early_play,
            state: Mutex::new(state),
            changed: Notify::new(),
            over: CancellationToken::new(),
        };
        Preview { inner: Arc::new(inner) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().expect("no holder panics")
    }

    /// A child says something.
    pub fn hear(&self, heard: Heard<'_>) {
        match heard {
            Heard::Progress(_) => return,
            Heard::Track(track) => self.state().growth.track(track),
            Heard::Segment(segment) => self.state().growth.segment(segment),
        }
        self.inner.changed.notify_one();
    }

    /// A task is committed, by this run or an earlier one: its files are at their final keys.
    pub fn committed(&self, commit: &Commit) {
        let mut state = self.state();
        if let TaskResult::Written(written) = &commit.result {
            written.tracks.iter().for_each(|track| state.growth.track(track));
            commit.segments.iter().for_each(|segment| state.growth.segment(segment));
            state.stored.extend(commit.files());
        }
        drop(state);
        self.inner.changed.notify_one();
    }

    /// True where the file is at its final key already.
    pub fn has_stored(&self, path: &str) -> bool {
        self.state().stored.contains(path)
    }

    /// Encoding is over: `complete` where nothing is missing. [`write`](Preview::write) then ends.
    pub fn end(&self, complete: bool) {
        self.state().complete = complete;
        self.inner.over.cancel();
    }

    /// Writes playlists as segments come, until the [`end`](Preview::end). Never fails: the episode does not depend on
    /// its preview.
    pub async fn write(&self, status: &Sender) {
        if self.inner.early_play == EarlyPlay::Nobody {
            return;
        }
        // A growing playlist never shrinks: what an earlier run listed must be there again before anything is written.
        let mut listed = self.listed().await;
        if listed > 0 {
            self.tell(status, listed);
        }
        let mut begun = listed > 0;
        while !self.inner.over.is_cancelled() {
            tokio::select! {
                () = self.inner.changed.notified() => {}
                () = self.inner.over.cancelled() => break,
            }
            let count = self.state().growth.playable();
            if count <= listed {
                continue;
            }
            match self.grow(count, false, begun).await {
                Ok(()) => {
                    (listed, begun) = (count, true);
                    self.tell(status, count);
                }
                Err(e) => self.lament(&e),
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.inner.over.cancelled() => {}
            }
            // What came meanwhile, or could not be written, is looked at again.
            self.inner.changed.notify_one();
        }
        if self.state().complete {
            self.finish(status, begun).await;
        }
    }

    async fn finish(&self, status: &Sender, begun: bool) {
        let count = self.state().growth.playable();
        for _ in 0..END_TRIES {
            match self.grow(count, true, begun).await {
                Ok(()) => return self.tell(status, count),
                Err(e) => self.lament(&e),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Segments first, then the playlists that name them, and what names those last.
    async fn grow(&self, count: u32, ended: bool, begun: bool) -> Result<()> {
        let built = |e| JobError::internal("preview", e);
        let (files, playlists, main) = {
            let state = self.state();
            let files = state.growth.files(count).into_iter().filter(|path| !state.stored.contains(path));
            let main = if begun { None } else { Some(state.growth.multivariant().map_err(built)?) };
            (files.collect::<Vec<_>>(), state.growth.media_playlists(count, ended).map_err(built)?, main)
        };
        self.store(files).await?;
        let main = main.map(|text| (PreviewFile::Multivariant, text));
        for (file, text) in playlists.into_iter().chain(main) {
            self.inner.ledger.put_text(&PublishedFile::Preview(file), &text, &self.inner.tree).await?;
        }
        Ok(())
    }

    async fn store(&self, files: Vec<String>) -> Result<()> {
        let mut files = files.into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < IN_FLIGHT
                && let Some(path) = files.next()
            {
                let inner = Arc::clone(&self.inner);
                running.spawn(async move { inner.ledger.put(&path, &inner.tree).await.map(|()| path) });
            }
            let Some(stored) = running.join_next().await else { return Ok(()) };
            let path = stored.map_err(|e| JobError::internal("preview", e))??;
            self.state().stored.insert(path);
        }
    }

    /// Segments that an earlier run's playlists list: the most in one of them.
    async fn listed(&self) -> u32 {
        let playlists = self.state().growth.media_playlist_files();
        let mut most = 0;
        for file in [PreviewFile::Multivariant].into_iter().chain(playlists) {
            let is_main = file == PreviewFile::Multivariant;
            let text = self.inner.ledger.text(&PublishedFile::Preview(file), &self.inner.tree).await;
            match text {
                Ok(Some(text)) => most = most.max(text.matches("#EXTINF:").count() as u32),
                // Without the first nobody plays the others.
                Ok(None) if is_main => return 0,
                Ok(None) => {}
                Err(e) => self.lament(&e),
            }
        }
        most
    }

    fn tell(&self, status: &Sender, count: u32) {
        let state = self.state();
        let note = Note {
            early_play: self.inner.early_play,
            playable_ms: state.growth.playable_ms(count),
            duration_ms: state.growth.duration_ms(),
        };
        drop(state);
        status.send_modify(|status| status.preview = Some(note));
    }

    fn lament(&self, error: &JobError) {
        tracing::warn!(detail = error.detail, "the preview cannot be written; the episode goes on without");
    }
}

/// Takes a preview away, where the episode ended without a publication: a link to it then leads nowhere, instead of to
/// a stream that waits for segments that never come.
///
/// # Errors
/// The bucket's.
pub async fn withdraw(store: &Store, asset: &AssetId, version: &Version) -> Result<()> {
    let prefix = format!("vod/{asset}/{version}/");
    // In the order of their names `audio/…` would go first: nobody is to begin once any of it is gone.
    let mut files = vec![PublishedFile::Preview(PreviewFile::Multivariant)];
    for object in store.list(&format!("{prefix}preview/")).await? {
        files.extend(object.key.strip_prefix(&prefix).and_then(PublishedFile::parse));
    }
    for file in files {
        store.delete(&ObjectKey::Published(asset.clone(), version.clone(), file)).await?;
    }
    Ok(())
}

/// Takes the preview of a tree in a folder away.
///
/// # Errors
/// The file system's.
pub async fn remove(tree: &Path) -> Result<()> {
    match tokio::fs::remove_dir_all(tree.join("preview")).await {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(JobError::io("preview", &e)),
        _ => Ok(()),
    }
}
