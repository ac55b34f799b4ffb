//! Lines in, answers out: on several threads, in order, as soon as they are there.
//!
//! A reader, a writer and what answers a line go in; every line's answer is written, and how that ended
//! comes out.
//!
//! **Invariants**
//! - Answers are in the order of their lines, whole, each once.
//! - An answer is written out before a later line keeps it waiting for more than [`SOON`].
//! - Reading stops while there are [`AHEAD`] bytes of answers that cannot be written yet, and a line of
//!   more than so many bytes is counted and not kept: memory does not grow with what is sent.
//! - What is written when a signal ends the process is whole answers, all that were finished up to the
//!   first that was not.
//!
//! The threads take turns at reading: whoever has nothing to do takes the next lines, so a line goes
//! through no queue. They take few where lines take long or there are few, and else several: less is
//! spent on taking. Whoever ends what comes first writes all that has waited for it.

use crate::source::line_ends;
use crate::threads::lock;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long an answer may wait for a line that was taken together with its own.
const SOON: Duration = Duration::from_millis(2);

/// How much of answers may wait for one that comes before them, in bytes.
const AHEAD: usize = 16 << 20;

/// How many takings may be under way or waiting.
const TAKINGS: usize = 4096;

/// How much is read at once, and taken, in bytes.
const CHUNK: usize = 1 << 16;

/// How much of a line that is too long is kept.
const BEGINNING: usize = 4096;

/// How many lines are taken together at the most, and how long they may take for that.
const MOST: usize = 64;
const TOGETHER: Duration = Duration::from_micros(200);

/// Of a thread's stack; what needs more makes it.
const STACK: usize = 1 << 20;

/// A line to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'l> {
    /// Without its end.
    Whole(&'l [u8]),
    /// What is too long to be kept: how it begins, and how many bytes it has.
    TooLong(&'l [u8], u64),
}

/// Who reads, who answers and who writes, all in one.
struct Lines<R, W> {
    input: Mutex<Input<R>>,
    output: Mutex<Output<W>>,
    /// There is room for further answers, or no need for any.
    room: Condvar,
    /// There is something to write soon, or it is over.
    soon: Condvar,
    threads: usize,
}

/// Answers all lines; `make` makes what answers them, once for each thread. An empty answer is none.
pub(super) fn answer_lines<R, W, A>(
    from: R,
    to: W,
    threads: usize,
    longest: usize,
    make: impl Fn() -> A + Send + Sync + 'static,
) -> io::Result<()>
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
    A: FnMut(Line<'_>) -> String,
{
    let lines = Arc::new(Lines {
        input: Mutex::new(Input::new(from, longest)),
        output: Mutex::new(Output::new(to)),
        room: Condvar::new(),
        soon: Condvar::new(),
        threads: threads.max(1),
    });
    let make = Arc::new(make);
    on_signal(&lines);
    let mut made = 0;
    for _ in 0..threads.max(1) {
        let (lines, make) = (lines.clone(), make.clone());
        lock(&lines.output).workers += 1;
        let counted = lines.clone();
        let builder = thread::Builder::new().stack_size(STACK);
        let started = builder.spawn(move || {
            let _ends = Ends(&lines);
            lines.work(&mut make());
        });
        if started.is_err() {
            lock(&counted.output).workers -= 1;
            break;
        }
        made += 1;
    }
    if made == 0 {
        // No threads to be had: then this one does all.
        lock(&lines.output).workers += 1;
        let _ends = Ends(&lines);
        lines.work(&mut make());
    }
    lines.write_soon()
}

/// Tells that a thread has ended, however it did.
struct Ends<'l, R, W: Write>(&'l Lines<R, W>);

impl<R, W: Write> Drop for Ends<'_, R, W> {
    fn drop(&mut self) {
        let mut output = lock(&self.0.output);
        output.workers -= 1;
        if output.workers == 0 {
            self.0.soon.notify_all();
        }
    }
}

