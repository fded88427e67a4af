//! Which system calls a child may make: seccomp. Three filters, of which the strictest answer counts.
//!
//! What no list has ends with `EPERM`: libraries try this and that, and go without. What only an attacker would try ends
//! the process, which its parent reports: that is no bad file, that is an attempt.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::needs::Needs;

/// Numbers of system calls, by name.
macro_rules! calls {
    ($($name:ident)*) => { &[$(libc::$name),*] };
}

/// What every task needs.
const ALLOWED: &[i64] = calls![
    // Descriptors, and files as far as Landlock lets them be opened.
    SYS_read SYS_readv SYS_pread64 SYS_write SYS_writev SYS_pwrite64 SYS_lseek SYS_close SYS_fstat SYS_newfstatat
    SYS_statx SYS_fsync SYS_fdatasync SYS_ftruncate SYS_openat SYS_mkdirat SYS_unlinkat SYS_renameat SYS_renameat2
    SYS_faccessat SYS_faccessat2 SYS_getcwd SYS_fadvise64
    // Memory.
    SYS_brk SYS_munmap SYS_mremap SYS_madvise
    // Threads, and their ends.
    SYS_clone3 SYS_exit SYS_exit_group SYS_futex SYS_set_robust_list SYS_rseq SYS_membarrier SYS_sched_yield
    SYS_sched_getaffinity SYS_sched_getparam SYS_sched_getscheduler SYS_sched_get_priority_min
    SYS_sched_get_priority_max SYS_getpriority SYS_getcpu
    // Signals to oneself: an abort, a fault.
    SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn SYS_sigaltstack SYS_restart_syscall
    // Time and chance.
    SYS_clock_gettime SYS_clock_getres SYS_gettimeofday SYS_clock_nanosleep SYS_nanosleep SYS_getrandom
    // Who and where one is.
    SYS_getpid SYS_gettid SYS_getppid SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_uname SYS_sysinfo SYS_getrusage
    SYS_times
];

/// Older forms of the same, which newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const ALLOWED_TOO: &[i64] = calls![
    SYS_open SYS_stat SYS_lstat SYS_access SYS_mkdir SYS_unlink SYS_rename SYS_time SYS_getrlimit SYS_poll
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_TOO: &[i64] = calls![SYS_ppoll];

/// What drivers of devices need beside: their interface is `ioctl` and shared memory.
const ALLOWED_WITH_DEVICE: &[i64] = calls![
    SYS_ioctl SYS_mmap SYS_mprotect SYS_msync SYS_mincore SYS_mlock SYS_munlock SYS_mbind SYS_get_mempolicy
    SYS_set_mempolicy SYS_memfd_create SYS_dup SYS_dup3 SYS_pipe2 SYS_eventfd2 SYS_ppoll SYS_epoll_create1 SYS_epoll_ctl
    SYS_epoll_pwait SYS_timerfd_create SYS_timerfd_settime SYS_readlinkat SYS_getdents64 SYS_statfs SYS_fstatfs
    SYS_sched_setaffinity SYS_sched_setscheduler SYS_get_robust_list SYS_bind SYS_listen SYS_connect
];
#[cfg(target_arch = "x86_64")]
const ALLOWED_WITH_DEVICE_TOO: &[i64] = calls![SYS_readlink SYS_dup2 SYS_pipe SYS_epoll_wait SYS_select];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_WITH_DEVICE_TOO: &[i64] = calls![SYS_pselect6];

/// What no task without a device ever does, nor a library below it.
const ATTEMPTS: &[i64] = calls![
    // Other programs and processes.
    SYS_execve SYS_execveat SYS_kill SYS_tkill SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo SYS_ptrace SYS_process_vm_readv
    SYS_process_vm_writev SYS_process_madvise SYS_kcmp SYS_pidfd_open SYS_pidfd_getfd SYS_pidfd_send_signal
    // The network.
    SYS_socket SYS_socketpair SYS_connect SYS_bind SYS_listen SYS_accept SYS_accept4 SYS_sendto SYS_sendmsg SYS_sendmmsg
    SYS_recvfrom SYS_recvmsg SYS_recvmmsg
    // Other views of the file system, and names that lead elsewhere.
    SYS_mount SYS_umount2 SYS_fsopen SYS_fsmount SYS_fspick SYS_fsconfig SYS_move_mount SYS_open_tree SYS_mount_setattr
    SYS_pivot_root SYS_chroot SYS_unshare SYS_setns SYS_symlinkat SYS_linkat SYS_mknodat SYS_name_to_handle_at
    SYS_open_by_handle_at SYS_inotify_init1 SYS_fanotify_init SYS_memfd_create SYS_memfd_secret
    // The kernel itself.
    SYS_bpf SYS_perf_event_open SYS_userfaultfd SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register SYS_add_key
    SYS_request_key SYS_keyctl SYS_init_module SYS_finit_module SYS_delete_module SYS_kexec_load SYS_reboot SYS_swapon
    SYS_swapoff SYS_acct SYS_quotactl SYS_settimeofday SYS_clock_settime SYS_adjtimex SYS_sethostname SYS_setdomainname
    SYS_syslog SYS_personality
    // Other rights.
    SYS_setuid SYS_setgid SYS_setreuid SYS_setregid SYS_setresuid SYS_setresgid SYS_setgroups SYS_setfsuid SYS_setfsgid
    SYS_capset
];
#[cfg(target_arch = "x86_64")]
const ATTEMPTS_TOO: &[i64] = calls![
    SYS_fork SYS_vfork SYS_symlink SYS_link SYS_mknod SYS_inotify_init SYS_iopl SYS_ioperm SYS_modify_ldt
    SYS_kexec_file_load
];
#[cfg(not(target_arch = "x86_64"))]
const ATTEMPTS_TOO: &[i64] = &[];

