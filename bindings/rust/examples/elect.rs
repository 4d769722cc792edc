//! An election: waits to be elected, says what it does, resigns; and tells what an observer saw.
//!
//! ```text
//! cargo run --example elect -- scheduler host-1   against TENURE_ENDPOINTS, or 127.0.0.1:7401,7402,7403
//! ```

use tenure::client::{Client, ClientOptions, Observer, Wait};

fn main() -> Result<(), tenure::Error> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or("scheduler".to_owned());
    let value = arguments.next().unwrap_or("somebody".to_owned());
    let endpoints = std::env::var("TENURE_ENDPOINTS")
        .unwrap_or("127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403".to_owned());
    let client = Client::open(&endpoints, ClientOptions::new())?;

    let observer = client.observe(&name)?;
    tell(&name, &observer)?;
    let lease = client.campaign(&name, Wait::Forever, value.as_bytes())?;
    tell(&name, &observer)?;
    lease.proclaim(b"somebody busy")?;
    tell(&name, &observer)?;
    lease.release(Wait::Forever)?;
    tell(&name, &observer)
}

/// Waits for the next change, and says who leads since.
fn tell(name: &str, observer: &Observer) -> Result<(), tenure::Error> {
    match observer.next(Wait::Forever)?.holder {
        Some(holder) => println!("{name}: {} leads", String::from_utf8_lossy(&holder.value)),
        None => println!("{name}: nobody leads"),
    }
    Ok(())
}
