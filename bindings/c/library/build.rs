//! How the shared library is linked.

fn main() {
    // The host may dlclose us while our threads run: the loader must not take their code away.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
}
