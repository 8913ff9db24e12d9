"""Run the tests in three lanes at once: one that computes, and two that first wait for real servers, then compute.

``python tools/lanes.py`` prints the first lane as it runs and the others when all are done; it fails when one does.
On two cores that takes little longer than the longest lane. Benchmarks, and what compares clocks, are not among
them: they run alone.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

LANES = (("tests/e2e", "tests/crash"), ("tests/kube", "tests/browser", "tests/fuzz"))
"""Folders that run beside the rest. The first of each starts real servers or our own service and watches them for a
while; what follows makes the lanes about equally long."""

COMMON = (sys.executable, "-m", "pytest", "-m", "not bench and not quiet", "--durations=12")


def main() -> int:
    """Run all lanes; the exit status is the worst of them."""
    with tempfile.TemporaryDirectory(prefix="fleet-lanes-") as home, ExitStack() as files:
        lanes = []
        for folders in LANES:
            said = Path(home) / folders[0].replace("/", "-")
            sink = files.enter_context(said.open("wb"))
            lane = subprocess.Popen([*COMMON, *folders], stdout=sink, stderr=subprocess.STDOUT)
            lanes.append((folders, said, lane))
        rest = [f"--ignore={folder}" for folders in LANES for folder in folders]
        status = [subprocess.run([*COMMON, *rest], check=False).returncode]
        for folders, said, lane in lanes:
            status.append(lane.wait())
            print(f"\n{' '.join(folders)}, run at the same time:\n{said.read_text(errors='replace')}", flush=True)
    return max(map(abs, status))


if __name__ == "__main__":
    sys.exit(main())
