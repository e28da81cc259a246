//! The processes that are measured, and what the kernel says about them.
//!
//! INVARIANT: they are killed when the run ends, however it ends.
//!
//! Source: `proc_pid_stat(5)`, `proc_pid_status(5)`; `schedstat` is time on the processor in
//! nanoseconds, per thread.

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::Child;

use crate::Failure;

/// How long a process may take to say where it listens.
const START_MAX: Duration = Duration::from_secs(20);
/// Bytes read of a file under `/proc`.
const PROC_BYTES_MAX: u64 = 64 * 1024;

/// A process that listens.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts this program again as `bench ARGUMENTS…`, which prints where it listens.
    pub(crate) fn ours(arguments: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        let mut child = Child::start(command)?;
        child.wait_for(START_MAX, |child| child.stdout().contains('\n'));
        let address = child.stdout().trim().parse();
        let address =
            address.map_err(|_| format!("`bench {}` did not start", arguments.join(" ")))?;
        Ok(Self { child, address })
    }

    /// Processor time of all threads that live, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.child.id())) else {
            return 0;
        };
        let times = threads.flatten().filter_map(|thread| {
            let text = read(&thread.path().join("schedstat"))?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        times.sum()
    }

    /// A member of `/proc/<pid>/status` in kibibytes: `VmRSS`, `VmHWM`.
    pub(crate) fn memory_kib(&self, member: &str) -> u64 {
        let text = read(Path::new(&format!("/proc/{}/status", self.child.id())));
        let line = text.as_deref().and_then(|text| {
            text.lines().find_map(|line| line.strip_prefix(member)?.strip_prefix(':'))
        });
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(PROC_BYTES_MAX).read_to_string(&mut text).ok()?;
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
