"""The shipped hunts, read by the tool that Sigma's own project checks rules with, and run over a day of ordinary traffic."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
RULES = HERE.parents[2] / "crates/hunt/rules"
# So many requests and their ends, and what is beside them, are more than 100,000 events.
EXCHANGES = os.environ.get("BARTIZAN_BENIGN_EXCHANGES", "52000")
SEED = os.environ.get("BARTIZAN_BENIGN_SEED", "20261123")


def test_sigma_check_finds_nothing():
    sigma = pathlib.Path(sys.executable).with_name("sigma")
    # These two ask the internet for lists of ATT&CK and D3FEND, which no tag of ours is of.
    left_out = ["--exclude", "attacktag", "--exclude", "d3_fendtag"]
    ran = subprocess.run([sigma, "check", "--fail-on-error", "--fail-on-issues", *left_out, RULES],
                         capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Found 0 errors, 0 condition errors and 0 issues." in ran.stdout, ran.stdout


def test_an_ordinary_day_is_silent(tmp_path):
    day = tmp_path / "day.jsonl"
    with open(day, "w") as lines:
        subprocess.run([sys.executable, HERE / "benign_day.py", SEED, EXCHANGES], stdout=lines, check=True, timeout=600)
    with open(day) as lines:
        count = sum(1 for _ in lines)
    assert count >= 2 * int(EXCHANGES) * 0.95
    ran = subprocess.run([os.environ["BARTIZAN"], "hunt", "run", "--records", day], capture_output=True, text=True, timeout=3600)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{count} records, 0 hits" in ran.stderr
