//! Certificates, made by the library.

use super::guard::{check_unset, guard};
use super::log::install;
use super::sized::{self, Sized32};
use super::status::tenure_status;
use super::strings::{CA_DIRECTORY, DIRECTORY, HOSTS, SUBJECT, optional_text, text};
use crate::Error;
use std::ffi::c_char;
use std::mem::offset_of;

/// Replace files of the same name, each atomically; without this flag such a file is
/// TENURE_INVALID.
pub const TENURE_CERTS_REPLACE: u32 = 1;

/// How a certificate is made. Begin with TENURE_CERTS_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct tenure_certs_options {
    pub struct_size: u32,
    /// TENURE_CERTS_REPLACE.
    pub flags: u32,
    /// For a node: the names and addresses at which it is dialed, without ports
    /// ("db1.example,10.0.0.1"). For others NULL.
    pub hosts: *const c_char,
    /// The directory of the authority (ca.crt, ca.key); NULL: the one in which the certificate is made.
    pub ca_dir: *const c_char,
    /// Validity in days; 0 = 365, for an authority 3650.
    pub days: u32,
    /// 0.
    pub reserved: u32,
}

/// Makes a certificate and its key (PEM, P-256) in the directory `dir`, as `tenure certs` does;
/// makes `dir` if needed. `what` is the subject: "ca" makes an authority (ca.crt, ca.key), which
/// certifies the others: "node/1" (node-1.crt, node-1.key), "client/NAME" (client-NAME.crt, …),
/// "operator/NAME"; a "/" in NAME is a "=" in the files' names. Keys are readable by their owner
/// alone. The holder of ca.key can pose as anybody: the file belongs on no node.
///
/// ```c
/// tenure_certs_options hosts = TENURE_CERTS_OPTIONS_INIT;
/// hosts.hosts = "127.0.0.1,localhost";
/// if (tenure_certs_write("certs", "ca", NULL) != TENURE_OK ||
///     tenure_certs_write("certs", "node/1", &hosts) != TENURE_OK ||
///     tenure_certs_write("certs", "client/billing", NULL) != TENURE_OK)
///     fprintf(stderr, "%s\n", tenure_last_error());
/// ```
///
/// Statuses: TENURE_INVALID (also: a file is there already, or there is no authority in ca_dir), TENURE_IO (a file or the
/// directory), TENURE_UNSUPPORTED (the library was built without the feature `certs`), TENURE_UNAVAILABLE (the clock of this
/// machine is not set). Any thread; blocks as long as the disk takes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tenure_certs_write(
    dir: *const c_char,
    what: *const c_char,
    options: *const tenure_certs_options,
) -> tenure_status {
    guard(|| {
        install();
        // SAFETY: the caller passes NULL or options that begin with their size.
        let given = unsafe { sized::read(options) }?;
        let fields = [
            ("flags", given.flags & !TENURE_CERTS_REPLACE != 0),
            ("reserved", given.reserved != 0),
        ];
        check_unset("tenure_certs_options", &fields)?;
        // SAFETY: the caller passes two strings, and twice NULL or a string.
        let wanted = unsafe {
            Wanted {
                directory: text(dir, DIRECTORY)?,
                what: text(what, SUBJECT)?,
                hosts: optional_text(given.hosts, HOSTS)?,
                authority: optional_text(given.ca_dir, CA_DIRECTORY)?,
                days: (given.days != 0).then_some(given.days),
                replaces: given.flags & TENURE_CERTS_REPLACE != 0,
            }
        };
        wanted.write()
    })
}

#[cfg_attr(not(feature = "certs"), expect(dead_code, reason = "they are read to be made"))]
struct Wanted<'a> {
    directory: &'a str,
    what: &'a str,
    hosts: Option<&'a str>,
    authority: Option<&'a str>,
    days: Option<u32>,
    replaces: bool,
}

#[cfg(feature = "certs")]
impl Wanted<'_> {
    fn write(&self) -> Result<(), Error> {
        use crate::certs::{CertsError, Existing, Place};
        if self.directory.is_empty() || self.authority.is_some_and(str::is_empty) {
            return Err(invalid("a directory is empty: is a variable not set?".to_owned()));
        }
        let place = Place {
            directory: self.directory.into(),
            authority: self.authority.unwrap_or(self.directory).into(),
            days: self.days,
            existing: if self.replaces { Existing::Replaced } else { Existing::Kept },
        };
        let hosts = self.hosts()?;
        let made = match self.what {
            "ca" if hosts.is_empty() => place.make_authority(),
            "ca" => Err(CertsError::Subject("only nodes are dialed, and have hosts")),
            what => {
                let principal =
                    what.parse().map_err(|why| invalid(format!("\"{what}\" {why}; or \"ca\"")))?;
                place.make(&principal, &hosts)
            }
        };
        Ok(made.map(drop)?)
    }

    fn hosts(&self) -> Result<Vec<crate::certs::Host>, Error> {
        let host =
            |text: &str| text.parse().map_err(|why| invalid(format!("the host \"{text}\" {why}")));
        self.hosts
            .into_iter()
            .flat_map(|hosts| hosts.split(','))
            .map(|one| host(one.trim()))
            .collect()
    }
}

#[cfg(not(feature = "certs"))]
impl Wanted<'_> {
    fn write(&self) -> Result<(), Error> {
        Err(super::guard::unsupported(
            "tenure_certs_write: it was built without the feature `certs`; `tenure certs` makes certificates, too",
        ))
    }
}

#[cfg(feature = "certs")]
fn invalid(text: String) -> Error {
    Error::new(crate::Status::Invalid, text)
}

// SAFETY: repr(C), no padding (asserted below), numbers and pointers that may be anything.
unsafe impl Sized32 for tenure_certs_options {
    const FIRST_SIZE: usize = 32;
}

const _: () = {
    assert!(offset_of!(tenure_certs_options, struct_size) == 0);
    assert!(offset_of!(tenure_certs_options, flags) == 4);
    assert!(offset_of!(tenure_certs_options, hosts) == 8);
    assert!(offset_of!(tenure_certs_options, ca_dir) == 16);
    assert!(offset_of!(tenure_certs_options, days) == 24);
    assert!(offset_of!(tenure_certs_options, reserved) == 28);
    assert!(size_of::<tenure_certs_options>() == 32);
};
