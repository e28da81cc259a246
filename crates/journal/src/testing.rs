//! A disk in memory that loses power, fills up and fails to sync. For tests, here and in other rooms.
//!
//! What a power cut leaves: of each file, the bytes that were synced and any part of the later ones (nothing, all,
//! a prefix, or scattered sectors of 512 bytes with zeros between); of the names, those that were synced and
//! a prefix of the later changes.
//!
//! INVARIANT: it never keeps more promises than a real disk: what was not synced may be lost, and which part is
//! lost depends on the seed alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stdx::SplitMix64;

use crate::disk::{Disk, DiskFile, DiskLock, DiskRead};

const SECTOR_BYTES: usize = 512;

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct FaultDisk {
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    files: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since they were last synced, oldest first.
    renames: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    operations: u64,
    faults: Faults,
}

#[derive(Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Clone)]
enum NameChange {
    Added(PathBuf, usize),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
}

/// What goes wrong, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Every operation from this one on fails: the power is gone. See [`FaultDisk::operations`].
    pub power_ends_at: Option<u64>,
    /// Bytes that can still be appended before the disk is full; the append that crosses it is partial.
    pub space_bytes: Option<u64>,
    /// Every sync fails, and what it should have made safe is not.
    pub syncs_fail: bool,
    /// Cutting a file fails.
    pub truncates_fail: bool,
}

impl std::fmt::Debug for FaultDisk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FaultDisk")
    }
}

impl FaultDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.world().faults = faults;
    }

    /// How many operations that change something were asked for so far.
    pub fn operations(&self) -> u64 {
        self.world().operations
    }

    /// The disk as it is found after a power cut now. Equal seeds lose equal parts.
    #[must_use]
    pub fn after_power_cut(&self, seed: u64) -> Self {
        let mut chance = SplitMix64::new(seed);
        let world = self.world();
        let mut names = world.durable_names.clone();
        let kept = chance.below(world.renames.len() + 1);
        for change in world.renames.iter().take(kept) {
            change.apply(&mut names);
        }
        let files = world.files.iter().map(|file| file.survive(&mut chance)).collect();
        let survivor =
            World { files, names: names.clone(), durable_names: names, ..World::default() };
        Self { world: Arc::new(Mutex::new(survivor)) }
    }

    /// The disk as another process finds it after this one was killed: nothing is lost.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let world = self.world();
        let survivor = World {
            files: world.files.clone(),
            names: world.names.clone(),
            durable_names: world.durable_names.clone(),
            renames: world.renames.clone(),
            ..World::default()
        };
        Self { world: Arc::new(Mutex::new(survivor)) }
    }

    /// The bytes of a file as every reader sees them.
    pub fn contents(&self, file: &Path) -> Option<Vec<u8>> {
        let world = self.world();
        world.names.get(file).and_then(|inode| world.files.get(*inode)).map(|it| it.bytes.clone())
    }

    /// Replaces the bytes of a file, made if need be, behind the journal's back, synced.
    pub fn tamper(&self, file: &Path, bytes: Vec<u8>) {
        let mut world = self.world();
        let inode = world.inode_of(file);
        world.renames.clear();
        world.durable_names = world.names.clone();
        if let Some(inode) = world.files.get_mut(inode) {
            *inode = Inode { durable: bytes.clone(), bytes };
        }
    }

    /// The names of all files.
    pub fn files(&self) -> Vec<PathBuf> {
        self.world().names.keys().cloned().collect()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Counts an operation; fails once the power is gone.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.faults.power_ends_at {
            Some(end) if self.operations > end => Err(io::Error::other("the power is gone")),
            _ => Ok(()),
        }
    }

    fn inode_of(&mut self, file: &Path) -> usize {
        if let Some(inode) = self.names.get(file) {
            return *inode;
        }
        let inode = self.files.len();
        self.files.push(Inode::default());
        self.change(NameChange::Added(file.to_path_buf(), inode));
        inode
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.renames.push(change);
    }

    fn existing(&self, file: &Path) -> io::Result<usize> {
        self.names.get(file).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Added(path, inode) => drop(names.insert(path.clone(), *inode)),
            Self::Removed(path) => drop(names.remove(path)),
            Self::Renamed(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }

    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Self::Added(path, _) | Self::Removed(path) => path.parent() == Some(folder),
            Self::Renamed(from, to) => from.parent() == Some(folder) || to.parent() == Some(folder),
        }
    }
}

