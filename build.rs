//! Decides how much of the library is built, and makes the C header, in OUT_DIR only: `include/tenure.h` is committed, and
//! `tests/header.rs` compares the two. After a change of `src/ffi`, `TENURE_WRITE_HEADER=1 cargo build` copies it.

fn main() {
    // Whoever makes a shared library of this package itself, as `cargo cinstall` does, may dlclose it while our threads run: the
    // loader must not take their code away. It means nothing to a program.
    println!("cargo:rustc-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
    // `cfg(node)`: all but the client. Only `client` without `node` leaves it out: whoever names neither has always had both.
    println!("cargo:rustc-check-cfg=cfg(node)");
    if cfg!(feature = "node") || cfg!(not(feature = "client")) {
        println!("cargo:rustc-cfg=node");
    }
    #[cfg(feature = "capi")]
    header::generate();
}

#[cfg(feature = "capi")]
mod header {
    use cbindgen::{Builder, Config};
    use std::path::Path;

    /// The files whose public items are the header, in its order.
    const SOURCES: [&str; 19] = [
        "src/ffi/status.rs",
        "src/ffi/log.rs",
        "src/ffi/tls.rs",
        "src/ffi/client.rs",
        "src/ffi/cork.rs",
        "src/ffi/lock.rs",
        "src/ffi/lease.rs",
        "src/ffi/pending.rs",
        "src/ffi/election.rs",
        "src/ffi/holder.rs",
        "src/ffi/observer.rs",
        "src/ffi/inspect.rs",
        "src/ffi/operate.rs",
        "src/ffi/access.rs",
        "src/ffi/node.rs",
        "src/ffi/restore.rs",
        "src/ffi/metrics.rs",
        "src/ffi/reload.rs",
        "src/ffi/certs.rs",
    ];

    pub fn generate() {
        println!("cargo:rerun-if-changed=cbindgen.toml");
        println!("cargo:rerun-if-env-changed=TENURE_WRITE_HEADER");
        let config = Config::from_file("cbindgen.toml").expect("cbindgen.toml is valid");
        let mut builder = Builder::new().with_config(config);
        for source in SOURCES {
            println!("cargo:rerun-if-changed={source}");
            // Files, not the crate: nothing is asked of cargo, so no lock file is touched.
            builder = builder.with_src(source);
        }
        let out_dir = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
        let header = Path::new(&out_dir).join("tenure.h");
        match builder.generate() {
            Ok(bindings) => {
                bindings.write_to_file(&header);
            }
            // rustc will say it better; the header test fails on what is left here.
            Err(error) => {
                println!("cargo:warning=no C header: {error}");
                std::fs::write(&header, "").expect("OUT_DIR is writable");
            }
        }
        if std::env::var_os("TENURE_WRITE_HEADER").is_some() {
            std::fs::create_dir_all("include").expect("the source tree is writable");
            std::fs::copy(&header, "include/tenure.h").expect("the source tree is writable");
        }
    }
}
