//! What C and C++ users copy, and the C++ header that they include: each example is built with warnings as errors and
//! run against real nodes, each line of the guides is compiled, and the header is tried in every standard and function.

mod c;
pub mod cluster;
mod cpp;
mod cycles;
mod guide_rust;
mod guides;
mod header;
mod overhead;
pub mod process;
mod rust;
