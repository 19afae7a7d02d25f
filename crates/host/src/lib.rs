//! The outside world as small traits with their real implementations: clock, randomness, disk.
//!
//! Everything above takes these as `Arc<dyn ...>`, so that a simulation can put in a clock that jumps and a disk that tears writes.

mod clock;
mod disk;
mod random;

pub use clock::{Clock, RealClock};
pub use disk::{Disk, DiskFile, RealDisk, temp_dir};
pub use random::{Random, RealRandom};
