//! One planted bug: a unified diff of the sources, described by its first line.
//!
//! `# P05 | what is changed | breaks L9 | caught by O12, O5`, then the output of `diff -u`. A hunk
//! is found by its text alone, which must be in the file exactly once: so a patch survives lines
//! that move, and fails to apply when its text is gone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A patch, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The row in the table of planted bugs: "P05".
    pub row: String,
    /// The change, in words.
    pub change: String,
    /// The rules that the change breaks.
    pub breaks: String,
    /// The checkers that may catch it.
    pub checkers: Vec<String>,
    files: Vec<(String, Vec<Hunk>)>,
}

/// Lines of a file, and their replacement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hunk {
    from: String,
    to: String,
}

impl Patch {
    /// Reads the text of a patch.
    ///
    /// # Errors
    /// The text is no patch of this form: why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, diff) = text.split_once('\n').ok_or("it has one line")?;
        let head = head.strip_prefix("# ").ok_or("its first line does not begin with `# `")?;
        let parts: Vec<&str> = head.split(" | ").collect();
        let [row, change, breaks, caught] = parts[..] else {
            return Err("its first line has not four parts".into());
        };
        let breaks = breaks.strip_prefix("breaks ").ok_or("its third part names no rule")?;
        let caught = caught.strip_prefix("caught by ").ok_or("its last part names no checker")?;
        Ok(Self {
            row: row.to_owned(),
            change: change.to_owned(),
            breaks: breaks.to_owned(),
            checkers: caught.split(", ").map(str::to_owned).collect(),
            files: parse_diff(diff)?,
        })
    }

    /// The changed files below `root`, as the patch makes them; nothing is written.
    ///
    /// # Errors
    /// The patch does not apply: which part, and why.
    pub fn apply(&self, root: &Path) -> Result<BTreeMap<String, String>, String> {
        let mut changed = BTreeMap::new();
        for (path, hunks) in &self.files {
            let text = fs::read_to_string(root.join(path));
            let mut text = text.map_err(|error| format!("{path}: {error}"))?;
            for (number, hunk) in hunks.iter().enumerate() {
                text = hunk.apply(&text).map_err(|why| format!("{path}, hunk {number}: {why}"))?;
            }
            changed.insert(path.clone(), text);
        }
        Ok(changed)
    }

    /// The paths of the files that the patch changes.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(path, _)| path.as_str())
    }
}

impl Hunk {
    fn apply(&self, text: &str) -> Result<String, String> {
        match text.matches(&self.from).count() {
            1 => Ok(text.replacen(&self.from, &self.to, 1)),
            0 => Err(format!("these lines are no more:\n{}", self.from)),
            places => Err(format!("these lines are in {places} places:\n{}", self.from)),
        }
    }
}

/// All patches of a folder, in order.
///
/// # Errors
/// The folder or a patch cannot be read.
pub fn read_all(folder: &Path) -> Result<Vec<Patch>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    paths.sort();
    let read = |path: &Path| {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let patch = Patch::parse(&text)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let fits = name.starts_with(&format!("{}-", patch.row));
        if fits { Ok(patch) } else { Err(format!("its first line says {}", patch.row)) }
    };
    paths
        .iter()
        .map(|path| read(path).map_err(|why| format!("{}: {why}", path.display())))
        .collect()
}

fn parse_diff(diff: &str) -> Result<Vec<(String, Vec<Hunk>)>, String> {
    let mut files: Vec<(String, Vec<Hunk>)> = Vec::new();
    for line in diff.lines() {
        if line.starts_with("--- ") {
            continue;
        }
        if let Some(path) = line.strip_prefix("+++ b/") {
            files.push((path.to_owned(), Vec::new()));
            continue;
        }
        let (_, hunks) = files.last_mut().ok_or_else(|| format!("no file before: {line}"))?;
        if line.starts_with("@@ ") {
            hunks.push(Hunk::default());
            continue;
        }
        let hunk = hunks.last_mut().ok_or_else(|| format!("no hunk before: {line}"))?;
        let (from, to) = match line.split_at_checked(1) {
            Some((" ", rest)) => (Some(rest), Some(rest)),
            Some(("-", rest)) => (Some(rest), None),
            Some(("+", rest)) => (None, Some(rest)),
            _ => return Err(format!("no line of a diff: {line:?}")),
        };
        from.into_iter().for_each(|line| push_line(&mut hunk.from, line));
        to.into_iter().for_each(|line| push_line(&mut hunk.to, line));
    }
    let is_empty = |hunk: &Hunk| hunk.from.is_empty() || hunk.from == hunk.to;
    if files.is_empty() || files.iter().any(|(_, hunks)| hunks.is_empty()) {
        return Err("it changes nothing".into());
    }
    if files.iter().flat_map(|(_, hunks)| hunks).any(is_empty) {
        return Err("a hunk has nothing to be found by, or changes nothing".into());
    }
    Ok(files)
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# P07 | two is three | breaks L1 | caught by O1, O8
--- a/x.rs
+++ b/x.rs
@@ -1,2 +1,2 @@
 one
-two
+three
";

    fn with(text: &str, patch: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.rs"), text).unwrap();
        let changed = Patch::parse(patch)?.apply(folder.path())?;
        Ok(changed["x.rs"].clone())
    }

    #[test]
    fn a_patch_says_what_it_is_and_changes_its_lines() {
        let patch = Patch::parse(TEXT).unwrap();
        assert_eq!((patch.row.as_str(), patch.change.as_str()), ("P07", "two is three"));
        assert_eq!((patch.breaks.as_str(), patch.checkers.len()), ("L1", 2));
        assert_eq!(with("zero\none\ntwo\n", TEXT).unwrap(), "zero\none\nthree\n");
    }

    #[test]
    fn a_patch_whose_lines_are_gone_or_ambiguous_does_not_apply() {
        assert!(with("one\nfour\n", TEXT).unwrap_err().contains("are no more"));
        assert!(with("one\ntwo\none\ntwo\n", TEXT).unwrap_err().contains("in 2 places"));
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        let refused = [
            TEXT.replacen("# ", "", 1),
            TEXT.replacen(" | caught by O1, O8", "", 1),
            TEXT.replacen("+++ b/x.rs\n", "", 1),
            TEXT.replacen("-two\n+three\n", "", 1),
            TEXT.replacen(" one", "*one", 1),
        ];
        for text in refused {
            assert!(Patch::parse(&text).is_err(), "{text}");
        }
    }

    /// If this fails after a change of code: make the row's change again in the present code, and
    /// put `git diff -U1` after the patch's first line.
    #[test]
    fn every_planted_bug_still_applies() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let patches = read_all(&root.join("tests/planted")).unwrap();
        assert!(patches.len() >= 30, "only {} patches", patches.len());
        let why = |patch: &Patch| Some(format!("{}: {}", patch.row, patch.apply(root).err()?));
        let rotten: Vec<String> = patches.iter().filter_map(why).collect();
        assert!(rotten.is_empty(), "patches that no longer apply:\n{}", rotten.join("\n"));
    }
}
