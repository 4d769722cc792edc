//! What must hold, watched from outside. Each is named as in `docs/simulation.md`.

pub mod belief;
