//! The settings that an operator gives a node with each start: a cluster's may differ and change (safety L15).

use crate::server::ServerOptions;

/// Whether an operator changes its mind about --ttl-max and --lease-duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// All nodes have the same, for good.
    Fixed,
    /// Each start draws its own, up to those of the options.
    Drawn,
}

impl Settings {
    /// Settings of the next start.
    #[must_use]
    pub fn of_start(self, options: ServerOptions, dice: u64) -> ServerOptions {
        if self == Self::Fixed {
            return options;
        }
        let lease_ms = options.lease_ms - u32::try_from(dice / 4 % 4).expect("small") * 20;
        let ttl_ms_max =
            options.ttl_ms_max / [1, 1, 5, 20][usize::try_from(dice % 4).expect("small")];
        ServerOptions { lease_ms, ttl_ms_max, ..options }
    }
}