impl<R: Read, W: Write> Lines<R, W> {
    /// Takes lines and answers them until there are no more.
    fn work(&self, answer: &mut impl FnMut(Line<'_>) -> String) {
        let mut taken = Vec::new();
        let mut per_line = TOGETHER;
        loop {
            let most = TOGETHER.as_nanos() / per_line.as_nanos().max(1);
            let most = usize::try_from(most).unwrap_or(MOST).clamp(1, MOST);
            let Some((turn, too_long)) = self.take(most, &mut taken) else {
                return;
            };
            let start = Instant::now();
            let count = match too_long {
                Some(bytes) => {
                    self.tell(turn, &answer(Line::TooLong(&taken, bytes)), true);
                    1
                }
                None => self.answer_each(turn, &taken, answer),
            };
            let each = start.elapsed() / count;
            // What one slow line says is soon forgotten.
            per_line = (per_line * 3 + each.min(4 * TOGETHER)) / 4;
            shrink(&mut taken);
        }
    }

    /// Answers lines that were taken together; gives how many there were.
    fn answer_each(
        &self,
        turn: u64,
        taken: &[u8],
        answer: &mut impl FnMut(Line<'_>) -> String,
    ) -> u32 {
        let mut rest = taken.strip_suffix(b"\n").unwrap_or(taken);
        let mut count = 1;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            self.tell(turn, &answer(Line::Whole(&rest[..end])), false);
            rest = &rest[end + 1..];
            count += 1;
        }
        self.tell(turn, &answer(Line::Whole(rest)), true);
        count
    }

    /// Takes the next lines, and whose turn they are; for a line too long to be kept also how long.
    fn take(&self, most: usize, taken: &mut Vec<u8>) -> Option<(u64, Option<u64>)> {
        let mut input = lock(&self.input);
        drop(self.wait_for_room()?);
        let too_long = input.take(most, self.threads, taken)?;
        // Turns are in the order of the lines: the input is still ours.
        let mut output = lock(&self.output);
        if output.error.is_some() {
            return None;
        }
        let turn = output.first + output.turns.len() as u64;
        output.turns.push_back(Turn::default());
        Some((turn, too_long))
    }

    /// None when nobody reads answers any more.
    fn wait_for_room(&self) -> Option<MutexGuard<'_, Output<W>>> {
        let mut output = lock(&self.output);
        while output.error.is_none() && (output.turns.len() >= TAKINGS || output.bytes >= AHEAD) {
            let waited = self.room.wait(output);
            output = waited.unwrap_or_else(PoisonError::into_inner);
        }
        output.error.is_none().then_some(output)
    }

    /// Takes an answer of someone's turn; its last one ends it.
    fn tell(&self, turn: u64, answer: &str, is_last: bool) {
        let mut output = lock(&self.output);
        let Some(at) = turn.checked_sub(output.first) else {
            return;
        };
        let Some(one) = output.turns.get_mut(at as usize) else {
            return;
        };
        one.is_over = is_last;
        if !answer.is_empty() {
            one.answers.extend_from_slice(answer.as_bytes());
            one.answers.push(b'\n');
            output.bytes += answer.len() + 1;
        }
        if at == 0 {
            if is_last {
                output.write();
                self.room.notify_all();
            } else if !output.is_due && !answer.is_empty() {
                output.is_due = true;
                self.soon.notify_all();
            }
        }
        if output.error.is_some() {
            self.room.notify_all();
            self.soon.notify_all();
        }
    }

