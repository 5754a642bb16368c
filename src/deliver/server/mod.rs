//! The server: an agent asks medbay for what was approved, and before it acts, over a Unix socket or
//! over HTTP on this machine alone. HTTP/1.1, one request a connection, no TLS.
//!
//! ```text
//! POST /v1/gate?run=&id=&agent=&wait=    asks before an act; held for the answer (see `gate.rs`)
//! GET  /v1/inbox?run=&after=&agent=&wait=    the next approved text, waited for
//! POST /v1/ack    {"id","status","detail"}: what became of a text, as in the spool
//! ```
//!
//! The console runs it; a second console on the same machine finds it served and leaves it. The socket
//! is its owner's alone. HTTP is off unless a port is configured, and then wants the token that lies in
//! a file of its owner's; whoever can read that file could read the ledger as well.
//!
//! The order of a delivery, and what a crash leaves behind, is that of `hook/serve.rs`: the text is
//! leased, the answer is written to the agent, the delivery is recorded. An agent that polls says by
//! `after` what it has: where a lease ran out, that decides whether the text is sent again. One that
//! does not say so is not sent it a second time; the delivery fails and a person looks.
//!
//! One thread, with one connection to the ledger. What a stranger sends is bounded: 64 connections
//! by the socket and 64 by HTTP, 1 MB a body, 64 KB and 64 lines of headers, 5 s to send them and 10 s for the body.

mod answer;
mod connection;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::hook::TimedOut;
use crate::ledger::{Ledger, LedgerError, Mode};

/// How long the server waits for another writer of the ledger: it waits for all who ask.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a lease is good, where nothing else is said.
pub const LEASE: Duration = Duration::from_secs(10);

/// How the server is to behave.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The ledger's file.
    pub ledger: PathBuf,
    /// Where the socket is made; `None`: no socket.
    pub socket: Option<PathBuf>,
    /// The port on this machine; 0 takes any; `None`: no HTTP.
    pub port: Option<u16>,
    /// Where the token for HTTP lies; made where it is not there.
    pub token: PathBuf,
    /// What becomes of what agents ask.
    pub mode: Mode,
    /// How long an agent that asks is held for an answer at most.
    pub hold: Duration,
    /// What it is told when that is over.
    pub timed_out: TimedOut,
    /// How long a lease is good: longer than an answer takes to leave.
    pub lease: Duration,
}

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Another process does.
    #[error("another console serves {}: agents reach medbay through that one", .0.display())]
    Served(PathBuf),
    /// A file, the socket or the port.
    #[error("cannot {doing} {what}: {source}; {mend}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On what.
        what: String,
        /// Why not.
        source: io::Error,
        /// What to do.
        mend: &'static str,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A running server. Dropping it ends it; agents that wait are let go without an answer and ask again.
#[derive(Debug)]
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    address: Option<SocketAddr>,
    socket: Option<PathBuf>,
    /// Held as long as the socket is served.
    _lock: Option<File>,
}

impl Server {
    /// Starts it.
    ///
    /// # Errors
    /// Another process serves the socket, or a file, the socket, the port or the ledger cannot be used.
    pub fn start(setup: Setup) -> Result<Self, ServerError> {
        let lock = setup.socket.as_deref().map(claim).transpose()?;
        let unix = setup.socket.as_deref().map(bind).transpose()?;
        let mut tcp = None;
        let mut token = None;
        if let Some(port) = setup.port {
            token = Some(token_in(&setup.token)?);
            tcp = Some(listen(port)?);
        }
        let address = tcp.as_ref().and_then(|tcp| tcp.local_addr().ok());
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = mpsc::sync_channel(1);
        let socket = setup.socket.clone();
        let thread = std::thread::Builder::new()
            .name("medbay-server".to_owned())
            .spawn(move || {
                let began = Ledger::open_patient(&setup.ledger, PATIENCE)
                    .map_err(ServerError::from)
                    .and_then(|ledger| runtime().map(|runtime| (ledger, runtime)));
                match began {
                    Ok((ledger, runtime)) => {
                        let _ = ready.send(Ok(()));
                        let clerk = Rc::new(answer::Clerk::new(ledger, setup));
                        LocalSet::new().block_on(&runtime, listen_on(unix, tcp, token, clerk, stopped));
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            })
            .map_err(|source| unable("start a thread for", "the server", source, "end other programs"))?;
        let server = Self { stop: Some(stop), thread: Some(thread), address, socket, _lock: lock };
        match started.recv() {
            Ok(Err(error)) => Err(error),
            // A thread that died without a word has reported its panic where it happened.
            Ok(Ok(())) | Err(_) => Ok(server),
        }
    }

    /// Where HTTP is served, where it is.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Some(socket) = &self.socket {
            // While the lock is held nobody else has made it anew.
            let _ = fs::remove_file(socket);
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, ServerError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| unable("start", "the server", source, "end other programs"))
}

async fn listen_on(
    unix: Option<std::os::unix::net::UnixListener>,
    tcp: Option<std::net::TcpListener>,
    token: Option<String>,
    clerk: Rc<answer::Clerk>,
    mut stopped: oneshot::Receiver<()>,
) {
    let unix = unix.and_then(|listener| UnixListener::from_std(listener).ok());
    let tcp = tcp.and_then(|listener| TcpListener::from_std(listener).ok());
    let token: Option<Rc<str>> = token.map(Rc::from);
    // Each has places of its own: who fills up one does not close the other.
    let (socket, http) = (connection::Door::default(), connection::Door::default());
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => return,
            came = accept(unix.as_ref(), UnixListener::accept) => match came {
                Ok((stream, _)) => socket.admit(stream, clerk.caller("socket"), None),
                Err(error) => rest(&error).await,
            },
            came = accept(tcp.as_ref(), TcpListener::accept) => match came {
                Ok((stream, _)) => http.admit(stream, clerk.caller("http"), token.clone()),
                Err(error) => rest(&error).await,
            },
        }
    }
}

