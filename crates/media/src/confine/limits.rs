//! How much a child may use: the kernel's resource limits.

use rustix::fs::fstat;
use rustix::io::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::stdio::stdin;

use super::Confinement;
use super::needs::Needs;

/// No file of a rendition is larger by far.
const FILE_BYTES: u64 = 1 << 30;
/// Descriptors of a child that reads one source.
const DESCRIPTORS: u64 = 128;
/// Threads of all encoders of a chunk together are a few dozen.
const THREADS: u64 = 1024;
/// Address space that is reserved and never used: arenas and stacks.
const RESERVED_MIB: u64 = 8 << 10;
/// Between the signal that says why and the one that cannot be caught.
const GRACE_S: u64 = 5;

/// Sets them all, and says so. `own_user`: processes are counted in a namespace of the child's own.
pub fn apply(confinement: &Confinement, needs: &Needs, own_user: bool) -> Result<String> {
    let memory_mib = if needs.encodes { confinement.memory_mib } else { confinement.memory_mib.div_ceil(4) };
    set(Resource::Core, 0, 0)?;
    set(Resource::Msgqueue, 0, 0)?;
    set(Resource::Cpu, confinement.cpu_s, confinement.cpu_s + GRACE_S)?;
    let descriptors = DESCRIPTORS + needs.files;
    set(Resource::Nofile, descriptors, descriptors)?;
    let file = match needs {
        Needs { copies: true, .. } => u64::try_from(fstat(stdin())?.st_size).unwrap_or(0).max(FILE_BYTES),
        Needs { writes: true, .. } => FILE_BYTES,
        _ => 0,
    };
    set(Resource::Fsize, file, file)?;
    if own_user {
        set(Resource::Nproc, THREADS, THREADS)?;
    }
    if needs.device {
        return Ok(format!("limits: {} s of CPU, {FILE_BYTES} bytes a file", confinement.cpu_s));
    }
    set(Resource::Data, memory_mib << 20, memory_mib << 20)?;
    let space = (memory_mib + RESERVED_MIB) << 20;
    set(Resource::As, space, space)?;
    Ok(format!("limits: {memory_mib} MiB, {} s of CPU, {file} bytes a file", confinement.cpu_s))
}

/// Lowers a limit; one that is lower already stays.
fn set(resource: Resource, soft: u64, hard: u64) -> Result<()> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    setrlimit(resource, Rlimit { current: Some(soft.min(most)), maximum: Some(hard.min(most)) })
}
