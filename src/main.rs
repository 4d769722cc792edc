//! The `tenure` program: servers, locks for the shell, and what people want to see of a cluster.

mod cli;

/// Makes the simulator a seventh faster than glibc's allocator does. The library takes whatever its host has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
