//! The `tenure` program: servers, locks for the shell, and what people want to see of a cluster.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
