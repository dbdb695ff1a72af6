//! Waiting for what must happen soon, and the metrics in which it shows.

use std::time::{Duration, Instant};

/// How long anything is waited for: much longer than it takes.
pub const DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// What `look` finds, which it must soon.
pub fn soon<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, what, look)
}

/// The same where codif itself waits for others, and gives up sooner than this.
pub fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "still waiting for {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, || holds().then_some(()));
}

/// The status of an address.
pub fn status(url: &str) -> u16 {
    crate::support::get(url).unwrap().status().as_u16()
}

/// The value of a sample of the metrics, such as `codif_shed_total{reason="load"}`; 0 while there is none.
pub fn metric(operations_url: &str, sample: &str) -> f64 {
    let text = crate::support::get(format!("{operations_url}/metrics")).unwrap().text().unwrap();
    let value = |line: &str| line.strip_prefix(sample)?.strip_prefix(' ')?.parse::<f64>().ok();
    text.lines().find_map(value).unwrap_or(0.0)
}
