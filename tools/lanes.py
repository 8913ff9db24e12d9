"""Run the tests in three lanes at once: one that computes, and two that mostly wait for real servers.

``python tools/lanes.py`` prints the first lane as it runs and the others when all are done; it fails when one does.
On two cores that takes little longer than the longest lane. Benchmarks, and what compares clocks, are not among
them: they run alone.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

WAITING = ("tests/e2e", "tests/kube")
"""Folders whose tests start Prometheus, Alertmanager, Kubernetes or our own service and watch them for a while."""

COMMON = (sys.executable, "-m", "pytest", "-m", "not bench and not fuzz and not quiet", "--durations=12")


def main() -> int:
    """Run all lanes; the exit status is the worst of them."""
    with tempfile.TemporaryDirectory(prefix="fleet-lanes-") as home, ExitStack() as files:
        lanes = []
        for folder in WAITING:
            said = Path(home) / folder.replace("/", "-")
            sink = files.enter_context(said.open("wb"))
            lanes.append((folder, said, subprocess.Popen([*COMMON, folder], stdout=sink, stderr=subprocess.STDOUT)))
        rest = [f"--ignore={folder}" for folder in WAITING]
        status = [subprocess.run([*COMMON, *rest], check=False).returncode]
        for folder, said, lane in lanes:
            status.append(lane.wait())
            print(f"\n{folder}, run at the same time:\n{said.read_text(errors='replace')}", flush=True)
    return max(map(abs, status))


if __name__ == "__main__":
    sys.exit(main())
