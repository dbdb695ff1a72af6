//! What comes back instead of what was asked, as codif's errors: the one place where S3's codes are known.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStreamError;

use super::S3;
use crate::registry::error::{RegistryError, in_one_line};

/// Codes of refusals that pass by themselves, whatever their status.
const PASSING: [&str; 12] = [
    "BadDigest",
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "XAmzContentSHA256Mismatch",
];
/// Codes of refusals of the credentials, whatever their status.
const DENYING: [&str; 8] = [
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidSecurity",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];
/// Most characters of what a server says.
const LONGEST: usize = 400;

const CLOCK: &str = "the clock of this machine and that of the server differ by more than 15 minutes: set the clock";
const NO_BUCKET: &str = "look at the bucket's name, and at the endpoint";
const NO_CREDENTIALS: &str = "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a \
    profile of ~/.aws, or give this machine or its container a role";

/// A refusal by the server.
#[derive(Clone, Copy, Debug)]
struct Refusal<'a> {
    status: u16,
    code: &'a str,
    message: &'a str,
    /// Where the bucket is, if the server says so.
    region: Option<&'a str>,
}

impl S3 {
    /// Why a request for this key has no answer.
    pub(super) fn error<E>(&self, key: &str, error: &SdkError<E>) -> RegistryError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let answer = match error {
            SdkError::ServiceError(answer) => answer,
            // Nothing that could be sent: the name of the bucket, for one, is none. Waiting does not mend it.
            SdkError::ConstructionFailure(_) => {
                return RegistryError::Refused(format!("{}: {}", self.place(), in_one_line(error)));
            }
            _ => return undelivered(self.place(), error),
        };
        let status = answer.raw().status().as_u16();
        // An answer that is no XML has neither code nor message; what it is instead then stands among the causes.
        let strange = if error.code().is_none() && status < 300 { in_one_line(answer.err()) } else { String::new() };
        let refusal = Refusal {
            status,
            code: error.code().unwrap_or_default(),
            message: error.message().unwrap_or(&strange),
            region: answer.raw().headers().get("x-amz-bucket-region"),
        };
        refusal.error(self.place(), self.named(key))
    }

    /// The bytes of an answer stopped coming.
    pub(super) fn cut(&self, error: &ByteStreamError) -> RegistryError {
        self.unreachable(tidy(&in_one_line(error)))
    }

    /// An answer ended before its end.
    pub(super) fn short(&self, received: u64, announced: u64) -> RegistryError {
        self.unreachable(format!("an answer ended after {received} of {announced} bytes"))
    }

    /// It cannot be reached, for this reason.
    pub(super) fn unreachable(&self, reason: String) -> RegistryError {
        RegistryError::Unreachable { place: self.place(), reason }
    }

    /// It answered what makes no sense.
    pub(super) fn unexpected(&self, reason: String) -> RegistryError {
        RegistryError::Unexpected { place: self.place(), reason }
    }

    /// There is no such bucket.
    pub(super) fn no_bucket(&self) -> RegistryError {
        RegistryError::NoRegistry { place: self.place(), hint: NO_BUCKET.to_owned() }
    }

    /// Somebody else was first.
    pub(super) fn conflict(&self, key: &str) -> RegistryError {
        conflict(self.named(key))
    }
}

/// Whether a request was refused because there is no such object. Without a body, as of HEAD, so does a missing bucket
/// look.
pub(super) fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    matches!(error.code(), Some("NoSuchKey" | "NotFound"))
}

/// Whether a request was refused because nothing of the object lies in the range.
pub(super) fn is_unsatisfiable<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code() == Some("InvalidRange") || error.raw_response().is_some_and(|answer| answer.status().as_u16() == 416)
}

/// Whether a request was refused because the clocks differ.
pub(super) fn is_of_the_clock(error: &RegistryError) -> bool {
    matches!(error, RegistryError::Denied { reason, .. } if reason == CLOCK)
}

impl Refusal<'_> {
    fn error(&self, place: String, what: String) -> RegistryError {
        let reason = self.text();
        match self.code {
            "RequestTimeTooSkewed" | "RequestExpired" => RegistryError::Denied { place, reason: CLOCK.to_owned() },
            "NoSuchBucket" | "InvalidBucketName" => {
                RegistryError::NoRegistry { place, hint: format!("{reason}: {NO_BUCKET}") }
            }
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => elsewhere(place, &reason, self.region),
            "NoSuchKey" | "NotFound" => RegistryError::NoFile(what),
            // An unfinished upload, or a part of one, that is gone was ended or replaced by somebody else.
            "PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchUpload" | "InvalidPart" => conflict(what),
            code if PASSING.contains(&code) => RegistryError::Unreachable { place, reason },
            code if DENYING.contains(&code) => self.denied(place, &reason),
            _ => match self.status {
                300..=399 => elsewhere(place, &reason, self.region),
                401 | 403 => self.denied(place, &reason),
                412 => conflict(what),
                // 501 will be the same tomorrow.
                408 | 429 | 500 | 502..=599 => RegistryError::Unreachable { place, reason },
                _ => RegistryError::Unexpected { place, reason: format!("{what}: {reason}") },
            },
        }
    }

    fn denied(&self, place: String, reason: &str) -> RegistryError {
        let look = match self.code {
            "InvalidAccessKeyId" => "look at AWS_ACCESS_KEY_ID, or at the profile",
            "SignatureDoesNotMatch" => "look at AWS_SECRET_ACCESS_KEY, or at the profile",
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                "get new credentials, and look at AWS_SESSION_TOKEN"
            }
            _ => "reading takes s3:ListBucket and s3:GetObject, publishing s3:PutObject and s3:DeleteObject too",
        };
        RegistryError::Denied { place, reason: format!("{reason}: {look}") }
    }

    /// What the server says, in one line.
    fn text(&self) -> String {
        match (self.code, tidy(self.message)) {
            ("", message) if message.is_empty() => format!("status {}", self.status),
            ("", message) => format!("status {}: {message}", self.status),
            (code, message) if message.is_empty() => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        }
    }
}

