//! How nodes and clients speak TLS.

/// TENURE_TLS_REQUIRED with a certificate, else TENURE_TLS_OFF.
pub const TENURE_TLS_DEFAULT: u32 = 0;
/// Nothing is encrypted.
pub const TENURE_TLS_OFF: u32 = 1;
/// Both are taken, while a cluster changes over.
pub const TENURE_TLS_OPTIONAL: u32 = 2;
/// TLS alone.
pub const TENURE_TLS_REQUIRED: u32 = 3;
