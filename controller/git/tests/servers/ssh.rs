//! OpenSSH's server with one host key and one user: whoever runs the test, by key alone, for git alone.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Server, server_command, tool};

/// A running `sshd`, its keys, and those of its visitors.
pub struct SshServer {
    server: Server,
    home: TempDir,
    user: String,
}

impl SshServer {
    pub fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let user = tool("id", &["-un"]);
        new_key(&home.path().join("host_key"));
        let welcome = new_key(&home.path().join("it's 100% welcome"));
        new_key(&home.path().join("stranger"));
        // As git hosts do it: the key opens no shell, only git's own programs.
        let only_git = r#"restrict,command="git-shell -c \"$SSH_ORIGINAL_COMMAND\"""#;
        fs::write(home.path().join("authorized_keys"), format!("{only_git} {welcome}\n")).unwrap();
        make_privilege_separation_folder(&user);
        let command = |port| {
            let file = home.path().join("sshd_config");
            fs::write(&file, configuration(home.path(), port, &user)).unwrap();
            let mut command = server_command("/usr/sbin/sshd");
            command.args(["-D", "-e", "-f"]).arg(file);
            command
        };
        let server = Server::start(command, "Server listening on");
        Self { server, home, user }
    }

    /// Nobody listens there any more; keys and other files stay.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    pub fn url(&self, folder: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.server.port, folder.display())
    }

    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The key that may read, in a file whose name a shell or ssh could misread.
    pub fn welcome_key(&self) -> PathBuf {
        self.home.path().join("it's 100% welcome")
    }

    /// A key that the server does not know.
    pub fn strange_key(&self) -> PathBuf {
        self.home.path().join("stranger")
    }

    /// What `ssh-keyscan` prints of it.
    pub fn known_hosts(&self) -> PathBuf {
        self.hosts_file("known_hosts", &self.home.path().join("host_key.pub"))
    }

    /// Another key in the place of the server's own, as after a change, or with somebody in between.
    pub fn changed_hosts(&self) -> PathBuf {
        self.hosts_file("changed_hosts", &self.home.path().join("stranger.pub"))
    }

    /// Names nobody.
    pub fn empty_hosts(&self) -> PathBuf {
        let file = self.home.path().join("empty_hosts");
        fs::write(&file, "").unwrap();
        file
    }

    fn hosts_file(&self, name: &str, public_key: &Path) -> PathBuf {
        let file = self.home.path().join(name);
        let key = fs::read_to_string(public_key).unwrap();
        fs::write(&file, format!("[127.0.0.1]:{} {key}", self.server.port)).unwrap();
        file
    }
}

/// Makes a key pair and returns its public half.
fn new_key(file: &Path) -> String {
    let file = file.to_str().unwrap();
    tool("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
    fs::read_to_string(format!("{file}.pub")).unwrap().trim_end().to_owned()
}

fn configuration(home: &Path, port: u16, user: &str) -> String {
    let home = home.display();
    // Without PAM sshd turns a locked account away, as root's is where everybody uses sudo.
    let pam = if is_locked(user) { "yes" } else { "no" };
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {home}/host_key\nAuthorizedKeysFile {home}/authorized_keys\n\
         PidFile none\nUsePAM {pam}\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nAllowUsers {user}\n\
         # The folder of temporary files is everybody's to write, which sshd would not stand.\nStrictModes no\n"
    )
}

fn is_locked(user: &str) -> bool {
    let shadow = fs::read_to_string("/etc/shadow").unwrap_or_default();
    shadow.lines().any(|line| line.starts_with(&format!("{user}:!")))
}

/// Debian's sshd wants this empty folder at a fixed place when it runs as root; a boot, or its service, makes it.
fn make_privilege_separation_folder(user: &str) {
    if user == "root" {
        fs::create_dir_all("/run/sshd").unwrap();
    }
}
