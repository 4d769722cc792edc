//! The `tenure` program: servers, locks for the shell, and commands that show and change a cluster.

mod cli;
#[cfg(feature = "lab")]
mod lab;
mod program;

fn main() -> std::process::ExitCode {
    program::main()
}
