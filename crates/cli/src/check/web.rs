//! A presentation behind a URL.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, bail};
use flate2::read::GzDecoder;
use flodrama_hls::check::{Delivery, HEAD_BYTES, Source, SourceError};
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE,
};
use reqwest::{Client, Response, StatusCode};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use url::{Host, Url};

/// No answer takes longer, and no connection.
const TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests at a time.
const AT_A_TIME: usize = 16;
/// No playlist or subtitle is longer, unpacked.
const MAX_TEXT_BYTES: usize = 32 * 1024 * 1024;
/// What a server that knows no ranges is read for to know the size of a file.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Reads over HTTP, the heads of segments several at a time.
pub struct Web {
    http: Client,
    handle: Handle,
    root: String,
    shown: String,
    /// The folder of the root playlist: what lies below is named by its path, all else by its URL.
    base: Url,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// URLs by the names that findings give, and the other way round.
    urls: HashMap<String, Url>,
    names: HashMap<Url, String>,
    /// How many URLs differ in their queries alone, by what they have in common.
    alike: HashMap<String, usize>,
    texts: HashMap<String, Vec<u8>>,
    sizes: HashMap<String, Option<u64>>,
    deliveries: HashMap<String, Delivery>,
    /// First bytes from an offset on, of what was fetched ahead.
    heads: HashMap<(String, u64), Vec<u8>>,
}

/// Part of a file.
struct Part {
    bytes: Vec<u8>,
    /// Of the whole file.
    size: Option<u64>,
    delivery: Delivery,
}

impl Web {
    /// Fetches the playlist at `target`, or says what is there instead.
    pub fn open(target: &str, handle: Handle) -> anyhow::Result<Web> {
        let url = Url::parse(target).context("This is no URL.")?;
        let http = Client::builder().timeout(TIMEOUT).connect_timeout(CONNECT_TIMEOUT).build()?;
        let answer = handle.block_on(ask_text(&http, &url)).map_err(reqwest::Error::without_url);
        // The URL may be signed: its query stays out of messages.
        let shown = without_query(&url);
        let answer = answer.with_context(|| format!("{shown} does not answer."))?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND => bail!("There is nothing at {shown} (404)."),
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
                bail!(
                    "{shown} refuses access ({}): a signature may be missing, or expired.",
                    answer.status().as_u16()
                )
            }
            status => bail!("{shown} answers {status}."),
        }
        // Where a playlist was redirected, its URIs are relative to where it came from.
        let found = answer.url().clone();
        let root = found.path_segments().and_then(|mut s| s.next_back()).unwrap_or_default();
        let root = if root.is_empty() { "playlist" } else { root }.to_owned();
        let delivery = delivery(&answer, &url);
        let text = handle.block_on(body(answer)).with_context(|| format!("{shown} cannot be read."))?;
        let base = found.join(".")?;
        let mut state = State::default();
        state.alike.insert(without_query(&found), 1);
        state.names.insert(found.clone(), root.clone());
        state.urls.insert(root.clone(), found);
        state.texts.insert(root.clone(), text);
        state.deliveries.insert(root.clone(), delivery);
        Ok(Web { http, handle, root, shown, base, state: Mutex::new(state) })
    }

    /// What messages call it: the URL may be signed, so its query stays out.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The root playlist's name.
    pub fn root(&self) -> &str {
        &self.root
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn url(&self, path: &str) -> Result<Url, SourceError> {
        let known = self.state().urls.get(path).cloned();
        known.ok_or_else(|| SourceError { path: path.to_owned(), source: "its URL is not known".into() })
    }

    /// Fetches part of a file; what passes when tried again is tried again.
    fn fetch(&self, path: &str, offset: u64, length: usize) -> Result<Option<Part>, SourceError> {
        let url = self.url(path)?;
        let ask = || self.handle.block_on(part(&self.http, &url, offset, length));
        ask().or_else(|_| ask()).map_err(|e| failed(path, e))
    }

    fn keep(&self, path: &str, offset: u64, part: Option<Part>) {
        let mut state = self.state();
        state.sizes.insert(path.to_owned(), part.as_ref().and_then(|part| part.size));
        if let Some(part) = part {
            // Subtitles are read as texts later; most are shorter than a head.
            let is_whole = offset == 0 && part.size == Some(part.bytes.len() as u64);
            if is_whole && path.ends_with("vtt") {
                state.texts.insert(path.to_owned(), part.bytes.clone());
            }
            state.deliveries.insert(path.to_owned(), part.delivery);
            state.heads.insert((path.to_owned(), offset), part.bytes);
        }
    }
}

