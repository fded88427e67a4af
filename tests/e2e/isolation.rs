//! Hosts that cannot confine media children as they should be: nothing is begun there, unless a setting says that less will do.

use std::path::Path;

use crate::support::clip::Clip;
use crate::support::process::{Finished, run};
use crate::support::programs;

#[test]
fn without_landlock_nothing_is_begun_unless_less_will_do() {
    let folder = tempfile::tempdir().expect("folder");
    let clip = Clip { frames: 50, ..Clip::default() }.make(folder.path());
    let [refused, reduced, full] = ["refused", "reduced", "full"].map(|name| folder.path().join(name));

    let done = without_landlock("full", &[Path::new("transcode"), &clip, &refused]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    let said = "This machine cannot confine the programs that read uploads, so none was started.";
    assert!(done.stderr.lines().any(|line| line == said), "{}", done.stderr);
    assert!(done.stderr.contains("this kernel has no Landlock"), "{}", done.stderr);
    assert!(!refused.join("main.m3u8").exists());

    let done = without_landlock("reduced", &[Path::new("transcode"), &clip, &reduced]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let done = run(programs::worker(), [Path::new("transcode"), &clip, &full]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let bytes = |out: &Path| std::fs::read(out.join("video/180p/00001.m4s")).expect("a segment");
    assert!(bytes(&reduced) == bytes(&full), "how it is confined decides no byte");

    // Ops see what is missing wherever they ask.
    let done = without_landlock("reduced", &[Path::new("encoders")]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.lines().any(|line| line.trim_start().starts_with("MISSING files: ")), "{said}");
    assert!(said.lines().any(|line| line.trim_start().starts_with("system calls: seccomp")), "{said}");
}

/// The worker on a kernel that does not know Landlock's system calls.
fn without_landlock(isolation: &str, args: &[&Path]) -> Finished {
    let script = programs::repository().join("tests/kernel/without_landlock.py");
    let setting = format!("FLODRAMA_WORK__ISOLATION={isolation}");
    let (python, worker) = (Path::new("python3").to_owned(), programs::worker());
    let program = [Path::new(&setting).to_owned(), python, script, worker];
    run("env", program.into_iter().chain(args.iter().map(|arg| (*arg).to_owned())))
}
