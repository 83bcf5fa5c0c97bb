//! What the fuzz targets hold, one module per target, and the seeds that they start from.
//!
//! In come arbitrary bytes, out comes nothing, or a panic that says which promise was broken. `fuzz/run`
//! builds and runs the targets.

pub mod client;
pub mod delivery;
pub mod event;
pub mod form;
pub mod redact;
pub mod screen;
pub mod subject;
