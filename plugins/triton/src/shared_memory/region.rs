//! Regions of POSIX shared memory, and the names by which a server opens them.
//!
//! A region is created without a name, and has one only while a server registers it: the server keeps its mapping, so the
//! name is not needed afterwards, and a process that ends in any way leaves nothing behind. A name that a killed process
//! leaves in that moment is removed by the next one: the owner holds a lock on the file, which ends with the process.
#![allow(unsafe_code)]

use std::collections::hash_map::RandomState;
use std::ffi::c_void;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustix::fs::{AtFlags, CWD, FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use tokio::sync::OnceCell;

use crate::{SystemSharedMemoryRegion, lock};

/// Where Linux has POSIX shared memory objects, as files.
pub(super) const DIRECTORY: &str = "/dev/shm";

/// Beginning of the names of our regions.
const PREFIX: &str = "shopfloor-shm-";

/// Names that have been registered and whose region exists no more: to be unregistered.
pub(super) type Forgotten = Arc<Mutex<Vec<String>>>;

/// Shared memory, mapped into this process. It never changes its size.
#[derive(Debug)]
pub(crate) struct Region {
    start: NonNull<u8>,
    len: usize,
    file: OwnedFd,
    directory: PathBuf,
    name: String,
    /// Set once a server may know the name.
    is_known: AtomicBool,
    /// Set when it is given up.
    is_retired: AtomicBool,
    /// That of its ring.
    forgotten: Forgotten,
    /// Initialised when the server has registered the region.
    pub(crate) registration: OnceCell<()>,
}

// SAFETY: the mapping belongs to the region and is not bound to a thread.
unsafe impl Send for Region {}
// SAFETY: a shared region only gives out addresses.
unsafe impl Sync for Region {}

impl Region {
    /// Zeroed memory of `len` bytes in `directory`. All of it is allocated, so that a full file system is an error here
    /// rather than a signal when the memory is written.
    ///
    /// # Errors
    /// Of the system; also if more than half of the free space would be used, since other programs need it too.
    pub(super) fn create(directory: &Path, len: usize, forgotten: &Forgotten) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        check_free_space(&file, directory, len)?;
        retry(|| rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, len as u64))?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping of a file of this length; the kernel chooses the address.
        let start = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                len,
                access,
                MapFlags::SHARED | MapFlags::POPULATE,
                &file,
                0,
            )
        }?;
        let start = NonNull::new(start.cast()).ok_or(Errno::FAULT)?;
        Ok(Self {
            start,
            len,
            file,
            directory: directory.to_owned(),
            name: format!("{PREFIX}{:016x}", random()),
            is_known: AtomicBool::new(false),
            is_retired: AtomicBool::new(false),
            forgotten: Arc::clone(forgotten),
            registration: OnceCell::new(),
        })
    }

    /// Its name at the server, which no other region has.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Address of the byte at `offset`, which is less than the size.
    pub(super) fn address(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.len);
        // SAFETY: within the mapping.
        unsafe { self.start.add(offset) }
    }

    /// The `len` bytes at `offset`, both within the region; they are those of a slot that nobody writes to.
    pub(super) fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len));
        // SAFETY: within the mapping, which is initialised, and not written to as promised by the caller: this process gives
        // each slot to one user, and a server that has answered a request is done with its slots.
        unsafe { slice::from_raw_parts(self.start.as_ptr().add(offset), len) }
    }

    /// Gives the region its name, so that a server can open it, until the returned value is dropped.
    ///
    /// # Errors
    /// Of the system. A region can have a name only once.
    pub(crate) fn publish(&self) -> io::Result<Published<'_>> {
        let from = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let path = self.directory.join(&self.name);
        rustix::fs::linkat(CWD, from, CWD, &path, AtFlags::SYMLINK_FOLLOW)?;
        self.is_known.store(true, Ordering::Relaxed);
        Ok(Published { region: self, path })
    }

    /// Gives it up: no request refers to it any more.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Relaxed);
    }

    /// Whether it belongs to the ring with this list, and is not given up.
    pub(super) fn is_usable_with(&self, forgotten: &Forgotten) -> bool {
        Arc::ptr_eq(&self.forgotten, forgotten) && !self.is_retired.load(Ordering::Relaxed)
    }

    /// Whether a server may have registered it.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.is_known() {
            lock(&self.forgotten).push(self.name.clone());
        }
        // SAFETY: mapped in `create` with this length, and unmapped only here, when no slot refers to it any more.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast::<c_void>(), self.len) };
    }
}

/// A region that has a name. Dropping it removes the name, but not the region.
pub(crate) struct Published<'a> {
    region: &'a Region,
    path: PathBuf,
}

