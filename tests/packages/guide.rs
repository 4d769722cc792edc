//! docs/install.md says what the files are.

use crate::install::tools::{read, root};
use crate::packages::built::VERSION;

/// The lines of commands of the guide that have `part`.
pub fn lines_with(part: &str) -> Vec<String> {
    let guide = read(&root("docs/install.md"));
    let commands = guide.lines().filter_map(|line| line.strip_prefix("    "));
    commands
        .filter(|line| line.contains(part))
        .map(|line| line.split("  #").next().unwrap_or(line).to_owned())
        .collect()
}

#[test]
fn the_unit_in_the_guide_is_the_file() {
    let guide = read(&root("docs/install.md"));
    let quoted = guide.split("```ini\n").nth(1).and_then(|rest| rest.split("```").next());
    assert!(
        quoted == Some(read(&root(".ci/package/tenure.service")).as_str()),
        "docs/install.md quotes another unit"
    );
    let operations = read(&root("docs/operations.md"));
    assert!(!operations.contains("[Service]"), "a second unit, which will differ some day");
}

#[test]
fn versions_in_the_guide_are_this_one() {
    let guide = read(&root("docs/install.md"));
    let mut names = 0;
    for start in ["tenure-", "tenure_", "libtenure0.2_", "libtenure-dev_"] {
        for rest in
            guide.split(start).skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            assert!(rest.starts_with(VERSION), "{start}{}", &rest[..20.min(rest.len())]);
            names += 1;
        }
    }
    assert!(names >= 4, "the guide names the files");
}
