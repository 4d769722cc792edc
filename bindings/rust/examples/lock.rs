//! Takes a lock, works under it, and gives it back.
//!
//! ```text
//! cargo run --example lock -- jobs/nightly        against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
//! ```

use std::time::Duration;
use tenure::client::{AcquireOptions, Client, ClientOptions, Wait};

fn main() -> Result<(), tenure::Error> {
    let name = std::env::args().nth(1).unwrap_or("jobs/nightly".to_owned());
    let endpoints = std::env::var("TENURE_ENDPOINTS")
        .unwrap_or("127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403".to_owned());
    let client = Client::open(&endpoints, ClientOptions::new())?;

    let wait = Wait::For(Duration::from_secs(10));
    let lease = client.acquire(&name, wait, AcquireOptions::new())?;
    // Send this number with every read and write, to a resource that refuses smaller ones than it has seen.
    println!("{name}: token {}", lease.token());
    for piece in 1..=3 {
        if lease.remaining().is_zero() {
            break; // lost; releasing it says why
        }
        println!("{name}: piece {piece}");
    }
    lease.release(Wait::Forever)?;
    println!("{name}: released");
    Ok(())
}