impl Published<'_> {
    /// What the server needs to register the region.
    pub(crate) fn description(&self) -> SystemSharedMemoryRegion {
        SystemSharedMemoryRegion {
            name: self.region.name.clone(),
            key: format!("/{}", self.region.name),
            offset: 0,
            byte_size: self.region.len as u64,
        }
    }
}

impl Drop for Published<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // if it is gone already, another program has removed it
    }
}

/// Removes names that killed processes of this user have left in `directory`, and returns their number.
pub(super) fn clear_leftovers(directory: &Path) -> usize {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let ours = files.filter(|file| file.file_name().to_string_lossy().starts_with(PREFIX));
    ours.filter(|file| is_leftover(&file.path()).unwrap_or(false) && fs::remove_file(file.path()).is_ok())
        .count()
}

/// Whether the file is this user's and the process that created it has ended.
fn is_leftover(path: &Path) -> io::Result<bool> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let is_own = rustix::fs::fstat(&file)?.st_uid == rustix::process::geteuid().as_raw();
    Ok(is_own && rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok())
}

/// Fails if `len` bytes are more than half of the free space.
fn check_free_space(file: &OwnedFd, directory: &Path, len: usize) -> io::Result<()> {
    let system = rustix::fs::fstatvfs(file)?;
    let (free, is_limited) = (system.f_bavail.saturating_mul(system.f_frsize), system.f_blocks > 0);
    if is_limited && len as u64 > free / 2 {
        let directory = directory.display();
        let message = format!("{directory} has {free} bytes free, of which {len} would be used; enlarge it");
        return Err(io::Error::new(io::ErrorKind::StorageFull, message));
    }
    Ok(())
}

/// Repeats a system call that signals interrupt.
fn retry(call: impl Fn() -> rustix::io::Result<()>) -> rustix::io::Result<()> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// A number that differs between processes and calls.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        let files = fs::read_dir(DIRECTORY).unwrap();
        files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn region(len: usize) -> Region {
        Region::create(Path::new(DIRECTORY), len, &Forgotten::default()).unwrap()
    }

    /// The memory, as another process sees it that opens the region by its key.
    fn as_seen_by_others(key: &str) -> Vec<u8> {
        fs::read(format!("{DIRECTORY}{key}")).unwrap()
    }

    #[test]
    fn a_region_is_visible_by_its_name_only_while_it_is_published() {
        let region = region(8192);
        assert!(!names().contains(&region.name().to_owned()));
        // SAFETY: within the region, which nobody else uses.
        unsafe { region.address(4096).as_ptr().write(7) };
        let published = region.publish().unwrap();
        let description = published.description();
        assert_eq!(
            (description.name.as_str(), description.byte_size),
            (region.name(), 8192)
        );
        let seen = as_seen_by_others(&description.key);
        assert_eq!((seen.len(), seen[0], seen[4096]), (8192, 0, 7));
        drop(published);
        assert!(!names().contains(&region.name().to_owned()));
    }

    #[test]
    fn a_region_whose_owner_lives_is_no_leftover() {
        let region = region(4096);
        let published = region.publish().unwrap();
        clear_leftovers(Path::new(DIRECTORY));
        assert!(names().contains(&region.name().to_owned()));
        drop(published);
    }

    #[test]
    fn a_name_without_a_living_owner_is_removed_and_other_names_are_not() {
        let folder = tempfile::tempdir_in(DIRECTORY).unwrap();
        for name in [PREFIX.to_owned() + "1", PREFIX.to_owned() + "2", "other".to_owned()] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(clear_leftovers(folder.path()), 2);
        assert!(folder.path().join("other").exists());
        assert_eq!(clear_leftovers(folder.path()), 0);
        assert_eq!(clear_leftovers(Path::new("/no such directory")), 0);
    }

    #[test]
    fn a_known_region_is_forgotten_when_dropped_and_an_unknown_one_is_not() {
        let forgotten = Forgotten::default();
        let create = || Region::create(Path::new(DIRECTORY), 4096, &forgotten).unwrap();
        drop(create());
        let known = create();
        drop(known.publish().unwrap());
        let name = known.name().to_owned();
        drop(known);
        assert_eq!(*lock(&forgotten), [name]);
    }

    #[test]
    fn more_than_the_space_there_is_and_a_missing_directory_are_errors() {
        let create = |directory: &str, len| Region::create(Path::new(directory), len, &Forgotten::default());
        let error = create(DIRECTORY, 1 << 60).unwrap_err();
        assert!(error.to_string().starts_with("/dev/shm has "), "{error}");
        assert_eq!(
            create("/no such directory", 4096).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
