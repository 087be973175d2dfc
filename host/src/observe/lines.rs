//! Log lines on their way out: whole, and redacted.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::redaction::redact;

/// Writes lines to what `W` makes, each redacted as a whole, however many pieces it comes in.
pub(super) struct Redacted<W>(pub(super) W);

/// One line, until it is dropped.
pub(super) struct Line<W: Write> {
    text: Vec<u8>,
    to: W,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Redacted<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            text: Vec::new(),
            to: self.0.make_writer(),
        }
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = std::mem::take(&mut self.text);
        self.to
            .write_all(redact(&String::from_utf8_lossy(&text)).as_bytes())?;
        self.to.flush()
    }
}

impl<W: Write> Drop for Line<W> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            // There is nowhere left to say that the log cannot be written.
            let _ = self.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const KEY: &str = "odm_abcdefghijkl_0123456789012345678901234567890123456789012345678";
    const CANARIES: [&str; 4] = [
        KEY,
        "4111111111111111",
        "r.okafor@example.com",
        "Bearer 0123456789abcdef0123456789",
    ];

    #[derive(Debug)]
    struct Nested<'a> {
        #[expect(dead_code, reason = "read by Debug")]
        inner: Option<Vec<&'a str>>,
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(json: bool, ansi: bool) -> String {
        let kept = Kept::default();
        let writer = {
            let kept = kept.clone();
            Redacted(move || kept.clone())
        };
        let lines = fmt::layer().with_ansi(ansi).with_writer(writer);
        let registry = tracing_subscriber::registry();
        let say = || {
            for canary in CANARIES {
                let span = tracing::info_span!("call", argument = canary);
                let _entered = span.enter();
                let inner = Some(vec![canary]);
                tracing::info!(field = canary, "as a field");
                tracing::warn!(field = ?Nested { inner }, "in Debug");
                tracing::info!(cause = %format!("failed: {canary}"), "in Display");
                tracing::error!("in the message: {canary}");
                tracing::info!(order = 1042, "an ordinary line");
            }
        };
        if json {
            let lines = lines.json().flatten_event(true);
            tracing::subscriber::with_default(registry.with(lines), say);
        } else {
            tracing::subscriber::with_default(registry.with(lines), say);
        }
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_canary_reaches_the_log_in_any_field_or_format() {
        for (json, ansi) in [(false, false), (false, true), (true, false)] {
            let log = logged(json, ansi);
            assert_eq!(log.lines().count(), 5 * CANARIES.len(), "{log}");
            for canary in CANARIES {
                let telling = canary.trim_start_matches("Bearer ");
                assert!(!log.contains(telling), "{log}");
            }
            assert!(log.contains("1042"), "{log}");
            if json {
                assert!(
                    log.lines()
                        .all(|line| { serde_json::from_str::<serde_json::Value>(line).is_ok() })
                );
            }
        }
    }

    #[test]
    fn a_line_that_comes_in_pieces_is_redacted_as_a_whole() {
        let kept = Kept::default();
        let mut line = Redacted(|| kept.clone()).make_writer();
        for piece in KEY.as_bytes().chunks(5) {
            line.write_all(piece).unwrap();
        }
        drop(line);
        assert_eq!(kept.0.lock().unwrap().as_slice(), b"[key]");
    }
}
