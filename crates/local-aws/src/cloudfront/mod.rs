//! CloudFront's control plane: invalidations of the one distribution, by the REST-XML protocol (2020-05-31).
//!
//! The data plane caches nothing, so an invalidation is only written down. Requests are not authenticated.

mod xml;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use self::xml::{Batch, Fault, Known};
use crate::clock::Clock;
use crate::disk::{self, Access};
use crate::random;
use crate::sync::lock;

/// How long an invalidation is `InProgress`.
const IN_PROGRESS_MS: i64 = 1_000;
const MAX_LISTED: usize = 100;
/// Paths that may be in progress at a time, without and with a wildcard (CloudFront developer guide, "Quotas").
const MAX_FILES: usize = 3_000;
const MAX_WILDCARDS: usize = 15;

/// One invalidation, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalidation {
    /// CloudFront's id for it.
    pub id: String,
    /// The caller's name for the request: the same name and paths again is the same invalidation.
    pub caller_reference: String,
    /// The paths, each beginning with `/`.
    pub paths: Vec<String>,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
}

/// The distribution's invalidations.
pub(crate) struct CloudFront {
    distribution_id: String,
    path: PathBuf,
    clock: Clock,
    /// Oldest first.
    invalidations: Mutex<Vec<Invalidation>>,
}

impl CloudFront {
    /// Reads the invalidations in `folder`.
    pub fn open(folder: &Path, distribution_id: &str, clock: Clock) -> disk::Result<CloudFront> {
        disk::create_folder(folder)?;
        let path = folder.join("invalidations.json");
        let invalidations = Mutex::new(disk::read_json(&path)?.unwrap_or_default());
        Ok(CloudFront { distribution_id: distribution_id.to_owned(), path, clock, invalidations })
    }

    /// All invalidations, oldest first.
    pub fn invalidations(&self) -> Vec<Invalidation> {
        lock(&self.invalidations).clone()
    }

    fn check(&self, distribution_id: &str) -> Result<(), Fault> {
        if distribution_id == self.distribution_id {
            return Ok(());
        }
        Err(Fault::new(
            StatusCode::NOT_FOUND,
            "NoSuchDistribution",
            "The specified distribution does not exist.",
        ))
    }

    fn create(&self, batch: Batch) -> Result<Invalidation, Fault> {
        let Batch { paths, caller_reference } = batch;
        let mut invalidations = lock(&self.invalidations);
        if let Some(earlier) = invalidations.iter().find(|known| known.caller_reference == caller_reference) {
            if earlier.paths == paths {
                return Ok(earlier.clone());
            }
            let message = "Your caller reference was already used for another invalidation batch.";
            return Err(Fault::new(StatusCode::CONFLICT, "InvalidationBatchAlreadyExists", message));
        }
        let now = self.clock.now_ms();
        let in_progress = invalidations.iter().filter(|known| is_in_progress(known, now));
        let (wildcards, files): (Vec<_>, Vec<_>) =
            in_progress.flat_map(|known| &known.paths).chain(&paths).partition(|path| path.ends_with('*'));
        if files.len() > MAX_FILES || wildcards.len() > MAX_WILDCARDS {
            let message = "Processing your request will cause you to exceed the maximum number of in-progress \
                           invalidations.";
            return Err(Fault::new(StatusCode::BAD_REQUEST, "TooManyInvalidationsInProgress", message));
        }
        let id = format!("I{}", random::text(random::UPPER, 25).map_err(Fault::internal)?);
        let invalidation = Invalidation { id, caller_reference, paths, created_ms: now };
        invalidations.push(invalidation.clone());
        if let Err(error) = disk::write_json(&self.path, &*invalidations, Access::Ordinary) {
            invalidations.pop();
            return Err(Fault::internal(error));
        }
        Ok(invalidation)
    }

    fn get(&self, id: &str) -> Result<Invalidation, Fault> {
        let found = lock(&self.invalidations).iter().find(|known| known.id == id).cloned();
        found.ok_or_else(|| {
            Fault::new(
                StatusCode::NOT_FOUND,
                "NoSuchInvalidation",
                "The specified invalidation does not exist.",
            )
        })
    }

    /// A page of invalidations, newest first as CloudFront lists them, and whether more follow.
    fn list(&self, page: &Page) -> (Vec<Invalidation>, bool) {
        let mut newest = self.invalidations();
        newest.reverse();
        let start = match page.marker.as_deref().filter(|marker| !marker.is_empty()) {
            Some(marker) => {
                newest.iter().position(|known| known.id == marker).map_or(newest.len(), |at| at + 1)
            }
            None => 0,
        };
        let rest = &newest[start..];
        let listed = &rest[..rest.len().min(page.max())];
        (listed.to_vec(), listed.len() < rest.len())
    }

    fn known(&self, invalidation: Invalidation) -> Known {
        let in_progress = is_in_progress(&invalidation, self.clock.now_ms());
        let status = if in_progress { "InProgress" } else { "Completed" };
        Known { invalidation, status }
    }
}

fn is_in_progress(invalidation: &Invalidation, now_ms: i64) -> bool {
    now_ms - invalidation.created_ms < IN_PROGRESS_MS
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    marker: Option<String>,
    max_items: Option<usize>,
}

impl Page {
    fn max(&self) -> usize {
        self.max_items.unwrap_or(MAX_LISTED).min(MAX_LISTED)
    }
}

/// The HTTP service.
pub(crate) fn router(cloudfront: Arc<CloudFront>) -> Router {
    let invalidations = "/2020-05-31/distribution/{distribution}/invalidation";
    let one = format!("{invalidations}/{{id}}");
    Router::new().route(invalidations, post(create).get(list)).route(&one, get(show)).with_state(cloudfront)
}

type Stack = State<Arc<CloudFront>>;
type Answer = Result<Response, Fault>;

async fn create(State(cloudfront): Stack, UrlPath(distribution): UrlPath<String>, body: Bytes) -> Answer {
    cloudfront.check(&distribution)?;
    let known = cloudfront.known(cloudfront.create(Batch::parse(&body)?)?);
    let location = format!("/2020-05-31/distribution/{distribution}/invalidation/{}", known.invalidation.id);
    Ok(xml::created(&known, location))
}

async fn show(State(cloudfront): Stack, UrlPath((distribution, id)): UrlPath<(String, String)>) -> Answer {
    cloudfront.check(&distribution)?;
    Ok(xml::shown(&cloudfront.known(cloudfront.get(&id)?)))
}

async fn list(
    State(cloudfront): Stack,
    UrlPath(distribution): UrlPath<String>,
    Query(page): Query<Page>,
) -> Answer {
    cloudfront.check(&distribution)?;
    let (invalidations, more) = cloudfront.list(&page);
    let listed: Vec<_> = invalidations.into_iter().map(|one| cloudfront.known(one)).collect();
    Ok(xml::listed(&listed, more, page.marker.as_deref().unwrap_or_default(), page.max()))
}
