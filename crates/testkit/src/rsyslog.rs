//! A real `rsyslogd` of the test's own, which writes what it receives to a file.
//!
//! INVARIANT: it listens on this machine only, keeps its files in a folder of its own, and does not outlive its value.

use std::fmt::Write as _;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::programs::{RSYSLOG_PROGRAMS, is_there};
use crate::{Child, free_port, program};

/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(20);
/// Bytes of what it received that are read.
const RECEIVED_BYTES_MAX: u64 = 64 << 20;
/// Where Debian keeps its modules.
const TLS_MODULES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so",
    "/usr/lib/aarch64-linux-gnu/rsyslog/lmnsd_gtls.so",
    "/usr/lib/rsyslog/lmnsd_gtls.so",
];

/// How it listens.
#[derive(Clone, Copy, Debug)]
pub enum SyslogWay<'a> {
    /// Over TCP.
    Tcp,
    /// Over TLS, with these certificates and their key, as PEM.
    Tls {
        /// The server's certificate, which is its own authority.
        certificate: &'a str,
        /// Its key.
        key: &'a str,
    },
    /// Over UDP.
    Udp,
}

/// A running server.
#[derive(Debug)]
pub struct RsyslogServer {
    address: SocketAddr,
    child: Option<Child>,
    configuration: PathBuf,
    folder: tempfile::TempDir,
    is_tcp: bool,
}

impl RsyslogServer {
    /// Starts a server. Nothing, if there is none on this machine, or none that speaks TLS: the test is skipped and says so.
    pub fn start(way: SyslogWay<'_>) -> Result<Option<Self>> {
        let Some(_program) = program(RSYSLOG_PROGRAMS)? else { return Ok(None) };
        let is_tls = matches!(way, SyslogWay::Tls { .. });
        if is_tls
            && !is_there("rsyslog-gnutls", || {
                TLS_MODULES.iter().any(|path| Path::new(path).exists())
            })?
        {
            return Ok(None);
        }
        let (address, folder) = (free_port()?, tempfile::tempdir()?);
        let configuration = folder.path().join("rsyslog.conf");
        std::fs::write(&configuration, configured(way, address, folder.path())?)?;
        let is_tcp = !matches!(way, SyslogWay::Udp);
        let mut server = Self { address, child: None, configuration, folder, is_tcp };
        server.restart()?;
        Ok(Some(server))
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it again.
    pub fn restart(&mut self) -> Result<()> {
        let mut command = Command::new("rsyslogd");
        command.arg("-n").arg("-f").arg(&self.configuration);
        command.arg("-i").arg(self.folder.path().join("pid"));
        self.child = Some(Child::start(command)?);
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            if !self.is_tcp && self.folder.path().join("pid").exists()
                || self.is_tcp && TcpStream::connect(self.address).is_ok()
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let said = self.child.as_ref().map(Child::stdout).unwrap_or_default();
        Err(Error::new(ErrorKind::NotConnected, format!("no rsyslogd listens: {said}")))
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.child.take().map_or(Ok(()), |mut child| child.kill())
    }

    /// What it received so far: `PRIORITY|TIME|HOST|APPLICATION|MSGID|STRUCTURED|MESSAGE`, a line each.
    pub fn received(&self) -> String {
        let mut text = String::new();
        let file = std::fs::File::open(self.folder.path().join("received"));
        let _ = file.and_then(|file| file.take(RECEIVED_BYTES_MAX).read_to_string(&mut text));
        text
    }
}

fn configured(way: SyslogWay<'_>, address: SocketAddr, folder: &Path) -> Result<String> {
    let (port, place) = (address.port(), folder.display());
    let mut text = format!("global(workDirectory=\"{place}\" maxMessageSize=\"256k\"");
    if let SyslogWay::Tls { certificate, key } = way {
        let (certificate_file, key_file) = (folder.join("certificate.pem"), folder.join("key.pem"));
        std::fs::write(&certificate_file, certificate)?;
        std::fs::write(&key_file, key)?;
        let certificate = certificate_file.display();
        let _never_fails = write!(
            text,
            " defaultNetstreamDriverCAFile=\"{certificate}\" defaultNetstreamDriverCertFile=\"{certificate}\" \
             defaultNetstreamDriverKeyFile=\"{}\"",
            key_file.display()
        );
    }
    let (module, options) = match way {
        SyslogWay::Udp => ("imudp", ""),
        SyslogWay::Tcp => ("imtcp", ""),
        SyslogWay::Tls { .. } => (
            "imtcp",
            " streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\"",
        ),
    };
    let _never_fails = write!(
        text,
        ")\nmodule(load=\"{module}\"{options})\n\
         input(type=\"{module}\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"all\")\n"
    );
    let _never_fails = write!(
        text,
        "template(name=\"all\" type=\"string\" string=\"%pri%|%timestamp:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\\n\")\n\
         ruleset(name=\"all\") {{ action(type=\"omfile\" file=\"{place}/received\" template=\"all\") }}\n"
    );
    Ok(text)
}
