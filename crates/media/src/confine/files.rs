//! Which files a child may touch: Landlock. What is open already, the source and the pipes, stays open.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, make_bitflags,
};

use super::needs::Needs;

/// Rights that Landlock has known from its beginning: without them it is no use.
const LEAST: ABI = ABI::V1;
/// Taken where the kernel has them. What older ones lack, the system call filter denies: `truncate`, sockets, `ioctl`,
/// signals.
const MOST: ABI = ABI::V6;

/// What libraries and drivers of devices are made of. They are read, and mapped as programs.
const DRIVERS: [&str; 6] = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/sys", "/proc/driver"];
/// What drivers read of the machine and of their own process.
const MACHINE: [&str; 6] =
    ["/proc/self", "/proc/devices", "/proc/modules", "/proc/meminfo", "/proc/cpuinfo", "/proc/sys/vm"];
/// Threads of the process itself: NVIDIA's driver writes a name for each of its own, and does not start where it cannot.
const THREADS: &str = "/proc/self/task";
/// Devices themselves; of NVIDIA's there are as many as there are cards.
const DEVICES: &str = "/dev";
const DEVICE_NAMES: [&str; 2] = ["dri", "nvidia"];

/// Applies it; says which version of Landlock holds.
pub fn apply(needs: &Needs) -> Result<String, String> {
    match restrict(needs) {
        Ok(LandlockStatus::Available { effective_abi, .. }) => {
            Ok(format!("Landlock {effective_abi}, nothing but its own"))
        }
        // What it has had from the beginning is demanded, and refused before anything else.
        Ok(_) | Err(RulesetError::HandleAccesses(_)) => {
            Err("this kernel has no Landlock, or was started without it".to_owned())
        }
        Err(e) => Err(super::chain(&e)),
    }
}

fn restrict(needs: &Needs) -> Result<LandlockStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(MOST))?
        .handle_access(AccessNet::from_all(MOST))?
        .scope(Scope::from_all(MOST))?
        .create()?;
    // The task's own folder is where the child was started.
    let own = make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate | MakeReg | RemoveFile});
    if needs.writes {
        let folders = if needs.compiles { AccessFs::MakeDir.into() } else { BitFlags::EMPTY };
        rules = allow(rules, Path::new("."), own | folders)?;
    }
    if let Some(out) = &needs.out {
        rules = allow(rules, out, make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | MakeDir}))?;
    }
    for folder in &needs.reads {
        rules = allow(rules, folder, AccessFs::ReadFile.into())?;
    }
    if needs.device {
        rules = allow_drivers(rules)?;
    }
    Ok(rules.restrict_self()?.landlock)
}

fn allow_drivers(mut rules: RulesetCreated) -> Result<RulesetCreated, RulesetError> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    for path in DRIVERS.map(Path::new).into_iter().filter(|path| path.exists()) {
        rules = allow(rules, path, read | AccessFs::Execute)?;
    }
    for path in MACHINE.map(Path::new).into_iter().filter(|path| path.exists()) {
        rules = allow(rules, path, read)?;
    }
    rules = allow(rules, Path::new(THREADS), make_bitflags!(AccessFs::{WriteFile | Truncate}))?;
    // A machine without devices has none to allow; the trial says then that there is none.
    let entries = std::fs::read_dir(DEVICES).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        if DEVICE_NAMES.iter().any(|known| name.to_string_lossy().starts_with(known)) {
            rules = allow(rules, &entry.path(), read | AccessFs::WriteFile | AccessFs::IoctlDev)?;
        }
    }
    Ok(rules)
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    // A path that is gone is a task that will fail by itself, with its own words.
    let Ok(open) = PathFd::new(path) else { return Ok(rules) };
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(MOST) };
    rules.add_rule(PathBeneath::new(open, rights))
}
