"""What must hold for any bytes a target may send; run as a program it lets atheris look for bytes that break it.

``exposition.py CORPUS… -max_total_time=60``: the arguments of libFuzzer.
"""

import sys

try:
    import atheris
except ImportError:  # the test then says so and throws random pages instead
    atheris = None

from contextlib import nullcontext

with atheris.instrument_imports(include=["controlplane.collect"]) if atheris else nullcontext():
    from controlplane.collect.exposition import OPENMETRICS, PageReader
    from controlplane.collect.limits import Limits

from controlplane.errors import ExpositionError

LIMITS = Limits(body=20_000, samples=200, labels=8, name=40, value=60)
REMEMBERED = b'# HELP a Help.\n# TYPE a histogram\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 2\nb{x="y"} 1.5\n'
HEADERS = ("text/plain; version=0.0.4", OPENMETRICS, "")


def outcome(reader: PageReader, body: bytes, header: str) -> tuple[object, ...]:
    """A page or our own error, in a form that can be compared; any other exception is a find."""
    try:
        page = reader.read(body, header, received=1_795_000_000.0)
    except ExpositionError as error:
        refused = error
    else:
        assert len(page.values) == len(page.layout.keys) <= LIMITS.samples
        assert len(set(page.layout.keys)) == len(page.layout.keys), "a series twice"
        return (page.layout.keys, dict(page.layout.types), tuple(map(repr, page.values)))
    assert len(refused.detail) < 300, "an error that shows too much"
    assert refused.detail.isprintable(), "an error that could act on a terminal"
    return (refused.fault, refused.detail, refused.line)


def check(data: bytes) -> None:
    """One input: the first byte chooses the header, the rest is the page."""
    header, body = HEADERS[data[0] % len(HEADERS)] if data else "", data[1:]
    fresh, known = PageReader(LIMITS), PageReader(LIMITS)
    first = outcome(fresh, body, header)
    assert outcome(fresh, body, header) == first, "the second reading differs from the first"
    known.read(REMEMBERED, HEADERS[0])
    assert outcome(known, body, header) == first, "what was remembered has changed what is read"
    assert outcome(known, REMEMBERED, HEADERS[0])[2] == ("1.0", "2.0", "1.5"), "a page has left a trace"


if __name__ == "__main__":
    assert atheris is not None, "atheris is not installed"
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