/// The next connection; of no listener none ever comes.
async fn accept<'l, L, F, T>(listener: Option<&'l L>, next: impl FnOnce(&'l L) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    match listener {
        Some(listener) => next(listener).await,
        None => std::future::pending().await,
    }
}

/// A listener that fails does so again at once, for instance where the process has no file left.
async fn rest(error: &io::Error) {
    tracing::warn!("the server cannot take a connection: {error}");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

fn unable(
    doing: &'static str,
    what: impl Into<String>,
    source: io::Error,
    mend: &'static str,
) -> ServerError {
    ServerError::Io { doing, what: what.into(), source, mend }
}

/// Takes the lock beside the socket: whoever has it may make the socket anew.
fn claim(socket: &Path) -> Result<File, ServerError> {
    let mend = "check the permissions of its directory";
    if let Some(directory) = socket.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|e| unable("make", directory.display().to_string(), e, mend))?;
    }
    let path = socket.with_extension("lock");
    let shown = path.display().to_string();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|e| unable("make", shown.clone(), e, mend))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServerError::Served(socket.to_owned())),
        Err(TryLockError::Error(e)) => Err(unable("lock", shown, e, mend)),
    }
}

/// Makes the socket, closed to everybody but its owner before it has its name. The lock is held.
fn bind(socket: &Path) -> Result<std::os::unix::net::UnixListener, ServerError> {
    let mend = "name a shorter XDG_STATE_HOME or check the permissions of its directory";
    let failed = |e| unable("make the socket", socket.display().to_string(), e, mend);
    let unfinished = socket.with_extension("new");
    for old in [socket, &unfinished] {
        match fs::remove_file(old) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
        }
    }
    let listener = std::os::unix::net::UnixListener::bind(&unfinished).map_err(failed)?;
    fs::set_permissions(&unfinished, Permissions::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    fs::rename(&unfinished, socket).map_err(failed)?;
    Ok(listener)
}

fn listen(port: u16) -> Result<std::net::TcpListener, ServerError> {
    let failed = |e| {
        unable(
            "listen on",
            format!("port {port}"),
            e,
            "set another http_port under [channels], or end the program that has it",
        )
    };
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// The token in a file, made on first use: 64 hex digits.
fn token_in(path: &Path) -> Result<String, ServerError> {
    let mend = "remove it, and a new one is made";
    let failed = |doing| move |e| unable(doing, path.display().to_string(), e, mend);
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed("make"))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let mut random = [0u8; 32];
            File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut random)).map_err(failed("make"))?;
            let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
            file.write_all(token.as_bytes()).and_then(|()| file.sync_all()).map_err(failed("write"))?;
            Ok(token)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed("close"))?;
            let mut text = String::new();
            File::open(path)
                .and_then(|file| file.take(1024).read_to_string(&mut text))
                .map_err(failed("read"))?;
            let token = text.trim();
            if token.len() < 32 {
                let short = io::Error::other("it holds no token of 32 characters or more");
                return Err(failed("use")(short));
            }
            Ok(token.to_owned())
        }
        Err(e) => Err(failed("make")(e)),
    }
}
