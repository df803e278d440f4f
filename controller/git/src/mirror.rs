//! The mirror on our disk: where it lies, what a crash may have left in it, and how a new one takes its place.
//!
//! Nothing here starts a process. A mirror is only ever replaced whole: a new one is filled beside it and
//! takes its place by a rename, so a fetch that fails or is killed leaves the old one as it was.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::GitError;

/// References are nested no deeper than this by us; a bound, since the disk is not ours alone to write.
const DEPTH_MAX: usize = 8;

/// One pack comes with each fetch that brings something; beyond this many the mirror is made anew, which
/// also lets go of commits that nothing leads to any more.
const PACKS_MAX: usize = 50;

/// Says which remote and branch a mirror is of; written last, so a mirror with it is complete.
const STAMP: &str = "etl-source";

/// The folders of one source.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    directory: PathBuf,
    stamp: String,
}

impl Mirror {
    pub(crate) fn new(directory: PathBuf, url: &str, branch: &str) -> Self {
        Self { directory, stamp: format!("{url}\n{branch}\n") }
    }

    /// The repository that is read.
    pub(crate) fn current(&self) -> PathBuf {
        self.directory.join("mirror.git")
    }

    /// The repository being filled to take its place.
    pub(crate) fn next(&self) -> PathBuf {
        self.directory.join("next.git")
    }

    /// The last damaged one, kept for whoever wants to know why.
    pub(crate) fn broken(&self) -> PathBuf {
        self.directory.join("broken.git")
    }

    /// An empty home for git and ssh, so that no settings of a user are read.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// Makes the folders, and ends a replacement that a crash cut in two.
    pub(crate) fn prepare(&self, global_config: &str) -> Result<(), GitError> {
        let home = self.home();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&home).map_err(failed("create", &home))?;
        let file = crate::command::global_config_file(&home);
        fs::write(&file, global_config).map_err(failed("write", &file))?;
        self.settle()
    }

    /// After a crash between the two renames of `replace` the next mirror is complete and there is no other.
    pub(crate) fn settle(&self) -> Result<(), GitError> {
        if self.current().exists() || !self.is_stamped(&self.next()) {
            return Ok(());
        }
        fs::rename(self.next(), self.current()).map_err(failed("rename", &self.next()))
    }

    /// Whether there is a mirror of this very remote and branch.
    pub(crate) fn is_ours(&self) -> bool {
        self.is_stamped(&self.current())
    }

    fn is_stamped(&self, repository: &Path) -> bool {
        fs::read_to_string(repository.join(STAMP)).is_ok_and(|stamp| stamp == self.stamp)
    }

    /// Removes what an earlier, unfinished attempt to fill a new mirror left.
    pub(crate) fn discard_next(&self) -> Result<(), GitError> {
        remove(&self.next())
    }

    /// Puts the filled mirror in the place of the current one.
    pub(crate) fn replace(&self, keep_old: bool) -> Result<(), GitError> {
        let stamp = self.next().join(STAMP);
        fs::write(&stamp, &self.stamp).map_err(failed("write", &stamp))?;
        if keep_old && self.current().exists() {
            remove(&self.broken())?;
            fs::rename(self.current(), self.broken()).map_err(failed("rename", &self.current()))?;
        } else {
            remove(&self.current())?;
        }
        self.settle()
    }

    /// Removes locks and half-received packs. We are the only writer and no git of ours runs, so whoever
    /// made them is dead.
    pub(crate) fn sweep(&self) -> Result<(), GitError> {
        let repository = self.current();
        sweep_folder(&repository, DEPTH_MAX).map_err(failed("clean", &repository))
    }

    /// Bytes on disk of a mirror's objects.
    pub(crate) fn bytes(repository: &Path) -> u64 {
        folder_bytes(&repository.join("objects"), DEPTH_MAX)
    }

    /// Whether so many packs came together that a new mirror is due.
    pub(crate) fn is_worn(&self) -> bool {
        let Ok(entries) = fs::read_dir(self.current().join("objects/pack")) else { return false };
        let is_pack = |name: &std::ffi::OsStr| Path::new(name).extension().is_some_and(|end| end == "pack");
        entries.flatten().filter(|entry| is_pack(&entry.file_name())).count() > PACKS_MAX
    }
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> GitError {
    let path = path.to_owned();
    move |source| GitError::Disk { step, path, source }
}

/// Never follows a link: what is not a folder is removed as a file.
fn remove(path: &Path) -> Result<(), GitError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path)(error)),
        Err(_) | Ok(()) => Ok(()),
    }
}

fn sweep_folder(folder: &Path, depth: usize) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type()?.is_dir();
        // `tmp_pack_…`, `tmp_idx_…`, `tmp_obj_…`, and the quarantine folder `tmp_objdir-…`.
        let is_left_over = name.ends_with(".lock") || name.starts_with("tmp_");
        match (is_folder, is_left_over) {
            (true, true) => fs::remove_dir_all(entry.path())?,
            (false, true) => fs::remove_file(entry.path())?,
            (true, false) if depth > 0 => sweep_folder(&entry.path(), depth - 1)?,
            (true | false, false) => {}
        }
    }
    Ok(())
}

/// What cannot be read counts as nothing: files come and go while git writes.
fn folder_bytes(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() && depth > 0 => folder_bytes(&entry.path(), depth - 1),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(folder: &Path) -> Mirror {
        Mirror::new(folder.to_owned(), "file:///srv/x", "main")
    }

    #[test]
    fn a_replacement_cut_in_two_by_a_crash_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = mirror(folder.path());
        fs::create_dir(mirror.next()).unwrap();
        mirror.settle().unwrap();
        assert!(!mirror.is_ours(), "a mirror without a stamp is not complete");
        fs::write(mirror.next().join(STAMP), &mirror.stamp).unwrap();
        mirror.settle().unwrap();
        assert!(mirror.is_ours());
    }

    #[test]
    fn the_mirror_of_another_branch_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = mirror(folder.path());
        fs::create_dir(mirror.next()).unwrap();
        mirror.replace(true).unwrap();
        assert!(mirror.is_ours());
        let other = Mirror::new(folder.path().to_owned(), "file:///srv/x", "other");
        assert!(!other.is_ours());
    }

    #[test]
    fn locks_and_half_packs_are_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = mirror(folder.path());
        let root = mirror.current();
        fs::create_dir_all(root.join("refs/etl")).unwrap();
        fs::create_dir_all(root.join("objects/pack")).unwrap();
        fs::create_dir_all(root.join("objects/tmp_objdir-incoming-x/pack")).unwrap();
        let stale = ["shallow.lock", "refs/etl/head.lock", "objects/pack/tmp_pack_a", "config.lock"];
        let kept = ["HEAD", "refs/etl/head", "objects/pack/pack-1.pack", "shallow"];
        for name in stale.iter().chain(&kept) {
            fs::write(root.join(name), "x").unwrap();
        }
        mirror.sweep().unwrap();
        assert!(stale.iter().all(|name| !root.join(name).exists()));
        assert!(kept.iter().all(|name| root.join(name).exists()));
        assert!(!root.join("objects/tmp_objdir-incoming-x").exists());
        assert_eq!(Mirror::bytes(&root), 1);
    }
}
