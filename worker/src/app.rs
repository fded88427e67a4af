//! The composition root: settings become clients, messages become jobs, jobs become publications.

mod help;
mod progress;

use std::future::Future;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use aws_config::BehaviorVersion;
use flodrama_asset::document::{Failure, JobState, Pointer};
use flodrama_asset::{AssetId, JobFile, ObjectKey, SourceRef, Version};
use flodrama_store::{Condition, Put, Store};
use time::OffsetDateTime;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::child::Children;
use crate::config::Config;
use crate::error::{JobError, Result};
use crate::failure::{Action, action};
use crate::family::{self, Choice};
use crate::intake::offer::Offer;
use crate::intake::{self, Asked, Held, Queue, episode};
use crate::job::share::Share;
use crate::job::status::{Status, enter};
use crate::job::{Job, Ledger, Proven, preview, reuse, sidecars};
use crate::plan::{Family, Preset};
use crate::publish::{self, Standing};
use crate::scratch::Scratch;

use self::progress::ProgressNotes;

/// Wait after the queue failed, so that an outage is not a busy loop.
const QUEUE_PAUSE: Duration = Duration::from_secs(5);
/// A killed child is gone within so many tries.
const CLEAR_TRIES: u32 = 40;
const CLEAR_PAUSE: Duration = Duration::from_millis(50);
/// A message that was received so often is given back as a fresh one where we interrupt its work: stops and spot notices
/// are not the failures that a redrive policy counts (5 is the least that AWS advises).
const RENEWED_FROM: u32 = 3;
/// A message that is no event comes back after this, until the redrive policy takes it away.
const BAD_MESSAGE: Duration = Duration::from_secs(30);

/// A worker that is ready to run.
pub struct App {
    config: Config,
    preset: Preset,
    store: Store,
    queue: Queue,
    cloudfront: Option<(aws_sdk_cloudfront::Client, String)>,
    scratch: Scratch,
    /// The encoder family, once its trials are over and as long as they hold.
    choice: Mutex<Option<Choice>>,
}

/// How a job ended well.
enum Ended {
    /// Published by this run.
    Published,
    /// Nothing to do: it is published or known to fail.
    Before,
}

/// The AWS clients that a worker speaks through.
#[derive(Clone, Debug)]
pub struct Clients {
    /// The bucket.
    pub store: Store,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// CloudFront's control plane; asked only where a distribution is configured.
    pub cloudfront: aws_sdk_cloudfront::Client,
}

impl Clients {
    /// With region and credentials of the AWS SDK's own settings.
    pub async fn connect(config: &Config) -> Clients {
        let load = async |endpoint: &Option<String>| {
            let loader = aws_config::defaults(BehaviorVersion::latest());
            match endpoint {
                Some(url) => loader.endpoint_url(url).load().await,
                None => loader.load().await,
            }
        };
        Clients {
            store: Store::connect(&config.s3.bucket, config.s3.endpoint_url.as_deref()).await,
            sqs: aws_sdk_sqs::Client::new(&load(&config.queue.endpoint_url).await),
            cloudfront: aws_sdk_cloudfront::Client::new(&load(&config.cloudfront.endpoint_url).await),
        }
    }
}

impl App {
    /// Builds a worker from its settings. Asks nothing of the network yet.
    pub async fn load(config: Config) -> anyhow::Result<App> {
        let clients = Clients::connect(&config).await;
        App::with(config, clients)
    }

    /// Builds a worker over clients that the caller connected.
    pub fn with(config: Config, clients: Clients) -> anyhow::Result<App> {
        let preset = Preset::load(&config.work.preset)?;
        family::candidates(&preset, &config.work.families)?;
        let folder =
            config.work.scratch.clone().unwrap_or_else(|| std::env::temp_dir().join("flodrama-worker"));
        let scratch = Scratch::open(&folder)
            .map_err(|e| anyhow::anyhow!("cannot use the scratch folder {}: {e}", folder.display()))?;
        let seconds = |s: u32| Duration::from_secs(s.into());
        let (visibility, at_most) =
            (seconds(config.queue.visibility_timeout_s), seconds(config.queue.hold_at_most_s));
        let queue = Queue::new(clients.sqs, config.queue.url.clone(), visibility, at_most);
        let cloudfront = config.cloudfront.distribution_id.clone().map(|id| (clients.cloudfront, id));
        let choice = Mutex::new(None);
        Ok(App { config, preset, store: clients.store, queue, cloudfront, scratch, choice })
    }

