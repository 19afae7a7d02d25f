//! Files as the log needs them: append, sync, read, list, remove, rename, sync of the folder, free space.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A disk. Nothing is durable before it was synced: `DiskFile::sync` for contents, `sync_dir` for names (create, remove, rename).
pub trait Disk: Send + Sync {
    /// Makes the folder and its parents.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Opens for appending at the end; makes the file if missing.
    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// The whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Names (not paths) and sizes in bytes of the files in a folder, sorted by name.
    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Replaces `to` if it is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Cuts the file to this length.
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()>;

    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes left on the folder's file system, if it can be told.
    fn free_space(&self, dir: &Path) -> io::Result<Option<u64>>;

    /// Takes the file (made if missing) for this process alone until the answer is dropped; an error of kind `WouldBlock` if another
    /// process has it. A disk that only one process can reach need not do anything.
    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        Ok(Box::new(()))
    }
}

/// A file opened for appending.
pub trait DiskFile: Send {
    /// Hands the bytes to the system: they survive the process, not yet the power. After an error any part may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when the contents are durable. After an error nothing is known about what was written since the last success.
    fn sync(&mut self) -> io::Result<()>;
}

/// The machine's file systems.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

struct RealFile(File);

impl DiskFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(OpenOptions::new().create(true).append(true).open(path)?)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut out = vec![];
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            // A name that is not UTF-8 is none of ours.
            if let (true, Ok(name)) = (meta.is_file(), entry.file_name().into_string()) {
                out.push((name, meta.len()));
            }
        }
        out.sort();
        Ok(out)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_data()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(e)) => Err(e),
        }
    }

    /// The standard library has no call for it, so `df` is asked; `None` where there is none.
    fn free_space(&self, dir: &Path) -> io::Result<Option<u64>> {
        let out = match std::process::Command::new("df").arg("-Pk").arg(dir).output() {
            Ok(out) if out.status.success() => out,
            _ => return Ok(None),
        };
        let text = String::from_utf8_lossy(&out.stdout);
        let kib = text.lines().nth(1).and_then(|l| l.split_whitespace().nth(3)).and_then(|n| n.parse::<u64>().ok());
        Ok(kib.map(|k| k.saturating_mul(1024)))
    }
}

/// A fresh folder below the system's temporary one: tests of the crates above share it.
pub fn temp_dir(name: &str) -> io::Result<PathBuf> {
    use crate::Random;
    let dir = std::env::temp_dir().join(format!("trefoil-{name}-{:016x}", crate::RealRandom::new().next_u64()));
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_grow_shrink_move_and_go() {
        let dir = temp_dir("host").unwrap();
        let (d, a, b) = (RealDisk, dir.join("a"), dir.join("b"));
        let mut f = d.append(&a).unwrap();
        f.append(b"hello ").unwrap();
        f.append(b"world").unwrap();
        f.sync().unwrap();
        d.append(&a).unwrap().append(b"!").unwrap();
        assert_eq!(d.read(&a).unwrap(), b"hello world!");
        d.truncate(&a, 5).unwrap();
        d.rename(&a, &b).unwrap();
        d.sync_dir(&dir).unwrap();
        assert_eq!(d.list(&dir).unwrap(), [("b".to_owned(), 5)]);
        let lock = d.lock(&dir.join("lock")).unwrap();
        assert_eq!(d.lock(&dir.join("lock")).err().map(|e| e.kind()), Some(io::ErrorKind::WouldBlock));
        drop(lock);
        d.lock(&dir.join("lock")).unwrap();
        d.remove(&dir.join("lock")).unwrap();
        if let Some(free) = d.free_space(&dir).unwrap() {
            assert!(free > 0);
        }
        d.remove(&b).unwrap();
        assert!(d.list(&dir).unwrap().is_empty());
        assert_eq!(d.read(&b).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::remove_dir_all(&dir).unwrap();
    }
}
