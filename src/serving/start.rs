//! The models a service starts with: from the registry, or from what was fetched from it before when it does not answer. With
//! neither, codif waits for the registry.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::loading::Loader;
use super::reload::Followed;
use super::status::{Failure, now};
use super::{Coders, ServingError};
use crate::registry::error::in_one_line;
use crate::registry::{ModelReference, RegistryError};

/// How long codif waits before it asks again: doubled each time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Loads the models named, or every model in production when none is, for as long as it takes. `waits` is told why there are none
/// yet. What waiting cannot mend is an error, unless the cache has an answer.
pub async fn start(
    loader: &Loader,
    references: &[ModelReference],
    waits: impl Fn(&str),
) -> Result<(Coders, Vec<Followed>), ServingError> {
    let mut wait = FIRST_WAIT;
    loop {
        match load(loader, references).await {
            Err(error) if error.may_pass() => {
                let reason = in_one_line(&error);
                waits(&reason);
                let jitter = rand::rng().random_range(0.8..1.2);
                tokio::time::sleep(wait.mul_f64(jitter)).await;
                wait = LONGEST_WAIT.min(2 * wait);
            }
            loaded => return loaded,
        }
    }
}

async fn load(loader: &Loader, references: &[ModelReference]) -> Result<(Coders, Vec<Followed>), ServingError> {
    let references = match references {
        [] => match loader.in_production().await {
            Ok(references) => references,
            // That nothing is in production is an answer, and no outage.
            Err(error @ RegistryError::NothingInProduction(_)) => return Err(error.into()),
            Err(error) => loader.in_production_once().ok_or(error)?,
        },
        named => named.to_vec(),
    };
    let mut followed = Vec::new();
    let mut coders = Vec::new();
    for reference in references {
        let started = Instant::now();
        let (coder, stale) = match newest(loader, &reference).await {
            Ok(coder) => {
                loader.remember(&reference, &coder.model);
                (coder, None)
            }
            Err((version, error)) => match loader.load_cached(&reference).await {
                Some(coder) => (coder, Some(Failure { version, reason: in_one_line(&error), since: now() })),
                None => return Err(error),
            },
        };
        if let Some(stale) = &stale {
            tracing::warn!(model = %reference, version = %coder.model, reason = stale.reason, "serving from the cache");
        }
        let coder = Arc::new(coder);
        coders.push(Arc::clone(&coder));
        followed.push(Followed::serving(reference, coder, started.elapsed().as_secs_f64(), stale));
    }
    Ok((Coders::new(Arc::clone(loader.nomenclatures()), coders)?, followed))
}

/// The version that the registry says; with the error the version that failed, when waiting does not mend it.
async fn newest(
    loader: &Loader,
    reference: &ModelReference,
) -> Result<crate::coding::Coder, (Option<crate::coding::ModelVersion>, ServingError)> {
    let version = loader.registry.resolve(reference).await.map_err(|error| (None, error.into()))?;
    loader.load(&version).await.map_err(|error| ((!error.may_pass()).then_some(version), error))
}
