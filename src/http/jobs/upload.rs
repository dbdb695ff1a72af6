//! An uploaded file, from the form to the place of its job, a piece at a time.

use std::io::ErrorKind;
use std::time::Duration;

use multer::Field;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::form::{Form, refused};
use super::{LARGEST_REQUEST, parsed};
use crate::http::error::Problem;
use crate::jobs::JobDesk;
use crate::jobs::error::JobError;
use crate::jobs::request::JobRequest;
use crate::recode::format::Format;
use crate::recode::remote::Buckets;
use crate::registry::directory::sync_folder;
use crate::store::job::JobId;

/// Deepest JSON of the settings.
const DEPTH: usize = 8;

/// A file and what is to be done with it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what upload reads")]
pub struct JobForm {
    /// The file, named after its format: .csv, .tsv, .ndjson, also .gz or .zst, .parquet.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What is to be done with it, as JSON: a JobRequest without `input`.
    #[schema(value_type = Option<JobRequest>)]
    settings: Option<String>,
}

/// Takes the file and the settings of a form; gives the name under which the file lies in the place of the job.
pub async fn take(desk: &JobDesk, id: &JobId, form: Form, patience: Duration) -> Result<(JobRequest, String), Problem> {
    let taken = take_parts(desk, id, form, patience).await;
    if taken.is_err() {
        desk.clear_or_leave(id).await;
    }
    taken
}

async fn take_parts(
    desk: &JobDesk,
    id: &JobId,
    mut form: Form,
    patience: Duration,
) -> Result<(JobRequest, String), Problem> {
    let (mut request, mut upload) = (None, None);
    while let Some(field) = within(patience, form.next_field()).await? {
        match field.name() {
            Some("settings") if request.is_none() => request = Some(settings(field, patience).await?),
            Some("file") if upload.is_none() => upload = Some(write(desk, id, field, patience).await?),
            name => {
                let detail =
                    format!("a form of one file and one settings is read, not another {:?}", name.unwrap_or(""));
                return Err(Problem::wrong_shape(detail));
            }
        }
    }
    let name = upload.ok_or_else(|| Problem::wrong_shape("the form holds no file"))?;
    let (place, s3, kept, id) = (desk.place().clone(), desk.s3().clone(), name.clone(), id.clone());
    let keeping = tokio::task::spawn_blocking(move || place.keep(&id, &kept, &Buckets::new(s3)));
    keeping.await.map_err(Problem::internal)?.map_err(JobError::from)?;
    Ok((request.unwrap_or_default(), name))
}

async fn settings(mut field: Field<'static>, patience: Duration) -> Result<JobRequest, Problem> {
    let mut json = Vec::new();
    while let Some(piece) = within(patience, field.chunk()).await? {
        if json.len() + piece.len() > LARGEST_REQUEST {
            return Err(Problem::body_too_large());
        }
        json.extend_from_slice(&piece);
    }
    parsed(&json, DEPTH)
}

/// Writes the file; it is on the disk when this is over.
async fn write(desk: &JobDesk, id: &JobId, mut field: Field<'static>, patience: Duration) -> Result<String, Problem> {
    let unknown = || {
        let detail = "the file's name says no format: end it with .csv, .tsv, .ndjson, also .gz or .zst, or .parquet";
        Problem::invalid("unknown_format", detail)
    };
    let (format, compression) = field.file_name().and_then(Format::of).ok_or_else(unknown)?;
    let name = format!("upload.{}", format.extension(compression));
    let folder = desk.place().folder(id);
    tokio::fs::create_dir_all(&folder).await.map_err(|error| no_room(&error))?;
    let path = folder.join(&name);
    let mut file = File::create(&path).await.map_err(|error| no_room(&error))?;
    // A client that sends something now and then is waited for, one that sends nothing is not.
    while let Some(piece) = within(patience, field.chunk()).await? {
        file.write_all(&piece).await.map_err(|error| no_room(&error))?;
    }
    // What goes wrong with the last piece is told by the flush alone.
    file.flush().await.map_err(|error| no_room(&error))?;
    file.sync_all().await.map_err(|error| no_room(&error))?;
    let written = tokio::task::spawn_blocking(move || sync_folder(&path).and_then(|()| sync_folder(&folder)));
    written.await.map_err(Problem::internal)?.map_err(|error| no_room(&error))?;
    Ok(name)
}

async fn within<T>(patience: Duration, reading: impl Future<Output = Result<T, multer::Error>>) -> Result<T, Problem> {
    match timeout(patience, reading).await {
        Err(_) => Err(Problem::body_too_slow(patience)),
        Ok(read) => read.map_err(|error| refused(&error)),
    }
}

/// What a disk says: full, or anything else.
fn no_room(error: &std::io::Error) -> Problem {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            tracing::error!(%error, "an upload has no room");
            JobError::NoRoom.into()
        }
        _ => Problem::internal(error),
    }
}
