//! From path segments to a URL that cannot lead anywhere but below the endpoint's base.

use url::Url;

use super::{ErrorKind, HttpError};

/// Longer request lines are refused by common servers (8 KiB is usual; some allow 16).
const MAX_URL_BYTES: usize = 16 << 10;

/// The URL of `segments` and `query` below `base`.
///
/// Segments and query are unencoded. Within a segment `/`, `\`, `?`, `#` and `%` are encoded, so a segment stays one
/// segment.
///
/// # Errors
/// A segment is empty, `.` or `..`, has one of these between slashes or backslashes (a service that decodes before it normalises
/// would climb), or contains a control character; or the URL becomes too long.
pub(super) fn join(
    base: &Url,
    segments: &[String],
    query: &[(String, String)],
) -> Result<Url, HttpError> {
    for (index, segment) in segments.iter().enumerate() {
        check(segment).map_err(|reason| {
            HttpError::invalid(
                "path-segment",
                format!(
                    "Path segment {} {reason}; give every segment its value.",
                    index + 1
                ),
            )
        })?;
    }
    let mut url = base.clone();
    if !segments.is_empty() {
        let Ok(mut path) = url.path_segments_mut() else {
            return Err(HttpError::new(
                ErrorKind::Internal,
                "endpoint-base",
                "The endpoint's base URL cannot have paths. Tell the operator of this server.",
            ));
        };
        path.pop_if_empty().extend(segments);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    if url.as_str().len() > MAX_URL_BYTES {
        return Err(HttpError::new(
            ErrorKind::TooLarge,
            "url-too-large",
            format!(
                "Path and query make a URL of more than {MAX_URL_BYTES} bytes. Ask for less at once."
            ),
        ));
    }
    Ok(url)
}

fn check(segment: &str) -> Result<(), &'static str> {
    if segment.chars().any(char::is_control) {
        return Err("contains a control character");
    }
    if segment.is_empty() {
        return Err("is empty");
    }
    match segment
        .split(['/', '\\'])
        .find(|part| matches!(*part, "" | "." | ".."))
    {
        None => Ok(()),
        Some(_) if segment.contains(['/', '\\']) => {
            Err("contains an empty part, '.' or '..' between slashes")
        }
        Some(_) => Err("is '.' or '..'"),
    }
}
