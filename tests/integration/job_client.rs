//! A codif that takes jobs, and a caller of it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::process::Process;
use crate::replies::Reply;
use crate::support::client;
use crate::watching::soon;

/// A codif that takes jobs.
pub struct Codif {
    pub process: Process,
    pub url: String,
    pub operations: String,
}

impl Codif {
    /// With its jobs in a directory.
    pub fn in_directory(place: &Path, arguments: &[&str]) -> Self {
        Self::with(&[&["--jobs-place", place.to_str().unwrap()], arguments].concat(), &[])
    }

    pub fn with(arguments: &[&str], environment: &[(String, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codif"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]).args(arguments);
        command.envs(environment.iter().cloned());
        Self::start(command)
    }

    pub fn start(command: Command) -> Self {
        let process = Process::start(command);
        let (url, operations) = process.urls();
        Self { process, url, operations }
    }

    pub fn get(&self, path: &str) -> Reply {
        crate::replies::get(&format!("{}{path}", self.url), &[])
    }

    pub fn delete(&self, path: &str) -> u16 {
        client().delete(format!("{}{path}", self.url)).send().unwrap().status().as_u16()
    }

    /// Uploads a file; gives what codif says.
    pub fn upload(&self, name: &str, bytes: &[u8], settings: &Value) -> Reply {
        self.upload_as(&[], name, bytes, settings)
    }

    /// The same as the holder of a key.
    pub fn upload_as(&self, headers: &[(&str, &str)], name: &str, bytes: &[u8], settings: &Value) -> Reply {
        let settings = settings.to_string();
        self.form(headers, &[("settings", None, settings.as_bytes()), ("file", Some(name), bytes)])
    }

    /// Posts a form of these fields: name, name of the file, bytes.
    pub fn form(&self, headers: &[(&str, &str)], fields: &[(&str, Option<&str>, &[u8])]) -> Reply {
        let mut body = Vec::new();
        for (name, file, bytes) in fields {
            let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
            let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
        }
        body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        let mut request = client().post(format!("{}/v1/jobs", self.url)).header("content-type", form_type()).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.json().unwrap() }
    }

    /// Uploads a file and gives the name of its job.
    pub fn submit(&self, name: &str, bytes: &[u8], settings: &Value) -> String {
        accepted(&self.upload(name, bytes, settings))
    }

    /// Asks for a job over addresses.
    pub fn ask(&self, request: &Value) -> Reply {
        crate::replies::post(&format!("{}/v1/jobs", self.url), &[], request.to_string())
    }

    /// A job.
    pub fn job(&self, id: &str) -> Value {
        let reply = self.get(&format!("/v1/jobs/{id}"));
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    /// The job, once it is in this state.
    pub fn until(&self, id: &str, state: &str) -> Value {
        soon(state, || {
            let job = self.job(id);
            let ended = ["finished", "failed", "cancelled"].contains(&job["state"].as_str().unwrap());
            assert!(!ended || job["state"] == state, "{job}");
            (job["state"] == state).then_some(job)
        })
    }

    /// The job, once some of its rows are coded.
    pub fn until_under_way(&self, id: &str) -> Value {
        soon("rows", || {
            let job = self.job(id);
            assert!(job["state"] == "queued" || job["state"] == "running", "it was too fast: {job}");
            (job["progress"]["rows"] != 0).then_some(job)
        })
    }

    /// A file that a job made.
    pub fn made(&self, id: &str, which: &str) -> Vec<u8> {
        let response = crate::support::get(format!("{}/v1/jobs/{id}/{which}", self.url)).unwrap();
        assert_eq!(response.status(), 200);
        let length = response.content_length();
        let bytes = response.bytes().unwrap().to_vec();
        assert_eq!(length, Some(bytes.len() as u64));
        bytes
    }
}

const BOUNDARY: &str = "----------------------------4b1d";

pub fn form_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// The name of a job that was taken.
pub fn accepted(reply: &Reply) -> String {
    assert_eq!(reply.status, 202, "{}", reply.body);
    let id = reply.body["id"].as_str().unwrap().to_owned();
    assert_eq!(reply.header("location"), Some(format!("/v1/jobs/{id}").as_str()));
    id
}

/// Says which column holds the text.
pub fn libelle() -> Value {
    json!({"columns": {"description": "libelle"}})
}
