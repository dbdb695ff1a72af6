//! A TCP proxy between codif and a server, which does what networks do: it delays, cuts, loses and falls silent.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpSocket;

/// As many bytes as are passed on at once.
const PIECE: usize = 16_384;
/// As many bytes as wait to be passed on: little, so that who sends them notices how slowly they go.
const WAITING: u32 = 65_536;

/// What goes wrong, on new connections and, from their next byte on, on those that are open.
///
/// The bytes of an answer are counted from the last byte of what was asked: a small answer before a large one on the
/// same connection does not count, and is not cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// A connection is accepted and closed at once.
    Refuse,
    /// So much time passes before each piece of an answer.
    Latency(Duration),
    /// So many bytes a second go in each direction of a connection.
    Bandwidth(u64),
    /// The connection is reset after so many bytes of an answer that has more; some of them may be lost as well.
    ResetAfter(u64),
    /// The last byte of an answer is kept, and the connection stays open, whatever the server does.
    SlowClose,
    /// The connection is closed, as if all were well, after so many bytes of an answer that has more.
    Truncate(u64),
    /// All is taken, and nothing passed on.
    BlackHole,
}

/// A proxy on a free port of loopback, gone with its connections when dropped.
pub struct FaultProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Before the server at this address, `http://127.0.0.1:PORT`.
    pub fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let shared: Arc<Shared> = Arc::default();
        let listens = Arc::clone(&shared);
        let listening = std::thread::spawn(move || listens.listen(&listener, &upstream));
        Self { shared, address, listening: Some(listening) }
    }

    /// Its address, to be given to codif instead of the server's.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What goes wrong from now on.
    pub fn set(&self, fault: Fault) {
        self.set_times(fault, u32::MAX);
    }

    /// What goes wrong from now on, on the first so many connections that give it cause; nothing does on the others.
    pub fn set_times(&self, fault: Fault, connections: u32) {
        let mut setting = self.shared.setting.lock().unwrap();
        setting.fault = fault;
        (setting.times, setting.left) = (connections, connections);
        setting.number += 1;
    }

    /// How many connections it has happened to.
    pub fn struck(&self) -> u32 {
        let setting = self.shared.setting.lock().unwrap();
        setting.times - setting.left
    }

    /// How many bytes were sent to it, whether or not it passed them on.
    pub fn bytes_up(&self) -> u64 {
        self.shared.bytes_up.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.setting.lock().unwrap().over = true;
        self.shared.over.notify_all();
        let open = std::mem::take(&mut *self.shared.open.lock().unwrap());
        open.iter().filter_map(Weak::upgrade).for_each(|connection| connection.close());
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

/// What goes wrong now.
#[derive(Default)]
struct Setting {
    fault: Fault,
    /// On how many connections.
    times: u32,
    /// On how many more.
    left: u32,
    /// Tells it from earlier ones.
    number: u64,
    /// Whether the proxy is gone.
    over: bool,
}

#[derive(Default)]
struct Shared {
    setting: Mutex<Setting>,
    over: Condvar,
    bytes_up: AtomicU64,
    open: Mutex<Vec<Weak<Connection>>>,
}

impl Shared {
    fn listen(self: &Arc<Self>, listener: &TcpListener, upstream: &str) {
        for client in listener.incoming().flatten() {
            if self.is_over() {
                return;
            }
            let (shared, upstream) = (Arc::clone(self), upstream.to_owned());
            std::thread::spawn(move || shared.serve(client, &upstream));
        }
    }

    fn serve(self: Arc<Self>, client: TcpStream, upstream: &str) {
        let struck = AtomicU64::new(0);
        if self.strikes(Fault::Refuse, &struck) {
            return;
        }
        let Ok(server) = TcpStream::connect(upstream) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let _ = set_option(&client, |socket| socket.set_recv_buffer_size(WAITING));
        let (shared, answered, silent) = (Arc::clone(&self), AtomicU64::new(0), AtomicBool::new(false));
        let connection = Arc::new(Connection { shared, client, server, struck, answered, silent });
        let mut open = self.open.lock().unwrap();
        open.retain(|other| other.strong_count() > 0);
        open.push(Arc::downgrade(&connection));
        drop(open);
        if !self.is_over() {
            connection.serve();
        }
    }

    fn is_over(&self) -> bool {
        self.setting.lock().unwrap().over
    }

    fn fault(&self) -> Fault {
        self.setting.lock().unwrap().fault
    }

    /// Whether a fault happens to a connection, given the number of the setting that struck it last.
    fn strikes(&self, fault: Fault, struck: &AtomicU64) -> bool {
        let mut setting = self.setting.lock().unwrap();
        if setting.fault != fault {
            return false;
        }
        if struck.load(Ordering::Relaxed) == setting.number {
            return true;
        }
        if setting.left == 0 {
            return false;
        }
        setting.left -= 1;
        struck.store(setting.number, Ordering::Relaxed);
        true
    }

    /// Lets so much time pass, unless the proxy goes.
    fn pause(&self, time: Duration) {
        let setting = self.setting.lock().unwrap();
        drop(self.over.wait_timeout_while(setting, time, |setting| !setting.over).unwrap());
    }
}

struct Connection {
    shared: Arc<Shared>,
    client: TcpStream,
    server: TcpStream,
    /// Number of the setting that struck it last.
    struck: AtomicU64,
    /// As many bytes of the present answer as have come.
    answered: AtomicU64,
    /// Whether the client is to notice nothing when the server closes.
    silent: AtomicBool,
}

/// How a connection ends, for the client.
enum Ending {
    Closed,
    Reset,
    /// When the client likes.
    Never,
}

impl Connection {
    /// Passes bytes on, both ways, until the end; the client sees it as soon as nobody holds the connection any more.
    fn serve(self: Arc<Self>) {
        let asking = Arc::clone(&self);
        let asking = std::thread::spawn(move || asking.pass_questions());
        match self.pass_answers() {
            Ending::Closed => self.close(),
            Ending::Reset => {
                // Closed like this, a socket says RST and not FIN. Until then only its reading half may be shut, of which
                // the client is told nothing: it wakes the other thread.
                let _ = set_option(&self.client, TcpSocket::set_zero_linger);
                let _ = (self.client.shutdown(Shutdown::Read), self.server.shutdown(Shutdown::Both));
            }
            Ending::Never => {}
        }
        let _ = asking.join();
    }

    fn pass_questions(&self) {
        let mut piece = [0; PIECE];
        while let Some(bytes) = received(&self.client, &mut piece) {
            self.shared.bytes_up.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            self.answered.store(0, Ordering::Relaxed);
            let passed = match self.shared.fault() {
                fault @ Fault::Refuse if self.is_struck(fault) => return self.close(),
                fault @ Fault::BlackHole if self.is_struck(fault) => self.fall_silent(),
                fault @ Fault::Bandwidth(rate) if self.is_struck(fault) => self.pass_slowly(&self.server, bytes, rate),
                _ => pass(&self.server, bytes),
            };
            if !passed {
                break;
            }
        }
        // A client that has said all may still listen.
        let _ = self.server.shutdown(Shutdown::Write);
    }

    fn pass_answers(&self) -> Ending {
        let mut piece = [0; PIECE];
        let mut kept = None;
        while let Some(bytes) = received(&self.server, &mut piece) {
            let before = self.answered.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            let cut = |limit: u64| usize::try_from(limit.saturating_sub(before)).unwrap_or(usize::MAX);
            if let Some(last) = kept.take()
                && !pass(&self.client, &[last])
            {
                return Ending::Closed;
            }
            let passed = match self.shared.fault() {
                fault @ Fault::Refuse if self.is_struck(fault) => return Ending::Closed,
                fault @ Fault::Latency(time) if self.is_struck(fault) => {
                    self.shared.pause(time);
                    pass(&self.client, bytes)
                }
                fault @ Fault::Bandwidth(rate) if self.is_struck(fault) => self.pass_slowly(&self.client, bytes, rate),
                fault @ Fault::ResetAfter(limit) if cut(limit) < bytes.len() && self.is_struck(fault) => {
                    pass(&self.client, &bytes[..cut(limit)]);
                    return Ending::Reset;
                }
                fault @ Fault::Truncate(limit) if cut(limit) < bytes.len() && self.is_struck(fault) => {
                    pass(&self.client, &bytes[..cut(limit)]);
                    return Ending::Closed;
                }
                fault @ Fault::SlowClose if self.is_struck(fault) => {
                    kept = bytes.last().copied();
                    self.fall_silent() && pass(&self.client, &bytes[..bytes.len() - 1])
                }
                fault @ Fault::BlackHole if self.is_struck(fault) => self.fall_silent(),
                _ => pass(&self.client, bytes),
            };
            if !passed {
                return Ending::Closed;
            }
        }
        if self.silent.load(Ordering::Relaxed) { Ending::Never } else { Ending::Closed }
    }

    fn is_struck(&self, fault: Fault) -> bool {
        self.shared.strikes(fault, &self.struck)
    }

    /// Always true: the connection goes on.
    fn fall_silent(&self) -> bool {
        self.silent.store(true, Ordering::Relaxed);
        true
    }

    /// Passes bytes on at so many a second, in pieces of a twentieth of a second.
    fn pass_slowly(&self, to: &TcpStream, bytes: &[u8], rate: u64) -> bool {
        let piece = usize::try_from(rate / 20).unwrap_or(PIECE).clamp(1, PIECE);
        bytes.chunks(piece).all(|bytes| {
            self.shared.pause(Duration::from_secs_f64(bytes.len() as f64 / rate.max(1) as f64));
            pass(to, bytes)
        })
    }

    fn close(&self) {
        // Either may be closed already.
        let _ = (self.client.shutdown(Shutdown::Both), self.server.shutdown(Shutdown::Both));
    }
}

/// What has come; none at the end.
fn received<'a>(mut from: &TcpStream, piece: &'a mut [u8]) -> Option<&'a [u8]> {
    let length = from.read(piece).ok()?;
    Some(&piece[..length]).filter(|bytes| !bytes.is_empty())
}

/// Whether there was somebody to take it.
fn pass(mut to: &TcpStream, bytes: &[u8]) -> bool {
    to.write_all(bytes).is_ok()
}

/// Sets what std cannot set: an option belongs to the socket, whichever handle it is set by.
fn set_option(stream: &TcpStream, set: impl FnOnce(&TcpSocket) -> io::Result<()>) -> io::Result<()> {
    set(&TcpSocket::from_std_stream(stream.try_clone()?))
}
