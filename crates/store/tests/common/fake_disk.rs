//! A disk in memory that forgets at a power cut what was not synced: contents by file, names by folder.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use host::{Disk, DiskFile, RealRandom};

use super::below;

#[derive(Default, Clone)]
pub struct FakeDisk(Arc<Mutex<State>>);

#[derive(Default, Clone)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    /// as of the last sync of each folder
    durable: BTreeMap<PathBuf, usize>,
    fail_sync: bool,
    fail_append: bool,
}

#[derive(Default, Clone)]
struct Content {
    data: Vec<u8>,
    synced: usize,
}

impl FakeDisk {
    pub fn fail(&self, sync: bool, append: bool) {
        let mut s = self.0.lock().unwrap();
        (s.fail_sync, s.fail_append) = (sync, append);
    }

    /// What is left after the power was cut now: unsynced bytes partly there, partly garbage, unsynced names there or not.
    pub fn after_power_cut(&self, random: &RealRandom) -> FakeDisk {
        let mut s = self.0.lock().unwrap().clone();
        (s.fail_sync, s.fail_append) = (false, false);
        let mut names = s.durable.clone();
        for (path, file) in &s.names {
            if below(random, 2) == 0 {
                names.insert(path.clone(), *file);
            }
        }
        for c in &mut s.files {
            let kept = c.synced + below(random, (c.data.len() - c.synced) as u64 + 1) as usize;
            c.data.truncate(kept);
            if kept > c.synced && below(random, 3) == 0 {
                let at = c.synced + below(random, (kept - c.synced) as u64) as usize;
                c.data[at] ^= 0x55;
            }
            c.synced = c.data.len();
        }
        (s.names, s.durable) = (names.clone(), names);
        FakeDisk(Arc::new(Mutex::new(s)))
    }

    fn with<T>(&self, path: &Path, f: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        let mut s = self.0.lock().unwrap();
        let id = *s.names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(f(&mut s.files[id]))
    }
}

struct FakeFile(FakeDisk, usize);

impl DiskFile for FakeFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut s = self.0.0.lock().unwrap();
        let full = s.fail_append;
        let data = &mut s.files[self.1].data;
        if full {
            data.extend(&bytes[..bytes.len() / 3]);
            return Err(ErrorKind::StorageFull.into());
        }
        data.extend(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut s = self.0.0.lock().unwrap();
        if s.fail_sync {
            return Err(io::Error::other("EIO"));
        }
        let c = &mut s.files[self.1];
        c.synced = c.data.len();
        Ok(())
    }
}

impl Disk for FakeDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut s = self.0.lock().unwrap();
        let id = match s.names.get(path) {
            Some(id) => *id,
            None => {
                s.files.push(Content::default());
                let id = s.files.len() - 1;
                s.names.insert(path.to_owned(), id);
                id
            }
        };
        Ok(Box::new(FakeFile(self.clone(), id)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.with(path, |c| c.data.clone())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let s = self.0.lock().unwrap();
        let inside = s.names.iter().filter(|(p, _)| p.parent() == Some(dir));
        Ok(inside.map(|(p, id)| (p.file_name().unwrap().to_string_lossy().into_owned(), s.files[*id].data.len() as u64)).collect())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().unwrap().names.remove(path).map(drop).ok_or(ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut s = self.0.lock().unwrap();
        let id = s.names.remove(from).ok_or(ErrorKind::NotFound)?;
        s.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        self.with(path, |c| {
            c.data.truncate(len as usize);
            c.synced = c.data.len();
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut s = self.0.lock().unwrap();
        if s.fail_sync {
            return Err(io::Error::other("EIO"));
        }
        s.durable.retain(|p, _| p.parent() != Some(dir));
        let now: Vec<(PathBuf, usize)> = s.names.iter().filter(|(p, _)| p.parent() == Some(dir)).map(|(p, id)| (p.clone(), *id)).collect();
        s.durable.extend(now);
        Ok(())
    }

    fn free_space(&self, _: &Path) -> io::Result<Option<u64>> {
        Ok(None)
    }
}
