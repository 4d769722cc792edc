//! The architecture and the style of the sources, as tests: who may use whom, which words are banned where,
//! how long files and functions may be. `ARCHITECTURE.md` has the same table in prose.

mod layers;
mod links;
mod public_api;
mod signature;
mod source;
mod style;
mod tree;
