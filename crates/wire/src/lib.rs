//! Bytes to typed messages and back: content maps, a span-yielding tokenizer, server-sent events.
