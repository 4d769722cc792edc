//! The system calls on a connected socket: one recv, one sendmsg.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};

/// Bytes of one receive, on the thread's stack, so that idle connections hold no buffer.
pub(super) const RECEIVE_BYTES: usize = 32 << 10;

/// Room for one receive, not initialised.
pub(super) type Scratch = [MaybeUninit<u8>; RECEIVE_BYTES];

/// Receives available bytes, at most a scratch full. Empty: the other side has ended its stream.
pub(super) fn receive<'a>(socket: &impl AsRawFd, scratch: &'a mut Scratch) -> io::Result<&'a [u8]> {
    let fd = socket.as_raw_fd();
    let count = retry(|| {
        // SAFETY: `scratch` is RECEIVE_BYTES writable bytes that live through the call.
        unsafe { libc::recv(fd, scratch.as_mut_ptr().cast(), scratch.len(), libc::MSG_DONTWAIT) }
    })?;
    assert!(count <= scratch.len(), "recv gave {count} bytes of {}", scratch.len());
    // SAFETY: the kernel has initialised the first `count` bytes, and `count` is within `scratch`.
    Ok(unsafe { std::slice::from_raw_parts(scratch.as_ptr().cast(), count) })
}

/// Sends as much of `bytes` as the socket takes. MSG_NOSIGNAL: a dead peer must not kill a C host by SIGPIPE.
pub(super) fn send(socket: &impl AsRawFd, bytes: &[u8]) -> io::Result<usize> {
    let fd: RawFd = socket.as_raw_fd();
    let mut piece =
        libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: a msghdr is plain data, valid when zeroed: no address, no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: `message` names one piece, `bytes`, which the kernel only reads; all live through the call.
    retry(|| unsafe { libc::sendmsg(fd, &raw const message, flags) })
}

/// Repeats a call that a signal interrupted; its count.
fn retry(mut call: impl FnMut() -> libc::ssize_t) -> io::Result<usize> {
    loop {
        if let Ok(count) = usize::try_from(call()) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
