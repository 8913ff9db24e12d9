"""Run the tests in two lanes at once: those that compute, and those that mostly wait for real servers.

``python tools/lanes.py`` prints the first lane as it runs and the second one when both are done; it fails when one
does. On two cores that takes little longer than the longer lane. Benchmarks are not among them: they run alone.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

WAITING = ("tests/e2e", "tests/kube")
"""Folders whose tests start Prometheus, Alertmanager, Kubernetes or our own service and watch them for a while."""

COMMON = (sys.executable, "-m", "pytest", "-m", "not bench and not fuzz", "--durations=12")


def main() -> int:
    """Run both lanes; the exit status is the worse of the two."""
    with tempfile.TemporaryDirectory(prefix="fleet-lanes-") as home:
        said = Path(home) / "waiting.log"
        with said.open("wb") as sink:
            waiting = subprocess.Popen([*COMMON, *WAITING], stdout=sink, stderr=subprocess.STDOUT)
            computing = subprocess.run([*COMMON, *(f"--ignore={folder}" for folder in WAITING)], check=False).returncode
            waited = waiting.wait()
        print(f"\n{' and '.join(WAITING)}, run at the same time:\n", flush=True)
        print(said.read_text(errors="replace"), flush=True)
    return max(computing, waited)


if __name__ == "__main__":
    sys.exit(main())
