//! The ways out, one function each.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Error, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flodrama_media::confine::ask;
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sched::CloneFlags;
use nix::sys::stat::{Mode, SFlag};
use nix::sys::{inotify, memfd, ptrace, signal, socket, uio};
use nix::unistd::{self, Pid};

use crate::world::World;

/// What a way out needs to be open without confinement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Nothing.
    Always,
    /// To be root.
    ToRoot,
    /// It is not, on this machine or on any: only the denial is looked at.
    Perhaps,
    /// It is open to the confined child too: what it must be able to do.
    ByRight,
}

use Open::{Always, ByRight, Perhaps, ToRoot};

type Attempt = fn(&World) -> io::Result<()>;

/// All of them, in the order of the table.
pub const ALL: &[(&str, Open, Attempt)] = &[
    // What a task must be able to do: without it, a denial would mean nothing.
    ("write, read and remove a file of its own", ByRight, |_| {
        fs::write("own", "x")?;
        fs::read("own")?;
        fs::rename("own", "renamed")?;
        fs::remove_file("renamed")
    }),
    ("write a segment into the tree", ByRight, |w| {
        fs::create_dir_all(w.out.join("video/720p"))?;
        fs::write(w.out.join("video/720p/00001.m4s"), "x")
    }),
    ("start a thread", ByRight, |_| std::thread::spawn(|| ()).join().map_err(|_| Error::other("no thread"))),
    // Files.
    ("read /etc/passwd", Always, |_| read("/etc/passwd")),
    ("read somebody's credentials", Always, |w| read(&w.secret)),
    ("read its own program", Always, |_| read("/proc/self/exe")),
    ("read back what is in the tree", Always, |w| {
        fs::write(w.out.join("left"), "x")?;
        read(w.out.join("left"))
    }),
    ("remove what is in the tree", Always, |w| {
        fs::write(w.out.join("left"), "x")?;
        fs::remove_file(w.out.join("left"))
    }),
    ("list the root folder", Always, |_| fs::read_dir("/").map(drop)),
    ("list another job's folder", Always, |w| fs::read_dir(&w.foreign).map(drop)),
    ("write into another job's folder", Always, |w| fs::write(w.foreign.join("new"), "x")),
    ("append to another job's file", Always, |w| {
        OpenOptions::new().append(true).open(&w.secret)?.write_all(b"\n")
    }),
    ("empty another job's file", Always, |w| {
        fs::write(w.foreign.join("long"), "long")?;
        Ok(unistd::truncate(&w.foreign.join("long"), 0)?)
    }),
    ("remove another job's file", Always, |w| {
        fs::write(w.foreign.join("gone"), "x")?;
        fs::remove_file(w.foreign.join("gone"))
    }),
    ("move a file out of its folder", Always, |w| {
        fs::write("own", "x")?;
        fs::rename("own", w.foreign.join("moved"))
    }),
    ("move a file of the tree into its folder", Always, |w| {
        fs::write(w.out.join("left"), "x")?;
        fs::rename(w.out.join("left"), "own")
    }),
    ("link to a file by another name", Always, |w| fs::hard_link(&w.secret, "linked")),
    ("lead the worker elsewhere by a symbolic link", Always, |w| {
        std::os::unix::fs::symlink(&w.secret, w.out.join(fresh("link")))
    }),
    ("make a device", ToRoot, |_| {
        let null = nix::sys::stat::makedev(1, 3);
        Ok(nix::sys::stat::mknod("device", SFlag::S_IFCHR, Mode::S_IRUSR, null)?)
    }),
    ("make a pipe with a name", Always, |w| Ok(unistd::mkfifo(&w.out.join(fresh("pipe")), Mode::S_IRUSR)?)),
    ("watch another job's folder", Always, |w| {
        let inotify = inotify::Inotify::init(inotify::InitFlags::empty())?;
        inotify.add_watch(&w.foreign, inotify::AddWatchFlags::IN_CREATE)?;
        Ok(())
    }),
    ("write to its source", Perhaps, |_| {
        use std::os::fd::AsFd;
        File::from(io::stdin().as_fd().try_clone_to_owned()?).write_all(b"x")
    }),
    // Other processes, and itself.
    ("read the environment of init", Perhaps, |_| read("/proc/1/environ")),
    ("read the environment of its parent", Always, |_| {
        read(format!("/proc/{}/environ", std::os::unix::process::parent_id()))
    }),
    ("read the memory map of its parent", Always, |_| {
        read(format!("/proc/{}/maps", std::os::unix::process::parent_id()))
    }),
    ("open its own memory as a file", Always, |_| {
        OpenOptions::new().write(true).open("/proc/self/mem").map(drop)
    }),
    ("trace another process", ToRoot, |w| {
        ptrace::attach(Pid::from_raw(w.victim))?;
        nix::sys::wait::waitpid(Pid::from_raw(w.victim), None).ok();
        Ok(ptrace::detach(Pid::from_raw(w.victim), None).or_else(reached)?)
    }),
    ("read another process's memory", ToRoot, |w| {
        let remote = [uio::RemoteIoVec { base: 0, len: 1 }];
        let mut byte = [0];
        let mut local = [io::IoSliceMut::new(&mut byte)];
        let read = uio::process_vm_readv(Pid::from_raw(w.victim), &mut local, &remote);
        Ok(read.map(drop).or_else(reached)?)
    }),
    ("send a signal to another process", Always, |w| {
        Ok(signal::kill(Pid::from_raw(w.victim), signal::Signal::SIGCONT)?)
    }),
    ("send a signal to its parent", Always, |_| {
        let parent = Pid::from_raw(std::os::unix::process::parent_id() as i32);
        Ok(signal::kill(parent, signal::Signal::SIGCONT)?)
    }),
    ("get a handle of another process", Always, |w| {
        let pid = rustix::process::Pid::from_raw(w.victim).expect("a process");
        Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).map(drop)?)
    }),
    ("start a shell", Always, |_| Command::new("/bin/sh").args(["-c", "true"]).status().map(drop)),
    ("start many processes", Always, |_| {
        (0..20).try_for_each(|_| Command::new("/bin/true").status().map(drop))
    }),
    ("make a program in memory", Always, |_| {
        Ok(memfd::memfd_create(c"program", memfd::MFdFlags::empty()).map(drop)?)
    }),
    ("become another user", ToRoot, |_| Ok(unistd::setuid(unistd::Uid::from_raw(65_534))?)),
    ("work with more priority", ToRoot, |_| Ok(rustix::process::nice(-5).map(drop)?)),
    // The network.
    ("connect to this machine", Always, |w| TcpStream::connect(("127.0.0.1", w.tcp)).map(drop)),
    ("connect to the metadata service", Perhaps, |_| {
        let service = SocketAddr::from(([169, 254, 169, 254], 80));
        TcpStream::connect_timeout(&service, Duration::from_millis(300)).map(drop)
    }),
    ("wait for connections", Always, |_| TcpListener::bind("127.0.0.1:0").map(drop)),
    ("send a datagram", Always, |w| {
        UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", ("127.0.0.1", w.udp)).map(drop)
    }),
    ("connect to a socket with a path", Always, |w| UnixStream::connect(&w.socket).map(drop)),
    ("connect to a socket without one", Always, |w| {
        UnixStream::connect_addr(&UnixAddr::from_abstract_name(&w.name)?).map(drop)
    }),
    ("make a pair of sockets", Always, |_| UnixStream::pair().map(drop)),
    ("ask the kernel about the network", Always, |_| {
        open_socket(socket::AddressFamily::Netlink, socket::SockType::Raw)
    }),
    ("send raw packets", ToRoot, |_| open_socket(socket::AddressFamily::Packet, socket::SockType::Raw)),
    // The kernel.
    ("mount", ToRoot, |_| {
        let own = std::env::current_dir()?;
        let none: Option<&Path> = None;
        nix::mount::mount(Some("tmpfs"), &own, Some("tmpfs"), MsFlags::empty(), none)?;
        Ok(nix::mount::umount(&own)?)
    }),
    ("change the root folder", ToRoot, |_| Ok(unistd::chroot(".")?)),
    ("swap the root folder", ToRoot, |_| Ok(unistd::pivot_root("/", "/").or_else(reached)?)),
    ("make namespaces", ToRoot, |_| Ok(nix::sched::unshare(CloneFlags::CLONE_NEWNS)?)),
    ("make a namespace of users", Perhaps, |_| Ok(nix::sched::unshare(CloneFlags::CLONE_NEWUSER)?)),
    ("enter a namespace", Always, |_| {
        Ok(nix::sched::setns(io::stdin(), CloneFlags::empty()).or_else(reached)?)
    }),
    ("change the machine's name", ToRoot, |_| Ok(unistd::sethostname("").or_else(reached)?)),
    ("load a program into the kernel", ToRoot, |_| asked("bpf")),
    ("count what others do", Always, |_| asked("perf_event_open")),
    ("handle its own page faults", ToRoot, |_| asked("userfaultfd")),
    ("make calls by a ring", Perhaps, |_| asked("io_uring_setup")),
    ("add a key", Perhaps, |_| asked("add_key")),
    ("read keys", Perhaps, |_| asked("keyctl")),
    ("load a module", Perhaps, |_| asked("init_module")),
    ("watch all files", ToRoot, |_| asked("fanotify_init")),
    ("read quotas", Perhaps, |_| asked("quotactl")),
    ("swap to a file", ToRoot, |_| asked("swapon")),
    // Limits.
    ("write a huge file", Always, |_| {
        let file = File::create("huge")?;
        file.set_len(8 << 30)?;
        fs::remove_file("huge")
    }),
    ("take much memory", Always, |_| {
        let mut bytes: Vec<u8> = Vec::new();
        bytes.try_reserve_exact(512 << 20).map_err(Error::other)?;
        bytes.resize(512 << 20, 1);
        Ok(())
    }),
    ("open many files", Always, |_| {
        let held: io::Result<Vec<_>> = (0..400).map(|n| File::create(format!("file-{n}"))).collect();
        held.map(drop)
    }),
    ("compute without end", Always, |_| {
        use nix::time::{ClockId, clock_gettime};
        while clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.tv_sec() < 3 {}
        Ok(())
    }),
    ("raise a limit", Always, |_| {
        use rustix::process::{Resource, getrlimit, setrlimit};
        Ok(setrlimit(Resource::Cpu, getrlimit(Resource::Cpu))?)
    }),
    ("leave its memory behind as a file", Always, |_| {
        use rustix::process::{Resource, getrlimit};
        match getrlimit(Resource::Core).maximum {
            Some(0) => Err(Error::other("no core files")),
            _ => Ok(()),
        }
    }),
    ("let itself be looked into", Always, |_| {
        let dumpable = rustix::process::DumpableBehavior::Dumpable;
        Ok(rustix::process::set_dumpable_behavior(dumpable)?)
    }),
    ("ask for something that nobody needs", Always, |_| Ok(rustix::process::getsid(None).map(drop)?)),
];

/// Makes the attempt that the source names.
pub fn make(world: &World) -> io::Result<()> {
    let (.., attempt) = ALL.iter().find(|(name, ..)| *name == world.attempt).expect("a known attempt");
    attempt(world)
}

fn read(path: impl Into<PathBuf>) -> io::Result<()> {
    File::open(path.into())?.read(&mut [0; 1]).map(drop)
}

/// A name that is not taken yet.
fn fresh(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

fn open_socket(family: socket::AddressFamily, kind: socket::SockType) -> io::Result<()> {
    Ok(socket::socket(family, kind, socket::SockFlag::empty(), None).map(drop)?)
}

/// Whoever is told that the arguments are wrong got as far as having them read.
fn reached(e: Errno) -> nix::Result<()> {
    match e {
        Errno::EFAULT | Errno::EINVAL | Errno::EBUSY | Errno::ESRCH | Errno::ENOENT | Errno::EIO => Ok(()),
        denied => Err(denied),
    }
}

fn asked(name: &str) -> io::Result<()> {
    let answer = ask(name).map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(0)));
    Ok(answer.or_else(reached)?)
}
