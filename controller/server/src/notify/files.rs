//! The files that Notifiers name: addresses, keys, passwords. Who may commit specs may not learn the controller's own secrets by
//! having them sent somewhere, so only one folder is read, and never those.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etl_core::spec::Address;

use super::error::TellError;
use crate::secret::{self, SecretError};
use crate::settings::Settings;

/// Which files may be read.
#[derive(Debug, Clone)]
pub(crate) struct Files(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    folder: PathBuf,
    own: Vec<PathBuf>,
}

impl Files {
    /// Those below the operator's folder, but for the secrets of the controller itself.
    pub fn of(settings: &Settings) -> Self {
        let own = [
            &settings.git_token_file,
            &settings.git_key_file,
            &settings.api_token_file,
            &settings.docker_tls_key,
            &settings.registry_config,
        ];
        Self::new(settings.notifier_files.clone(), own.into_iter().flatten().cloned().collect())
    }

    pub(super) fn new(folder: PathBuf, own: Vec<PathBuf>) -> Self {
        Self(Arc::new(Rules { folder, own }))
    }

    /// An address, read anew each time.
    pub async fn address(&self, address: &Address) -> Result<String, TellError> {
        match address {
            Address::Written(url) => Ok(url.clone()),
            Address::InFile(file) => self.text(file).await,
        }
    }

    /// The text in a file.
    pub async fn text(&self, file: &str) -> Result<String, TellError> {
        let text = String::from_utf8(self.bytes(file).await?);
        let text = text.map_err(|_| TellError::Address(format!("the file `{file}` holds no text")))?;
        Ok(text.trim().to_owned())
    }

    /// What is in a file, without the line's end.
    pub async fn bytes(&self, file: &str) -> Result<Vec<u8>, TellError> {
        let (rules, path) = (self.0.clone(), file.to_owned());
        let read = tokio::task::spawn_blocking(move || rules.read(&path)).await;
        let read = read.unwrap_or(Err(SecretError::NoFile));
        read.map_err(|source| TellError::File { file: file.to_owned(), source })
    }
}

impl Rules {
    /// Links are followed before it is judged where a file is. Blocks.
    fn read(&self, path: &str) -> Result<Vec<u8>, SecretError> {
        let real = Path::new(path).canonicalize()?;
        let is_own = self.own.iter().filter_map(|own| own.canonicalize().ok()).any(|own| own == real);
        if is_own || !real.starts_with(self.folder.canonicalize()?) {
            return Err(SecretError::Forbidden);
        }
        secret::read(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_read_and_none_of_the_controllers_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("secrets")).unwrap();
        for file in ["secrets/slack", "secrets/git-token", "outside"] {
            std::fs::write(path(file), "s3cret").unwrap();
        }
        for (link, to) in [
            ("secrets/to-token", "git-token"),
            ("secrets/to-outside", "../outside"),
            ("secrets/to-slack", "slack"),
        ] {
            std::os::unix::fs::symlink(to, path(link)).unwrap();
        }
        let rules = Rules { folder: path("secrets"), own: vec![path("secrets/git-token"), path("nowhere")] };
        for (file, is_read) in [
            ("secrets/slack", true),
            ("secrets/to-slack", true),
            ("secrets/git-token", false),
            ("secrets/to-token", false),
            ("outside", false),
            ("secrets/../outside", false),
            ("secrets/to-outside", false),
            ("secrets/nowhere", false),
        ] {
            assert_eq!(rules.read(path(file).to_str().unwrap()).is_ok(), is_read, "{file}");
        }
    }
}
