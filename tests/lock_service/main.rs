//! What a lock service is asked for, each as a short program on a cluster in this process: examples that run.

mod cluster;
mod elections;
mod handover;
mod kinds;
mod limits;
mod sessions;