    /// Writes what has waited for a while, until all is over.
    fn write_soon(&self) -> io::Result<()> {
        let mut output = lock(&self.output);
        while output.workers > 0 && output.error.is_none() {
            if output.is_due {
                drop(output);
                thread::sleep(SOON);
                output = lock(&self.output);
                output.is_due = false;
                output.write();
            } else {
                let waited = self.soon.wait(output);
                output = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
        output.write();
        if let Some(error) = output.error.take() {
            // Those that still work find that nobody reads.
            output.error = Some(ErrorKind::BrokenPipe.into());
            return Err(error);
        }
        drop(output);
        match lock(&self.input).error.take() {
            Some(error) => Err(io::Error::other(Unread(error))),
            None => Ok(()),
        }
    }
}

/// Input could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unread(io::Error);

// ---- input -----------------------------------------------------------------------------------

struct Input<R> {
    from: R,
    /// What was read and not taken.
    buffer: Vec<u8>,
    /// How many lines of it are whole.
    lines: usize,
    is_over: bool,
    error: Option<io::Error>,
    longest: usize,
}

impl<R: Read> Input<R> {
    fn new(from: R, longest: usize) -> Self {
        Self {
            from,
            buffer: Vec::new(),
            lines: 0,
            is_over: false,
            error: None,
            longest,
        }
    }

    /// Takes whole lines, waiting for one; of a line that is too long the beginning, and gives its length.
    /// None at the end.
    #[expect(
        clippy::option_option,
        reason = "whether there are lines, and whether they are one that is too long"
    )]
    fn take(&mut self, most: usize, threads: usize, taken: &mut Vec<u8>) -> Option<Option<u64>> {
        taken.clear();
        while self.lines == 0 && !self.is_over {
            if self.buffer.len() > self.longest || !self.read() {
                return Some(Some(self.skip(taken)));
            }
        }
        if self.buffer.is_empty() {
            return None;
        }
        // The last one may have no end.
        let lines = self.lines.max(1);
        let count = most.min(lines.div_ceil(2 * threads));
        let mut end = 0;
        let mut ended = 0;
        while ended < count && end < CHUNK {
            let rest = &self.buffer[end..];
            let length = rest.iter().position(|&byte| byte == b'\n');
            let length = length.map_or(rest.len(), |at| at + 1);
            if length > self.longest.saturating_add(1) {
                if ended > 0 {
                    break;
                }
                return Some(Some(self.skip(taken)));
            }
            end += length;
            ended += 1;
        }
        self.lines = self.lines.saturating_sub(ended);
        if end > CHUNK {
            // A long one is not copied.
            let rest = self.buffer[end..].to_vec();
            *taken = std::mem::replace(&mut self.buffer, rest);
            taken.truncate(end);
        } else {
            taken.extend_from_slice(&self.buffer[..end]);
            self.buffer.drain(..end);
            shrink(&mut self.buffer);
        }
        Some(None)
    }

    /// Reads on, once; false where there is no memory to keep more of a line.
    fn read(&mut self) -> bool {
        let length = self.buffer.len();
        // As a vector grows.
        let more = CHUNK.max(length.min(self.longest));
        while self.buffer.capacity() - length < CHUNK
            && self.buffer.try_reserve_exact(more).is_err()
            && self.buffer.try_reserve_exact(CHUNK).is_err()
        {
            if length > 0 {
                return false;
            }
            // Others may give some back.
            thread::sleep(SOON);
        }
        self.buffer.resize(length + CHUNK, 0);
        let read = self.from.read(&mut self.buffer[length..]);
        let count = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(length + count);
        match read {
            Ok(0) => self.is_over = true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                self.is_over = true;
                self.error = Some(error);
            }
        }
        let new = &self.buffer[length..];
        self.lines += line_ends(new);
        true
    }

    /// Takes a line that is too long: its beginning; gives its length.
    fn skip(&mut self, taken: &mut Vec<u8>) -> u64 {
        let line = self.buffer.split(|&byte| byte == b'\n').next();
        let line = line.unwrap_or_default();
        taken.extend_from_slice(&line[..line.len().min(BEGINNING)]);
        let mut length = 0;
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                self.buffer.drain(..=end);
                self.lines -= 1;
                shrink(&mut self.buffer);
                return length + end as u64;
            }
            length += self.buffer.len() as u64;
            self.buffer = Vec::new();
            if self.is_over {
                return length;
            }
            self.read();
        }
    }
}

/// Gives memory back that a long line took.
fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > 4 * CHUNK && buffer.len() <= 2 * CHUNK {
        buffer.shrink_to(2 * CHUNK);
    }
}

// ---- output ----------------------------------------------------------------------------------

