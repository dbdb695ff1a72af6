//! The S3 server of the tests, which `tests/s3.sh` starts, and what lies in it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Config, Credentials, Region};
use tokio::runtime::Runtime;

/// The server with a bucket in it, and a way to what lies there that is not codif's.
pub struct TestS3 {
    /// What codif is told; a test may put a proxy's address here.
    pub endpoint: String,
    pub key: String,
    pub secret: String,
    pub bucket: String,
    client: Client,
    runtime: Runtime,
}

/// As the one who may do everything.
pub fn s3() -> TestS3 {
    TestS3::with(variable("CODIF_TEST_S3_KEY"), variable("CODIF_TEST_S3_SECRET"))
}

/// As the one who may read the bucket and no more.
pub fn s3_reader() -> TestS3 {
    TestS3::with(variable("CODIF_TEST_S3_READER_KEY"), variable("CODIF_TEST_S3_READER_SECRET"))
}

impl TestS3 {
    fn with(key: String, secret: String) -> Self {
        let endpoint = variable("CODIF_TEST_S3_ENDPOINT");
        let config = Config::builder()
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&endpoint)
            .force_path_style(true)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(&key, &secret, None, None, "tests"))
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let bucket = variable("CODIF_TEST_S3_BUCKET");
        Self { endpoint, key, secret, bucket, client: Client::from_conf(config), runtime }
    }

    /// What tells codif of it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let variables = [
            ("AWS_ACCESS_KEY_ID", self.key.as_str()),
            ("AWS_SECRET_ACCESS_KEY", self.secret.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("CODIF_S3_ENDPOINT", self.endpoint.as_str()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// A registry in which there is nothing yet, and which no other test has.
    pub fn registry(&self) -> String {
        static REGISTRIES: AtomicU32 = AtomicU32::new(0);
        let number = REGISTRIES.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        format!("s3://{}/{now}-{}-{number}", self.bucket, std::process::id())
    }

    /// The key of a file of a registry; with an empty path, what all its keys begin with.
    pub fn key_of(&self, registry: &str, path: &str) -> String {
        let prefix = registry.strip_prefix(&format!("s3://{}/", self.bucket)).unwrap();
        format!("{prefix}/{path}")
    }

    /// The keys that begin with `prefix`, in order.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let pages = self.runtime.block_on(request.into_paginator().send().try_collect()).unwrap();
        let objects = pages.iter().flat_map(|page| page.contents());
        let mut keys: Vec<String> = objects.map(|object| object.key().unwrap().to_owned()).collect();
        keys.sort();
        keys
    }

    pub fn get(&self, key: &str) -> Vec<u8> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        self.runtime.block_on(async { request.send().await.unwrap().body.collect().await.unwrap().to_vec() })
    }

    pub fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let bytes: Vec<u8> = bytes.into();
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(bytes.into());
        self.runtime.block_on(request.send()).unwrap();
    }

    pub fn delete(&self, key: &str) {
        let request = self.client.delete_object().bucket(&self.bucket).key(key);
        self.runtime.block_on(request.send()).unwrap();
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("this test needs an S3 server: run ./test.sh, or tests/s3.sh cargo nextest run --release")
    })
}
