//! The `tenure` program: servers, locks for the shell, and what people want to see of a cluster.

mod cli;
#[cfg(feature = "lab")]
mod lab;
mod program;

fn main() -> std::process::ExitCode {
    program::main()
}
