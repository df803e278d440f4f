//! A git repository full of specs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// A repository with a work tree, which is its own remote.
pub struct Repository(PathBuf);

impl Repository {
    pub fn new(folder: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let repository = Self(folder);
        repository.git(&["init", "-q", "-b", "main"])?;
        Ok(repository)
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.0.display())
    }

    /// Writes these files in one commit.
    pub fn commit(&self, files: impl Iterator<Item = (String, String)>) -> anyhow::Result<()> {
        for (path, text) in files {
            let path = self.0.join(path);
            std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
            std::fs::write(path, text)?;
        }
        self.git(&["add", "-A", "."])?;
        let who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0"];
        self.git(&[&who[..], &["commit", "-q", "-m", "specs"]].concat())
    }

    fn git(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = Command::new("git").current_dir::<&Path>(&self.0).args(arguments).output()?;
        ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}
