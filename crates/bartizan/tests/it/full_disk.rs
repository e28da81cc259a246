//! A disk that takes no more bytes, for a real process: a limit on the size of its files, lifted while it runs.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Child, Client, FakeUpstream, PRLIMIT_PROGRAMS, Request, program};

use crate::{Home, binary};

const PATIENCE: Duration = Duration::from_mins(1);
/// The largest that a file of the process may be at first, in kilobytes: room for the database, and little of the record.
const FILE_KB_MAX: u64 = 512;

#[test]
fn what_cannot_be_recorded_is_not_forwarded_and_it_goes_on_when_there_is_room() {
    if program(PRLIMIT_PROGRAMS).expect("installed").is_none() {
        return;
    }
    let home = Home::new();
    let upstream = FakeUpstream::start().expect("an upstream");
    let base_url = upstream.base_url();
    home.write(
        "bartizan.toml",
        format!(
            "[metrics]\nlisten = \"\"\n[server]\nlisten = \"127.0.0.1:0\"\n[[upstreams]]\nname = \"test\"\nbase_url = \"{base_url}\"\n"
        ),
    );
    // A file that grows beyond the limit gives an error, as a full disk does, since the signal is ignored.
    let script = format!("trap '' XFSZ; ulimit -S -f {FILE_KB_MAX}; exec \"$0\" up");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).arg(binary()).current_dir(home.path(".")).env_clear();
    command.env("PATH", "/usr/bin:/bin");
    let mut child = Child::start(command).expect("started");
    let listens = |child: &Child| child.stdout().contains("Bartizan listens on ");
    assert!(child.wait_for(PATIENCE, listens), "{}{}", child.stdout(), child.stderr());
    let stdout = child.stdout();
    let address = stdout.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.and_then(|text| text.parse().ok()).expect("an address");
    let client = Client::new(address).with_key(&crate::up::first_key(&home));
    let text = "the quick brown fox jumps over the lazy dog. ".repeat(400);
    let ask = || client.send(&Request::chat("fake-echo", &text, &json!({}))).expect("an answer");
    let deadline = Instant::now() + PATIENCE;
    let mut answered = 0;
    let refused = loop {
        let answer = ask();
        match answer.status {
            200 => answered += 1,
            _ => break answer,
        }
        assert!(Instant::now() < deadline, "the disk is never full");
    };
    assert_eq!(
        (refused.status, refused.error_code().as_deref()),
        (503, Some("record_unavailable")),
        "{}",
        refused.text()
    );
    let received = upstream.received();
    assert_eq!(received, answered, "what is refused was not sent on");
    assert!(ask().status == 503 && upstream.received() == received, "and stays so");

    let id = child.id().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status();
    assert!(lifted.expect("prlimit runs").success());
    while ask().status != 200 {
        assert!(Instant::now() < deadline, "{}", child.stderr());
        std::thread::sleep(Duration::from_millis(50));
    }
    child.terminate().expect("signalled");
    assert_eq!(child.wait(PATIENCE).expect("it ends").code(), Some(0), "{}", child.stderr());
    let verified = home.run(&["log", "verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let log = home.run(&["log", "tail", "-n", "100000"]).stdout;
    assert_eq!(
        log.matches("answered 200").count() as u64,
        answered + 1,
        "nothing that was answered is lost"
    );
}
