//! A web server with TLS and a password, with git's own server program behind it, and the authority that signed its
//! certificate.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Server, server_command, tool};

/// The token that may read.
pub const TOKEN: &str = "tok-4711-right";

/// A running `lighttpd`.
pub struct WebServer {
    server: Server,
    home: TempDir,
}

impl WebServer {
    /// Serves the repositories of a folder.
    pub fn start(repositories: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        make_certificates(home.path());
        fs::write(home.path().join("users"), format!("x-access-token:{TOKEN}\n")).unwrap();
        let program = tool("git", &["--exec-path"]) + "/git-http-backend";
        let command = |port| {
            let file = home.path().join("lighttpd.conf");
            fs::write(&file, configuration(home.path(), port, repositories, &program)).unwrap();
            let mut command = server_command("/usr/sbin/lighttpd");
            command.arg("-D").arg("-f").arg(file);
            command
        };
        let server = Server::start(command, "server started");
        Self { server, home }
    }

    /// Nobody listens there any more; keys and other files stay.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Its certificate is for `127.0.0.1` and no other name.
    pub fn url(&self, host: &str, repository: &str) -> String {
        format!("https://{host}:{}/git/{repository}", self.server.port)
    }

    /// A file with the certificate of the authority that signed the server's.
    pub fn ca_file(&self) -> PathBuf {
        self.home.path().join("ca.pem")
    }

    /// A file with the certificate of an authority that signed nothing here.
    pub fn strange_ca_file(&self) -> PathBuf {
        self.home.path().join("stranger.pem")
    }

    /// A file that holds this token.
    pub fn token_file(&self, token: &str) -> PathBuf {
        let path = self.home.path().join("token");
        fs::write(&path, format!("{token}\n")).unwrap();
        path
    }
}

fn make_certificates(home: &Path) {
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    let make = |name: &str, more: &[&str]| {
        let (key, certificate) = (path(&format!("{name}.key")), path(&format!("{name}.pem")));
        let mut words: Vec<&str> = new.split(' ').collect();
        let subject = format!("/CN={name}");
        words.extend(["-subj", &subject, "-keyout", &key, "-out", &certificate]);
        words.extend(more);
        tool("openssl", &words);
    };
    make("ca", &[]);
    make("stranger", &[]);
    let (ca, ca_key) = (path("ca.pem"), path("ca.key"));
    let ours = ["-CA", &ca, "-CAkey", &ca_key, "-addext", "subjectAltName=IP:127.0.0.1"];
    let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    make("server", &[ours.as_slice(), leaf.as_slice()].concat());
}

fn configuration(home: &Path, port: u16, repositories: &Path, program: &str) -> String {
    let (home, repositories) = (home.display(), repositories.display());
    format!(
        r#"
server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi", "mod_openssl")
server.document-root = "{home}"
server.bind = "127.0.0.1"
server.port = {port}
ssl.engine = "enable"
ssl.pemfile = "{home}/server.pem"
ssl.privkey = "{home}/server.key"
auth.backend = "plain"
auth.backend.plain.userfile = "{home}/users"
auth.require = ("" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
alias.url = ("/git/" => "{program}/")
cgi.assign = ("" => "")
setenv.add-environment = ("GIT_PROJECT_ROOT" => "{repositories}", "GIT_HTTP_EXPORT_ALL" => "1")
"#
    )
}
