//! `tenure serve --admin` with what a person can get wrong.

use crate::program::{code, run, sentence};
use std::net::TcpListener;

fn serve(admin: &str) -> (Option<i32>, String) {
    let data = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--id", "1", "--cluster", "1=127.0.0.1:1", "--listen", "127.0.0.1:0"];
    let data = ["--data", data.path().to_str().unwrap()];
    let output = run(&[&arguments[..], &data, &["--admin", admin]].concat());
    (code(&output), sentence(&output))
}

#[test]
fn an_admin_endpoint_beyond_loopback_needs_insecure() {
    let (code, text) = serve("0.0.0.0:0");
    assert_eq!(code, Some(2), "{text}");
    for part in ["the admin endpoint 0.0.0.0:0 is open to the network", "127.0.0.1", "--insecure"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn an_admin_port_that_is_taken_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let (code, text) = serve(&address);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains(&format!("the admin endpoint cannot listen on {address}")), "{text}");
    assert!(text.contains("choose another port"), "{text}");
}