/// Of a socket's type, without its flags.
const SOCKET_KIND: u64 = 0xf;

/// One argument of a system call, compared.
type Condition = (u8, SeccompCmpArgLen, SeccompCmpOp, u64);

/// Applies the filters; says so.
pub fn apply(needs: &Needs) -> Result<String, String> {
    let install = || -> Result<(), seccompiler::Error> {
        // The allow-list comes last: it denies what installs a filter.
        if !needs.device {
            install(&all([ATTEMPTS, ATTEMPTS_TOO]), SeccompAction::Allow, SeccompAction::KillProcess)?;
        }
        // The arguments of `clone3` lie in memory, where no filter sees them. Without it the C library takes `clone`.
        let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
        install(&all([&[libc::SYS_clone3], &[]]), SeccompAction::Allow, unknown)?;
        // A name would lead to other programs' sockets. NVIDIA's driver looks for a service that shares the card, and
        // goes without where there is none.
        let nobody = SeccompAction::Errno(libc::ENOENT as u32);
        install(&all([&[libc::SYS_connect], &[]]), SeccompAction::Allow, nobody)?;
        install(&allowed(needs)?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
    };
    install().map_err(|e| super::chain(&e))?;
    Ok(match needs.device {
        false => "seccomp, no sockets, no programs, no ioctl".to_owned(),
        true => "seccomp, no connections, no programs; ioctl and shared memory for the device".to_owned(),
    })
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn install(
    rules: &Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<(), seccompiler::Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules.clone(), otherwise, matched, arch)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)
}

fn all<const N: usize>(lists: [&[i64]; N]) -> Rules {
    lists.into_iter().flatten().map(|call| (*call, Vec::new())).collect()
}

fn allowed(needs: &Needs) -> Result<Rules, seccompiler::Error> {
    use SeccompCmpArgLen::{Dword, Qword};
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut rules = all([ALLOWED, ALLOWED_TOO]);
    if needs.device {
        rules.extend(all([ALLOWED_WITH_DEVICE, ALLOWED_WITH_DEVICE_TOO]));
        rules.extend(driver_socket()?);
        // Whatever a driver sets of itself, it never lets others look into the process.
        let not = |option: i32| (0, Dword, Ne, option as u64);
        rules.insert(libc::SYS_prctl, vec![rule(&[not(libc::PR_SET_DUMPABLE), not(libc::PR_SET_PTRACER)])?]);
    } else {
        let executable = libc::PROT_EXEC as u64;
        let shared = libc::MAP_SHARED as u64;
        let is_clear = |argument, bit| (argument, Dword, MaskedEq(bit), 0);
        // No memory becomes a program, and none is shared with anybody.
        rules.insert(libc::SYS_mmap, vec![rule(&[is_clear(2, executable), is_clear(3, shared)])?]);
        rules.insert(libc::SYS_mprotect, vec![rule(&[is_clear(2, executable)])?]);
        let name = (0, Dword, Eq, libc::PR_SET_NAME as u64);
        rules.insert(libc::SYS_prctl, vec![rule(&[name])?]);
    }
    // Flags and copies of descriptors; not who gets a signal when one can be read, which may be any process.
    let harmless = [
        libc::F_DUPFD,
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_SETFL,
        libc::F_GETLK,
        libc::F_SETLK,
        libc::F_SETLKW,
        libc::F_DUPFD_CLOEXEC,
    ];
    let fcntl = harmless.map(|command| rule(&[(1, Dword, Eq, command as u64)]));
    rules.insert(libc::SYS_fcntl, fcntl.into_iter().collect::<Result<_, _>>()?);
    // Threads, but no processes.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![rule(&[(0, Dword, MaskedEq(thread), thread)])?]);
    // Signals to the own process alone.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![rule(&[(0, Dword, Eq, own)])?]);
    // Limits are read, never set.
    rules.insert(libc::SYS_prlimit64, vec![rule(&[(0, Dword, Eq, 0), (2, Qword, Eq, 0)])?]);
    // Niceness of the own process: it can only go up.
    let process = libc::PRIO_PROCESS as u64;
    rules.insert(libc::SYS_setpriority, vec![rule(&[(0, Dword, Eq, process), (1, Dword, Eq, 0)])?]);
    Ok(rules)
}

/// The socket, in the child's own empty network, on which NVIDIA's driver would hand its memory to other processes: it
/// does not start without. Nobody can be reached by it, since nothing may be sent.
fn driver_socket() -> Result<Rules, seccompiler::Error> {
    use SeccompCmpArgLen::Dword;
    use SeccompCmpOp::{Eq, MaskedEq};
    let kind = (1, Dword, MaskedEq(SOCKET_KIND), libc::SOCK_SEQPACKET as u64);
    let socket = rule(&[(0, Dword, Eq, libc::AF_UNIX as u64), kind])?;
    let option = [(1, Dword, Eq, libc::SOL_SOCKET as u64), (2, Dword, Eq, libc::SO_PASSCRED as u64)];
    Ok([(libc::SYS_socket, vec![socket]), (libc::SYS_setsockopt, vec![rule(&option)?])].into())
}

fn rule(conditions: &[Condition]) -> Result<SeccompRule, seccompiler::Error> {
    let conditions = conditions
        .iter()
        .map(|(index, len, op, value)| SeccompCondition::new(*index, len.clone(), op.clone(), *value))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(SeccompRule::new(conditions)?)
}