impl Source for Web {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        if let Some(text) = self.state().texts.get(path) {
            return Ok(Some(text.clone()));
        }
        let url = self.url(path)?;
        let answer = self.handle.block_on(ask_text(&self.http, &url)).map_err(|e| failed(path, e))?;
        if is_absent(answer.status()) {
            return Ok(None);
        }
        let answer = answer.error_for_status().map_err(|e| failed(path, e))?;
        self.state().deliveries.insert(path.to_owned(), delivery(&answer, &url));
        let text = self.handle.block_on(body(answer));
        text.map(Some).map_err(|e| SourceError { path: path.to_owned(), source: e.into() })
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        if let Some(size) = self.state().sizes.get(path) {
            return Ok(*size);
        }
        let part = self.fetch(path, 0, HEAD_BYTES)?;
        let size = part.as_ref().and_then(|part| part.size);
        self.keep(path, 0, part);
        Ok(size)
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError> {
        {
            let state = self.state();
            let head = state
                .heads
                .get(&(path.to_owned(), offset))
                .or_else(|| state.texts.get(path).filter(|text| offset == 0 && text.len() <= length));
            let is_all = |head: &Vec<u8>| {
                let end = offset.saturating_add(head.len() as u64);
                state.sizes.get(path).copied().flatten() == Some(end)
            };
            if let Some(head) = head.filter(|head| head.len() >= length || is_all(head)) {
                return Ok(Some(head[..length.min(head.len())].to_vec()));
            }
            if let Some(text) = state.texts.get(path) {
                let from = text.get(offset as usize..).unwrap_or_default();
                return Ok(Some(from[..length.min(from.len())].to_vec()));
            }
        }
        Ok(self.fetch(path, offset, length)?.map(|part| part.bytes))
    }

    /// URIs as players resolve them, whatever server they lead to.
    fn resolve(&self, playlist: &str, uri: &str) -> Option<String> {
        let mut url = self.url(playlist).ok()?.join(uri).ok()?;
        url.set_fragment(None);
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let shown = without_query(&url);
        let name = shown.strip_prefix(self.base.as_str()).filter(|name| !name.is_empty()).unwrap_or(&shown);
        let mut state = self.state();
        if let Some(known) = state.names.get(&url) {
            return Some(known.clone());
        }
        // Files that differ in their queries alone get numbers.
        let alike = state.alike.entry(shown.clone()).or_default();
        *alike += 1;
        let name = if *alike == 1 { name.to_owned() } else { format!("{name}?{alike}") };
        state.names.insert(url.clone(), name.clone());
        state.urls.insert(name.clone(), url);
        Some(name)
    }

    fn parameter(&self, path: &str, name: &str) -> Option<String> {
        let url = self.url(path).ok()?;
        url.query_pairs().find(|(given, _)| given == name).map(|(_, value)| value.into_owned())
    }

    fn ahead(&self, heads: &[(String, u64)]) {
        self.state().heads.clear();
        let mut waiting = heads.iter();
        self.handle.block_on(async {
            let mut running = JoinSet::new();
            loop {
                while running.len() < AT_A_TIME {
                    let Some((path, offset)) = waiting.next() else { break };
                    let Ok(url) = self.url(path) else { continue };
                    let (http, path, offset) = (self.http.clone(), path.clone(), *offset);
                    running.spawn(async move { (part(&http, &url, offset, HEAD_BYTES).await, path, offset) });
                }
                match running.join_next().await {
                    None => break,
                    // What failed is asked for again when it is needed, and told then.
                    Some(Ok((Ok(part), path, offset))) => self.keep(&path, offset, part),
                    Some(_) => {}
                }
            }
        });
    }

    fn delivery(&self, path: &str) -> Option<Delivery> {
        self.state().deliveries.get(path).cloned()
    }
}

