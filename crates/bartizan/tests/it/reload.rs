//! SIGHUP: the configuration of a running gateway.

use std::time::{Duration, Instant};

use crate::Home;
use crate::up::{Gateway, ask, first_key, start_with};

const PATIENCE: Duration = Duration::from_secs(30);
const LISTEN: &str = "[metrics]\nlisten = \"127.0.0.1:0\"\n[server]\nlisten = \"127.0.0.1:0\"\n";

/// Writes another configuration, tells the gateway, and waits until it has said so many times what became of it.
pub(crate) fn reload(home: &Home, gateway: &mut Gateway, config: &str, times: usize) {
    home.write("bartizan.toml", config);
    gateway.child.signal("HUP").expect("signalled");
    let said = |text: &str| {
        text.matches("the configuration is reloaded").count()
            + text.matches("the configuration is not reloaded").count()
    };
    let deadline = Instant::now() + PATIENCE;
    let all = |gateway: &Gateway| gateway.child.stdout() + &gateway.child.stderr();
    while said(&all(gateway)) < times {
        assert!(gateway.child.is_running(), "{}", all(gateway));
        assert!(Instant::now() < deadline, "{}", all(gateway));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_configuration_is_reloaded_whole_or_refused_with_the_reason() {
    let home = Home::new();
    let mut gateway = start_with(&home, "");
    let key = first_key(&home);
    assert_eq!(ask(&gateway, &key), 200);

    let denied = format!("{LISTEN}deny_addresses = [\"127.0.0.1\"]\n");
    reload(&home, &mut gateway, &denied, 1);
    assert_eq!(ask(&gateway, &key), 403);

    // What is wrong, and what only a start can change, is refused by name: one line each.
    reload(&home, &mut gateway, &format!("{LISTEN}[guards]\npreset = \"lenient\"\n"), 2);
    assert_eq!(ask(&gateway, &key), 403, "the one before goes on");
    let moved = LISTEN.replace("127.0.0.1:0", "127.0.0.2:0")
        + "connections_max = 7\n[data]\ndir = \"elsewhere\"\n[journal]\nsync = \"off\"\n[keys]\nrevoke_exposed = true\n[diagnostics]\nfilter = \"debug\"\n";
    reload(&home, &mut gateway, &moved, 3 + 6);
    assert_eq!(ask(&gateway, &key), 403);

    reload(&home, &mut gateway, &format!("{LISTEN}[guards]\npreset = \"strict\"\n"), 10);
    assert_eq!(ask(&gateway, &key), 200);

    gateway.child.terminate().expect("signalled");
    let status = gateway.child.wait(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", gateway.child.stderr());
    let said = gateway.child.stderr();
    for name in [
        "server.listen",
        "server.connections_max",
        "metrics.listen",
        "journal.sync",
        "keys.revoke_exposed",
        "diagnostics.filter",
        "data.dir",
    ] {
        assert!(said.contains(&format!("`{name}` cannot be changed while")), "{name}\n{said}");
    }
    let tail = home.run(&["log", "tail", "-n", "1000"]).stdout;
    let digests: Vec<&str> =
        tail.split("reloaded: policy ").skip(1).filter_map(|rest| rest.lines().next()).collect();
    assert_eq!(digests.len(), 2, "{tail}");
    assert_ne!(digests[0], digests[1], "another preset has other rules");
    assert_eq!(tail.matches("reload_refused: ").count(), 2, "{tail}");
    assert!(tail.contains("; 4 more"), "{tail}");
    assert_eq!(home.run(&["log", "verify"]).code, 0);
}
