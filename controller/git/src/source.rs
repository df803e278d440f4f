//! Follows the branch: asks the remote where it stands, brings the mirror there, and survives what it finds.
//!
//! It never gives up a mirror that works: a remote that is away or broken leaves the last commit readable.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, RwLock};

use crate::address::Scheme;
use crate::checkout::Checkout;
use crate::child::{self, Output};
use crate::command::{Git, safe_directories};
use crate::commit::CommitId;
use crate::config::{Checked, SourceConfig};
use crate::credentials::Credentials;
use crate::error::GitError;
use crate::mirror::Mirror;
use crate::read::{self, ReadFault};
use crate::redact::redact;
use crate::refusal::refusal;

/// The one reference of a mirror.
const HEAD: &str = "refs/etl/head";

/// Output of git that is one id or one reference: a remote may answer with more, and is then not believed.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// How often the size of a mirror is looked at while it grows: seldom enough to cost nothing, often enough
/// that a fast network cannot write much more than the limit.
const SIZE_PERIOD: Duration = Duration::from_millis(250);

/// One branch of one remote, mirrored on our disk.
pub struct Source {
    settings: Checked,
    mirror: Mirror,
    /// One fetch at a time.
    fetching: Mutex<()>,
    /// Taken to write for the moment in which a new mirror takes the place of the old one.
    in_place: RwLock<()>,
    /// A read found the mirror damaged: the next fetch makes a new one.
    is_suspect: AtomicBool,
}

impl Source {
    /// Checks the settings, and touches neither disk nor network.
    ///
    /// # Errors
    /// [`GitError::InvalidSetting`] with the name of the setting and what is wrong with it.
    pub fn new(config: SourceConfig) -> Result<Self, GitError> {
        let settings = config.check()?;
        let url = settings.address.to_string();
        let mirror = Mirror::new(settings.directory.clone(), &url, &settings.branch);
        Ok(Self {
            settings,
            mirror,
            fetching: Mutex::new(()),
            in_place: RwLock::new(()),
            is_suspect: AtomicBool::new(false),
        })
    }

    /// Brings the mirror to where the branch stands now. After an error what was fetched before can still
    /// be read.
    ///
    /// # Errors
    /// See [`GitError`]; the whole is bounded by the setting `timeout`.
    pub async fn fetch(&self) -> Result<CommitId, GitError> {
        let _alone = self.fetching.lock().await;
        self.bounded("the fetch", self.fetch_now()).await
    }

    /// The spec files of a commit that was fetched, without the network.
    ///
    /// # Errors
    /// See [`GitError`]. After [`GitError::MirrorBroken`] the next fetch makes a new mirror.
    pub async fn read(&self, commit: &CommitId) -> Result<Checkout, GitError> {
        self.read_unless(commit, |_, _| false).await
    }

