//! Certificates and keys as files: keys are readable by their owner alone, and files are replaced
//! only on demand.

use crate::certs::{CertsError, Issued};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The treatment of existing files of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Kept: nothing is written.
    Kept,
    /// Replaced, each atomically.
    Replaced,
}

/// The paths of a written certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFiles {
    /// `NAME.crt`, for everybody.
    pub certificate: PathBuf,
    /// `NAME.key`, for its owner.
    pub key: PathBuf,
}

impl Issued {
    /// Writes `NAME.crt` and `NAME.key` into `directory`, which is made if needed. Both or none, as
    /// far as the file system can.
    ///
    /// # Errors
    /// A file exists already, or cannot be written.
    pub fn save(
        &self,
        directory: &Path,
        name: &str,
        existing: Existing,
    ) -> Result<SavedFiles, CertsError> {
        let at = |end| directory.join(format!("{name}.{end}"));
        let saved = SavedFiles { certificate: at("crt"), key: at("key") };
        let mut files = [
            Draft::new(&saved.key, 0o600, &self.key),
            Draft::new(&saved.certificate, 0o644, &self.certificate),
        ];
        if existing == Existing::Kept
            && let Some(draft) = files.iter().find(|draft| draft.path.symlink_metadata().is_ok())
        {
            return Err(CertsError::Exists(draft.path.clone()));
        }
        fs::create_dir_all(directory).map_err(|error| failed("make", directory, error))?;
        for draft in &mut files {
            draft.write()?;
        }
        for draft in &mut files {
            draft.put(existing)?;
        }
        Ok(saved)
    }
}

/// A file under a temporary name until it is whole; a drop removes it.
struct Draft<'a> {
    path: PathBuf,
    draft: PathBuf,
    mode: u32,
    text: &'a str,
    is_written: bool,
}

impl<'a> Draft<'a> {
    fn new(path: &Path, mode: u32, text: &'a str) -> Self {
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".new-{}", std::process::id()));
        Self { path: path.to_owned(), draft: draft.into(), mode, text, is_written: false }
    }

    fn write(&mut self) -> Result<(), CertsError> {
        // A killed run may have left its draft.
        let _ = fs::remove_file(&self.draft);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(self.mode);
        let written = options.open(&self.draft).and_then(|mut file| {
            self.is_written = true;
            file.write_all(self.text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| failed("write", &self.path, error))
    }

    fn put(&mut self, existing: Existing) -> Result<(), CertsError> {
        let put = match existing {
            Existing::Replaced => fs::rename(&self.draft, &self.path),
            // A rename would replace a file that appeared meanwhile.
            Existing::Kept => fs::hard_link(&self.draft, &self.path),
        };
        put.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => CertsError::Exists(self.path.clone()),
            _ => failed("write", &self.path, error),
        })
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if self.is_written {
            // Fails harmlessly if the draft was renamed.
            let _ = fs::remove_file(&self.draft);
        }
    }
}

/// Reads a PEM file, up to [`FILE_BYTES_MAX`].
pub(super) fn read_text(path: &Path) -> Result<String, CertsError> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Ok(count) if count as u64 > FILE_BYTES_MAX => {
            let text = format!("{} is too large for a certificate or a key", path.display());
            Err(CertsError::NoCertificate(text))
        }
        Ok(_) => Ok(text),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            let text = format!(
                "{} is no PEM file (`openssl x509 -inform der -in FILE` makes one of a certificate)",
                path.display()
            );
            Err(CertsError::NoCertificate(text))
        }
        Err(error) => Err(failed("read", path, error)),
    }
}

/// Warns if others than its owner may read a key.
pub(super) fn warn_if_open(key: &Path) {
    if let Ok(metadata) = fs::metadata(key)
        && metadata.permissions().mode() & 0o077 != 0
    {
        let key = key.display();
        log::warn!("{key} can be read by others, who may then be anybody: `chmod 600 {key}`");
    }
}

fn failed(verb: &'static str, path: &Path, error: std::io::Error) -> CertsError {
    CertsError::Io { verb, path: path.to_owned(), error }
}

/// Larger than any chain or bundle of authorities.
const FILE_BYTES_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(text: &str) -> Issued {
        Issued { certificate: format!("{text}.crt"), key: format!("{text}.key"), until: 0 }
    }

    #[test]
    fn a_key_is_for_its_owner_alone_and_nothing_is_written_over_unasked() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("new/one");
        let saved = issued("first").save(&inside, "node-1", Existing::Kept).unwrap();
        assert_eq!(saved.key, inside.join("node-1.key"));
        let mode = fs::metadata(&saved.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_file(&saved.key).unwrap();
        let error = issued("second").save(&inside, "node-1", Existing::Kept).unwrap_err();
        assert!(matches!(error, CertsError::Exists(path) if path == saved.certificate));
        assert!(!saved.key.exists(), "both or none");
        issued("third").save(&inside, "node-1", Existing::Replaced).unwrap();
        assert_eq!(fs::read_to_string(&saved.key).unwrap(), "third.key");
        assert_eq!(fs::read_to_string(&saved.certificate).unwrap(), "third.crt");
        assert_eq!(fs::metadata(&saved.key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 2, "no draft stays");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_a_file_too() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("elsewhere");
        std::os::unix::fs::symlink(&target, directory.path().join("ca.key")).unwrap();
        let error = issued("x").save(directory.path(), "ca", Existing::Kept).unwrap_err();
        assert!(matches!(error, CertsError::Exists(_)), "{error}");
        issued("x").save(directory.path(), "ca", Existing::Replaced).unwrap();
        assert!(!target.exists(), "the link was replaced, not followed");
    }

    #[test]
    fn what_cannot_be_written_names_the_file_and_leaves_none() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("ca.crt")).unwrap();
        let error = issued("x").save(directory.path(), "ca", Existing::Replaced).unwrap_err();
        assert!(error.to_string().contains("ca.crt"), "{error}");
    }
}
