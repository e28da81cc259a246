//! How much of a message has come over a WebSocket, counted on its way to the library that reads frames.
//!
//! The library tells nobody what it holds of a message that has not come whole, and keeps the room that a large one took. So the
//! bytes are counted here, and it is given none beyond the end of a message: then it holds nothing, and can be had anew.
//!
//! INVARIANT: the bytes are passed on as they are, whatever they say; no read goes beyond the end of a message, nor of the
//! head of the answer to a handshake.
//!
//! Not here: what contradicts the protocol (the library says so), limits (`websocket`).

use std::{
    io::{IoSlice, Result},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};

use crate::websocket::Io;

/// What a frame's head says (RFC 6455, section 5.2).
const IS_LAST: u8 = 0x80;
const IS_CONTROL: u8 = 0x08;
const IS_MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LENGTH_BYTES: usize = 2;
const MASK_BYTES: usize = 4;
/// Lengths that say where the length is.
const IN_TWO_BYTES: u8 = 126;
const IN_EIGHT_BYTES: u8 = 127;

/// A connection whose messages are counted.
pub(crate) struct Counted {
    pub(crate) frames: Frames,
    stream: BufReader<Box<dyn Io>>,
}

impl Counted {
    /// One on which frames come next.
    pub(crate) fn new(stream: Box<dyn Io>) -> Self {
        Self { frames: Frames::default(), stream: BufReader::new(stream) }
    }

    /// One on which the answer to a handshake comes first.
    pub(crate) fn after_answer(stream: Box<dyn Io>) -> Self {
        let frames = Frames { answer: Some(false), ..Frames::default() };
        Self { frames, ..Self::new(stream) }
    }
}