    /// Takes messages until `shutdown`. What is being encoded then is given back to the queue; its commits stay.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let cancel = CancellationToken::new();
        let work = async {
            tokio::select! {
                _ = self.choose() => {}
                () = cancel.cancelled() => {}
            }
            while !cancel.is_cancelled() {
                let received = tokio::select! {
                    received = self.queue.receive() => received,
                    () = cancel.cancelled() => break,
                };
                match received {
                    Ok(Some(held)) => self.take(held, &cancel).await,
                    Ok(None) => {}
                    Err(e) => {
                        tracing::error!(error = %e, "cannot receive");
                        tokio::select! {
                            () = tokio::time::sleep(QUEUE_PAUSE) => {}
                            () = cancel.cancelled() => {}
                        }
                    }
                }
            }
        };
        tokio::join!(work, async {
            shutdown.await;
            cancel.cancel();
        });
    }

    /// Does what a message asks for, then acknowledges it or gives it back.
    async fn take(&self, held: Held, cancel: &CancellationToken) {
        let uploads = match intake::read(&held.body) {
            Ok(Asked::Work(uploads)) => uploads,
            Ok(Asked::Help(offer)) => return Box::pin(self.help(held, &offer, cancel)).await,
            Err(e) => {
                tracing::error!(error = %e, "left to the redrive policy");
                return log_queue(held.release(BAD_MESSAGE).await);
            }
        };
        let turn = cancel.child_token();
        let work = async {
            let mut retry: Option<Duration> = None;
            for source in uploads {
                if let Some(delay) = Box::pin(self.one(&source, &turn)).await {
                    retry = Some(retry.map_or(delay, |d| d.max(delay)));
                }
            }
            retry
        };
        let retry = while_held(&held, &turn, work).await;
        log_queue(match retry {
            None => held.acknowledge().await,
            // Interrupted by us: not a failed try, which the redrive policy would count, nor a part of the next 12 hours.
            Some(_) if turn.is_cancelled() && (!cancel.is_cancelled() || held.receives >= RENEWED_FROM) => {
                held.renew(Duration::ZERO).await
            }
            Some(delay) => held.release(delay).await,
        });
    }

    /// Works on one upload; says when to try again, if at all. The only place where a job's end is logged.
    async fn one(&self, announced: &SourceRef, cancel: &CancellationToken) -> Option<Duration> {
        let source = match episode::of(&self.store, announced).await.map_err(JobError::from) {
            Ok(Some(source)) => source,
            Ok(None) => {
                tracing::info!(key = announced.key, "a subtitle file whose episode is not there yet");
                return None;
            }
            Err(e) => {
                tracing::error!(key = announced.key, code = %e.kind, detail = e.detail, "{}", e.message);
                return Some(match action(e.kind) {
                    Action::Retry(delay) => delay,
                    Action::Drop | Action::Fail => BAD_MESSAGE,
                });
            }
        };
        let source = &source;
        let Ok(asset) = AssetId::from_upload_key(&source.key) else {
            tracing::warn!(key = source.key, "no episode: the key names none");
            return None;
        };
        let mut choice = self.choose().await;
        let (version, error) = loop {
            let version = self.version(source, &choice.family);
            let error = match self.work(source, &asset, &version, &choice, cancel).await {
                Ok(Ended::Published) => {
                    tracing::info!(%asset, %version, family = choice.family.name, key = source.key, "published");
                    return None;
                }
                Ok(Ended::Before) => {
                    tracing::info!(%asset, %version, key = source.key, "nothing to do");
                    return None;
                }
                Err(e) => e,
            };
            let Some(next) = choice.after(&error, &self.preset) else { break (version, error) };
            // What this version has stays for the garbage collection; its preview would never end.
            self.withdraw(&asset, &version).await;
            // Without its plan nobody helps with it any more.
            let plan = ObjectKey::Job(asset.clone(), version.clone(), JobFile::Plan);
            if let Err(e) = self.store.delete(&plan).await {
                tracing::warn!(%asset, %version, error = %e, "helpers may go on with what is not wanted any more");
            }
            tracing::warn!(%asset, %version, why = next.left(), "planned anew");
            *self.choice.lock().expect("no holder panics") = None;
            choice = next;
        };
        let action = action(error.kind);
        tracing::error!(%asset, %version, key = source.key, code = %error.kind, ?action,
            detail = error.detail, "{}", error.message);
        match action {
            Action::Retry(delay) => {
                let notes = ProgressNotes { store: &self.store, source, asset: &asset, version: &version };
                let waiting = Status::at("waiting", 0.0);
                if let Err(e) = notes.write(JobState::Running, &waiting, Some(error.message)).await {
                    tracing::warn!(%asset, detail = e.detail, "cannot write progress");
                }
                Some(delay)
            }
            Action::Drop => {
                self.withdraw(&asset, &version).await;
                None
            }
            Action::Fail => match self.record(source, &asset, &version, &error).await {
                Ok(()) => {
                    self.withdraw(&asset, &version).await;
                    None
                }
                // Without its record the failure would be silent: try again.
                Err(e) => {
                    tracing::error!(%asset, detail = e.detail, "cannot record the failure");
                    Some(BAD_MESSAGE)
                }
            },
        }
    }

    /// The encoder family: tried at the start, and again after it failed or was busy.
    async fn choose(&self) -> Choice {
        if let Some(choice) = self.choice.lock().expect("no holder panics").clone() {
            return choice;
        }
        let devices = family::candidates(&self.preset, &self.config.work.families).unwrap_or_default();
        // A folder of its own, which is gone where a trial is interrupted too.
        let folder = tempfile::Builder::new().prefix("trial-").tempdir_in(&self.scratch);
        let children = folder.as_ref().map(|folder| self.config.work.children(folder.path()));
        let choice = match children {
            Ok(Ok(children)) => family::choose(&self.preset, &devices, &children).await,
            Ok(Err(_)) | Err(_) => Choice::own(&self.preset),
        };
        for (what, why) in &choice.reasons {
            tracing::info!(what, why, "encoders");
        }
        *self.choice.lock().expect("no holder panics") = (!choice.busy).then(|| choice.clone());
        choice
    }

    fn version(&self, source: &SourceRef, family: &Family) -> Version {
        Version::derive(source, &self.preset.identity(), &family.identity())
    }

    /// The versions that an upload becomes by any family of the preset's codec.
    fn versions(&self, source: &SourceRef) -> Vec<Version> {
        let codec = &self.preset.family().codec;
        Family::all().iter().filter(|f| f.codec == *codec).map(|f| self.version(source, f)).collect()
    }

    /// Takes the preview of an episode away that will not come. Not worth a retry: the edge hands out no more links to
    /// it, and a link that was handed out leads to a stream that never ends well.
    async fn withdraw(&self, asset: &AssetId, version: &Version) {
        if let Err(e) = preview::withdraw(&self.store, asset, version).await {
            tracing::warn!(%asset, %version, detail = e.detail, "cannot take the preview away");
        }
    }

    async fn work(
        &self,
        source: &SourceRef,
        asset: &AssetId,
        version: &Version,
        choice: &Choice,
        cancel: &CancellationToken,
    ) -> Result<Ended> {
        if source.bucket != self.store.bucket() {
            return Err(JobError::internal("intake", format_args!("an event of bucket '{}'", source.bucket)));
        }
        let pointer = self.store.get_json::<Pointer>(&ObjectKey::Pointer(asset.clone())).await?;
        let pointer = pointer.as_ref().map(|(p, _)| p);
        // A worker with other devices may have published this upload: that is as good.
        let of_others = self
            .versions(source)
            .into_iter()
            .find(|v| pointer.is_some_and(|p| p.version == *v || p.previous.as_ref() == Some(v)));
        match publish::standing(pointer, of_others.as_ref().unwrap_or(version), source) {
            Standing::Open => {}
            Standing::Published => return Ok(Ended::Before),
            Standing::Superseded => return Err(publish::superseded()),
            Standing::NameTaken => return Err(publish::name_taken(asset)),
        }
        if episode::is_replaced(&self.store, source, pointer).await? {
            return Err(publish::superseded());
        }
        let failure = ObjectKey::Job(asset.clone(), version.clone(), JobFile::Failure);
        if self.store.head(&failure).await?.is_some() {
            return Ok(Ended::Before);
        }

        let (status, watched) = watch::channel(Status::at("fetch", 0.0));
        let (stop, stopped) = oneshot::channel();
        let reason = choice.left().map(str::to_owned);
        let notes = ProgressNotes { store: &self.store, source, asset, version };
        let (outcome, ()) = tokio::join!(
            async {
                // A job is a large value: on the heap it does not take a thread's stack.
                let outcome = Box::pin(self.make(source, asset, version, choice, &status, cancel)).await;
                // Gone only if the writer is: then there is nobody to stop.
                let _ = stop.send(());
                outcome
            },
            notes.write_while(watched, stopped, reason),
        );
        outcome?;
        notes.write(JobState::Published, &Status::at("done", 100.0), None).await?;
        Ok(Ended::Published)
    }

    /// Fetches, makes, publishes, in a scratch folder that is gone afterwards.
    async fn make(
        &self,
        source: &SourceRef,
        asset: &AssetId,
        version: &Version,
        choice: &Choice,
        status: &watch::Sender<Status>,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let scratch = self.scratch_for(asset, version)?;
        let made = async {
            let job = self.fetch(scratch.path(), source, asset, (version, choice), status, cancel).await?;
            let version_of = |source: &SourceRef| self.version(source, &choice.family);
            let taken = tokio::select! {
                taken = reuse::take_over(&self.store, asset, version, source, version_of) => taken,
                () = cancel.cancelled() => return Err(JobError::interrupted()),
            };
            match taken {
                Ok(0) => {}
                Ok(tasks) => tracing::info!(%asset, %version, tasks, "taken over from another version"),
                // It would only have been quicker.
                Err(e) => tracing::warn!(%asset, %version, detail = e.detail, "nothing can be taken over"),
            }
            let proven = job.run(status, cancel).await?;
            enter(status, "publish", 97.0);
            self.publish(asset, version, source, &proven, &job.tree).await
        };
        let outcome = made.await;
        clear(scratch.path()).await;
        outcome
    }

    async fn publish(
        &self,
        asset: &AssetId,
        version: &Version,
        source: &SourceRef,
        proven: &Proven,
        tree: &Path,
    ) -> Result<()> {
        let now = OffsetDateTime::now_utc();
        publish::publish(&self.store, asset, version, source, proven, tree, now).await?;
        if let Some((client, distribution)) = &self.cloudfront
            && let Err(cause) = publish::invalidate(client, distribution, asset, now).await
        {
            tracing::warn!(%asset, cause, "the pointer's invalidation failed; caches keep it until it expires");
        }
        Ok(())
    }

    fn scratch_for(&self, asset: &AssetId, version: &Version) -> Result<tempfile::TempDir> {
        let folder =
            tempfile::Builder::new().prefix(&format!("{asset}-{version}-")).tempdir_in(&self.scratch);
        folder.map_err(|e| JobError::io("scratch", &e))
    }

    /// The job on a version, its source in `scratch`.
    async fn fetch(
        &self,
        scratch: &Path,
        source: &SourceRef,
        asset: &AssetId,
        (version, choice): (&Version, &Choice),
        status: &watch::Sender<Status>,
        cancel: &CancellationToken,
    ) -> Result<Job> {
        // A name of ours: nothing of the key reaches a path.
        let input = scratch.join("source");
        let fetched = |done: u64, total: u64| {
            status.send_replace(Status::at("fetch", 3.0 * done as f64 / total.max(1) as f64));
        };
        tokio::select! {
            fetched = self.store.download(source, &input, fetched) => fetched?,
            () = cancel.cancelled() => return Err(JobError::interrupted()),
        };
        let offer = Offer { asset: asset.clone(), version: version.clone(), source: source.clone() };
        let share = Share::new(&self.store, &self.queue, offer, self.config.work.sharing());
        let children = self.config.work.children(scratch).map_err(|e| JobError::io("own binary", &e))?;
        Ok(Job {
            input,
            sidecars: sidecars::fetch(&self.store, source, scratch).await?,
            tree: scratch.join("tree"),
            ledger: Ledger::Bucket(self.store.clone(), asset.clone(), version.clone()),
            preset: self.preset.clone(),
            choice: choice.clone(),
            device_sessions: self.config.work.device_sessions,
            limits: self.config.limits,
            slots: self.config.work.slots(),
            children: Children { compiled: choice.compiled.clone(), ..children },
            share: Some(share),
            upload: Some(source.clone()),
            fallback_title: crate::title::from_key(&source.key),
        })
    }

    async fn record(
        &self,
        source: &SourceRef,
        asset: &AssetId,
        version: &Version,
        error: &JobError,
    ) -> Result<()> {
        let failure = Failure {
            asset: asset.clone(),
            version: version.clone(),
            code: error.kind,
            message: error.message.clone(),
            detail: error.detail.clone(),
            source: source.clone(),
            failed_at: OffsetDateTime::now_utc(),
        };
        let key = ObjectKey::Job(asset.clone(), version.clone(), JobFile::Failure);
        match self.store.put_json(&key, &failure, Condition::IfAbsent).await? {
            Put::Written(_) | Put::Refused => {}
        }
        let notes = ProgressNotes { store: &self.store, source, asset, version };
        notes.write(JobState::Failed, &Status::at("done", 0.0), Some(error.message.clone())).await
    }
}

/// Runs `work`, and cancels its `turn` where the message comes to be held for too long.
async fn while_held<T>(held: &Held, turn: &CancellationToken, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done,
        () = held.due() => {
            tracing::warn!("held for as long as a message may be: what is finished stays, the rest goes on anew");
            turn.cancel();
            work.await
        }
    }
}

/// Removes a scratch folder. Where work was interrupted, children that were killed may still write for a moment, so it is
/// tried again until they are gone.
async fn clear(folder: &Path) {
    for _ in 0..CLEAR_TRIES {
        match tokio::fs::remove_dir_all(folder).await {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => tokio::time::sleep(CLEAR_PAUSE).await,
            _ => return,
        }
    }
}

fn log_queue(outcome: std::result::Result<(), crate::intake::QueueError>) {
    // Not fatal: the message comes again, and finds its work done.
    if let Err(e) = outcome {
        tracing::warn!(error = %e, "the message will be seen again");
    }
}
