//! The committed header is the one that the sources give.

use crate::common::root::root;

#[test]
fn committed_header_is_what_the_sources_give() {
    let generated = tenure::ffi::HEADER;
    let committed =
        std::fs::read_to_string(root("include/tenure.h")).expect("include/tenure.h is committed");
    let line = generated.lines().zip(committed.lines()).position(|(new, old)| new != old);
    assert!(
        generated == committed,
        "include/tenure.h differs from src/ffi at line {:?}: run TENURE_WRITE_HEADER=1 cargo build",
        line.map(|line| line + 1),
    );
}
