//! Tries them all, prints a row for each, and says whether the confinement holds.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::attempts::{self, Open};
use crate::world::{DONE, Held, Stage};

/// Two seconds of computing are soon over, on a busy machine not so soon.
const PATIENCE: Duration = Duration::from_secs(180);

/// What became of an attempt.
struct Outcome {
    succeeded: bool,
    how: String,
}

pub fn run() -> ExitCode {
    let stage = Stage::set();
    let is_root = rustix::process::geteuid().is_root();
    let (mut passed, mut failed) = (0, 0);
    println!("{:48} {:44} {:44} without confinement", "attempt", "confined", "confined, on a device");
    for (name, open, _) in attempts::ALL {
        let [usually, on_device, free] =
            [Held::Usually, Held::OnDevice, Held::Not].map(|held| attempt(&stage, name, held));
        let must_be_open = match open {
            Open::Always | Open::ByRight => true,
            Open::ToRoot => is_root,
            Open::Perhaps => false,
        };
        let by_right = *open == Open::ByRight;
        let holds = usually.succeeded == by_right
            && on_device.succeeded == (by_right || attempts::OPEN_ON_DEVICE.contains(name))
            && (free.succeeded || !must_be_open);
        count(holds, &mut passed, &mut failed);
        let wrong = if holds { "" } else { "   << WRONG" };
        println!("{name:48} {:44} {:44} {}{wrong}", usually.how, on_device.how, free.how);
    }
    let held = [Held::Usually, Held::OnDevice, Held::Not].map(|held| inherits(&stage, held));
    count(held == [false, false, true], &mut passed, &mut failed);
    let [usually, on_device, free] = held.map(said);
    println!("{:48} {usually:44} {on_device:44} {free}", "use a descriptor of its parent's");
    println!(
        "test result: {}. {passed} passed; {failed} failed; 0 ignored",
        if failed == 0 { "ok" } else { "FAILED" }
    );
    ExitCode::from(u8::from(failed > 0 || passed < 50))
}

fn count(holds: bool, passed: &mut u32, failed: &mut u32) {
    *if holds { passed } else { failed } += 1;
}

fn said(open: bool) -> &'static str {
    if open { "open" } else { "closed" }
}

fn attempt(stage: &Stage, name: &str, held: Held) -> Outcome {
    let (mut child, _own) = stage.start(name, held);
    let mut stdout = child.stdout.take().expect("piped");
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().expect("a child of ours");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let mut text = String::new();
    stdout.read_to_string(&mut text).expect("text");
    let text = text.trim();
    match status.signal() {
        Some(31) => Outcome { succeeded: false, how: "ended by the system call filter".to_owned() },
        Some(24) => Outcome { succeeded: false, how: "ended: too much computing time".to_owned() },
        Some(25) => Outcome { succeeded: false, how: "ended: too large a file".to_owned() },
        Some(signal) => panic!("{name}: ended by signal {signal}: {text}"),
        None => {
            assert!(status.success() && !text.is_empty(), "{name}: {status}: {text}");
            Outcome { succeeded: text == DONE, how: text.to_owned() }
        }
    }
}

/// Whether a child still has a descriptor that its parent forgot to close: while it does, a pipe does not end.
fn inherits(stage: &Stage, held: Held) -> bool {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    rustix::io::fcntl_setfd(writer.as_fd(), rustix::io::FdFlags::empty()).expect("inheritable");
    let (mut child, _own) = stage.start("compute without end", held);
    drop(writer);
    let mut ended = BufReader::new(reader);
    let seen = std::thread::spawn(move || {
        ended.fill_buf().expect("the pipe");
        Instant::now()
    });
    child.wait().expect("a child of ours");
    let gone = Instant::now();
    // It computes for a second at least: what ends much earlier was closed by itself.
    gone - seen.join().expect("no panic") < Duration::from_millis(300)
}
