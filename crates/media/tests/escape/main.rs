//! What somebody can do who took a media child over: the child confines itself as every child does, and then tries some
//! fifty ways out instead of its task. Each is tried once more without confinement, so that a denial means something.
//!
//! `cargo test -p flodrama-media --test escape` prints one row for each.

use std::path::Path;
use std::process::ExitCode;

use flodrama_media::child;

mod attempts;
mod table;
mod world;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [child::ARGUMENT, task, freedom] => taken_over(Path::new(task), freedom == world::FREE),
        _ => table::run(),
    }
}

/// The child, from where an attacker has it. Its source is what tells it what to do, as a crafted file would.
fn taken_over(task: &Path, free: bool) -> ExitCode {
    if !free && let Err(e) = child::begin(task) {
        println!("not started: {e}");
        return ExitCode::FAILURE;
    }
    let world: world::World = serde_json::from_reader(std::io::stdin()).expect("the source");
    match attempts::make(&world) {
        Ok(()) => println!("{}", world::DONE),
        Err(e) => println!("{e}"),
    }
    ExitCode::SUCCESS
}
