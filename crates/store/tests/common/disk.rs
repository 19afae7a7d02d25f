//! A real disk that fails or dawdles on command.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use host::{Disk, DiskFile, RealDisk};

#[derive(Default)]
pub struct Failing {
    pub sync: AtomicBool,
    pub append: AtomicBool,
    /// milliseconds that a sync takes
    pub sync_ms: AtomicU64,
}

struct FailingFile(Box<dyn DiskFile>, Arc<Failing>);

impl DiskFile for FailingFile {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.1.append.load(Ordering::SeqCst) {
            self.0.append(&bytes[..bytes.len() / 2])?;
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.append(bytes)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        std::thread::sleep(Duration::from_millis(self.1.sync_ms.load(Ordering::SeqCst)));
        if self.1.sync.load(Ordering::SeqCst) { Err(std::io::Error::other("EIO")) } else { self.0.sync() }
    }
}

pub struct FailingDisk(pub Arc<Failing>);

impl Disk for FailingDisk {
    fn create_dir(&self, dir: &Path) -> std::io::Result<()> {
        RealDisk.create_dir(dir)
    }
    fn append(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FailingFile(RealDisk.append(path)?, self.0.clone())))
    }
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        RealDisk.read(path)
    }
    fn list(&self, dir: &Path) -> std::io::Result<Vec<(String, u64)>> {
        RealDisk.list(dir)
    }
    fn remove(&self, path: &Path) -> std::io::Result<()> {
        RealDisk.remove(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn truncate(&self, path: &Path, len: u64) -> std::io::Result<()> {
        RealDisk.truncate(path, len)
    }
    fn sync_dir(&self, dir: &Path) -> std::io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn free_space(&self, _: &Path) -> std::io::Result<Option<u64>> {
        Ok(None)
    }
}
