//! `progress.json`: what editors see of a job while it runs.

use std::time::Duration;

use flodrama_asset::document::{JobState, Progress};
use flodrama_asset::{AssetId, JobFile, ObjectKey, SourceRef, Version};
use flodrama_store::{Condition, Put, Store};
use time::OffsetDateTime;
use tokio::sync::{oneshot, watch};

use crate::error::Result;
use crate::job::status::Status;

/// How often `progress.json` is written at most.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// The notes of one job.
pub struct ProgressNotes<'a> {
    pub store: &'a Store,
    pub source: &'a SourceRef,
    pub asset: &'a AssetId,
    pub version: &'a Version,
}

impl ProgressNotes<'_> {
    /// Writes each change, at most once a second, until stopped. Never in the middle of a write, so that no late
    /// note stands over the last one.
    pub async fn write_while(
        &self,
        mut status: watch::Receiver<Status>,
        mut stopped: oneshot::Receiver<()>,
        reason: Option<String>,
    ) {
        loop {
            let note = status.borrow_and_update().clone();
            if let Err(e) = self.write(JobState::Running, &note, reason.clone()).await {
                tracing::warn!(asset = %self.asset, detail = e.detail, "cannot write progress");
            }
            tokio::select! {
                _ = &mut stopped => return,
                () = tokio::time::sleep(PROGRESS_EVERY) => {}
            }
            tokio::select! {
                _ = &mut stopped => return,
                changed = status.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Writes one note.
    pub async fn write(&self, state: JobState, status: &Status, reason: Option<String>) -> Result<()> {
        let progress = Progress {
            asset: self.asset.clone(),
            version: self.version.clone(),
            state,
            stage: status.stage.to_owned(),
            percent: (status.percent * 10.0).round() / 10.0,
            speed: status.speed,
            eta_s: status.eta_s,
            rungs: status.rungs.clone(),
            preview: status.preview.clone(),
            reason,
            source: self.source.clone(),
            updated_at: OffsetDateTime::now_utc(),
        };
        let key = ObjectKey::Job(self.asset.clone(), self.version.clone(), JobFile::Progress);
        match self.store.put_json(&key, &progress, Condition::Always).await? {
            Put::Written(_) | Put::Refused => Ok(()),
        }
    }
}
