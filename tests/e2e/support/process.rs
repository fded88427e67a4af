//! Programs that are started, watched and always ended.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// No program that runs to its end takes longer.
const LIMIT: &str = "300";
/// How long a program may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What a program that ran to its end gave.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Finished {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("the output is text")
    }
}

/// Runs `program` to its end.
pub fn run<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = A>) -> Finished {
    let output = Command::new("timeout")
        .args(["--kill-after=5", LIMIT])
        .arg(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("timeout (coreutils) runs");
    Finished {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A running program. It is ended with this value, and with the thread that started it, however that ends.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
    readers: Vec<JoinHandle<()>>,
}

/// How a program ended after it was told to.
#[derive(Debug)]
pub struct Stopped {
    pub status: ExitStatus,
    pub took: Duration,
}

impl Process {
    /// Starts `program`; `prepare` adds arguments, environment and folder.
    pub fn start(program: &Path, prepare: impl FnOnce(&mut Command)) -> Process {
        // The kernel tells the program when the thread that started it is gone: no test run leaves one behind.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = command.spawn().expect("setpriv (util-linux) runs");
        let (stdout, stderr) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
        let readers = vec![
            Lines::read(stdout.clone(), child.stdout.take().expect("piped")),
            Lines::read(stderr.clone(), child.stderr.take().expect("piped")),
        ];
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Process { name, child, stdout, stderr, readers }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of standard output or error that `find` takes.
    pub fn line<T>(&self, what: &str, patience: Duration, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + patience;
        loop {
            let found = [&self.stdout, &self.stderr].into_iter().find_map(|lines| lines.find(&find));
            if let Some(found) = found {
                return found;
            }
            let ended = self.stdout.wait() && self.stderr.ended();
            let late = Instant::now() > deadline;
            assert!(!ended && !late, "{}: no {what} (ended: {ended}); it said:\n{}", self.name, self.said());
        }
    }

    /// Everything that it said so far.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout.text(), self.stderr.text())
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.id() as i32).expect("a process id");
        kill_process(pid, signal).expect("it runs");
    }

    /// Sends `signal` and waits for the end.
    pub fn stop(mut self, signal: Signal) -> Stopped {
        let begun = Instant::now();
        self.signal(signal);
        let status = self.ended_within(STOP_WITHIN);
        let status =
            status.unwrap_or_else(|| panic!("{} does not stop; it said:\n{}", self.name, self.said()));
        Stopped { status, took: begun.elapsed() }
    }

    /// The exit status, if it ends by itself in time.
    pub fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                self.readers.drain(..).for_each(|reader| reader.join().expect("readers do not panic"));
                return Some(status);
            }
            if Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its children and theirs, with their start times, so that a reused id is not taken for one of them.
    pub fn descendants(&self) -> Vec<(u32, u64)> {
        let all = processes();
        let mut found = vec![self.id()];
        let mut next = 0;
        while let Some(parent) = found.get(next).copied() {
            found.extend(all.iter().filter(|(_, p)| p.parent == parent).map(|(pid, _)| *pid));
            next += 1;
        }
        found[1..].iter().map(|pid| (*pid, all[pid].started)).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::TERM);
            if self.ended_within(STOP_WITHIN).is_none() {
                // It may end in between; there is nothing left to do then.
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
    }
}

/// Those of `processes` that still run a moment later: what was killed is gone once it has been scheduled again, for which
/// a nice one on a busy machine waits a little.
pub fn alive(processes: &[(u32, u64)]) -> Vec<u32> {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let all = self::processes();
        let runs = |(pid, started): &&(u32, u64)| all.get(pid).is_some_and(|p| p.started == *started);
        let left: Vec<u32> = processes.iter().filter(runs).map(|(pid, _)| *pid).collect();
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Stat {
    parent: u32,
    started: u64,
}

/// Every process of this machine that is not a zombie, from proc(5).
fn processes() -> BTreeMap<u32, Stat> {
    let ids = std::fs::read_dir("/proc").expect("proc is mounted").flatten();
    ids.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        // Gone in between: not listed.
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name may hold anything; the fields begin behind its closing parenthesis, with the state (field 3).
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let stat = Stat { parent: fields[1].parse().ok()?, started: fields[19].parse().ok()? };
        (fields[0] != "Z").then_some((pid, stat))
    })
    .collect()
}

/// Lines as they come.
#[derive(Debug, Default)]
struct Lines {
    state: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

impl Lines {
    fn read(lines: Arc<Lines>, from: impl Read + Send + 'static) -> JoinHandle<()> {
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                lines.state.lock().unwrap().0.push(line);
                lines.more.notify_all();
            }
            lines.state.lock().unwrap().1 = true;
            lines.more.notify_all();
        })
    }

    fn find<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.state.lock().unwrap().0.iter().find_map(|line| find(line))
    }

    fn ended(&self) -> bool {
        self.state.lock().unwrap().1
    }

    /// Waits a moment for more; true where no more will come.
    fn wait(&self) -> bool {
        let state = self.state.lock().unwrap();
        if state.1 {
            // The other stream may still be read: do not spin.
            drop(state);
            std::thread::sleep(Duration::from_millis(10));
            return true;
        }
        self.more.wait_timeout(state, Duration::from_millis(100)).unwrap().0.1
    }

    fn text(&self) -> String {
        self.state.lock().unwrap().0.iter().map(|line| format!("{line}\n")).collect()
    }
}
