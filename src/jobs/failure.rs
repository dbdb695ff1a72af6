//! Why a job failed, in the words of whoever asked for it: no flags of a command line, no paths of this machine.

use crate::recode::columns::ColumnError;
use crate::recode::error::RecodeError;
use crate::recode::inputs::OR_SAY;
use crate::recode::sink::FREE_SOME;

/// The reason, without the folders of the job.
pub fn reason(error: &RecodeError, folders: &[String]) -> String {
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
        RecodeError::InUse(_) => "another attempt at the job still has its files".to_owned(),
        error => error.to_string(),
    };
    let without_folder =
        |reason: String, folder: &String| reason.replace(&format!("{}/", folder.trim_end_matches('/')), "");
    let reason = folders.iter().fold(reason, without_folder);
    ADVICE.iter().fold(reason, |reason, (of_the_command_line, here)| reason.replace(of_the_command_line, here))
}

/// What `codif recode` advises, and what is advised here.
const ADVICE: [(&str, &str); 4] = [
    (OR_SAY, ""),
    ("with --keep", "with keep"),
    (FREE_SOME, "ask again when there is some"),
    (": begin anew with --restart", ""),
];

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
        assert!(reason(&error, &[]).contains("columns.description"));
        let folders = ["s3://b/jobs/0123/".to_owned(), "/var/lib/codif/0123".to_owned()];
        for name in ["s3://b/jobs/0123/upload.csv", "/var/lib/codif/0123/upload.csv"] {
            assert_eq!(
                reason(&RecodeError::NoInput(format!("{name}: it is empty")), &folders),
                "upload.csv: it is empty"
            );
        }
        for error in [
            RecodeError::OutputExists("s3://b/out.csv".to_owned()),
            RecodeError::InUse("/var/lib/codif/0123/work".to_owned()),
            RecodeError::NoInput(format!("s3://b/in/: no file{OR_SAY}")),
            RecodeError::Internal(format!("no room: {FREE_SOME}")),
            RecodeError::InputChanged { name: "s3://b/a.csv".to_owned(), work: "/x".to_owned() },
            RecodeError::TooManyErrors { found: 2, allowed: 1, last: "row 3: no text".to_owned() },
        ] {
            assert!(!reason(&error, &folders).contains("--"), "{error}");
        }
    }
}
