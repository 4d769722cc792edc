//! What can be downloaded, as its users meet it: `.ci/package/build` makes it from this build, and each file is installed into
//! an empty root, an empty folder or a fresh venv, and run.
//!
//! With TENURE_PACKAGES=DIR the files in DIR are checked instead: those of a release. A tool that is missing is named, and
//! what needs it is skipped.

mod built;
mod crates;
mod debian;
mod guide;
mod script;
mod scripts;
mod tarball;
mod unit;
mod wheel;
