//! The edge as a Lambda behind an HTTP API of API Gateway: events to requests, answers to events. The service behind is
//! the one that sockets reach, so that paths, limits and answers are the same (docs/adr/0022).
//!
//! The runtime's protocol is spoken here rather than by a library, which would normalise the address before our path
//! rules see it.

mod event;
mod runtime;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::response::Response;
use http::Request;
use time::OffsetDateTime;
use tower::ServiceExt;

use crate::app::Parts;
use crate::http::Edge;
use crate::peer::Deadline;
use crate::telemetry::Telemetry;
use event::{Answer, Event, EventError};
use runtime::Invocation;
pub(crate) use runtime::{Runtime, RuntimeError};

/// What sending an answer may take of the time that Lambda gives.
const MARGIN: Duration = Duration::from_millis(250);

/// Answers one event after the other until `shutdown`.
pub(crate) async fn serve(
    runtime: &Runtime,
    edge: Edge,
    parts: &Parts,
    telemetry: &Telemetry,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RuntimeError> {
    let mut shutdown = pin!(shutdown);
    loop {
        let invocation = tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            next = runtime.next() => next?,
        };
        match answer(&invocation, &edge, parts.clock.now()).await {
            Ok(answer) => runtime.answer(&invocation.id, answer.to_json()).await?,
            Err(error) => {
                tracing::error!(%error, "an event is none of API Gateway's");
                runtime.failed(&invocation.id, &error.to_string()).await?;
            }
        }
        // From the next line on, this process may be frozen for hours, or for ever.
        telemetry.flush().await;
        if parts.vitals.are_due() {
            parts.write_vitals().await;
        }
    }
}

async fn answer(invocation: &Invocation, edge: &Edge, now: OffsetDateTime) -> Result<Answer, EventError> {
    let event: Event = serde_json::from_slice(&invocation.event)?;
    let mut request: Request<axum::body::Body> = event.into_request(invocation)?;
    request.extensions_mut().insert(Deadline(time_left(invocation.deadline_ms, now)));
    let response: Response = edge.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    Ok(Answer::of(response).await)
}

/// `deadline_ms`: since 1970.
fn time_left(deadline_ms: i128, now: OffsetDateTime) -> Duration {
    let left_ms = deadline_ms - now.unix_timestamp_nanos() / 1_000_000;
    Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).saturating_sub(MARGIN)
}