struct Output<W> {
    to: W,
    /// The number of the first turn that is not all written.
    first: u64,
    turns: VecDeque<Turn>,
    /// Of all answers in these.
    bytes: usize,
    /// Whether something is to be written soon.
    is_due: bool,
    /// How many threads take lines.
    workers: usize,
    error: Option<io::Error>,
}

/// The answers to lines that were taken together.
#[derive(Default)]
struct Turn {
    answers: Vec<u8>,
    is_over: bool,
}

impl<W: Write> Output<W> {
    fn new(to: W) -> Self {
        Self {
            to,
            first: 0,
            turns: VecDeque::new(),
            bytes: 0,
            is_due: false,
            workers: 0,
            error: None,
        }
    }

    /// Writes all answers that nothing comes before.
    fn write(&mut self) {
        let mut is_new = false;
        while self.error.is_none()
            && let Some(turn) = self.turns.front_mut()
        {
            let answers = std::mem::take(&mut turn.answers);
            let is_over = turn.is_over;
            self.bytes -= answers.len();
            is_new |= !answers.is_empty();
            if let Err(error) = self.to.write_all(&answers) {
                self.error = Some(error);
            }
            if !is_over {
                break;
            }
            self.turns.pop_front();
            self.first += 1;
        }
        if is_new
            && self.error.is_none()
            && let Err(error) = self.to.flush()
        {
            self.error = Some(error);
        }
    }
}

// ---- signals ---------------------------------------------------------------------------------

/// When the process is told to end, writes what is finished and ends as the signal would have it.
#[cfg(unix)]
fn on_signal<R: Send + 'static, W: Write + Send + 'static>(lines: &Arc<Lines<R, W>>) {
    use signal_hook::consts::{SIGINT, SIGTERM};
    /// How long a reader that reads nothing is waited for.
    const PATIENCE: Duration = Duration::from_secs(2);
    // Without it the process ends as it would have.
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGTERM, SIGINT]) else {
        return;
    };
    let lines = lines.clone();
    let waits = move || {
        let Some(signal) = signals.forever().next() else {
            return;
        };
        let start = Instant::now();
        // Held to the end, so that nothing is written after it.
        let mut output = lines.output.try_lock();
        while output.is_err() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
            output = lines.output.try_lock();
        }
        if let Ok(output) = &mut output {
            output.write();
        }
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    };
    let _ = thread::Builder::new().stack_size(STACK).spawn(waits);
}

