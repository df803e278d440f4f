//! Why TLS with a manager fails, and what cures it. It reads errors, and decides nothing about the connection.

use std::error::Error;
use std::io;

use rustls::CertificateError;
use rustls::Error as TlsError;

/// The flags to look at are named, since nothing else tells which of the three files is wrong.
const OUR_CERTIFICATE: &str = "the daemon does not take our certificate: see that `--docker-tls-cert` is signed by \
     the authority in the daemon's `--tlscacert`, and is in force";
const THEIR_CERTIFICATE: &str =
    "its certificate is not trusted: see that `--docker-tls-ca` holds the authority that signed it";
const THEIR_NAME: &str =
    "its certificate is for another name: write `--docker-host` with a name that it is for";
const THEIR_DATES: &str = "its certificate is not in force: renew it, or set the clock";
const NOT_TLS: &str = "it does not speak TLS: give the port where the daemon listens with `--tlsverify`";

/// Errors inside errors that are looked at; hyper and rustls nest about five.
const DEPTH_MAX: usize = 16;

/// What cures it, if the failure is one of TLS.
pub(crate) fn cure(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    for _ in 0..DEPTH_MAX {
        let error = next?;
        if let Some(tls) = error.downcast_ref::<TlsError>() {
            return cure_of(tls);
        }
        next = match error.downcast_ref::<io::Error>() {
            // Its `source` is that of what it wraps: the wrapped error itself would be passed over.
            Some(outer) => outer.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn cure_of(error: &TlsError) -> Option<&'static str> {
    match error {
        TlsError::AlertReceived(_) => Some(OUR_CERTIFICATE),
        TlsError::InvalidMessage(_) => Some(NOT_TLS),
        TlsError::InvalidCertificate(error) => Some(match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => THEIR_NAME,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => THEIR_DATES,
            _ => THEIR_CERTIFICATE,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, InvalidMessage};

    use super::*;

    #[test]
    fn what_fails_inside_of_other_errors_is_found_and_has_a_cure() {
        for (failed, expected) in [
            (TlsError::AlertReceived(AlertDescription::BadCertificate), Some("`--docker-tls-cert`")),
            (TlsError::InvalidMessage(InvalidMessage::InvalidContentType), Some("`--tlsverify`")),
            (TlsError::InvalidCertificate(CertificateError::UnknownIssuer), Some("`--docker-tls-ca`")),
            (TlsError::InvalidCertificate(CertificateError::NotValidForName), Some("`--docker-host`")),
            (TlsError::InvalidCertificate(CertificateError::Expired), Some("renew it")),
            (TlsError::HandshakeNotComplete, None),
        ] {
            let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, failed.clone()));
            let found = cure(&wrapped);
            assert_eq!(found.is_some(), expected.is_some(), "{failed}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{failed}: {found:?}");
        }
        assert_eq!(cure(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
