//! Why a job failed, in the words of whoever asked for it: no flags of a command line, no paths of this machine.

use crate::recode::columns::ColumnError;
use crate::recode::error::RecodeError;

/// The reason, without the folder of the job.
pub fn reason(error: &RecodeError, folder: &str) -> String {
    let reason = match error {
        RecodeError::Column(ColumnError::NoDescription { columns }) => {
            format!("no column is called description: say with columns.description which holds the text, of {columns}")
        }
        RecodeError::Column(ColumnError::Taken { name }) => {
            format!("two columns {name:?} would be written: leave out the input's with keep")
        }
        RecodeError::InputChanged { name, .. } => format!("{name} has changed since the job began: ask again"),
        RecodeError::OutputExists(output) => {
            format!("{output} is there already: name another output, or replace it with overwrite")
        }
        RecodeError::OtherColumns { name, found, first, expected } => {
            format!("{name}: its columns are {found}, those of {first} are {expected}: code them apart")
        }
        RecodeError::TooManyErrors { found, allowed, last } => {
            format!("{found} rows could not be coded, more than the {allowed} of max_errors; the last: {last}")
        }
        error => error.to_string(),
    };
    reason.replace(&format!("{}/", folder.trim_end_matches('/')), "")
}

/// Whether the same may succeed later without anybody changing anything.
pub fn may_pass(error: &RecodeError) -> bool {
    matches!(error, RecodeError::Remote { error, .. } if error.may_pass()) || matches!(error, RecodeError::InUse(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_speak_of_the_request_and_not_of_this_machine() {
        let error = RecodeError::Column(ColumnError::NoDescription { columns: "libelle".to_owned() });
        assert!(reason(&error, "/x").contains("columns.description"));
        let error = RecodeError::NoInput("/var/lib/codif/0123/upload.csv: it is empty".to_owned());
        assert_eq!(reason(&error, "/var/lib/codif/0123"), "upload.csv: it is empty");
        for error in [
            RecodeError::OutputExists("s3://b/out.csv".to_owned()),
            RecodeError::InputChanged { name: "s3://b/a.csv".to_owned(), work: "/x".to_owned() },
            RecodeError::TooManyErrors { found: 2, allowed: 1, last: "row 3: no text".to_owned() },
        ] {
            assert!(!reason(&error, "/x").contains("--"), "{error}");
        }
    }
}