#[cfg(not(unix))]
fn on_signal<R, W>(_: &Arc<Lines<R, W>>) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A writer that others see.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(lock(&self.0).clone()).expect("text")
        }
    }

    /// A reader that gives what it is sent.
    struct Sent(Receiver<Vec<u8>>, Vec<u8>);

    impl Read for Sent {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.1.is_empty() {
                self.1 = self.0.recv().unwrap_or_default();
            }
            let count = into.len().min(self.1.len());
            into[..count].copy_from_slice(&self.1[..count]);
            self.1.drain(..count);
            Ok(count)
        }
    }

    fn sent() -> (Sender<Vec<u8>>, Sent) {
        let (sender, receiver) = channel();
        (sender, Sent(receiver, Vec::new()))
    }

    /// Repeats lines, after as many milliseconds as they say.
    fn echo(line: Line<'_>) -> String {
        match line {
            Line::Whole(line) => {
                let text = String::from_utf8_lossy(line).into_owned();
                if let Some((_, wait)) = text.split_once('w') {
                    thread::sleep(Duration::from_millis(wait.parse().unwrap_or(0)));
                }
                text
            }
            Line::TooLong(beginning, bytes) => format!("{} of {bytes}", beginning.len()),
        }
    }

    fn answers(input: Vec<u8>, threads: usize, longest: usize) -> String {
        let out = Shared::default();
        answer_lines(
            io::Cursor::new(input),
            out.clone(),
            threads,
            longest,
            || echo,
        )
        .expect("all");
        out.text()
    }

    #[test]
    fn answers_are_in_the_order_of_lines() {
        for threads in [1, 2, 5] {
            let lines: Vec<String> = (0..5000)
                .map(|k| match k % 500 {
                    7 => format!("{k}w5"),
                    _ => k.to_string(),
                })
                .collect();
            let input = lines.join("\n");
            let expected = format!("{input}\n");
            assert_eq!(answers(input.into_bytes(), threads, 1000), expected);
        }
        assert_eq!(answers(Vec::new(), 2, 10), "");
        assert_eq!(answers(b"\n\na\n\n".to_vec(), 2, 10), "a\n");
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_the_rest_goes_on() {
        let long = "x".repeat(300_000);
        for (longest, expected) in [(10, "4096 of 300000"), (300_000, long.as_str())] {
            let input = format!("a\n{long}\nb\n{long}");
            let expected = format!("a\n{expected}\nb\n{expected}\n");
            assert!(
                answers(input.into_bytes(), 2, longest) == expected,
                "{longest}"
            );
        }
        assert_eq!(
            answers(b"12345\n123456\n1\n".to_vec(), 1, 5),
            "12345\n6 of 6\n1\n"
        );
    }

    fn wait_for(out: &Shared, text: &str) {
        let start = Instant::now();
        while out.text() != text {
            let text = out.text();
            assert!(start.elapsed() < Duration::from_secs(20), "{text}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn an_answer_waits_for_no_later_line() {
        let (sender, input) = sent();
        let out = Shared::default();
        let to = out.clone();
        let service = thread::spawn(move || answer_lines(input, to, 2, 1000, || echo));
        // The first few make the thread believe that lines are quick.
        let quick = "q\n".repeat(1000);
        sender.send(quick.clone().into_bytes()).expect("a reader");
        wait_for(&out, &quick);
        sender
            .send(b"a\nb\nc\nw600\nd\ne\n".to_vec())
            .expect("a reader");
        let start = Instant::now();
        wait_for(&out, &format!("{quick}a\nb\nc\n"));
        assert!(start.elapsed() < Duration::from_millis(600));
        drop(sender);
        service.join().expect("no panic").expect("all");
        assert_eq!(out.text(), format!("{quick}a\nb\nc\nw600\nd\ne\n"));
    }

    #[test]
    fn reading_stops_while_answers_wait() {
        struct Counted(Arc<Mutex<usize>>);
        impl Read for Counted {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let mut count = lock(&self.0);
                *count += 1;
                if *count > 2000 {
                    return Ok(0);
                }
                into.fill(b'\n');
                into[0] = if *count == 1 { b's' } else { b'x' };
                Ok(into.len())
            }
        }
        let read = Arc::new(Mutex::new(0));
        let out = Shared::default();
        let (go, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let (to, counted) = (out.clone(), Counted(read.clone()));
        let service = thread::spawn(move || {
            let answer = move |gate: &Mutex<Receiver<()>>, line: Line<'_>| match line {
                Line::Whole(b"s") => {
                    let _ = lock(gate).recv();
                    "s".to_owned()
                }
                Line::Whole(b"x") => "y".repeat(1 << 20),
                _ => String::new(),
            };
            answer_lines(counted, to, 2, 1000, move || {
                let gate = gate.clone();
                move |line: Line<'_>| answer(&gate, line)
            })
        });
        let mut before = 0;
        loop {
            thread::sleep(Duration::from_millis(300));
            let now = *lock(&read);
            if now == before {
                break;
            }
            before = now;
        }
        assert!(before < 100 && out.text().is_empty(), "{before}");
        go.send(()).expect("a waiter");
        service.join().expect("no panic").expect("all");
        assert_eq!(out.text().len(), 2 + 1999 * ((1 << 20) + 1));
    }

    #[test]
    fn a_writer_that_fails_ends_it() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        // More is never sent: a thread that waits for it keeps nobody.
        let (sender, input) = sent();
        sender.send(b"a\n".to_vec()).expect("a reader");
        let error = answer_lines(input, Closed, 2, 10, || echo).expect_err("closed");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
