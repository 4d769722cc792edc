//! The environment of the processes that the laboratory starts.

/// Removes all variables that stand for flags from the environment of `command`: the programs that
/// we start are configured by arguments alone.
pub fn clear(command: &mut std::process::Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TENURE_") {
            command.env_remove(name);
        }
    }
}
