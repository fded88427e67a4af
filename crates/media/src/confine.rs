//! Confines a media child before libav sees its first byte: whoever takes the child over by a crafted file finds no other
//! file, no network, no program to start and no process to look into. `docs/SECURITY.md` has the whole list.
//!
//! Everything here happens in the child itself, with one thread, on the words of its parent: `needs` says what a task must
//! be able to touch, `limits` how much it may use, `files` (Landlock) and `calls` (seccomp) hold it to that.

use flodrama_asset::ErrorKind;
use rustix::process::{DumpableBehavior, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};
use serde::{Deserialize, Serialize};

use crate::error::{MediaError, Result, Step};
use crate::task::Task;

mod calls;
mod files;
mod limits;
mod needs;

/// System calls that no task needs, made raw: for trying whether they are denied.
const TRIED: [(&str, i64); 15] = [
    ("ptrace", libc::SYS_ptrace),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("unshare", libc::SYS_unshare),
    ("setns", libc::SYS_setns),
    ("bpf", libc::SYS_bpf),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("add_key", libc::SYS_add_key),
    ("keyctl", libc::SYS_keyctl),
    ("init_module", libc::SYS_init_module),
    ("fanotify_init", libc::SYS_fanotify_init),
    ("quotactl", libc::SYS_quotactl),
    ("swapon", libc::SYS_swapon),
    ("getsid", UNNEEDED),
];

/// Harmless, open to everybody without a filter, and needed by no task.
const UNNEEDED: i64 = libc::SYS_getsid;

/// How strictly children are confined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// No file but the task's own and no system call that it does not need, or the child does not start.
    #[default]
    Full,
    /// As far as this machine can. For kernels without Landlock or seccomp.
    Reduced,
}

/// What a child may use, as its parent says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// How strictly.
    pub isolation: Isolation,
    /// Memory of its own, in MiB. Readers get a quarter of it; tasks on a device are not held to it, as drivers map more
    /// than there is.
    pub memory_mib: u64,
    /// Seconds of computing time, of all its threads together.
    pub cpu_s: u64,
}

/// What holds a child on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confined {
    /// In words.
    pub enforced: Vec<String>,
    /// What this machine cannot, with the reason.
    pub missing: Vec<String>,
}

/// Confines this process, which has one thread, to what `task` needs. There is no way back.
///
/// # Errors
/// `Config` where [`Isolation::Full`] is asked for and this machine cannot do it.
pub fn apply(confinement: &Confinement, task: &Task) -> Result<Confined> {
    let needs = needs::of(task);
    let mut confined = Confined::default();
    let own_user = leave_network(&mut confined);
    // Behind the namespaces: a new set of credentials would forget it. A child of a dead worker only burns a core.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).step("parent death signal")?;
    drop_capabilities().step("capabilities")?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).step("dumpable")?;
    rustix::thread::set_no_new_privs(true).step("no new privileges")?;
    confined.enforced.push(limits::apply(confinement, &needs, own_user).step("resource limits")?);
    let layers: [(&str, Layer); 2] = [("files", files::apply), ("system calls", calls::apply)];
    for (what, layer) in layers {
        match layer(&needs) {
            Ok(how) => confined.enforced.push(format!("{what}: {how}")),
            Err(why) if confinement.isolation == Isolation::Reduced => {
                confined.missing.push(format!("{what}: {why}"))
            }
            Err(why) => return Err(refused(format_args!("{what}: {why}"))),
        }
    }
    if confined.missing.is_empty() {
        seen_to_hold()?;
    }
    Ok(confined)
}

/// Makes one of a few system calls that no task needs, with nothing but zeros for arguments; for tests of what is denied.
///
/// # Errors
/// The kernel's answer; `Unsupported` where the call is none of those few.
#[doc(hidden)]
pub fn ask(name: &str) -> std::io::Result<()> {
    let call = TRIED.iter().find(|(known, _)| *known == name);
    call.map_or(Err(std::io::ErrorKind::Unsupported.into()), |(_, call)| crate::sys::ask(*call))
}

/// A layer of the kernel's: says how it holds, or why it does not.
type Layer = fn(&needs::Needs) -> std::result::Result<String, String>;

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn refused(why: impl std::fmt::Display) -> MediaError {
    let message = "This machine cannot confine the programs that read uploads, so none was started.";
    MediaError::new(ErrorKind::Config, message)
        .detail(format_args!("{why}; [work] isolation = \"reduced\" goes without what is missing"))
}

/// An empty network of its own: as root by right, else as root of a user namespace. Container hosts may allow neither;
/// the system call filter denies sockets all the same. True where the process has a user namespace of its own.
fn leave_network(confined: &mut Confined) -> bool {
    let ways = [(UnshareFlags::NEWNET, false), (UnshareFlags::NEWNET.union(UnshareFlags::NEWUSER), true)];
    let mut why = String::new();
    for (flags, own_user) in ways {
        match crate::sys::leave_namespaces(flags) {
            Ok(()) => {
                confined.enforced.push("network: an empty one of its own".to_owned());
                return own_user;
            }
            Err(e) => why = e.to_string(),
        }
    }
    // Not among what is missing: sockets are denied anyway.
    confined.enforced.push(format!("network: none by the system call filter alone ({why})"));
    false
}

/// Gives up all of root's powers but writing where root may write: folders of other users are mounted into containers, and
/// Landlock says which files there are.
fn drop_capabilities() -> std::io::Result<()> {
    let held = rustix::thread::capabilities(None)?;
    let keep = held.permitted & CapabilitySet::DAC_OVERRIDE;
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: keep, permitted: keep, inheritable: none },
    )?;
    Ok(())
}

/// Trust is good: tries what must fail now.
fn seen_to_hold() -> Result<()> {
    if std::fs::File::open("/").is_ok() {
        return Err(refused("files: one that no task needs can be opened"));
    }
    if crate::sys::ask(UNNEEDED).is_ok() {
        return Err(refused("system calls: one that no task needs is answered"));
    }
    Ok(())
}
