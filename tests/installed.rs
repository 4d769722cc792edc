//! What is installed, from sources and from packages: the headers and libraries, the program and its service.

mod install;
mod packages;

mod common {
    pub mod quiet;
}
