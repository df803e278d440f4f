//! Why TLS with a manager fails, and what cures it. It reads errors, and decides nothing about the connection.

use std::error::Error;
use std::io;

use rustls::Error as TlsError;
use rustls::{AlertDescription, CertificateError};

/// The flags to look at are named, since nothing else tells which of the three files is wrong; and the restart, since
/// the files are read once.
const OUR_CERTIFICATE: &str = "the daemon does not take our certificate: see that `--docker-tls-cert` is signed by \
     the authority in the daemon's `--tlscacert`, and is in force; if you replace it, restart the controller";
const THEIR_CERTIFICATE: &str = "its certificate is not trusted: see that `--docker-tls-ca` holds the authority that \
     signed it; if you replace it, restart the controller";
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
        TlsError::AlertReceived(alert) => is_about_our_certificate(*alert).then_some(OUR_CERTIFICATE),
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

/// Other alerts blame a version, a cipher or the daemon itself: our certificate would be looked at in vain.
fn is_about_our_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;

    use super::*;

    #[test]
    fn what_fails_inside_of_other_errors_is_found_and_has_a_cure() {
        for (failed, expected) in [
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

    #[test]
    fn only_an_alert_about_our_certificate_blames_it() {
        for (alert, blames) in [
            (AlertDescription::BadCertificate, true),
            (AlertDescription::UnsupportedCertificate, true),
            (AlertDescription::CertificateRevoked, true),
            (AlertDescription::CertificateExpired, true),
            (AlertDescription::CertificateUnknown, true),
            (AlertDescription::UnknownCA, true),
            (AlertDescription::AccessDenied, true),
            (AlertDescription::CertificateRequired, true),
            (AlertDescription::CloseNotify, false),
            (AlertDescription::HandshakeFailure, false),
            (AlertDescription::ProtocolVersion, false),
            (AlertDescription::InsufficientSecurity, false),
            (AlertDescription::UnrecognisedName, false),
            (AlertDescription::InternalError, false),
            (AlertDescription::Unknown(200), false),
        ] {
            let found = cure(&TlsError::AlertReceived(alert));
            assert_eq!(found, blames.then_some(OUR_CERTIFICATE), "{alert:?}");
        }
    }

    #[test]
    fn a_cure_by_other_files_says_that_they_are_read_once() {
        for cure in [OUR_CERTIFICATE, THEIR_CERTIFICATE] {
            assert!(cure.contains("restart the controller"), "{cure}");
        }
    }
}
