//! A program that encrypts data keys: a client of a key management service.
//!
//! ```text
//! PROGRAM ARGUMENTS… wrap NAME      base64 of a data key in, base64 of what it became out
//! PROGRAM ARGUMENTS… unwrap NAME    the other way round
//! ```
//!
//! INVARIANT: no shell, and nothing of a request in the arguments; a data key goes through pipes and never through arguments or
//! the environment. INVARIANT: of the gateway's own environment, where the keys of providers may be, it gets [`ENVIRONMENT`] and
//! what is configured, and nothing else. INVARIANT: it is stopped, with what it started, when its time is over; of its answer no more is read than
//! an answer has.
//!
//! Not here: what becomes of the answer (`store::Sealing`).

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use data_encoding::BASE64;
use rustix::process::{Pid, Signal, kill_process_group};
use stdx::Secret;
use store::{DataKey, KeyWrapper, WRAPPED_KEY_BYTES_MAX, WrapError};
use zeroize::Zeroizing;

/// Bytes of an answer: an encrypted data key in base64, and a line end.
const ANSWER_BYTES_MAX: usize = WRAPPED_KEY_BYTES_MAX.div_ceil(3) * 4 + 2;
/// The variables that every such program gets, as the gateway has them.
pub(crate) const ENVIRONMENT: [&str; 2] = ["PATH", "HOME"];
/// What documents call it, whatever key it uses.
const ID: &str = "command";

/// A configured program. See the module.
#[derive(Clone, Debug)]
pub(crate) struct KeyCommand {
    /// What goes before `wrap NAME`.
    pub(crate) arguments: Vec<String>,
    /// The names of the variables that it gets, besides [`ENVIRONMENT`].
    pub(crate) environment: Vec<String>,
    /// The whole path.
    pub(crate) program: PathBuf,
    /// Time for one run.
    pub(crate) time_max: Duration,
}

impl KeyWrapper for KeyCommand {
    fn id(&self) -> &str {
        ID
    }

    fn wrap(&self, name: &str, data_key: &DataKey) -> Result<Vec<u8>, WrapError> {
        let wrapped = self.ask("wrap", name, data_key.expose())?;
        if wrapped.as_slice() == data_key.expose() {
            return Err(unavailable("it gave the key back as it was"));
        }
        Ok(wrapped.to_vec())
    }

    fn open(&self, name: &str, wrapped: &[u8]) -> Result<DataKey, WrapError> {
        let key = self.ask("unwrap", name, wrapped)?;
        key.as_slice().try_into().map(Secret::new).map_err(|_| WrapError::Damaged)
    }
}

impl KeyCommand {
    fn ask(&self, verb: &str, name: &str, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let failed = |error: std::io::Error| {
            unavailable(format!("`{}` cannot be started: {error}", self.program.display()))
        };
        let names = ENVIRONMENT.into_iter().chain(self.environment.iter().map(String::as_str));
        let variables = names.filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .args([verb, name])
            .env_clear()
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let mut line = Zeroizing::new(BASE64.encode(bytes));
        line.push('\n');
        let (done, answered) = sync_channel(1);
        let pipes = (child.stdin.take(), child.stdout.take());
        std::thread::spawn(move || converse(pipes, &line, &done));
        let answer = match answered.recv_timeout(self.time_max) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                end(&mut child);
                return Err(unavailable(format!("no answer within {:?}", self.time_max)));
            }
        };
        match wait_briefly(&mut child) {
            Some(true) => {}
            Some(false) => return Err(unavailable(format!("it refused to {verb}"))),
            None => {
                end(&mut child);
                return Err(unavailable("it did not end after its answer"));
            }
        }
        let text = answer.trim_ascii_end();
        let bytes = BASE64.decode(text).map(Zeroizing::new);
        bytes
            .ok()
            .filter(|bytes| !bytes.is_empty() && answer.len() <= ANSWER_BYTES_MAX)
            .ok_or_else(|| unavailable("its answer is not one line of base64, or too long"))
    }
}

type Pipes = (Option<std::process::ChildStdin>, Option<std::process::ChildStdout>);

/// Writes the question and reads the answer, up to one byte more than an answer has.
fn converse((stdin, stdout): Pipes, line: &str, done: &SyncSender<Zeroizing<Vec<u8>>>) {
    let mut answer = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES_MAX + 1));
    if let Some(mut stdin) = stdin {
        // A program that refuses need not read.
        let _unread = stdin.write_all(line.as_bytes()).is_err();
    }
    if let Some(stdout) = stdout {
        let limit = ANSWER_BYTES_MAX as u64 + 1;
        let _cut_short = stdout.take(limit).read_to_end(&mut answer).is_err();
    }
    let _nobody_waits = done.send(answer).is_err();
}

