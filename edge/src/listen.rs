//! The accept loop. Our own, because `axum::serve` sets no limit on how long a client may take over a request's head,
//! and none on connections.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http::header::CONNECTION;
use http::{HeaderValue, Version};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::config::Server;
use crate::http::Edge;
use crate::metrics::Metrics;
use crate::peer::{self, Peer};

/// What requests in flight get to end in once told to stop.
const DRAIN: Duration = Duration::from_secs(2);
/// A failed accept means that descriptors ran out: closing connections need a moment.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A head larger than this is refused: signed URLs and tokens fit several times over.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// HTTP/2: requests at a time on one connection.
const MAX_STREAMS: u32 = 64;
/// HTTP/2: streams that the client gave up before we looked at them, and those that we gave up for its errors. A client
/// with more of them is flooding ("rapid reset", CVE-2023-44487; "made you reset", CVE-2025-8671) and loses its connection.
const MAX_RESETS: usize = 32;
/// HTTP/2: a silent client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2: answers that wait for the client, bytes of one stream.
const MAX_SEND_BUFFER: usize = 64 * 1024;

/// Serves until `shutdown`, then lets requests in flight end and cuts what does not.
pub(crate) async fn listen(
    listener: TcpListener,
    edge: Edge,
    settings: &Server,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()>,
) {
    let server =
        Arc::new(Connections { builder: builder(settings), edge, settings: settings.clone(), metrics });
    let addresses = Arc::new(Addresses::new(settings.max_connections_per_address));
    let slots = Arc::new(Semaphore::new(settings.max_connections));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let Some((socket, address, slot)) = accepted else { continue };
        let Some(place) = addresses.enter(peer::client(address)) else {
            server.metrics.refused("connections");
            continue;
        };
        let (server, stopped) = (Arc::clone(&server), stopped.clone());
        connections.spawn(async move {
            server.serve(socket, Peer(address), stopped).await;
            drop((slot, place));
        });
    }
    drop((listener, stopped));
    stop.send_replace(());
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, all_ended).await.is_err() {
        tracing::warn!(left = connections.len(), "requests in flight were cut off");
    }
    connections.shutdown().await;
}

/// The next connection, once there is a slot for it; `None` where it was not to be.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, address)) => {
            // Answers are small and whole: waiting to fill a packet only delays them.
            socket.set_nodelay(true).ok()?;
            Some((socket, address.ip(), slot))
        }
        Err(error) => {
            tracing::warn!(%error, "no connection can be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// What connections are served with.
struct Connections {
    builder: Builder<TokioExecutor>,
    edge: Edge,
    settings: Server,
    metrics: Arc<Metrics>,
}

impl Connections {
    /// Until the client goes, dawdles or has been here long enough, or until `stopped` changes.
    async fn serve(&self, socket: TcpStream, peer: Peer, mut stopped: watch::Receiver<()>) {
        let _open = self.metrics.connected();
        let standing = Arc::new(Standing::default());
        let service = service_fn(|mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            let (standing, is_http1) = (Arc::clone(&standing), request.version() != Version::HTTP_2);
            standing.is_http1.fetch_or(is_http1, Relaxed);
            let edge = self.edge.clone().map_response(move |mut answer: http::Response<Body>| {
                if is_http1 && standing.is_old.load(Relaxed) {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                answer
            });
            edge.oneshot(request.map(Body::new))
        });
        let mut connection =
            pin!(self.builder.serve_connection(TokioIo::new(Box::pin(self.timed(socket))), service));
        let (mut deadline, mut is_told) = (Instant::now() + self.age(), false);
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                _ = stopped.changed(), if !is_told => is_told = true,
                () = tokio::time::sleep_until(deadline) => {
                    if standing.is_old.load(Relaxed) {
                        return tracing::debug!("a connection was cut off");
                    }
                }
            }
            if !standing.is_old.swap(true, Relaxed) {
                // The request that it is at may take as long as any.
                deadline = Instant::now() + self.patience();
            }
            if is_told || self.settings.http2 && !standing.is_http1.load(Relaxed) {
                connection.as_mut().graceful_shutdown();
            }
        };
        if let Err(error) = ended {
            // A client that hung up or dawdled: its affair.
            tracing::debug!(%error, "a connection ended early");
        }
    }

    /// A connection on which nothing comes for as long as a request may take is idle, also in the middle of a body; one
    /// that takes nothing of what it is sent is slow on purpose.
    fn timed(&self, socket: TcpStream) -> TimeoutStream<TcpStream> {
        let mut timed = TimeoutStream::new(socket);
        timed.set_read_timeout(Some(self.patience()));
        timed.set_write_timeout(Some(Duration::from_secs(self.settings.write_timeout_s)));
        timed
    }

    fn age(&self) -> Duration {
        Duration::from_secs(self.settings.max_connection_s)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.settings.header_timeout_s + self.settings.request_timeout_s)
    }
}

/// How a connection ends with age. One that is closed between two requests may lose the next: the client sends it in that
/// very moment, and nobody repeats a POST. So the next answer says that it is the last; a connection on which none
/// comes runs into the time for a head. HTTP/2 can say it at any time.
#[derive(Default)]
struct Standing {
    is_old: AtomicBool,
    /// It has had a request of HTTP/1.
    is_http1: AtomicBool,
}

/// HTTP/1.1 alone unless the settings say otherwise: CloudFront speaks nothing else to an origin, and what is not there
/// cannot be flooded.
fn builder(settings: &Server) -> Builder<TokioExecutor> {
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if settings.http2 { builder } else { builder.http1_only() };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(settings.header_timeout_s))
        .max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// How many connections each client has.
struct Addresses {
    /// 0: as many as they like.
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Addresses {
    fn new(most: usize) -> Addresses {
        Addresses { most, open: Mutex::default() }
    }

    /// A place for one more, until it is dropped; `None` where the client has them all.
    fn enter(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        if self.most > 0 {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(client).or_default();
            if *count >= self.most {
                return None;
            }
            *count += 1;
        }
        Some(Place { client, of: Arc::clone(self) })
    }
}

struct Place {
    client: IpAddr,
    of: Arc<Addresses>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.of.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}
