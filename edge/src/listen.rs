//! The accept loop. Our own, because `axum::serve` sets no limit on how long a client may take over a request's head
//! and none on connections.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::Server;
use crate::metrics::Metrics;

/// What requests in flight get to end in once told to stop.
const DRAIN: Duration = Duration::from_secs(2);
/// A failed accept means that descriptors ran out: closing connections need a moment.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A head larger than this is refused: signed URLs and tokens fit several times over.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Serves until `shutdown`, then lets requests in flight end and cuts what does not.
pub(crate) async fn listen(
    listener: TcpListener,
    router: Router,
    settings: &Server,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()>,
) {
    let builder = builder(settings);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(settings.max_connections));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let Some((socket, slot)) = accepted else { continue };
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(socket), service);
        let connection = graceful.watch(connection);
        let (slots, metrics, all) = (Arc::clone(&slots), Arc::clone(&metrics), settings.max_connections);
        metrics.connections(all - slots.available_permits());
        connections.spawn(async move {
            if let Err(error) = connection.await {
                // A client that hung up or dawdled: its affair.
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
            metrics.connections(all - slots.available_permits());
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(left = connections.len(), "requests in flight were cut off");
    }
    connections.shutdown().await;
}

/// The next connection, once there is a slot for it; `None` where it was not to be.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, _)) => {
            // Answers are small and whole: waiting to fill a packet only delays them.
            socket.set_nodelay(true).ok()?;
            Some((socket, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "no connection can be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// HTTP/1.1 alone: CloudFront speaks nothing else to an origin, and what is not there cannot be flooded.
fn builder(settings: &Server) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(settings.header_timeout_s))
        .max_buf_size(MAX_HEAD_BYTES);
    builder
}
