//! The ways out, one function each.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Error, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use flodrama_media::confine::ask;
use rustix::fs::{CWD, FileType, MemfdFlags, Mode, inotify};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use rustix::process::{Pid, PidfdFlags, Signal};
use rustix::time::ClockId;

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
    ("empty another job's file", Always, |w| File::create(&w.secret).map(drop)),
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
        let null = rustix::fs::makedev(1, 3);
        Ok(rustix::fs::mknodat(CWD, "device", FileType::CharacterDevice, Mode::RUSR, null)?)
    }),
    ("make a pipe with a name", Always, |w| {
        let path = w.out.join(fresh("pipe"));
        Ok(rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0)?)
    }),
    ("watch another job's folder", Always, |w| {
        let inotify = inotify::init(inotify::CreateFlags::empty())?;
        Ok(inotify::add_watch(&inotify, &w.foreign, inotify::WatchFlags::CREATE).map(drop)?)
    }),
    ("write to its source", Perhaps, |_| {
        use std::os::fd::AsFd;
        File::from(io::stdin().as_fd().try_clone_to_owned()?).write_all(b"x")
    }),
    ("read what others share in memory", Always, |w| read(&w.shared)),
    ("write what others share in memory", Always, |w| fs::write(&w.shared, "x")),
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
    ("have itself traced", Always, |_| asked("ptrace")),
    ("read another process's memory", Always, |_| asked("process_vm_readv")),
    ("send a signal to another process", Always, |w| send_signal(w.victim)),
    ("send a signal to its parent", Always, |_| send_signal(std::os::unix::process::parent_id() as i32)),
    ("get a handle of another process", Always, |w| {
        Ok(rustix::process::pidfd_open(process(w.victim), PidfdFlags::empty()).map(drop)?)
    }),
    ("start a shell", Always, |_| Command::new("/bin/sh").args(["-c", "true"]).status().map(drop)),
    ("start many processes", Always, |_| {
        (0..20).try_for_each(|_| Command::new("/bin/true").status().map(drop))
    }),
    ("make a program in memory", Always, |_| {
        Ok(rustix::fs::memfd_create("program", MemfdFlags::empty()).map(drop)?)
    }),
    ("become another user", ToRoot, |_| {
        Ok(rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65_534))?)
    }),
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
    ("connect to a socket of a driver's kind", Always, |w| {
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None)?;
        Ok(rustix::net::connect(&socket, &SocketAddrUnix::new(&w.packets)?)?)
    }),
    ("make a pair of sockets", Always, |_| UnixStream::pair().map(drop)),
    ("ask the kernel about the network", Always, |_| {
        Ok(rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None).map(drop)?)
    }),
    ("send raw packets", ToRoot, |_| {
        Ok(rustix::net::socket(AddressFamily::PACKET, SocketType::RAW, None).map(drop)?)
    }),
    // By the call that also says which process a signal goes to when there is something to read.
    ("change a pipe to its parent", Always, |_| {
        Ok(rustix::pipe::fcntl_setpipe_size(rustix::stdio::stdout(), 1 << 16).map(drop)?)
    }),
    // The kernel.
    ("mount", ToRoot, |_| {
        let own = std::env::current_dir()?;
        rustix::mount::mount("tmpfs", &own, "tmpfs", MountFlags::empty(), None)?;
        Ok(rustix::mount::unmount(&own, UnmountFlags::empty())?)
    }),
    ("change the root folder", ToRoot, |_| Ok(rustix::process::chroot(".")?)),
    ("swap the root folder", ToRoot, |_| Ok(rustix::process::pivot_root("/", "/").or_else(reached)?)),
    ("make namespaces", Always, |_| asked("unshare")),
    ("enter a namespace", Always, |_| asked("setns")),
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
        while rustix::time::clock_gettime(ClockId::ProcessCPUTime).tv_sec < 2 {}
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
    ("ask for something that nobody needs", Always, |_| asked("getsid")),
];

/// What drivers need, so that it is open to children on a device.
pub const OPEN_ON_DEVICE: &[&str] = &["make a program in memory", "take much memory"];

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

fn process(id: i32) -> Pid {
    Pid::from_raw(id).expect("a process")
}

/// One that does nothing to a process that is not stopped.
fn send_signal(to: i32) -> io::Result<()> {
    Ok(rustix::process::kill_process(process(to), Signal::CONT)?)
}

/// Whoever is told that the arguments are wrong got as far as having them read.
fn reached(e: Errno) -> rustix::io::Result<()> {
    match e {
        Errno::FAULT | Errno::INVAL | Errno::BUSY | Errno::SRCH | Errno::NOENT => Ok(()),
        denied => Err(denied),
    }
}

fn asked(name: &str) -> io::Result<()> {
    match ask(name) {
        Err(e) => Ok(Errno::from_io_error(&e).map_or(Err(Errno::NOSYS), reached)?),
        Ok(()) => Ok(()),
    }
}
