//! JSON of which nothing is built.

use codif::http::body::json_depth;
use serde_json::Value;

use super::twice;

/// How deep JSON nests.
pub fn depth(data: &[u8]) {
    let depth = twice(|| json_depth(data));
    let opening = data.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    assert!(depth <= opening);
    assert!(data.contains(&b'"') || (depth > 0) == (opening > 0));
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        // Of a field given twice, the value keeps the last.
        assert!(nesting(&value) <= depth);
        assert_eq!(json_depth(value.to_string().as_bytes()), nesting(&value));
        let wrapped = [b"[".as_slice(), data, b"]".as_slice()].concat();
        assert_eq!(json_depth(&wrapped), depth + 1);
    }
}

fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(nesting).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(nesting).max().unwrap_or_default(),
        _ => 0,
    }
}