fn conflict(what: String) -> RegistryError {
    RegistryError::Conflict { what, hint: "look, then try again".to_owned() }
}

fn elsewhere(place: String, reason: &str, region: Option<&str>) -> RegistryError {
    let hint = match region {
        Some(region) => format!("{reason}: the bucket is in the region {region}, set AWS_REGION to it"),
        None => format!("{reason}: look at the region (AWS_REGION), and at the endpoint"),
    };
    RegistryError::NoRegistry { place, hint }
}

/// A request that was not sent, or whose answer did not come.
fn undelivered(place: String, error: &(dyn Error + 'static)) -> RegistryError {
    if let Some(error) = cause::<CredentialsError>(error) {
        return without_credentials(place, error);
    }
    // The outermost says only "dispatch failure".
    let mut reason = tidy(&in_one_line(error.source().unwrap_or(error)));
    if reason.contains("certificate") {
        reason.push_str(": name the authority that signed it with AWS_CA_BUNDLE");
    }
    RegistryError::Unreachable { place, reason }
}

fn without_credentials(place: String, error: &CredentialsError) -> RegistryError {
    let reason = match error {
        CredentialsError::CredentialsNotLoaded(_) => NO_CREDENTIALS.to_owned(),
        error => format!("no credentials: {}", tidy(&in_one_line(error))),
    };
    // Who gives them out may be out of reach for a while, as S3 itself may.
    let passing = ["dispatch failure", "timed out", "timeout"].iter().any(|sign| reason.contains(*sign));
    if passing { RegistryError::Unreachable { place, reason } } else { RegistryError::Denied { place, reason } }
}

/// The error of this type among an error and its causes.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

/// A text in one line, without a full stop at its end and not without end.
fn tidy(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.trim_end_matches('.').chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::error::ConnectorError;
    use aws_sdk_s3::operation::get_object::GetObjectError;

    use super::*;

    fn of(status: u16, code: &str) -> RegistryError {
        let refusal = Refusal { status, code, message: "What\n it says.", region: None };
        refusal.error("s3://bucket/".to_owned(), "s3://bucket/key".to_owned())
    }

    #[test]
    fn what_passes_by_itself_is_told_from_what_does_not() {
        for (status, code) in [(503, "SlowDown"), (500, ""), (502, "AnyCode"), (429, ""), (400, "RequestTimeout")] {
            assert!(of(status, code).may_pass(), "{status} {code}");
        }
        for (status, code) in [(501, "NotImplemented"), (400, "InvalidArgument"), (403, ""), (404, "NoSuchBucket")] {
            assert!(!of(status, code).may_pass(), "{status} {code}");
        }
    }

    #[test]
    fn refusals_say_what_to_look_at() {
        let text = of(403, "InvalidAccessKeyId").to_string();
        assert_eq!(
            text,
            "s3://bucket/ refuses: InvalidAccessKeyId: What it says: look at AWS_ACCESS_KEY_ID, or at the profile"
        );
        assert!(of(403, "RequestTimeTooSkewed").to_string().ends_with("set the clock"));
        assert!(is_of_the_clock(&of(403, "RequestTimeTooSkewed")));
        assert!(matches!(of(400, "ExpiredToken"), RegistryError::Denied { .. }));
        assert!(matches!(of(404, "NoSuchBucket"), RegistryError::NoRegistry { .. }));
        assert!(matches!(of(301, ""), RegistryError::NoRegistry { .. }));
    }

    #[test]
    fn a_bucket_elsewhere_is_told_with_its_region() {
        let refusal = Refusal { status: 301, code: "PermanentRedirect", message: "", region: Some("eu-west-3") };
        let text = refusal.error("s3://bucket/".to_owned(), String::new()).to_string();
        assert!(text.ends_with("the bucket is in the region eu-west-3, set AWS_REGION to it"), "{text}");
    }

    #[test]
    fn lost_races_are_conflicts() {
        for (status, code) in [(412, "PreconditionFailed"), (412, ""), (409, "ConditionalRequestConflict")] {
            assert!(matches!(of(status, code), RegistryError::Conflict { .. }), "{status} {code}");
        }
        assert!(matches!(of(404, "NoSuchUpload"), RegistryError::Conflict { .. }));
        assert!(matches!(of(404, "NoSuchKey"), RegistryError::NoFile(_)));
    }

    #[test]
    fn without_credentials_it_is_said_where_they_are_looked_for() {
        let none = ConnectorError::other(CredentialsError::not_loaded("nowhere").into(), None);
        let error: SdkError<GetObjectError> = SdkError::dispatch_failure(none);
        let error = undelivered("s3://bucket/".to_owned(), &error);
        assert!(matches!(&error, RegistryError::Denied { reason, .. } if reason == NO_CREDENTIALS), "{error}");
    }

    #[test]
    fn what_does_not_come_through_may_pass() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let error: SdkError<GetObjectError> = SdkError::dispatch_failure(ConnectorError::io(refused.into()));
        let error = undelivered("s3://bucket/".to_owned(), &error);
        assert_eq!(error.to_string(), "s3://bucket/ cannot be reached: io error: connection refused");
        assert!(error.may_pass());
    }
}
