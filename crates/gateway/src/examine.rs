//! Where a request is examined: small ones at once, large ones and those with files where nobody else waits for them.
//!
//! INVARIANT: whatever happens while a request is examined, it ends with a refusal or with something that was judged.
//!
//! Not here: examining itself (`request`), how many large ones there may be at a time (`cpu`).

use std::sync::Arc;

use wire::Document;

use crate::{
    refusal::Refusal,
    request::{self, Prepared, Received, Worker},
    service::Service,
};

impl Service {
    /// Examines small requests here, and large ones and those with files on the CPU pool, so that nobody else
    /// waits.
    pub(crate) async fn examine(
        &self,
        mut received: Received,
        read: Option<&mut Document<'_>>,
    ) -> (Received, Result<Prepared, Refusal>) {
        if let Some(document) = read {
            let prepared = self.examine_read(&mut received, document).await;
            return (received, prepared);
        }
        if received.body.len() <= self.0.cpu.inline_bytes_max
            && let Some(prepared) = request::examine(&self.0, &mut received, Worker::Io).transpose()
        {
            return (received, prepared);
        }
        let lost = (received.opened.clone(), received.body.clone(), received.operation);
        let permit = Arc::clone(&self.0.cpu.permits).acquire_owned().await;
        let shared = Arc::clone(&self.0);
        let examined = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let prepared = request::examine(&shared, &mut received, Worker::Cpu);
            (received, prepared.and_then(|prepared| prepared.ok_or_else(not_examined)))
        });
        match examined.await {
            Ok(examined) => examined,
            Err(error) => {
                tracing::error!(%error, "examining a request failed");
                let (opened, body, operation) = lost;
                let client_address = opened.client_address.parse().ok();
                let mut received = Received::new(opened, operation, client_address, "");
                received.body = body;
                (received, Err(not_examined()))
            }
        }
    }

    /// Examines what was read already, which borrows its text.
    async fn examine_read(
        &self,
        received: &mut Received,
        document: &mut Document<'_>,
    ) -> Result<Prepared, Refusal> {
        let (shared, bytes) = (&*self.0, received.body.len());
        let mut at = |worker| {
            let text = document.source().as_bytes();
            request::examine_read(shared, received, (document, None, text), worker)
        };
        if bytes <= shared.cpu.inline_bytes_max
            && let Some(prepared) = at(Worker::Io)?
        {
            return Ok(prepared);
        }
        let prepared = shared.cpu.inspect(usize::MAX, || at(Worker::Cpu)).await?;
        prepared.ok_or_else(not_examined)
    }
}

fn not_examined() -> Refusal {
    Refusal::internal("internal_examine", "the request could not be read")
}
