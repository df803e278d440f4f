//! Which files a plan is of, and what they are all of: paths as the repository has them where there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use etl_core::view::PlanRequest;
use jiff::Timestamp;

use super::lint_files::{self, SpecFile, normal};
use crate::failure::Failure;

/// Reads the files below the paths.
pub fn request(paths: &[PathBuf], at: Option<Timestamp>) -> Result<PlanRequest, Failure> {
    let files = lint_files::read(paths)?;
    let whole: Vec<PathBuf> = paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
    let base = base(&files, &whole)?;
    let mut texts = BTreeMap::new();
    for file in &files {
        let text = file.text().ok_or_else(|| {
            Failure::usage(format!("`{}` is not UTF-8", file.shown), "`etlctl lint` shows where")
        })?;
        texts.insert(below(&base.folder, &file.whole()), text.to_owned());
    }
    let scope = whole.iter().map(|path| below(&base.folder, path)).collect();
    Ok(PlanRequest { files: texts, scope, below_path: !base.is_repository, at })
}

/// What paths begin at.
struct Base {
    folder: PathBuf,
    is_repository: bool,
}

/// The repository that the paths lie in; without one, the folder that stands for the source's path, as `lint` takes it.
fn base(files: &[SpecFile], paths: &[PathBuf]) -> Result<Base, Failure> {
    let repositories: BTreeSet<Option<&Path>> = paths.iter().map(|path| repository(path)).collect();
    let several = || {
        let help = "plan the folders one after the other";
        Failure::usage("these paths do not belong to one folder of specs", help)
    };
    match repositories.iter().next() {
        Some(Some(folder)) if repositories.len() == 1 => {
            Ok(Base { folder: folder.to_path_buf(), is_repository: true })
        }
        Some(None) if repositories.len() == 1 => {
            let roots: BTreeSet<&Path> = files.iter().map(SpecFile::root).collect();
            let folder = match roots.len() {
                0 => paths.first().cloned().unwrap_or_default(),
                1 => roots.first().map(|root| root.to_path_buf()).unwrap_or_default(),
                _ => return Err(several()),
            };
            Ok(Base { folder, is_repository: false })
        }
        Some(_) | None => Err(several()),
    }
}

fn repository(path: &Path) -> Option<&Path> {
    path.ancestors().find(|folder| folder.join(".git").exists())
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let whole = std::path::absolute(path).map_err(|source| Failure::Input { path: path.into(), source })?;
    Ok(normal(&whole))
}

/// A path from its base; empty for the base itself, and for what holds it.
fn below(base: &Path, path: &Path) -> String {
    path.strip_prefix(base).map_or_else(|_| String::new(), |rest| rest.to_string_lossy().into_owned())
}