/// How it ended, if it does so within a moment: whether well.
fn wait_briefly(child: &mut Child) -> Option<bool> {
    for _ in 0..100 {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status.success());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Ends it and what it has started; it has not been waited for, so that the number is still its own.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _has_ended = kill_process_group(group, Signal::KILL).is_err();
    }
    let _has_ended = child.wait().is_err();
}

fn unavailable(why: impl Into<String>) -> WrapError {
    WrapError::Unavailable(why.into())
}

#[cfg(test)]
mod tests {
    use store::{SealError, Sealing};

    use super::*;

    /// A program that answers so: a line of shell, which sees the verb as `$1` and the name as `$2`.
    fn sealing(script: &str, time_max: Duration) -> Sealing {
        let arguments = ["-c", script, "kms"].map(str::to_owned).to_vec();
        let (environment, program) = (vec!["CARGO_PKG_NAME".to_owned()], PathBuf::from("/bin/sh"));
        let command = KeyCommand { arguments, environment, program, time_max };
        Sealing::new(Box::new(command), Vec::new())
    }

    /// Not encryption: it shows what goes where. What is wrapped begins with the name, and opens under no other.
    const REVERSING: &str = r#"
        read line
        case "$1" in
            wrap) printf '%s:%s' "$2" "$line" | base64 -w0; echo ;;
            unwrap) plain=$(printf '%s' "$line" | base64 -d)
                case "$plain" in "$2":*) printf '%s\n' "${plain#*:}" ;; *) exit 1 ;; esac ;;
        esac"#;

    #[test]
    fn a_program_seals_and_opens() {
        let sealing = sealing(REVERSING, Duration::from_secs(20));
        let sealed = sealing.seal("openai", &Secret::new("sk-1".to_owned())).expect("sealed");
        assert_eq!(sealed.key, "command");
        let opened = sealing.open("openai", &sealed).expect("opened");
        assert_eq!(opened.expose(), "sk-1");
        assert!(matches!(sealing.open("azure", &sealed), Err(SealError::Unavailable { .. })));
    }

    #[test]
    fn of_the_environment_it_gets_what_is_named() {
        // Tests run with all of these, and with `PATH` and `HOME`; the shell sets some of its own.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let list = "env | cut -d= -f1 | grep -v -e '^PWD$' -e '^SHLVL$' -e '^_$' -e '^OLDPWD$' | sort | tr '\\n' ' ' | base64 -w0";
        let script = format!("cat >/dev/null; {list}");
        let arguments = ["-c", script.as_str(), "kms"].map(str::to_owned).to_vec();
        for (environment, expected) in [
            (vec![], "HOME PATH "),
            (
                vec!["CARGO_PKG_NAME".to_owned(), "NOT_SET_ANYWHERE".to_owned()],
                "CARGO_PKG_NAME HOME PATH ",
            ),
        ] {
            let time_max = Duration::from_secs(20);
            let (arguments, program) = (arguments.clone(), PathBuf::from("/bin/sh"));
            let command = KeyCommand { arguments, environment, program, time_max };
            let said = command.wrap("a", &Secret::new([7; 32])).map_err(|error| error.to_string());
            assert_eq!(said.as_deref(), Ok(expected.as_bytes()));
        }
    }

    #[test]
    fn programs_that_misbehave_are_errors() {
        let long = format!("head -c {} /dev/zero | tr '\\0' A", ANSWER_BYTES_MAX + 1);
        let seconds = Duration::from_secs(20);
        for (script, time_max, why) in [
            ("exit 3", seconds, "refused"),
            ("cat >/dev/null; exit 3", seconds, "refused"),
            ("cat >/dev/null", seconds, "not one line of base64"),
            ("cat >/dev/null; echo not-base64!", seconds, "not one line of base64"),
            (long.as_str(), seconds, "not one line of base64"),
            ("cat", seconds, "gave the key back"),
            ("sleep 60", Duration::from_millis(200), "no answer within 200ms"),
            ("sleep 60 & sleep 60", Duration::from_millis(200), "no answer within 200ms"),
            ("yes", seconds, "refused"),
        ] {
            let began = std::time::Instant::now();
            let sealed = sealing(script, time_max).seal("a", &Secret::new("sk-1".to_owned()));
            let error = sealed.expect_err("not sealed").to_string();
            assert!(error.contains(why), "{script}: {error}");
            assert!(began.elapsed() < Duration::from_secs(20), "{script}");
        }
        let missing = KeyCommand {
            arguments: Vec::new(),
            environment: Vec::new(),
            program: PathBuf::from("/nowhere/kms"),
            time_max: seconds,
        };
        let error = missing.open("a", b"x").err().expect("nothing there").to_string();
        assert!(error.contains("cannot be started"), "{error}");
    }
}
