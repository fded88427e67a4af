//! `check`: a presentation in a folder or behind a URL against the HLS rules.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use flodrama_hls::check::{self, Source, SourceError};
use tokio::runtime::Handle;
use url::Url;

use crate::clients;

const MULTIVARIANT: &str = "main.m3u8";

pub async fn run(target: &str, json: bool) -> anyhow::Result<ExitCode> {
    let is_url = target.starts_with("http://") || target.starts_with("https://");
    let target = target.to_owned();
    let handle = Handle::current();
    // The rules read synchronously, so they get a thread of their own.
    let report = tokio::task::spawn_blocking(move || {
        if is_url {
            let web = Web::new(&target, handle)?;
            Ok(check::check(&web.root.clone(), &web)?)
        } else {
            let folder = PathBuf::from(&target);
            if !folder.join(MULTIVARIANT).is_file() {
                bail!("{target}: there is no {MULTIVARIANT} in this folder.");
            }
            Ok(check::check(MULTIVARIANT, &Folder(folder))?)
        }
    })
    .await??;
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_publishable() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Folder(PathBuf);

impl Folder {
    fn found<T>(path: &str, result: std::io::Result<T>) -> Result<Option<T>, SourceError> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(SourceError { path: path.to_owned(), source: e.into() }),
        }
    }
}

impl Source for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        Folder::found(path, std::fs::read(self.0.join(Path::new(path))))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        Folder::found(path, std::fs::metadata(self.0.join(Path::new(path))).map(|m| m.len()))
    }
}

/// A presentation behind a URL. The query of the URL, such as a signature, goes with every request.
struct Web {
    base: Url,
    root: String,
    http: reqwest::Client,
    handle: Handle,
    sizes: RefCell<HashMap<String, Option<u64>>>,
}

impl Web {
    fn new(target: &str, handle: Handle) -> anyhow::Result<Web> {
        let base = Url::parse(target).context("this is no URL")?;
        let root = base.path_segments().and_then(|mut s| s.next_back()).unwrap_or_default().to_owned();
        if !root.ends_with(".m3u8") {
            bail!("the URL must name a multivariant playlist (….m3u8)");
        }
        Ok(Web { base, root, http: clients::http()?, handle, sizes: RefCell::default() })
    }

    fn url(&self, path: &str) -> Result<Url, SourceError> {
        let mut url =
            self.base.join(path).map_err(|e| SourceError { path: path.to_owned(), source: e.into() })?;
        url.set_query(self.base.query());
        Ok(url)
    }

    fn failed(path: &str, e: reqwest::Error) -> SourceError {
        // The URL may be signed: it stays out of the message.
        SourceError { path: path.to_owned(), source: e.without_url().into() }
    }

    fn answer(
        &self,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Option<reqwest::Response>, SourceError> {
        let answer = self.handle.block_on(request.send()).map_err(|e| Web::failed(path, e))?;
        // Private buckets say 403 of what is not there.
        if matches!(answer.status().as_u16(), 403 | 404) {
            return Ok(None);
        }
        Ok(Some(answer.error_for_status().map_err(|e| Web::failed(path, e))?))
    }
}

impl Source for Web {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let Some(answer) = self.answer(path, self.http.get(self.url(path)?))? else { return Ok(None) };
        let body = self.handle.block_on(answer.bytes()).map_err(|e| Web::failed(path, e))?;
        Ok(Some(body.to_vec()))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        if let Some(known) = self.sizes.borrow().get(path) {
            return Ok(*known);
        }
        let answer = self.answer(path, self.http.head(self.url(path)?))?;
        let length = |a: &reqwest::Response| a.headers().get("content-length")?.to_str().ok()?.parse().ok();
        let size = answer.as_ref().and_then(length);
        self.sizes.borrow_mut().insert(path.to_owned(), size);
        Ok(size)
    }
}
