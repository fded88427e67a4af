//! A web server of a few lines, which answers as well or as badly as a test asks for.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::process::run;

/// How it answers.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Playlists are compressed where the client takes that.
    pub gzip: bool,
    /// Ranges are answered; otherwise everything is sent.
    pub ranges: bool,
    /// Content types are those of the files; otherwise all are `text/plain`.
    pub types: bool,
    /// Segments lie elsewhere: a redirect leads there.
    pub redirects: bool,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners { gzip: true, ranges: true, types: true, redirects: false }
    }
}

/// A folder on the web.
pub struct Site {
    pub url: String,
    /// Paths that were asked for, and how many bytes were sent.
    pub asked: Arc<Mutex<(BTreeSet<String>, u64)>>,
}

impl Site {
    /// Serves `folder` as long as the test runs.
    pub fn start(folder: PathBuf, manners: Manners) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new((BTreeSet::new(), 0)));
        let seen = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, manners, seen) = (folder.clone(), manners.clone(), seen.clone());
                // A client that goes away is none of the test's business.
                std::thread::spawn(move || answer(stream, &folder, &manners, &seen).ok());
            }
        });
        Site { url, asked }
    }
}

fn answer(
    mut stream: TcpStream,
    folder: &std::path::Path,
    manners: &Manners,
    seen: &Mutex<(BTreeSet<String>, u64)>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        let found = headers
            .iter()
            .find_map(|line| line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value.trim())
    };
    let target = request.split(' ').nth(1).unwrap_or("/");
    let path = target.split('?').next().unwrap_or_default().trim_start_matches('/');
    seen.lock().unwrap().0.insert(path.to_owned());
    let is_playlist = path.ends_with(".m3u8");
    let (status, mut more, body) = match path {
        "forbidden.m3u8" => ("403 Forbidden", String::new(), vec![]),
        _ if manners.redirects && !is_playlist && !path.starts_with("elsewhere/") => {
            ("302 Found", format!("Location: /elsewhere/{path}\r\n"), vec![])
        }
        _ => match std::fs::read(folder.join(path.trim_start_matches("elsewhere/"))) {
            Err(_) => ("404 Not Found", String::new(), vec![]),
            Ok(bytes) => part(bytes, manners, header("range")),
        },
    };
    let takes_gzip = header("accept-encoding").is_some_and(|encodings| encodings.contains("gzip"));
    let body = if manners.gzip && is_playlist && takes_gzip && status.starts_with("200") {
        more += "Content-Encoding: gzip\r\n";
        run("gzip", ["-c".as_ref(), folder.join(path).as_os_str()]).stdout
    } else {
        body
    };
    let kind = match path.rsplit_once('.') {
        _ if !manners.types => "text/plain",
        Some((_, "m3u8")) => "application/vnd.apple.mpegurl",
        Some((_, "m4s")) => "video/iso.segment",
        Some((_, "mp4")) => "video/mp4",
        Some((_, "ts")) => "video/mp2t",
        _ => "text/html",
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n"
    );
    seen.lock().unwrap().1 += length as u64;
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

/// Status, more headers, and body of a whole file or of the range that is asked for.
fn part(bytes: Vec<u8>, manners: &Manners, range: Option<&str>) -> (&'static str, String, Vec<u8>) {
    let range = range.filter(|_| manners.ranges).and_then(|range| range.strip_prefix("bytes="));
    let Some((from, to)) = range.and_then(|range| range.split_once('-')) else {
        return ("200 OK", String::new(), bytes);
    };
    let from: usize = from.parse().expect("where the range begins");
    let to = to.parse::<usize>().expect("where it ends").min(bytes.len() - 1);
    let said = format!("Content-Range: bytes {from}-{to}/{}\r\n", bytes.len());
    ("206 Partial Content", said, bytes[from..=to].to_vec())
}
