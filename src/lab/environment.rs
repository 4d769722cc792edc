//! The environment of the processes that the laboratory starts.

/// Removes all variables that stand for flags from the environment of `command`: programs that we start are told by
/// arguments alone.
pub fn clear(command: &mut std::process::Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TENURE_") {
            command.env_remove(name);
        }
    }
}
