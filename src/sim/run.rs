//! One seed, from start to verdict.

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Print each event to stderr as it happens.
    pub trace: bool,
}

/// What a run did: sums over seeds are printed by `tenure sim`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Simulated nanoseconds.
    pub simulated_nanos: u64,
    /// A hash over all events: equal for equal seeds and builds.
    pub trace_hash: u64,
    /// Named counts ("operations", "grants", "leader changes", "crashes", "cuts", …), in byte order.
    pub counts: std::collections::BTreeMap<&'static str, u64>,
}

/// A checker that found a violation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: {checker}: {what}")]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// "O5", …
    pub checker: &'static str,
    /// What was violated, with the values.
    pub what: String,
}

/// Runs one seed.
///
/// # Errors
/// The first violation.
#[allow(unused_variables)]
pub fn run_seed(seed: u64, options: &Options) -> Result<Report, Failure> {
    todo!()
}