impl Inode {
    fn survive(&self, chance: &mut SplitMix64) -> Self {
        let only_grew = self.bytes.starts_with(&self.durable);
        let safe = self.durable.len();
        let bytes = match chance.below(4) {
            0 => self.durable.clone(),
            1 => self.bytes.clone(),
            // Cut or rewritten since the last sync: it happened or it did not.
            _ if !only_grew => self.bytes.clone(),
            way => {
                let length = safe + chance.below(self.bytes.len() - safe + 1);
                if way == 2 {
                    self.bytes.get(..length).unwrap_or_default().to_vec()
                } else {
                    self.scattered(length, chance)
                }
            }
        };
        Self { durable: bytes.clone(), bytes }
    }

    /// Only some sectors of what was not synced reached the medium.
    fn scattered(&self, length: usize, chance: &mut SplitMix64) -> Vec<u8> {
        let safe = self.durable.len();
        let mut bytes = self.bytes.get(..length).unwrap_or_default().to_vec();
        for sector in safe / SECTOR_BYTES..=length / SECTOR_BYTES {
            if chance.below(2) == 0 {
                let start = (sector * SECTOR_BYTES).max(safe);
                let end = ((sector + 1) * SECTOR_BYTES).min(length);
                bytes.get_mut(start..end).unwrap_or_default().fill(0);
            }
        }
        bytes
    }
}

struct OpenFile {
    disk: FaultDisk,
    inode: usize,
}

struct Held {
    disk: FaultDisk,
    path: PathBuf,
}

impl DiskLock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.world().locks.remove(&self.path);
    }
}

impl Disk for FaultDisk {
    fn create_folder(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        let inside = world.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn open_append(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut world = self.world();
        world.operate()?;
        let inode = world.inode_of(file);
        Ok(Arc::new(OpenFile { disk: self.clone(), inode }))
    }

    fn open_read(&self, file: &Path) -> io::Result<Box<dyn DiskRead>> {
        let inode = self.world().existing(file)?;
        Ok(Box::new(OpenFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        world.existing(from)?;
        world.change(NameChange::Renamed(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        world.existing(file)?;
        world.change(NameChange::Removed(file.to_path_buf()));
        Ok(())
    }

    fn destroy(&self, file: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        let inode = world.existing(file)?;
        if let Some(file) = world.files.get_mut(inode) {
            file.bytes.fill(0);
            file.durable.fill(0);
        }
        world.change(NameChange::Removed(file.to_path_buf()));
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        if world.faults.syncs_fail {
            return Err(io::Error::from_raw_os_error(5));
        }
        // Names are journalled in order: syncing one folder makes earlier changes elsewhere safe too.
        let safe = world
            .renames
            .iter()
            .rposition(|change| change.is_in(folder))
            .map_or(0, |last| last + 1);
        let changes: Vec<_> = world.renames.drain(..safe).collect();
        for change in changes {
            change.apply(&mut world.durable_names);
        }
        Ok(())
    }

    fn lock(&self, file: &Path) -> io::Result<Box<dyn DiskLock>> {
        if self.world().locks.insert(file.to_path_buf()) {
            Ok(Box::new(Held { disk: self.clone(), path: file.to_path_buf() }))
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }
}

impl DiskFile for OpenFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.disk.world();
        world.operate()?;
        let space = world.faults.space_bytes.unwrap_or(u64::MAX);
        let fits = bytes.len().min(usize::try_from(space).unwrap_or(usize::MAX));
        if let Some(space) = world.faults.space_bytes.as_mut() {
            *space -= fits as u64;
        }
        let written = bytes.get(..fits).unwrap_or_default();
        if let Some(file) = world.files.get_mut(self.inode) {
            file.bytes.extend_from_slice(written);
        }
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        world.operate()?;
        if world.faults.truncates_fail {
            return Err(io::Error::from_raw_os_error(5));
        }
        if let Some(file) = world.files.get_mut(self.inode) {
            file.bytes.resize(length as usize, 0);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        world.operate()?;
        if world.faults.syncs_fail {
            return Err(io::Error::from_raw_os_error(5));
        }
        if let Some(file) = world.files.get_mut(self.inode) {
            file.durable.clone_from(&file.bytes);
        }
        Ok(())
    }
}

impl DiskRead for OpenFile {
    fn length(&self) -> io::Result<u64> {
        let world = self.disk.world();
        Ok(world.files.get(self.inode).map_or(0, |file| file.bytes.len() as u64))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = self.disk.world();
        let bytes = world.files.get(self.inode).map(|file| file.bytes.as_slice());
        let rest = bytes.and_then(|bytes| bytes.get(offset as usize..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        let (target, source) = (buffer.get_mut(..count), rest.get(..count));
        if let (Some(target), Some(source)) = (target, source) {
            target.copy_from_slice(source);
        }
        Ok(count)
    }
}
