//! An S3 in this process: s3s-fs behind a real listener, with faults on demand.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use flodrama_store::Store;
use futures::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyDataStream, BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

pub const BUCKET: &str = "media";

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// What goes wrong with the next matching request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// GET: the body breaks off after this many bytes, with the length of the whole announced.
    CutBody(usize),
    /// GET: these bytes instead, with their own length announced and all other headers as they were.
    OtherBody(Vec<u8>),
    /// Any request of this method: this status and S3 error code instead.
    Answer(Method, u16, &'static str),
}

/// A running S3. Its bucket's objects are the files below `root`.
pub struct S3 {
    pub store: Store,
    folder: tempfile::TempDir,
    faults: Arc<Mutex<Vec<Fault>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl S3 {
    pub async fn start() -> S3 {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("the bucket");
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).expect("s3s-fs"));
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let (service, faults, requests) = (builder.build(), Arc::default(), Arc::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(accept(listener, service, Arc::clone(&faults), Arc::clone(&requests)));
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .region(Region::new("eu-west-3"))
            .endpoint_url(endpoint)
            .force_path_style(true)
            .build();
        let store = Store::new(aws_sdk_s3::Client::from_conf(config), BUCKET);
        S3 { store, folder, faults, requests }
    }

    /// Faults for the requests to come, first one first.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().expect("lock").extend(faults);
    }

    /// `METHOD path?query` of each request that is for `part`, in order.
    pub fn requests(&self, part: &str) -> Vec<String> {
        self.requests.lock().expect("lock").iter().filter(|line| line.contains(part)).cloned().collect()
    }

    /// Where the bucket's objects lie.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Scratch space beside the bucket.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    service: S3Service,
    faults: Arc<Mutex<Vec<Fault>>>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    while let Ok((socket, _)) = listener.accept().await {
        let (service, faults, requests) = (service.clone(), Arc::clone(&faults), Arc::clone(&requests));
        let answer = service_fn(move |request: Request<Incoming>| {
            requests.lock().expect("lock").push(format!("{} {}", request.method(), request.uri()));
            let fault = take(&faults, request.method());
            respond(service.clone(), request, fault)
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), answer),
        );
    }
}

fn take(faults: &Mutex<Vec<Fault>>, method: &Method) -> Option<Fault> {
    let mut faults = faults.lock().expect("lock");
    let hits = match faults.first()? {
        Fault::CutBody(_) | Fault::OtherBody(_) => method == Method::GET,
        Fault::Answer(wanted, ..) => method == wanted,
    };
    hits.then(|| faults.remove(0))
}

async fn respond(
    service: S3Service,
    request: Request<Incoming>,
    fault: Option<Fault>,
) -> Result<Response<Body>, Infallible> {
    if let Some(Fault::Answer(_, status, code)) = fault {
        // The request is read to its end, as S3 does, so that the client sees the answer and not a reset.
        drop(request.into_body().collect().await);
        let xml =
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on demand</Message></Error>");
        let body = Full::new(Bytes::from(xml)).map_err(|never| match never {}).boxed_unsync();
        return Ok(Response::builder().status(status).body(body).expect("an answer"));
    }
    let mut answer = service.call(request.map(s3s::Body::from)).await.expect("s3s answers");
    if let Some(Fault::OtherBody(bytes)) = &fault {
        answer.headers_mut().insert("content-length", bytes.len().into());
    }
    Ok(answer.map(|body| match fault {
        Some(Fault::CutBody(after)) => cut(body, after),
        Some(Fault::OtherBody(bytes)) => {
            Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
        }
        _ => body.map_err(std::io::Error::other).boxed_unsync(),
    }))
}

fn cut(body: s3s::Body, after: usize) -> Body {
    let mut left = after;
    let frames = BodyDataStream::new(body).map(move |chunk| {
        let chunk = chunk.map_err(std::io::Error::other)?;
        if left == 0 {
            return Err(std::io::Error::other("cut on demand"));
        }
        let chunk = chunk.slice(..chunk.len().min(left));
        left -= chunk.len();
        Ok(Frame::data(chunk))
    });
    BodyExt::boxed_unsync(StreamBody::new(frames))
}
