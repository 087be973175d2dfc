//! JSON Merge Patch, for maps whose keys are the shop's own.

use orderdesk_plugin::serde_json::{Map, Value};

/// Applies a patch to a map: RFC 7396, section 2.
///
/// ```
/// use orderdesk_client::merge_patch;
/// use orderdesk_plugin::serde_json::json;
///
/// let mut map = json!({"a": 1, "b": {"c": 2, "d": 3}}).as_object().cloned().unwrap_or_default();
/// let patch = json!({"a": null, "b": {"c": 4}}).as_object().cloned().unwrap_or_default();
/// merge_patch(&mut map, &patch);
/// assert_eq!(json!(map), json!({"b": {"c": 4, "d": 3}}));
/// ```
pub fn merge_patch(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, change) in patch {
        match change {
            Value::Null => {
                target.shift_remove(name);
            }
            Value::Object(inner) => {
                let mut map = match target.get(name) {
                    Some(Value::Object(map)) => map.clone(),
                    _ => Map::new(),
                };
                merge_patch(&mut map, inner);
                target.insert(name.clone(), Value::Object(map));
            }
            value => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}
