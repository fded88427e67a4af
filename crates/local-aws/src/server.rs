//! One loopback listener: accepts until told to stop, then ends within [`GRACE`].

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::StackError;

/// How long answers that are under way may take after the stop.
const GRACE: Duration = Duration::from_secs(1);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Takes a free port of 127.0.0.1.
pub(crate) async fn listen() -> Result<(TcpListener, SocketAddr), StackError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(StackError::Listen)?;
    let address = listener.local_addr().map_err(StackError::Listen)?;
    Ok((listener, address))
}

/// Serves `service` on `listener` in a task of its own, until `stop`. No connection outlives the task.
pub(crate) fn serve<S, B>(listener: TcpListener, service: S, stop: CancellationToken) -> JoinHandle<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
                // Reaps ended connections, so that the set does not grow for ever.
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((socket, _)) => {
                    // Small answers would otherwise wait for the client's delayed acknowledgement.
                    if let Err(error) = socket.set_nodelay(true) {
                        tracing::debug!(%error, "connection lost before it began");
                        continue;
                    }
                    connections.spawn(connection(TokioIo::new(socket), service.clone(), stop.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, usually: others must end before the next can begin.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, drained).await.is_err() {
            connections.shutdown().await;
        }
    })
}

async fn connection<S, B>(io: TokioIo<tokio::net::TcpStream>, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    // HTTP/1 only: its connections run on this task, where HTTP/2 would spawn others.
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "connection ended early");
    }
}
