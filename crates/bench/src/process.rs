//! The processes that are measured, and what the kernel says about them.
//!
//! INVARIANT: they are killed when the run ends, however it ends.
//!
//! Source: `proc_pid_stat(5)`, `proc_pid_status(5)`; `schedstat` is time on the processor in
//! nanoseconds, per thread.

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::Child;

use crate::Failure;

/// How long a process may take to say where it listens.
const START_MAX: Duration = Duration::from_secs(20);
/// Bytes read of a file, under `/proc` for example.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// A program that is used less than this much of an interval is at rest.
const REST_SHARE_MAX: f64 = 0.05;
/// The interval.
const REST_LOOK: Duration = Duration::from_millis(500);

/// A process that listens.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// The processes it has started itself; what it costs is theirs too.
    workers: Vec<u32>,
}

impl Process {
    /// A program that listens already.
    pub(crate) const fn new(child: Child, address: SocketAddr) -> Self {
        Self { child, address, workers: Vec::new() }
    }

    /// Starts this program again as `bench ARGUMENTS…`, which prints where it listens.
    pub(crate) fn ours(arguments: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        let mut child = Child::start(command)?;
        child.wait_for(START_MAX, |child| child.stdout().contains('\n'));
        let address = child.stdout().trim().parse();
        let address =
            address.map_err(|_| format!("`bench {}` did not start", arguments.join(" ")))?;
        Ok(Self::new(child, address))
    }

    /// Finds the processes that it has started, and waits until all of them have nothing more to do.
    pub(crate) fn rest(&mut self, most: Duration) {
        let deadline = Instant::now() + most;
        loop {
            self.workers = descendants(self.child.id());
            let before = self.cpu_ns();
            std::thread::sleep(REST_LOOK);
            let used = self.cpu_ns().saturating_sub(before) as f64 / REST_LOOK.as_nanos() as f64;
            if used < REST_SHARE_MAX || Instant::now() >= deadline {
                return;
            }
        }
    }

    fn ids(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.child.id()).chain(self.workers.iter().copied())
    }

    /// Processor time of all threads that live, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        self.ids().map(cpu_ns_of).sum()
    }

    /// A member of `/proc/<pid>/status` in kibibytes, of all its processes together: `VmRSS`, `VmHWM`.
    pub(crate) fn memory_kib(&self, member: &str) -> u64 {
        self.ids().map(|id| memory_kib_of(id, member)).sum()
    }

    /// How many entries a folder of `/proc/<pid>` has: `fd` for open files, `task` for threads.
    pub(crate) fn entries(&self, folder: &str) -> usize {
        let count =
            |id| std::fs::read_dir(format!("/proc/{id}/{folder}")).map_or(0, Iterator::count);
        self.ids().map(count).sum()
    }

    /// How many processes it is.
    pub(crate) fn processes(&self) -> usize {
        1 + self.workers.len()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Those that it has started would live on, and hold its outputs open.
        let mut command = Command::new("kill");
        command.arg("-KILL").args(descendants(self.child.id()).iter().map(u32::to_string));
        let _ = self.child.kill();
        let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn cpu_ns_of(id: u32) -> u64 {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{id}/task")) else {
        return 0;
    };
    let times = threads.flatten().filter_map(|thread| {
        let text = read(&thread.path().join("schedstat"))?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    times.sum()
}

fn memory_kib_of(id: u32, member: &str) -> u64 {
    let text = read(Path::new(&format!("/proc/{id}/status")));
    let line = text.as_deref().and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix(member)?.strip_prefix(':'))
    });
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The processes that this one has started, and those that they have, as `/proc/<pid>/stat` tells.
fn descendants(of: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let parents: Vec<(u32, u32)> = entries
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            // The name before it, in brackets, may hold anything.
            let stat = read(&entry.path().join("stat"))?;
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

/// The first bytes of a file, as text.
pub(crate) fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The processor's name and how many of them there are.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let text = read(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, name)| name.trim());
    let memory = read(Path::new("/proc/meminfo")).unwrap_or_default();
    let memory = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    format!("{cores} cores of {model}, {} GiB memory", memory.unwrap_or(0) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_started_belongs_to_it() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 20 & echo up; wait"]);
        let mut child = Child::start(command).unwrap();
        child.wait_for(START_MAX, |child| child.stdout().contains("up"));
        let found = descendants(child.id());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(memory_kib_of(found[0], "VmRSS") > 0);
        drop(Process::new(child, SocketAddr::from(([127, 0, 0, 1], 1))));
        let is_gone = || memory_kib_of(found[0], "VmRSS") == 0;
        let deadline = Instant::now() + START_MAX;
        while !is_gone() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(is_gone(), "and ends with it");
    }
}
