//! How a node ends by itself (W2, R14).

use super::*;
use crate::base::blob::ReadAt;
use crate::base::{NodeId, SessionKey};
use crate::net::{Closed, Connection, Listener, LocalDialError};
use crate::node::{FileDisk, NodeOptions};
use crate::sys::poll::{self, Interest, Ready};
use crate::wal::{DiskError, FileContent, FileId, StoreError};
use crate::wire::{ClientHello, FrameKind, Request, encode_frame};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A disk of real files that fails on demand.
#[derive(Debug)]
struct FailingDisk {
    files: FileDisk,
    fault: Arc<AtomicU8>,
}

const SOUND: u8 = 0;
const FAILS: u8 = 1;
const PANICS: u8 = 2;

impl Disk for FailingDisk {
    fn list(&mut self) -> Result<Vec<String>, DiskError> {
        self.files.list()
    }
    fn open(&mut self, name: &str) -> Result<Option<FileId>, DiskError> {
        Disk::open(&mut self.files, name)
    }
    fn create(&mut self, name: &str) -> Result<FileId, DiskError> {
        self.files.create(name)
    }
    fn length(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.files.length(file)
    }
    fn read_at(&mut self, file: FileId, at: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.files.read_at(file, at, buffer)
    }
    fn write_at(&mut self, file: FileId, at: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.files.write_at(file, at, bytes)
    }
    fn sync_data(&mut self, file: FileId) -> Result<(), DiskError> {
        match self.fault.load(Ordering::SeqCst) {
            FAILS => Err(DiskError::Io("fdatasync: input/output error".into())),
            PANICS => panic!("planted"),
            _ => self.files.sync_data(file),
        }
    }
    fn shared(&mut self, file: FileId) -> Result<Arc<dyn ReadAt>, DiskError> {
        self.files.shared(file)
    }
    fn close(&mut self, file: FileId) {
        self.files.close(file);
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.files.rename(from, to)
    }
    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.files.remove(name)
    }
    fn sync_directory(&mut self) -> Result<(), DiskError> {
        self.files.sync_directory()
    }
    fn check(&mut self) -> Result<(), DiskError> {
        self.files.check()
    }
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn prepare(&mut self, name: &str, bytes: u64) {
        self.files.prepare(name, bytes);
    }
    fn take_prepared(&mut self) -> Option<Result<(), DiskError>> {
        self.files.take_prepared()
    }
    fn begin_store(&mut self, temporary: &str, name: &str, content: FileContent) {
        self.files.begin_store(temporary, name, content);
    }
    fn discard(&mut self, what: Box<dyn Send>) {
        self.files.discard(what);
    }
    fn take_stored(&mut self) -> Option<Result<(), StoreError>> {
        self.files.take_stored()
    }
}

fn hello() -> ClientHello {
    ClientHello { client: "test".to_owned(), cluster: None }
}

/// A request that the node must log before it answers.
fn open_session() -> Request {
    let (key, client) = (SessionKey([1; 16]), "test".to_owned());
    Request::OpenSession { number: 1, ttl_ms: 10_000, key, client }
}

/// Asks for a session. The node may have ended by then, by a write of its own.
fn ask(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    encode_frame(FrameKind::ClientHello, &hello(), &mut bytes);
    encode_frame(FrameKind::Request, &open_session(), &mut bytes);
    let _ = stream.write_all(&bytes);
}

/// Asks for a session within this process.
fn ask_within(connection: &mut Connection) {
    connection.queue(FrameKind::ClientHello, &hello()).unwrap();
    connection.queue(FrameKind::Request, &open_session()).unwrap();
    let _ = connection.flush();
}

/// A server whose disk fails as `fault` says.
fn server_on(
    directory: &Path,
    fault: &Arc<AtomicU8>,
    cluster: &[(NodeId, String)],
) -> Server<FailingDisk> {
    let files = FileDisk::open(directory).unwrap();
    let disk = FailingDisk { files, fault: Arc::clone(fault) };
    let options = NodeOptions::new(NodeId(1), "unused", cluster.to_vec()).server_options();
    Server::open(options, disk, [1; 16], &clock::sample()).unwrap()
}

/// Runs a node of its own until it claims, lets its disk fail, and gives what `next` says then.
fn end_by(fault_to_be: u8) -> Error {
    let directory = tempfile::tempdir().unwrap();
    let fault = Arc::new(AtomicU8::new(SOUND));
    let cluster = vec![(NodeId(1), "127.0.0.1:1".to_owned())];
    let server = server_on(directory.path(), &fault, &cluster);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.address().unwrap();
    let (sender, commands) = crossbeam_channel::unbounded();
    let network = Network::new(NodeId(1), &cluster, listener, sender).unwrap();
    let local = network.local_node("127.0.0.1:1", "127.0.0.1:1");
    let board = Arc::new(Board::default());
    board.note_asked();
    let fd = board.descriptor().unwrap().as_raw_fd();
    let event_loop = EventLoop {
        server,
        network,
        commands,
        board: Arc::clone(&board),
        inputs: Vec::new(),
        departure: Departure::default(),
        reach: None,
        dismissed: None,
        meters: Meters::new(),
        teller: None,
        publishing: Publishing::default(),
        _watch: None,
    };
    let thread = std::thread::spawn(|| event_loop.run());
    while !board.next(None).unwrap().is_leader {}

    // Both are connected before one of them ends the node.
    let (mut client, mut within) =
        (TcpStream::connect(address).unwrap(), local.dial(1 << 20).unwrap());
    fault.store(fault_to_be, Ordering::SeqCst);
    ask(&mut client);
    ask_within(&mut within);
    let error = loop {
        if let Err(error) = board.next(None) {
            break error;
        }
    };
    thread.join().unwrap();

    assert_eq!(board.failure().as_ref(), Some(&error));
    assert_eq!((board.leadership().is_leader, board.leadership().leader), (false, None));
    let mut set = [(fd, Interest::Read, Ready::default())];
    poll::wait(&mut set, Some(Duration::ZERO)).unwrap();
    assert!(set[0].2.readable);
    // Both are closed without an acknowledged session: only the welcome may have arrived.
    let mut heard = Vec::new();
    let _ = client.read_to_end(&mut heard);
    assert!(heard.is_empty() || heard[5] == FrameKind::ClientWelcome as u8);
    assert!(TcpStream::connect(address).is_err());
    let mut heard = Vec::new();
    let closed = within.receive(&mut heard, 1 << 20);
    assert!(matches!(closed, Err(Closed::ByPeer)), "{closed:?}");
    assert!(heard.iter().all(|frame| frame.kind == FrameKind::ClientWelcome), "{heard:?}");
    assert!(matches!(local.dial(1), Err(LocalDialError::Ended)));
    error
}

#[test]
fn a_disk_error_ends_the_node_with_its_sentence() {
    let error = end_by(FAILS);
    assert_eq!(error.status, Status::Io);
    assert!(error.message.contains("input/output error"), "{error}");
}

#[test]
fn a_panic_ends_the_node_and_not_the_host() {
    let error = end_by(PANICS);
    assert_eq!(error.status, Status::Internal);
    assert!(error.message.contains("planted"), "{error}");
}
