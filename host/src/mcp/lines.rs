//! Lines on stdin that are no JSON get an answer, as JSON-RPC wants it; rmcp skips them without a word, and a client that sent
//! one waits for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use rmcp::model::ErrorData;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::{RoleServer, service};
use serde::de::IgnoredAny;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// Longer lines are skipped by rmcp, too.
const LINE_BYTES: usize = 16 << 20;
/// Broken lines in a row that are answered: a client that sends our answers back must not keep both busy for ever.
const IN_A_ROW: usize = 100;

/// rmcp's transport over two streams, with answers to broken lines.
pub struct Lines<R: AsyncRead + Unpin, W: AsyncWrite> {
    inner: AsyncRwTransport<RoleServer, Watched<R>, W>,
    broken: Arc<Broken>,
}

impl<R, W> Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    /// Reads and writes these.
    pub fn new(read: R, write: W) -> Self {
        let broken = Arc::new(Broken::default());
        let watched = Watched {
            read,
            line: Vec::new(),
            in_a_row: 0,
            broken: broken.clone(),
        };
        Self {
            inner: AsyncRwTransport::new(watched, write),
            broken,
        }
    }
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = std::io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            // Taken before it is answered: this future may be dropped while it answers, and then one answer is lost, not doubled.
            while self.broken.take() {
                let error = ErrorData::parse_error("the line is not JSON", None);
                let answer = service::TxJsonRpcMessage::<RoleServer>::error(error, None);
                if self.inner.send(answer).await.is_err() {
                    return None;
                }
            }
            let broken = self.broken.clone();
            tokio::select! {
                biased;
                () = broken.seen.notified() => {}
                message = self.inner.receive() => return message,
            }
        }
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}

/// Broken lines that are to be answered.
#[derive(Default)]
struct Broken {
    count: AtomicUsize,
    seen: Notify,
}

impl Broken {
    fn add(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.seen.notify_one();
    }

    fn take(&self) -> bool {
        self.count
            .try_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                count.checked_sub(1)
            })
            .is_ok()
    }
}

/// A stream, whose lines are looked at on their way.
struct Watched<R> {
    read: R,
    /// What came of the line that has not ended yet.
    line: Vec<u8>,
    in_a_row: usize,
    broken: Arc<Broken>,
}

impl<R> Watched<R> {
    fn watch(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (rest, after) = bytes.split_at(end);
            if self.line.is_empty() {
                self.judge(rest);
            } else {
                self.line.extend_from_slice(rest);
                let line = std::mem::take(&mut self.line);
                self.judge(&line);
            }
            bytes = &after[1..];
        }
        if self.line.len() + bytes.len() <= LINE_BYTES {
            self.line.extend_from_slice(bytes);
        }
    }

    fn judge(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        if line.is_empty() || serde_json::from_slice::<IgnoredAny>(line).is_ok() {
            self.in_a_row = 0;
            return;
        }
        self.in_a_row += 1;
        if self.in_a_row <= IN_A_ROW {
            self.broken.add();
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.read).poll_read(context, buffer))?;
        let new = buffer.filled()[before..].to_vec();
        self.watch(&new);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(input: &[&[u8]]) -> usize {
        let broken = Arc::new(Broken::default());
        let mut watched = Watched {
            read: tokio::io::empty(),
            line: Vec::new(),
            in_a_row: 0,
            broken: broken.clone(),
        };
        for piece in input {
            watched.watch(piece);
        }
        std::iter::from_fn(|| broken.take().then_some(())).count()
    }

    #[test]
    fn a_line_is_judged_when_it_has_ended_however_it_arrives() {
        assert_eq!(answered(&[b"{\"a\":", b"1}\n"]), 0);
        assert_eq!(answered(&[b"{\"a\":", b"\n1}\n"]), 2);
        assert_eq!(answered(&[b"garbage"]), 0);
        assert_eq!(answered(&[b"garbage\r\n\n{}\n"]), 1);
    }

    #[test]
    fn who_sends_nothing_but_broken_lines_gets_no_answer_any_more() {
        assert_eq!(answered(&[&b"x\n".repeat(1_000)]), IN_A_ROW);
        let mut alive = b"x\n".repeat(1_000);
        alive.extend_from_slice(b"{}\nx\n");
        assert_eq!(answered(&[&alive]), IN_A_ROW + 1);
    }
}
