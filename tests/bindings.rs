//! The bindings as their users meet them: programs in C, C++, Python and Rust, against the shared library of this build.

mod c_library;
mod examples;
mod ffi;
mod header;
mod python;

mod common {
    pub mod built;
    pub mod cargo;
    pub mod compiled;
    pub mod expired;
    pub mod founders;
    pub mod free_ports;
    pub mod nodes;
    pub mod quiet;
    pub mod root;
}
