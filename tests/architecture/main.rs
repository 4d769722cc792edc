//! The architecture and the style of the sources, as tests: who may use whom, which words are banned where,
//! how long files and functions may be. The table of layers is read from `ARCHITECTURE.md`.

mod layers;
mod links;
mod names;
mod public_api;
mod signature;
mod source;
mod style;
mod tree;

#[path = "../common"]
mod common {
    pub mod cargo;
    pub mod root;
}
