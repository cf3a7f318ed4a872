//! A disk whose power can be cut: an ext4 file system in an image, which lies on a device that lies on a
//! file system that can stand still.
//!
//! ```text
//! disk/              ext4, the server's directory         memory: pages not yet written
//!   ^ device/disk.img
//! device/            ext4, plays the disk's own cache     memory: pages sent and not yet flushed
//!   ^ base/device.img
//! base/              ext4, stands still while it is copied
//!   ^ base.img       a file of this machine
//! ```
//! The one idea: a frozen file system takes no write, so all that is copied from it is of one moment, while
//! the kernel goes on with the levels above as far as it can. What is in the copy is what the disk had:
//! - [`Cut::Sent`] freezes `device` and copies `disk.img`: everything that was sent to the disk is there,
//!   and what only the page cache and the open transaction of the upper ext4 had is lost;
//! - [`Cut::Flushed`] freezes `base` and copies `device.img`: what was sent and not flushed is lost too,
//!   since a flush of the upper disk is an fsync of `disk.img`.
//!
//! What the server had acknowledged until the thaw was on the disk before the freeze: a sync that had to
//! write could not end after it.
//!
//! Simplification: of what was not flushed, the disk keeps what the kernel happened to write, often
//! nothing. Every order in which a cache may write is for the log's simulated disk.
//!
//! It needs root, loop devices and the programs named below, on Linux.

use crate::failure::Failure;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Room of the innermost file system; files are sparse.
const DISK_SIZE_MIB: u64 = 1_024;
/// Room that each level below has more.
const LEVEL_SIZE_MIB: u64 = 512;

/// What the disk still has after a cut.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// Everything that it was sent.
    Sent,
    /// Everything up to the last flush, and perhaps some of the rest.
    Flushed,
}

/// A file system in a file.
#[derive(Debug)]
struct Level {
    image: PathBuf,
    mount: PathBuf,
}

/// The three levels, mounted; no longer so when dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    base: Level,
    device: Level,
    disk: Level,
    /// Where an image is copied to, outside of all levels.
    copy: PathBuf,
}

impl Disk {
    /// Makes an empty disk in a directory.
    pub(crate) fn make(directory: &Path) -> Result<Self, Failure> {
        let level = |image: &str, mount: &str| Level {
            image: directory.join(image),
            mount: directory.join(mount),
        };
        // Made before the first mount, so that whatever fails is undone.
        let disk = Self {
            base: level("base.img", "base"),
            device: level("base/device.img", "device"),
            disk: level("device/disk.img", "disk"),
            copy: directory.join("copy.img"),
        };
        let mut size_mib = DISK_SIZE_MIB + 2 * LEVEL_SIZE_MIB;
        for level in [&disk.base, &disk.device, &disk.disk] {
            level.format(size_mib).and_then(|()| level.mount()).map_err(|failure| {
                Failure::broken(format!(
                    "{failure}\nA power cut needs root, loop devices, and mkfs.ext4, mount, umount, fsfreeze and cp."
                ))
            })?;
            size_mib -= LEVEL_SIZE_MIB;
        }
        Ok(disk)
    }

    /// Where the server's data lies.
    pub(crate) fn data_directory(&self) -> PathBuf {
        self.disk.mount.join("data")
    }

    /// From now on the disk has what it has; whoever writes to it waits.
    pub(crate) fn freeze(&self, cut: Cut) -> Result<(), Failure> {
        run("fsfreeze", &["--freeze".as_ref(), self.frozen(cut).mount.as_ref()])
    }

    /// Takes what the disk has, while it is frozen, and lets go on who waited.
    pub(crate) fn copy_and_thaw(&self, cut: Cut) -> Result<(), Failure> {
        let copied = copy(&self.copied(cut).image, &self.copy);
        run("fsfreeze", &["--unfreeze".as_ref(), self.frozen(cut).mount.as_ref()])?;
        copied
    }

    /// Puts what was taken in the disk's place, as after the power has come back: ext4 reads its journal.
    pub(crate) fn replace(&self, cut: Cut) -> Result<(), Failure> {
        match cut {
            Cut::Sent => {
                self.disk.unmount()?;
                copy(&self.copy, &self.disk.image)?;
                self.disk.mount()
            }
            Cut::Flushed => {
                self.disk.unmount()?;
                self.device.unmount()?;
                copy(&self.copy, &self.device.image)?;
                self.device.mount()?;
                self.disk.mount()
            }
        }
    }

    fn copied(&self, cut: Cut) -> &Level {
        match cut {
            Cut::Sent => &self.disk,
            Cut::Flushed => &self.device,
        }
    }

    fn frozen(&self, cut: Cut) -> &Level {
        match cut {
            Cut::Sent => &self.device,
            Cut::Flushed => &self.base,
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What is not frozen or not mounted any more needs nothing, and a failure here has no reader.
        for level in [&self.base, &self.device] {
            drop(run("fsfreeze", &["--unfreeze".as_ref(), level.mount.as_ref()]));
        }
        for level in [&self.disk, &self.device, &self.base] {
            if level.unmount().is_err() {
                // Somebody still has a file open: it goes with the last of them.
                drop(run("umount", &["--lazy".as_ref(), level.mount.as_ref()]));
            }
        }
    }
}

impl Level {
    fn format(&self, size_mib: u64) -> Result<(), Failure> {
        let in_image = |error| Failure::broken(format!("{}: {error}", self.image.display()));
        let image = std::fs::File::create(&self.image).map_err(in_image)?;
        image.set_len(size_mib << 20).map_err(in_image)?;
        std::fs::create_dir(&self.mount).map_err(in_image)?;
        run("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), self.image.as_ref()])
    }

    /// The loop device is mount's: it goes with the mount.
    fn mount(&self) -> Result<(), Failure> {
        let options = ["-t", "ext4", "-o", "loop,noatime"].map(Path::new);
        let [kind, ext4, flag, list] = options;
        run("mount", &[kind, ext4, flag, list, &self.image, &self.mount])
    }

    fn unmount(&self) -> Result<(), Failure> {
        run("umount", &[&self.mount])
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    run("cp", &["--sparse=always".as_ref(), from, to])
}

fn run(program: &str, arguments: &[&Path]) -> Result<(), Failure> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| Failure::broken(format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let what = String::from_utf8_lossy(&output.stderr);
    Err(Failure::broken(format!("{program} {arguments:?}: {}: {}", output.status, what.trim())))
}
