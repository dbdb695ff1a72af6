//! What codif tells about its work: logs, traces, Prometheus metrics. Never the text of an activity.

pub mod log_writer;
pub mod logs;
pub mod metrics;
pub mod stages;
pub mod traces;

pub use logs::{Telemetry, start_logs};
pub use metrics::Metrics;
