//! An offer of another worker: encode chunks of its episode, and leave the rest to it.

use flodrama_asset::document::Pointer;
use flodrama_asset::{JobFile, ObjectKey};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{App, BAD_MESSAGE, clear, log_queue, while_held};
use crate::error::Result;
use crate::failure::{Action, action};
use crate::intake::Held;
use crate::intake::offer::Offer;
use crate::job::Ledger;
use crate::job::status::Status;
use crate::plan::Plan;

/// An offer that so many workers could not use is let go: it is worth time and nothing else, and no dead letter.
const OFFERED_AT_MOST: u32 = 3;

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Helped {
    /// So many chunks were made, or found made.
    Chunks(usize),
    /// The version is published, failed or replaced.
    Late,
    /// This worker would make another version of the upload, or make it in another way.
    Unfit,
}

impl App {
    /// Takes an offer as far as it goes.
    pub(super) async fn help(&self, held: Held, offer: &Offer, cancel: &CancellationToken) {
        let turn = cancel.child_token();
        let (asset, version) = (&offer.asset, &offer.version);
        let again = match while_held(&held, &turn, self.assist(offer, &turn)).await {
            Ok(Helped::Chunks(chunks)) => {
                tracing::info!(%asset, %version, chunks, "helped");
                None
            }
            Ok(Helped::Late) => None,
            Ok(Helped::Unfit) => {
                tracing::info!(%asset, %version, "cannot help: this worker would make another version");
                Some(BAD_MESSAGE)
            }
            Err(e) => {
                tracing::warn!(%asset, %version, code = %e.kind, detail = e.detail, "help ended: {}", e.message);
                match action(e.kind) {
                    Action::Retry(delay) => Some(delay),
                    // The worker that has the upload finds out by itself, and records it.
                    Action::Fail | Action::Drop => None,
                }
            }
        };
        log_queue(match again {
            Some(delay) if held.receives < OFFERED_AT_MOST => held.release(delay).await,
            _ => held.acknowledge().await,
        });
    }

    async fn assist(&self, offer: &Offer, cancel: &CancellationToken) -> Result<Helped> {
        let choice = self.choose().await;
        if self.version(&offer.source, &choice.family) != offer.version
            || offer.source.bucket != self.store.bucket()
        {
            return Ok(Helped::Unfit);
        }
        let Offer { asset, version, source } = offer;
        let pointer = self.store.get_json::<Pointer>(&ObjectKey::Pointer(asset.clone())).await?;
        let is_live = pointer.is_some_and(|(pointer, _)| pointer.version == *version);
        let failure = ObjectKey::Job(asset.clone(), version.clone(), JobFile::Failure);
        if is_live || self.store.head(&failure).await?.is_some() {
            return Ok(Helped::Late);
        }
        let plan = ObjectKey::Job(asset.clone(), version.clone(), JobFile::Plan);
        let Some((plan, _)) = self.store.get_json::<Plan>(&plan).await? else { return Ok(Helped::Late) };
        // Before the source is fetched: most offers are found when the work is done.
        let ledger = Ledger::Bucket(self.store.clone(), asset.clone(), version.clone());
        if plan.open_chunks(&ledger.names().await?) == 0 {
            return Ok(Helped::Late);
        }
        // Who has the upload says how far it is.
        let (status, _) = watch::channel(Status::at("fetch", 0.0));
        let scratch = self.scratch_for(asset, version)?;
        let outcome = async {
            let job = self.fetch(scratch.path(), source, asset, (version, &choice), &status, cancel).await?;
            job.help(cancel).await
        };
        let outcome = outcome.await;
        clear(scratch.path()).await;
        Ok(outcome?.map_or(Helped::Unfit, Helped::Chunks))
    }
}