async fn ask_text(http: &Client, url: &Url) -> reqwest::Result<Response> {
    http.get(url.clone()).header(ACCEPT_ENCODING, "gzip").send().await
}

/// Private buckets say 403 of what is not there.
fn is_absent(status: StatusCode) -> bool {
    matches!(status.as_u16(), 403 | 404 | 410)
}

/// The body of an answer, unpacked.
async fn body(mut answer: Response) -> anyhow::Result<Vec<u8>> {
    let is_gzip = encoding(&answer).is_some_and(|encoding| encoding.contains("gzip"));
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if bytes.len() + chunk.len() > MAX_TEXT_BYTES {
            bail!("This is longer than any playlist.");
        }
        bytes.extend_from_slice(&chunk);
    }
    if is_gzip {
        let mut unpacked = Vec::new();
        let most = MAX_TEXT_BYTES as u64 + 1;
        GzDecoder::new(bytes.as_slice())
            .take(most)
            .read_to_end(&mut unpacked)
            .context("The gzip is broken.")?;
        if unpacked.len() > MAX_TEXT_BYTES {
            bail!("This is longer than any playlist.");
        }
        return Ok(unpacked);
    }
    Ok(bytes)
}

/// `length` bytes from `offset` on; `None` where there is no such file.
async fn part(http: &Client, url: &Url, offset: u64, length: usize) -> reqwest::Result<Option<Part>> {
    let last = offset.saturating_add(length as u64) - 1;
    let request = http.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    let mut answer = request.header(RANGE, format!("bytes={offset}-{last}")).send().await?;
    if is_absent(answer.status()) {
        return Ok(None);
    }
    let delivery = delivery(&answer, url);
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let of_range = header(CONTENT_RANGE).and_then(|range| range.rsplit_once('/')?.1.parse().ok());
    match answer.status() {
        StatusCode::RANGE_NOT_SATISFIABLE => {
            return Ok(Some(Part { bytes: vec![], size: of_range, delivery }));
        }
        StatusCode::PARTIAL_CONTENT => {
            let mut bytes = Vec::new();
            while let Some(chunk) = answer.chunk().await? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() >= length {
                    break;
                }
            }
            bytes.truncate(length);
            let size = match of_range {
                // A range of what has no known length (`bytes 0-9/*`) is legal.
                None => size_by_head(http, url).await?.or(Some(offset + bytes.len() as u64)),
                size => size,
            };
            return Ok(Some(Part { bytes, size, delivery }));
        }
        _ => {}
    }
    // A server that knows no ranges sends everything: read on to the part, and to the end where its size is not said.
    let said: Option<u64> = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let mut answer = answer.error_for_status()?;
    let (mut bytes, mut at) = (Vec::new(), 0_u64);
    while let Some(chunk) = answer.chunk().await? {
        let skip = offset.saturating_sub(at).min(chunk.len() as u64) as usize;
        let wanted = (length - bytes.len()).min(chunk.len() - skip);
        bytes.extend_from_slice(&chunk[skip..skip + wanted]);
        at += chunk.len() as u64;
        if (bytes.len() == length && said.is_some()) || at > MAX_FILE_BYTES {
            break;
        }
    }
    Ok(Some(Part { bytes, size: said.or(Some(at)), delivery }))
}

/// The length of a file whose server says none with a range.
async fn size_by_head(http: &Client, url: &Url) -> reqwest::Result<Option<u64>> {
    let answer = http.head(url.clone()).header(ACCEPT_ENCODING, "identity").send().await?;
    let length = answer.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    Ok(length.and_then(|length| length.parse().ok()))
}

fn encoding(answer: &Response) -> Option<&str> {
    answer.headers().get(CONTENT_ENCODING)?.to_str().ok()
}

fn delivery(answer: &Response, asked: &Url) -> Delivery {
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = |value: &str| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let url = answer.url();
    let is_loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    };
    Delivery {
        content_type: content_type.map(kind),
        is_compressed: encoding(answer).is_some_and(|encoding| encoding != "identity"),
        is_redirected: url != asked,
        is_private: url.scheme() == "https" || is_loopback,
    }
}

fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn failed(path: &str, e: reqwest::Error) -> SourceError {
    // The URL may be signed: it stays out of the message.
    SourceError { path: path.to_owned(), source: e.without_url().into() }
}