impl Default for Counted {
    fn default() -> Self {
        Self::new(Box::new(tokio::io::empty()))
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let Self { frames, stream } = self.get_mut();
        let come = ready!(Pin::new(&mut *stream).poll_fill_buf(context))?;
        let come = come.get(..buffer.remaining()).unwrap_or(come);
        let taken = come.get(..frames.take(come)).unwrap_or(come);
        buffer.put_slice(taken);
        let taken = taken.len();
        Pin::new(stream).consume(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// Where the frames of one side stand.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// As long as the head of an answer comes: whether a line begins.
    answer: Option<bool>,
    /// The head of the frame, as far as it has come.
    head: Vec<u8>,
    is_control: bool,
    /// Whether the message ends with the frame.
    is_last: bool,
    /// Whether a message was begun that has not come whole.
    is_within: bool,
    /// Bytes of the message, or of the last one.
    message_bytes: u64,
    /// Bytes of the frame that are still to come; nothing, if its head is.
    to_come: Option<u64>,
}

impl Frames {
    /// Whether something was begun that has not come whole.
    pub(crate) const fn has_begun(&self) -> bool {
        self.is_within || self.to_come.is_some() || !self.head.is_empty()
    }

    /// Bytes that have come of the message that was begun, or of the last one until it is forgotten.
    pub(crate) const fn message_bytes(&self) -> usize {
        self.message_bytes as usize
    }

    /// The last message is done with.
    pub(crate) const fn forget(&mut self) {
        self.message_bytes = 0;
    }

    /// Takes note of bytes, up to the end of a message: how many they are.
    fn take(&mut self, bytes: &[u8]) -> usize {
        if self.answer.is_some() {
            return self.answer(bytes);
        }
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let Some(to_come) = &mut self.to_come else {
                taken += 1;
                if self.begin(rest) && self.end() {
                    break;
                }
                continue;
            };
            let piece = (rest.len() as u64).min(*to_come);
            *to_come -= piece;
            taken += piece as usize;
            if !self.is_control {
                self.message_bytes = self.message_bytes.saturating_add(piece);
            }
            if self.to_come == Some(0) && self.end() {
                break;
            }
        }
        taken
    }

    /// Takes note of the head of an answer, up to the empty line at its end.
    fn answer(&mut self, bytes: &[u8]) -> usize {
        let Some(begins_line) = &mut self.answer else { return 0 };
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if *begins_line => {
                    self.answer = None;
                    return at + 1;
                }
                b'\n' => *begins_line = true,
                b'\r' => {}
                _ => *begins_line = false,
            }
        }
        bytes.len()
    }

    /// Takes the next byte of a head. Whether that was all of a frame, which says nothing more.
    fn begin(&mut self, rest: &[u8]) -> bool {
        self.head.extend(rest.first());
        let [first, second, long @ ..] = self.head.as_slice() else { return false };
        let length_bytes = match second & LENGTH {
            IN_TWO_BYTES => LENGTH_BYTES,
            IN_EIGHT_BYTES => size_of::<u64>(),
            _ => 0,
        };
        let mask_bytes = if second & IS_MASKED == 0 { 0 } else { MASK_BYTES };
        if long.len() < length_bytes + mask_bytes {
            return false;
        }
        let long = long.iter().take(length_bytes);
        let length = match length_bytes {
            0 => u64::from(second & LENGTH),
            _ => long.fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        (self.is_control, self.is_last) = (first & IS_CONTROL != 0, first & IS_LAST != 0);
        self.head.clear();
        if !self.is_control && !self.is_within {
            (self.is_within, self.message_bytes) = (true, 0);
        }
        self.to_come = Some(length);
        length == 0
    }

    /// The frame is whole. Whether its message is.
    const fn end(&mut self) -> bool {
        self.to_come = None;
        let is_end = self.is_last && !self.is_control;
        if is_end {
            self.is_within = false;
        }
        is_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match payload {
            0..126 => frame.push(0x80 | payload as u8),
            126..0x1_0000 => {
                frame.push(0x80 | IN_TWO_BYTES);
                frame.extend((payload as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | IN_EIGHT_BYTES);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.extend(vec![b'x'; payload]);
        frame
    }

    /// Passes the bytes in pieces; what is known after each piece that was taken.
    fn passed(frames: &mut Frames, bytes: &[u8], piece: usize) -> Vec<(usize, bool, usize)> {
        let (mut at, mut known) = (0, Vec::new());
        while at < bytes.len() {
            let end = bytes.len().min(at + piece);
            let taken = frames.take(&bytes[at..end]);
            assert!(taken > 0, "it goes on");
            at += taken;
            known.push((at, frames.has_begun(), frames.message_bytes()));
        }
        known
    }

    #[test]
    fn messages_are_counted_however_they_are_cut_and_end_where_they_end() {
        // A message in three pieces with a ping among them, an empty one, and one of each length of a length.
        let parts = [
            [frame(0x01, 3), frame(0x89, 5), frame(0x00, 0), frame(0x80, 300)].concat(),
            frame(0x81, 0),
            frame(0x82, 125),
            frame(0x81, 126),
            frame(0x81, 70_000),
        ];
        let (all, sizes) = (parts.concat(), [303, 0, 125, 126, 70_000]);
        let ends: Vec<usize> = parts
            .iter()
            .scan(0, |end, part| {
                *end += part.len();
                Some(*end)
            })
            .collect();
        for piece in [1, 2, 7, 4_096, all.len()] {
            let known = passed(&mut Frames::default(), &all, piece);
            let whole: Vec<(usize, usize)> = known
                .iter()
                .filter(|(_, has_begun, _)| !has_begun)
                .map(|(at, _, bytes)| (*at, *bytes))
                .collect();
            let expected: Vec<(usize, usize)> = ends.iter().copied().zip(sizes).collect();
            assert_eq!(whole, expected, "{piece}");
        }
    }

    #[test]
    fn what_has_begun_is_known_from_its_first_byte() {
        let mut frames = Frames::default();
        assert!(!frames.has_begun());
        assert_eq!(frames.take(&frame(0x89, 4)), 10, "a ping");
        assert!(!frames.has_begun());
        assert_eq!(frames.take(&[0x01]), 1);
        assert!(frames.has_begun());
        frames.take(&[0x80, 0, 0, 0, 0]);
        frames.take(&frame(0x89, 4));
        assert!(frames.has_begun() && frames.message_bytes() == 0, "a piece of nothing");
        frames.take(&frame(0x80, 9));
        assert_eq!((frames.has_begun(), frames.message_bytes()), (false, 9));
        frames.forget();
        assert_eq!(frames.message_bytes(), 0);
    }

    #[test]
    fn the_head_of_an_answer_is_no_frame() {
        for answer in ["HTTP/1.1 101 A\r\na: b\r\n\r\n", "HTTP/1.1 101 A\na: b\n\n"] {
            for piece in [1, 3, 100] {
                let mut frames = Frames { answer: Some(false), ..Frames::default() };
                let bytes = [answer.as_bytes(), &frame(0x81, 20)].concat();
                let known = passed(&mut frames, &bytes, piece);
                assert!(known.iter().any(|(at, ..)| *at == answer.len()), "it ends there");
                assert_eq!(known.last(), Some(&(bytes.len(), false, 20)));
            }
        }
    }

    #[test]
    fn no_length_is_too_large_to_be_counted() {
        let mut frames = Frames::default();
        let head = [&[0x81, 0x80 | IN_EIGHT_BYTES][..], &[0xff; 8], &[0; 4], &[b'x'; 9]].concat();
        assert_eq!(frames.take(&head), head.len());
        assert_eq!((frames.has_begun(), frames.message_bytes()), (true, 9));
    }
}
