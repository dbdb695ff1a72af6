//! Artefacts that pass through an MLflow server.
//!
//! A server that keeps them in S3 fetches a file whole before it sends the first byte, ignores which part is asked for,
//! and answers 500 for a file that is not there: so whether there is one is always read from the folder.

use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use super::answers::FolderContents;
use super::client::{Client, below};
use super::failure::Failure;
use crate::registry::error::RegistryError;
use crate::registry::object::{LARGEST_SMALL, Listed, Sink};

/// Where the artefacts are below the address of a server.
const INTERFACE: [&str; 4] = ["api", "2.0", "mlflow-artifacts", "artifacts"];
/// How long the first byte of a file may take: as long as MLflow's own client waits.
const FIRST_BYTE: Duration = Duration::from_secs(120);
/// How long any further byte may take.
const NEXT_BYTES: Duration = Duration::from_secs(15);
/// Attempts that bring nothing new, after which a transfer is given up.
pub const ATTEMPTS: u32 = 5;
/// How long is waited before the second attempt; before each further one twice as long.
const WAIT: Duration = Duration::from_millis(250);

/// A folder of artefacts behind an MLflow server.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// The client of the tracking server.
    pub client: Client,
    /// The server the artefacts are behind, most often the same.
    pub server: Url,
    /// The path of the folder.
    pub path: String,
}

impl Proxy {
    /// A folder in this one.
    pub fn below(&self, folder: &str) -> Self {
        Self { path: format!("{}/{folder}", self.path), ..self.clone() }
    }

    /// The files of the folder. A folder that is not there has none.
    pub async fn files(&self) -> Result<Vec<Listed>, RegistryError> {
        let url = below(&self.server, INTERFACE.into_iter());
        let request = self.client.request(Method::GET, url).query(&[("path", &self.path)]);
        let contents: FolderContents = self.client.call(request).await?;
        let files = contents.files.into_iter().filter(|artifact| !artifact.is_dir);
        Ok(files.map(|file| Listed { key: file.path, bytes: file.file_size, tag: None }).collect())
    }

    /// A small file; none when there is none.
    pub async fn get(&self, file: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        if !self.has(file).await? {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let mut sink = |chunk: &[u8]| {
            bytes.extend_from_slice(chunk);
            if bytes.len() as u64 > LARGEST_SMALL {
                return Err(std::io::Error::other("it is too large for what it should be"));
            }
            Ok(())
        };
        self.bytes(file, 0, &mut sink).await?;
        Ok(Some(bytes))
    }

    /// The bytes of a file from an offset on. What is cut off is gone on with.
    pub async fn download(&self, file: &str, offset: u64, sink: &mut Sink<'_>) -> Result<(), RegistryError> {
        if !self.has(file).await? {
            return Err(RegistryError::NoFile(self.named(file)));
        }
        self.bytes(file, offset, sink).await
    }

    async fn has(&self, file: &str) -> Result<bool, RegistryError> {
        Ok(self.files().await?.iter().any(|listed| listed.key == file))
    }

    async fn bytes(&self, file: &str, offset: u64, sink: &mut Sink<'_>) -> Result<(), RegistryError> {
        let (mut done, mut failed) = (offset, 0);
        loop {
            let before = done;
            let error = match self.attempt(file, &mut done, sink).await {
                Err(error) if error.may_pass() => error,
                finished => return finished,
            };
            failed = if done > before { 1 } else { failed + 1 };
            if failed >= ATTEMPTS {
                return Err(error);
            }
            pause(failed).await;
        }
    }

    /// One download, from the byte `done` on, which goes up with what came.
    async fn attempt(&self, file: &str, done: &mut u64, sink: &mut Sink<'_>) -> Result<(), RegistryError> {
        let asked = self.request(Method::GET, file);
        let asked = if *done > 0 { asked.header(RANGE, format!("bytes={done}-")) } else { asked };
        let mut response = self.within(FIRST_BYTE, asked.send()).await?;
        let mut skipped = match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response, *done) => 0,
            StatusCode::PARTIAL_CONTENT => {
                return Err(self.client.unexpected("another part than asked for".to_owned()));
            }
            // The file ends where the part asked for begins.
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(()),
            status if status.is_success() => *done,
            _ => return Err(Failure::of(&self.client, response).await.into()),
        };
        let (announced, mut received) = (response.content_length(), 0);
        while let Some(chunk) = self.within(NEXT_BYTES, response.chunk()).await? {
            let length = chunk.len() as u64;
            received += length;
            let skip = skipped.min(length);
            skipped -= skip;
            let new = usize::try_from(skip).ok().and_then(|skip| chunk.get(skip..)).unwrap_or_default();
            sink(new).map_err(RegistryError::of_file(file))?;
            *done += new.len() as u64;
        }
        match announced {
            Some(announced) if announced != received => {
                Err(self.client.unreachable(format!("{received} bytes came of the {announced} announced")))
            }
            _ => Ok(()),
        }
    }

    /// A request about a file.
    pub fn request(&self, method: Method, file: &str) -> RequestBuilder {
        let parts = INTERFACE.into_iter().chain(self.path.split('/')).chain([file]);
        self.client.request(method, below(&self.server, parts))
    }

    /// A file, as messages name it.
    pub fn named(&self, file: &str) -> String {
        format!("{} {}/{file}", self.client.place(), self.path)
    }

    async fn within<T>(
        &self,
        time: Duration,
        answer: impl Future<Output = reqwest::Result<T>>,
    ) -> Result<T, RegistryError> {
        match tokio::time::timeout(time, answer).await {
            Ok(answer) => answer.map_err(|error| self.client.cut(error)),
            Err(_) => Err(self.client.unreachable(format!("nothing came for {} s", time.as_secs()))),
        }
    }
}

/// Waits after some attempts that failed.
pub async fn pause(failed: u32) {
    tokio::time::sleep(WAIT.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)))).await;
}

/// Whether an answer begins at a byte.
fn starts_at(response: &Response, byte: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {byte}-")))
}