    /// As [`Self::read`], but without the contents of files that are known, by path and object id.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_unless(
        &self,
        commit: &CommitId,
        is_known: impl Fn(&str, &str) -> bool + Send,
    ) -> Result<Checkout, GitError> {
        let _stay = self.in_place.read().await;
        if !self.mirror.is_ours() {
            return Err(GitError::UnknownCommit { commit: commit.to_string() });
        }
        let git = Git::offline(&self.mirror.current(), &self.mirror.home());
        let reading = async {
            let read = read::read(&git, commit, &self.settings.path, &self.settings.limits, is_known).await;
            read.map_err(|fault| self.read_error(fault))
        };
        self.bounded("reading the specs", reading).await
    }

    /// The commit last fetched, without the network: what to start from while the remote is away.
    pub async fn head(&self) -> Option<CommitId> {
        {
            // A crash may have left the new mirror complete and not yet in its place.
            let _alone = self.in_place.write().await;
            self.mirror.settle().ok()?;
        }
        let _stay = self.in_place.read().await;
        self.bounded("reading the last commit", self.mirrored_head()).await.ok().flatten()
    }

    async fn bounded<T>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, GitError>>,
    ) -> Result<T, GitError> {
        let after = self.settings.timeout;
        // What is dropped here kills its children and all that they started.
        tokio::time::timeout(after, work).await.unwrap_or(Err(GitError::TimedOut { what, after }))
    }

    async fn fetch_now(&self) -> Result<CommitId, GitError> {
        let git = self.remote_git()?;
        let tip = self.remote_tip(&git).await?;
        let head = if self.is_suspect.load(Ordering::SeqCst) { None } else { self.mirrored_head().await? };
        match head {
            Some(head) if head == tip => self.check_size(&self.mirror.current()).map(|()| head),
            Some(_) => self.follow(&git, &tip).await,
            None => self.rebuild(&git, &tip).await,
        }
    }

    fn remote_git(&self) -> Result<Git, GitError> {
        let address = &self.settings.address;
        let trusted = if address.scheme == Scheme::File { safe_directories(address) } else { String::new() };
        self.mirror.prepare(&trusted)?;
        let credentials = Credentials::read(&self.settings.credentials, address)?;
        Ok(Git::for_remote(&self.mirror.home(), address, credentials))
    }

    /// Where the branch stands. It costs one round trip, and tells a deleted branch from a dead remote.
    async fn remote_tip(&self, git: &Git) -> Result<CommitId, GitError> {
        let name = format!("refs/heads/{}", self.settings.branch);
        let url = self.settings.address.for_git();
        let arguments = ["ls-remote", "--exit-code", "--end-of-options", &url, &name];
        let output = child::run(git.command(arguments), "the answer of the remote", ANSWER_BYTES_MAX).await?;
        // 2 is git's word for "reached, and there is no such reference".
        if !matches!(output.code, Some(0 | 2)) {
            return Err(self.remote_error(git, &output));
        }
        // The name is a pattern to git, which matches the end of longer ones too.
        let exact = |line: &str| line.split_once('\t').filter(|(_, found)| *found == name)?.0.parse().ok();
        let tip = output.stdout.lines().find_map(exact);
        tip.ok_or_else(|| GitError::BranchNotFound { url, branch: self.settings.branch.clone() })
    }

    /// The mirror's commit: `None` if there is no usable mirror of this branch.
    async fn mirrored_head(&self) -> Result<Option<CommitId>, GitError> {
        if !self.mirror.is_ours() {
            return Ok(None);
        }
        head_of(&Git::offline(&self.mirror.current(), &self.mirror.home())).await
    }

    /// Fetches what is new. If that fails the mirror may be why, so a new one is tried before giving up.
    async fn follow(&self, git: &Git, tip: &CommitId) -> Result<CommitId, GitError> {
        self.mirror.sweep()?;
        let current = self.mirror.current();
        match self.fetch_into(git, &current).await {
            Ok(_) if self.mirror.is_worn() => self.renew(git, tip).await,
            Ok(head) => Ok(head),
            Err(error @ GitError::TooLarge { .. }) => self.renew(git, tip).await.map_err(|_| error),
            Err(error) => {
                tracing::warn!(reason = error.reason(), "fetch into the mirror failed, trying a new mirror");
                self.rebuild(git, tip).await
            }
        }
    }

    /// Makes a new mirror of one that works: many packs, or old commits, are let go. If that fails the
    /// present one goes on serving.
    async fn renew(&self, git: &Git, tip: &CommitId) -> Result<CommitId, GitError> {
        match self.fill(git, tip, false).await {
            Ok(head) => Ok(head),
            Err(error) => {
                self.mirror.discard_next()?;
                tracing::warn!(reason = error.reason(), "cannot renew the mirror, going on with the old one");
                let head = self.mirrored_head().await?;
                head.filter(|_| !matches!(error, GitError::TooLarge { .. })).ok_or(error)
            }
        }
    }

    /// Makes a new mirror in the place of none, or of a damaged one, which is kept aside.
    async fn rebuild(&self, git: &Git, tip: &CommitId) -> Result<CommitId, GitError> {
        let filled = self.fill(git, tip, true).await;
        if filled.is_err() {
            self.mirror.discard_next()?;
        }
        filled
    }

    async fn fill(&self, git: &Git, tip: &CommitId, keep_old: bool) -> Result<CommitId, GitError> {
        self.mirror.discard_next()?;
        let next = self.mirror.next();
        self.init(git, &next, tip).await?;
        let head = self.fetch_into(git, &next).await?;
        let _alone = self.in_place.write().await;
        self.mirror.replace(keep_old && self.mirror.is_ours())?;
        self.is_suspect.store(false, Ordering::SeqCst);
        Ok(head)
    }

    async fn init(&self, git: &Git, repository: &Path, tip: &CommitId) -> Result<(), GitError> {
        let format = if tip.is_sha256() { "sha256" } else { "sha1" };
        let format = format!("--object-format={format}");
        // An empty template: no hooks, no exclude file.
        let arguments = ["init", "--quiet", "--bare", "--template=", "--initial-branch=main", &format];
        let command = git.on(repository).command(arguments);
        let output = child::run(command, "the answer of git", ANSWER_BYTES_MAX).await?;
        if output.code == Some(0) { Ok(()) } else { Err(self.mirror_error(&redact(&output.stderr, &[]))) }
    }

    /// One bounded fetch of the branch's tip, without its history.
    async fn fetch_into(&self, git: &Git, repository: &Path) -> Result<CommitId, GitError> {
        let url = self.settings.address.for_git();
        let refspec = format!("+refs/heads/{}:{HEAD}", self.settings.branch);
        let git = git.on(repository);
        let command = git.command([
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            "--update-shallow",
            "--depth=1",
            "--end-of-options",
            &url,
            &refspec,
        ]);
        let output = tokio::select! {
            output = child::run(command, "the answer of git", ANSWER_BYTES_MAX) => output?,
            error = self.outgrown(repository) => return Err(error),
        };
        if output.code != Some(0) {
            return Err(self.remote_error(&git, &output));
        }
        self.check_size(repository)?;
        let head = head_of(&git).await?;
        head.ok_or_else(|| self.mirror_error("the commit just fetched is not there"))
    }

    /// Ends when the mirror has grown too large; git itself has no such limit for a fetch.
    async fn outgrown(&self, repository: &Path) -> GitError {
        loop {
            tokio::time::sleep(SIZE_PERIOD).await;
            if let Err(error) = self.check_size(repository) {
                return error;
            }
        }
    }

    fn check_size(&self, repository: &Path) -> Result<(), GitError> {
        let limit = self.settings.limits.max_mirror_bytes;
        if Mirror::bytes(repository) <= limit {
            return Ok(());
        }
        Err(GitError::TooLarge { what: "the repository", limit })
    }

    fn remote_error(&self, git: &Git, output: &Output) -> GitError {
        let message = redact(&output.stderr, &git.secrets);
        refusal(&self.settings.address, &self.settings.credentials, message)
    }

    fn read_error(&self, fault: ReadFault) -> GitError {
        match fault {
            ReadFault::Named(error) => error,
            ReadFault::Damaged(message) => {
                self.is_suspect.store(true, Ordering::SeqCst);
                self.mirror_error(message)
            }
        }
    }

    fn mirror_error(&self, message: &str) -> GitError {
        GitError::MirrorBroken { directory: self.mirror.current(), message: message.to_owned() }
    }
}

/// `None` if the repository has no such commit, or is so damaged that git cannot say.
async fn head_of(git: &Git) -> Result<Option<CommitId>, GitError> {
    let name = format!("{HEAD}^{{commit}}");
    let command = git.command(["rev-parse", "--verify", "--quiet", &name]);
    let output = child::run(command, "the answer of git", ANSWER_BYTES_MAX).await?;
    Ok(output.stdout.trim_end().parse().ok().filter(|_| output.code == Some(0)))
}
