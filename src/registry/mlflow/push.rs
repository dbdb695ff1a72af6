//! A version pushed to a tracking server: as artefacts of a run in the experiment `codif`, then registered.

use std::path::Path;

use serde::de::IgnoredAny;
use serde_json::json;

use super::Mlflow;
use super::answers::{MadeExperiment, OneExperiment, OneRun, OneVersion, RunInfo};
use super::artifacts::Artifacts;
use super::failure::{Failure, if_new, if_there};
use super::models::{IDENTITY, WHOLE};
use super::versions::FOLDER;
use crate::coding::ModelVersion;
use crate::model::digest::FileDigest;
use crate::model::manifest::Manifest;
use crate::registry::error::RegistryError;
use crate::registry::object::Sent;

/// The experiment that the runs of pushes belong to.
const EXPERIMENT: &str = "codif";

impl Mlflow {
    /// Registers a new version for what `identity` tells apart, or goes on with the one that an earlier push of the
    /// same left unfinished. The registered model and the experiment are made when they are missing.
    pub async fn begin(&self, name: &str, identity: &str) -> Result<u32, RegistryError> {
        let IgnoredAny =
            if_new(self.client.post("registered-models/create", &json!({ "name": name })).await)?.unwrap_or(IgnoredAny);
        for version in self.versions(name).await? {
            if version.tag(IDENTITY) == Some(identity) && version.is_ready() && !self.is_whole(&version).await? {
                return Ok(version.version);
            }
        }
        let run = self.run(name, identity).await?;
        let source = format!("{}/{FOLDER}", run.artifact_uri.trim_end_matches('/'));
        // Where nothing can be written, nothing is registered.
        Artifacts::at(&source, &self.client, &self.s3).await?;
        let tags = json!([{ "key": IDENTITY, "value": identity }]);
        let version = json!({ "name": name, "source": source, "run_id": run.run_id, "tags": tags });
        let made: OneVersion = self.client.post("model-versions/create", &version).await?;
        Ok(made.model_version.version)
    }

    /// Sends a file that has this digest, unless it is there already.
    pub async fn upload(
        &self,
        version: &ModelVersion,
        file: &str,
        path: &Path,
        digest: &FileDigest,
        sent: &Sent<'_>,
    ) -> Result<(), RegistryError> {
        self.writable(version).await?.upload(file, path, digest, sent).await
    }

    /// Writes the manifest: from now on the version is whole. One with another manifest already is a
    /// [`RegistryError::Conflict`].
    pub async fn finish(&self, version: &ModelVersion, manifest: Vec<u8>) -> Result<(), RegistryError> {
        let folder = self.writable(version).await?;
        match folder.get(Manifest::FILE).await? {
            None => folder.put(Manifest::FILE, manifest).await?,
            // The answer to an earlier attempt was lost.
            Some(there) if there == manifest => {}
            Some(_) => {
                let what = format!("{} of version {} of {:?}", Manifest::FILE, version.version, version.name);
                let hint = "another is there already, and a version never changes".to_owned();
                return Err(RegistryError::Conflict { what, hint });
            }
        }
        // The manifest decides: without these the version is only slower to list, and its run looks as if it went on.
        if let Err(error) = self.close(version).await {
            tracing::warn!(%error, model = version.name, version = version.version, "a whole version is not marked so");
        }
        Ok(())
    }

    /// Writes a small file of a version beside its manifest, in place of one that is there.
    pub async fn put(&self, version: &ModelVersion, file: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        self.writable(version).await?.put(file, bytes).await
    }

    /// Deletes a version. Its artefacts stay with the run that they belong to, until that is deleted and `mlflow gc` is
    /// run. MLflow does not give its number again.
    pub async fn delete(&self, version: &ModelVersion) -> Result<(), RegistryError> {
        let body = json!({ "name": version.name, "version": version.version.to_string() });
        match self.client.delete("model-versions/delete", &body).await {
            Ok(()) => Ok(()),
            Err(Failure::Missing(_)) => Err(self.lacks(&version.name, version.version).await),
            Err(failure) => Err(failure.into()),
        }
    }

    /// A new run, as whose artefacts a version is sent.
    async fn run(&self, name: &str, identity: &str) -> Result<RunInfo, RegistryError> {
        let tags = json!([{ "key": "mlflow.runName", "value": name }, { "key": IDENTITY, "value": identity }]);
        let experiment = self.experiment().await?;
        let run = json!({
            "experiment_id": experiment,
            "run_name": name,
            "start_time": jiff::Timestamp::now().as_millisecond(),
            "tags": tags,
        });
        let made: OneRun = self.client.post("runs/create", &run).await?;
        Ok(made.run.info)
    }

    /// The id of the experiment, which is made when it is missing.
    async fn experiment(&self) -> Result<String, RegistryError> {
        if let Some(id) = self.experiment_that_is_there().await? {
            return Ok(id);
        }
        let made = self.client.post::<MadeExperiment>("experiments/create", &json!({ "name": EXPERIMENT })).await;
        match if_new(made)? {
            Some(made) => Ok(made.experiment_id),
            // Another push made it in the meantime.
            None => self.experiment_that_is_there().await?.ok_or_else(|| {
                self.client.unexpected(format!("experiment {EXPERIMENT:?} exists, yet cannot be found"))
            }),
        }
    }

    async fn experiment_that_is_there(&self) -> Result<Option<String>, RegistryError> {
        let query = [("experiment_name", EXPERIMENT)];
        let found = self.client.get::<OneExperiment>("experiments/get-by-name", &query).await;
        match if_there(found)?.map(|found| found.experiment) {
            Some(experiment) if experiment.lifecycle_stage == "deleted" => {
                let place = self.client.place();
                let message =
                    format!("experiment {EXPERIMENT:?} of {place} was deleted: restore it, or delete it for good");
                Err(RegistryError::Refused(message))
            }
            found => Ok(found.map(|experiment| experiment.experiment_id)),
        }
    }

    /// Marks a version as whole and its run as finished.
    async fn close(&self, version: &ModelVersion) -> Result<(), RegistryError> {
        let number = version.version.to_string();
        let mark = json!({ "name": version.name, "version": number, "key": WHOLE, "value": "true" });
        let IgnoredAny = self.client.post("model-versions/set-tag", &mark).await?;
        let query = [("name", version.name.as_str()), ("version", number.as_str())];
        let found: OneVersion = self.client.get("model-versions/get", &query).await?;
        let end_time = jiff::Timestamp::now().as_millisecond();
        let run = json!({ "run_id": found.model_version.run_id, "status": "FINISHED", "end_time": end_time });
        let IgnoredAny = self.client.post("runs/update", &run).await?;
        Ok(())
    }
}
