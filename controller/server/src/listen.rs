//! Accepts connections on the unix socket and on TCP, and hands their requests to a router. A caller of the unix socket
//! is let in, since the file's mode has let them connect; of a caller on TCP nothing is known here.

use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::api::Caller;

/// Connections of one listener at once; more wait to be accepted. Each may hold a file and some buffers.
const CONNECTIONS_MAX: usize = 256;
/// Longest time that a connection may take to say what it wants.
const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// Longest time that connections get to end when the server stops.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Pause after a failed accept: out of files, most likely, and asking at once again would only burn the CPU.
const ACCEPT_DELAY: Duration = Duration::from_millis(100);
/// Owner and group may ask, others not.
const SOCKET_MODE: u32 = 0o660;

/// Why a socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process answers there.
    #[error("another process listens on `{}`: stop it, or give --api-socket", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else bears its name.
    #[error("`{}` is there and no socket: move it away, or give --api-socket", path.display())]
    NotSocket {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot listen on `{address}`")]
    Io {
        /// Path or address.
        address: String,
        /// Why.
        source: io::Error,
    },
}

/// A unix socket that is removed when nobody listens any more.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Socket {
    /// Binds the socket. One that a crash left behind is replaced; one that answers is left alone.
    pub fn bind(path: &Path) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Io { address: path.display().to_string(), source };
        refuse_used(path)?;
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(failed)?;
        }
        let listener = bind_guarded(path).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Serves until `stop`, then lets requests end.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        let accept = async || {
            let (stream, _) = self.listener.accept().await?;
            let caller = Caller { name: caller_of(&stream) };
            Ok((stream, Some(caller)))
        };
        serve(accept, router, stop).await;
    }
}

/// Binds a TCP address.
pub async fn bind_tcp(address: std::net::SocketAddr) -> Result<TcpListener, ListenError> {
    let failed = |source| ListenError::Io { address: address.to_string(), source };
    TcpListener::bind(address).await.map_err(failed)
}

/// Serves on TCP until `stop`, then lets requests end.
pub async fn serve_tcp(listener: TcpListener, router: Router, stop: CancellationToken) {
    let accept = async || listener.accept().await.map(|(stream, _)| (stream, None));
    serve(accept, router, stop).await;
}

fn refuse_used(path: &Path) -> Result<(), ListenError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ListenError::NotSocket { path: path.to_owned() });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(ListenError::InUse { path: path.to_owned() }),
        Err(_) => Ok(()),
    }
}

/// Binds in a folder of our own and moves the socket to its place once its mode is set: there is no moment in which
/// others could connect, whatever the umask.
fn bind_guarded(path: &Path) -> io::Result<UnixListener> {
    let folder = path.with_extension(format!("{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let hidden = folder.join("s");
    let bound = UnixListener::bind(&hidden).and_then(|listener| {
        fs::set_permissions(&hidden, Permissions::from_mode(SOCKET_MODE))?;
        fs::rename(&hidden, path)?;
        Ok(listener)
    });
    let _ = fs::remove_dir_all(&folder);
    bound
}

/// The user at the other end, by name where the system knows it.
fn caller_of(stream: &UnixStream) -> String {
    let Ok(peer) = stream.peer_cred() else { return "unknown".to_owned() };
    let uid = peer.uid().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or(format!("uid {uid}"))
}

async fn serve<S, F>(accept: impl Fn() -> F, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Future<Output = io::Result<(S, Option<Caller>)>>,
{
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.expect("nobody closes the semaphore");
            (place, accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, caller)) => {
                let connection = graceful.watch(connection(stream, router.clone(), caller));
                tokio::spawn(async move {
                    // A caller who hangs up in the middle is no news.
                    let _ = connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(error = %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_DELAY).await;
            }
        }
    }
    let _ = tokio::time::timeout(STOP_LIMIT, graceful.shutdown()).await;
}

type Connection<S> = http1::Connection<
    TokioIo<S>,
    TowerToHyperService<
        tower::util::BoxCloneSyncService<
            hyper::Request<Incoming>,
            axum::response::Response,
            std::convert::Infallible,
        >,
    >,
>;

fn connection<S>(stream: S, router: Router, caller: Option<Caller>) -> Connection<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
        if let Some(caller) = &caller {
            request.extensions_mut().insert(caller.clone());
        }
        request
    });
    let service = TowerToHyperService::new(tower::util::BoxCloneSyncService::new(service));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT);
    http.serve_connection(TokioIo::new(stream), service)
}

#[cfg(test)]
mod tests {
    use axum::Extension;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Answers with the name of who asks.
    fn who() -> Router {
        let answer = |caller: Option<Extension<Caller>>| async {
            caller.map_or("nobody".into(), |caller| caller.0.name)
        };
        Router::new().route("/who", get(answer))
    }

    async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
        stream.write_all(b"GET /who HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text.rsplit("\r\n").next().unwrap_or_default().to_owned()
    }

    fn my_name() -> String {
        let uid = fs::metadata("/proc/self").map(|meta| std::os::unix::fs::MetadataExt::uid(&meta)).unwrap();
        if uid == 0 { "root".to_owned() } else { format!("uid {uid}") }
    }

    #[tokio::test]
    async fn a_caller_of_the_socket_is_known_and_one_on_tcp_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/api.sock");
        let stop = CancellationToken::new();
        let socket = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        let tcp = bind_tcp(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = tcp.local_addr().unwrap();
        let on_socket = tokio::spawn(socket.serve(who(), stop.clone()));
        let on_tcp = tokio::spawn(serve_tcp(tcp, who(), stop.clone()));
        assert_eq!(ask(UnixStream::connect(&path).await.unwrap()).await, my_name());
        assert_eq!(ask(tokio::net::TcpStream::connect(address).await.unwrap()).await, "nobody");
        stop.cancel();
        on_socket.await.unwrap();
        on_tcp.await.unwrap();
        assert!(!path.exists(), "the socket goes with its listener");
    }

    #[tokio::test]
    async fn what_a_crash_left_is_replaced_and_what_is_used_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a socket that nobody listens on");
        let socket = Socket::bind(&path).unwrap();
        assert!(matches!(Socket::bind(&path), Err(ListenError::InUse { .. })));
        assert!(path.exists(), "a refused bind takes nothing away");
        drop(socket);
        fs::write(&path, "somebody's file").unwrap();
        assert!(matches!(Socket::bind(&path), Err(ListenError::NotSocket { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's file");
    }

    #[tokio::test]
    async fn a_stop_waits_for_the_answer_that_is_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let (begun, go_on) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
        let (begin, wait) = (begun.clone(), go_on.clone());
        let slow = move || {
            let (begin, wait) = (begin.clone(), wait.clone());
            async move {
                begin.notify_one();
                wait.notified().await;
                "done"
            }
        };
        let stop = CancellationToken::new();
        let router = Router::new().route("/who", get(slow));
        let serving = tokio::spawn(Socket::bind(&path).unwrap().serve(router, stop.clone()));
        let asking = tokio::spawn(ask(UnixStream::connect(&path).await.unwrap()));
        begun.notified().await;
        stop.cancel();
        go_on.notify_one();
        assert_eq!(asking.await.unwrap(), "done");
        serving.await.unwrap();
    }
}
