//! Locks among other futures, in one thread of tokio: waits for whichever of two locks comes first, holds it until it is asked for or lost, and
//! gives it back. Each future is a descriptor that tokio polls, and a call that does not wait.
//!
//! ```text
//! cargo run --example asynchronous -- printers/1 printers/2   against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
//! ```

use std::io;
use std::time::Duration;
use tenure::client::{
    AcquireOptions, Client, ClientOptions, Holder, Lease, LeaseState, Observer, Wait,
};
use tenure::{Descriptor, Status};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let [one, other] = &names[..] else { return Err(io::ErrorKind::InvalidInput.into()) };
    let endpoints = std::env::var("TENURE_ENDPOINTS")
        .unwrap_or("127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403".to_owned());
    // It connects in the background: nothing here waits but the futures.
    let client = Client::open(&endpoints, ClientOptions::new().background(true))?;

    println!("waiting");
    // The wait that is too late is dropped, and so withdrawn: nobody queues behind it.
    let lease = tokio::select! {
        lease = acquire(&client, one) => lease?,
        lease = acquire(&client, other) => lease?,
    };
    println!("has {}: token {}", lease.name(), lease.token());
    let observer = client.observe(lease.name())?;
    seen(&observer, |holder| holder.is_some_and(|holder| holder.token == lease.token())).await?;
    println!("others see it");

    // The work ends in the middle of an await as soon as the lock is asked for, or lost.
    tokio::select! {
        state = asked_or_ended(&lease) => match state? {
            LeaseState::Asked => println!("asked for it: gives it back"),
            state => println!("lost: {state:?}"),
        },
        () = work() => println!("done"),
    }
    drop(lease);
    seen(&observer, |holder| holder.is_none()).await?;
    println!("others see that nobody has it");
    // The one call that waits, on a thread for those that do.
    let closed =
        tokio::task::spawn_blocking(move || client.close(Wait::For(Duration::from_secs(5))));
    Ok(closed.await??)
}

/// What is done under the lock.
async fn work() {
    tokio::time::sleep(Duration::from_secs(3600)).await;
}

/// Waits for the lock. A future that is dropped withdraws its request, or gives back what was granted meanwhile.
async fn acquire(client: &Client, name: &str) -> io::Result<Lease> {
    let pending = client.acquire_start(name, Wait::Forever, AcquireOptions::new())?;
    let decided = polled(pending.descriptor()?)?;
    loop {
        let mut ready = decided.readable().await?;
        match pending.take(Wait::Try) {
            Err(error) if error.status == Status::Again => ready.clear_ready(),
            taken => return Ok(taken?),
        }
    }
}

/// Waits until the lease is asked for or has ended. The kernel fires for its end, also while this program hangs.
async fn asked_or_ended(lease: &Lease) -> io::Result<LeaseState> {
    let end = polled(lease.descriptor()?)?;
    loop {
        let mut ready = end.readable().await?;
        match lease.state() {
            LeaseState::Held => ready.clear_ready(),
            state => return Ok(state),
        }
    }
}

/// Waits until the lock has such a holder.
async fn seen(observer: &Observer, wanted: impl Fn(Option<&Holder>) -> bool) -> io::Result<()> {
    let changes = polled(observer.descriptor()?)?;
    loop {
        let mut ready = changes.readable().await?;
        match observer.next(Wait::Try) {
            Ok(now) if wanted(now.holder.as_ref()) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.status == Status::Again => ready.clear_ready(),
            Err(error) => return Err(error.into()),
        }
    }
}

/// An older tokio calls it `AsyncFd::with_interest`.
#[expect(unsafe_code, reason = "tokio asks for a promise that `Descriptor` keeps")]
fn polled(descriptor: Descriptor) -> io::Result<AsyncFd<Descriptor>> {
    // SAFETY: a `Descriptor` keeps its file open, and never is another.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    Ok(registered?)
}
