"""A minute of inputs that a coverage-guided fuzzer makes up, starting from the corpus beside this file."""

import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.exposition import check

HERE = Path(__file__).parent
SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))


@pytest.mark.parametrize("seed", sorted((HERE / "corpus").iterdir()), ids=lambda path: path.name)
def test_what_was_found_once_stays_fixed(seed: Path):
    check(seed.read_bytes())


@pytest.mark.fuzz
def test_no_bytes_break_the_page_reader(tmp_path: Path):
    if importlib.util.find_spec("atheris") is None:
        print(f"\natheris is not installed: {SECONDS} s of random bytes from hypothesis instead, blind to coverage")
        _throw_random_bytes()
        return
    command = [
        *(sys.executable, str(HERE / "exposition.py"), str(tmp_path), str(HERE / "corpus")),
        *(f"-max_total_time={SECONDS}", "-max_len=2000", "-timeout=5", "-rss_limit_mb=1000", f"-dict={HERE / 'dict'}"),
        f"-artifact_prefix={tmp_path}/",
    ]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 120, env=environment, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    runs = re.findall(r"Done (\d+) runs in (\d+) second", said)
    assert runs, said[-2000:]
    print(f"\natheris: {int(runs[-1][0]):,} inputs in {runs[-1][1]} s, none broke the page reader")
    assert int(runs[-1][0]) > 1000


def _throw_random_bytes() -> None:
    thrown, end = 0, time.perf_counter() + SECONDS

    @settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.binary(max_size=400))
    def throw(data: bytes) -> None:
        nonlocal thrown
        thrown += 1
        check(data)

    while time.perf_counter() < end:
        throw()
    print(f"\nhypothesis: {thrown:,} inputs, none broke the page reader")
