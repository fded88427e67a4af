//! What is there to be reached: files, sockets and a process that are none of the child's business.

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use flodrama_media::child;
use flodrama_media::confine::{Confinement, Isolation};
use flodrama_media::task::{
    Assignment, Cadence, ChunkTask, DeviceKind, DeviceTask, Limits, PicturesOf, SubtitlesTask, Task,
    TextSource,
};
use flodrama_media::{Keyframe, Ratio};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use serde::{Deserialize, Serialize};
use tempfile::{NamedTempFile, TempDir};

/// Stands for a child that is not confined.
pub const FREE: &str = "free";
/// How a child is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// As every child is.
    Usually,
    /// As one that works on a device.
    OnDevice,
    /// Not at all.
    Not,
}

/// What an attempt says that succeeded.
pub const DONE: &str = "done";
/// MiB that the child may use: little, so that reaching it is quick.
const MEMORY_MIB: u64 = 1024;
/// What a source may be.
const LIMITS: Limits = Limits { max_pixels: 1, max_duration_s: 1.0, max_streams: 1 };
/// Seconds of computing time that the child may use.
const CPU_S: u64 = 1;

/// What a child is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    pub attempt: String,
    /// Somebody else's folder, with somebody else's file.
    pub foreign: PathBuf,
    pub secret: PathBuf,
    /// The published tree.
    pub out: PathBuf,
    /// A process of the same user.
    pub victim: i32,
    pub tcp: u16,
    pub udp: u16,
    pub socket: PathBuf,
    pub name: String,
    /// A socket with a path, of the kind that drivers may open.
    pub packets: PathBuf,
    /// Somebody else's shared memory.
    pub shared: PathBuf,
}

/// What keeps it there.
pub struct Stage {
    pub world: World,
    folder: TempDir,
    victim: Child,
    _tcp: TcpListener,
    _udp: UdpSocket,
    _sockets: [UnixListener; 2],
    _packets: OwnedFd,
    _shared: NamedTempFile,
}

impl Stage {
    pub fn set() -> Stage {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["foreign", "out"] {
            std::fs::create_dir(at(name)).expect("a folder");
        }
        let secret = at("foreign").join("credentials");
        std::fs::write(&secret, "aws_secret_access_key = not-a-real-one").expect("a file");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let name = format!("flodrama-escape-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = at("socket");
        let sockets = [UnixListener::bind(&socket), UnixListener::bind_addr(&abstract_name)];
        let packets = at("packets");
        let listener =
            rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).expect("a socket");
        let address = SocketAddrUnix::new(&packets).expect("a plain path");
        rustix::net::bind(&listener, &address).expect("a socket");
        rustix::net::listen(&listener, 8).expect("a socket");
        let shared = tempfile::Builder::new().prefix("flodrama-escape-").tempfile_in("/dev/shm");
        let shared = shared.expect("shared memory");
        // Ends by itself, whatever becomes of this test.
        let victim =
            Command::new("sleep").arg("300").stdout(Stdio::null()).spawn().expect("sleep (coreutils) runs");
        let world = World {
            attempt: String::new(),
            foreign: at("foreign"),
            secret,
            out: at("out"),
            victim: victim.id() as i32,
            tcp: tcp.local_addr().expect("bound").port(),
            udp: udp.local_addr().expect("bound").port(),
            socket,
            name,
            packets,
            shared: shared.path().to_owned(),
        };
        let sockets = sockets.map(|socket| socket.expect("a socket"));
        Stage {
            world,
            folder,
            victim,
            _tcp: tcp,
            _udp: udp,
            _sockets: sockets,
            _packets: listener,
            _shared: shared,
        }
    }

    /// Starts a child as the worker does, to make `attempt`.
    pub fn start(&self, attempt: &str, held: Held) -> (Child, TempDir) {
        let own = tempfile::tempdir_in(self.folder.path()).expect("folder");
        let task = if held == Held::OnDevice { self.task_on_device() } else { self.task() };
        let confinement = Confinement { isolation: Isolation::Full, memory_mib: MEMORY_MIB, cpu_s: CPU_S };
        let task_file = self.write("task.json", &Assignment { confinement, task });
        let source = self.write("source", &World { attempt: attempt.to_owned(), ..self.world.clone() });
        let child = Command::new(std::env::current_exe().expect("this test has a path"))
            .args([
                child::ARGUMENT,
                task_file.to_str().expect("a plain path"),
                if held == Held::Not { FREE } else { "" },
            ])
            .env_clear()
            .current_dir(&own)
            .stdin(File::open(source).expect("the source"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test runs itself");
        (child, own)
    }

    fn task(&self) -> Task {
        Task::Subtitles(SubtitlesTask {
            out: self.world.out.clone(),
            limits: LIMITS,
            from: TextSource::Stream(0),
            path: String::new(),
            origin_s: 0.0,
            duration_ms: 1,
        })
    }

    /// The one kind of task that meets an upload there.
    fn task_on_device(&self) -> Task {
        let second = Ratio::new(1, 1);
        Task::Chunk(ChunkTask {
            out: self.world.out.clone(),
            index: 0,
            threads: 1,
            limits: LIMITS,
            stream: 0,
            seek: Keyframe { pts: 0, dts: 0 },
            needed_from: 0,
            cadence: Cadence { rate: second, origin_pts: 0, time_base: second },
            pictures: PicturesOf::Frames,
            prepare: String::new(),
            segments: Vec::new(),
            copy: None,
            ladder: None,
            hdr: None,
            rungs: Vec::new(),
            trick: None,
            device: Some(DeviceTask { kind: DeviceKind::Cuda, sessions: 1 }),
        })
    }

    fn write(&self, name: &str, value: &impl Serialize) -> PathBuf {
        let path: PathBuf = Path::new(self.folder.path()).join(name);
        std::fs::write(&path, serde_json::to_vec(value).expect("JSON")).expect("a file");
        path
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // An attempt may have ended it.
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}
