//! Who may ask: callers of the unix socket, which its file mode guards, and bearers of the token. This is the only place
//! that decides it, and no path of the API goes around it; calls of webhooks are judged in `hooks`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Inner;
use super::error::Refusal;

/// Shortest token: 16 characters of hexadecimal digits are 64 bits.
const TOKEN_BYTES_MIN: usize = 16;
/// Longest token file that is read.
const TOKEN_BYTES_MAX: u64 = 4096;

/// Who asks, as far as known. Whoever bears it in a request's extensions has been let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name that is recorded with what they ask for.
    pub name: String,
}

/// The file with the bearer token. It is read at each request, so a new token counts at once.
#[derive(Debug, Clone)]
pub struct TokenFile(PathBuf);

/// Why a token file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("cannot read the token in `{}`", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is in it can be guessed.
    #[error("the token in `{}` is shorter than {TOKEN_BYTES_MIN} characters: make one with `openssl rand -hex 32`", path.display())]
    TooShort {
        /// Its path.
        path: PathBuf,
    },
}

impl TokenFile {
    /// Takes the file, if there is a token in it.
    pub fn open(path: &Path) -> Result<Self, TokenError> {
        let file = Self(path.to_owned());
        file.read().map(|_| file)
    }

    fn read(&self) -> Result<Vec<u8>, TokenError> {
        let path = || self.0.clone();
        let mut text = Vec::new();
        let read =
            std::fs::File::open(&self.0).and_then(|file| file.take(TOKEN_BYTES_MAX).read_to_end(&mut text));
        read.map_err(|source| TokenError::Unreadable { path: path(), source })?;
        let token = text.trim_ascii().to_vec();
        if token.len() < TOKEN_BYTES_MIN { Err(TokenError::TooShort { path: path() }) } else { Ok(token) }
    }

    /// Compares in constant time: the time tells neither where two tokens differ nor how long ours is.
    fn is(&self, shown: &[u8]) -> Result<bool, TokenError> {
        let ours = Sha256::digest(self.read()?);
        Ok(bool::from(ours.as_slice().ct_eq(Sha256::digest(shown).as_slice())))
    }
}

/// Lets a caller in, or answers in the place of whatever they asked for.
pub(super) async fn admit(State(inner): State<Arc<Inner>>, mut request: Request, next: Next) -> Response {
    if request.extensions().get::<Caller>().is_some() {
        return next.run(request).await;
    }
    match knows_token(&inner, request.headers()) {
        Ok(true) => {
            request.extensions_mut().insert(Caller { name: "token".to_owned() });
            next.run(request).await
        }
        Ok(false) => unauthorized(),
        Err(error) => {
            tracing::error!(error = %error, "the API refuses everybody on TCP");
            Refusal::new("TokenUnreadable", "the token cannot be checked", "the controller's log tells more")
                .into_response()
        }
    }
}

fn knows_token(inner: &Inner, headers: &HeaderMap) -> Result<bool, TokenError> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().split_at_checked(7));
    match (&inner.token, shown) {
        (Some(token), Some((scheme, shown))) if scheme.eq_ignore_ascii_case(b"Bearer ") => {
            token.is(shown.trim_ascii())
        }
        (Some(_) | None, Some(_) | None) => Ok(false),
    }
}

fn unauthorized() -> Response {
    let refusal =
        Refusal::new("Unauthorized", "a token is needed", "give `etlctl` the token with --token-file");
    let mut response = refusal.into_response();
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"etl-controller\""));
    response
}
