"""Replay over real HTTP: the exact bytes, the recorded pace, a closed port where nobody answered."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.clock import FastClock
from controlplane.settings.load import examine
from controlplane.simulate.recording import Series, Shot, read_recording
from controlplane.simulate.replay import Replay, fleet_yaml_for
from tests.simulate.hand_clock import HandClock, until

RAMP = Path(__file__).parent / "data" / "ramp-planner.tar.xz"


def a_series(*shots: Shot, name: str = "planner") -> Series:
    return Series(name=name, shots=shots)


THREE = a_series(
    Shot(at=0, file="1", body=b"a 1\n", content_type="text/plain; version=1.0.0"),
    Shot(at=10, file="2", body=None),
    Shot(at=20, file="3", body=b"busy", status=503),
    Shot(at=30, file="4", body=b"a 4\n"),
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def replay(clock: HandClock) -> Iterator[Replay]:
    replay = Replay((THREE,), clock)
    replay.start()
    yield replay
    replay.stop()


def get(replay: Replay, name: str = "planner") -> tuple[bytes, str]:
    with urllib.request.urlopen(replay.urls[name], timeout=10) as answer:
        return answer.read(), answer.headers["Content-Type"]


def refuses(replay: Replay) -> bool:
    try:
        get(replay)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except urllib.error.URLError as error:
        return isinstance(error.reason, ConnectionRefusedError)
    except ConnectionError:
        return False
    return False


def test_pages_come_as_recorded_at_their_time_and_failures_too(replay: Replay, clock: HandClock):
    assert get(replay) == (b"a 1\n", "text/plain; version=1.0.0")
    clock.pass_seconds(9.9)
    assert get(replay)[0] == b"a 1\n"
    clock.pass_seconds(1)
    until(lambda: refuses(replay))
    url = replay.urls["planner"]
    clock.pass_seconds(10)
    until(lambda: not refuses(replay))
    with pytest.raises(urllib.error.HTTPError) as busy:
        get(replay)
    busy.value.close()
    assert busy.value.code == 503
    clock.pass_seconds(10)
    assert get(replay)[0] == b"a 4\n"
    assert replay.urls["planner"] == url, "it comes back on the same port"


def test_after_the_last_page_and_a_step_it_is_over(replay: Replay, clock: HandClock):
    clock.pass_seconds(39)
    assert not replay.wait(0.2)
    clock.pass_seconds(2)
    assert replay.wait(5)
    with pytest.raises(urllib.error.URLError):
        get(replay)


def test_a_fast_clock_plays_faster():
    replay = Replay((THREE,), FastClock(200))
    replay.start()
    assert replay.wait(5)


def test_the_captured_pages_are_served_byte_for_byte(clock: HandClock):
    series = read_recording(RAMP)
    replay = Replay(series, clock)
    replay.start()
    try:
        clock.pass_seconds(90.5)
        assert get(replay) == (series[0].shots[18].body, "text/plain; version=1.0.0; charset=utf-8")
    finally:
        replay.stop()


def test_two_series_listen_on_two_ports_and_the_offered_fleet_yaml_loads(clock: HandClock, tmp_path: Path):
    both = (THREE, a_series(*THREE.shots, name="worker"))
    replay = Replay(both, clock)
    replay.start()
    try:
        assert len(set(replay.urls.values())) == 2
        settings = examine(fleet_yaml_for(both, replay.urls).encode(), folder=tmp_path).settings
    finally:
        replay.stop()
    assert {name: role.targets for name, role in settings.roles.items()} == {
        name: (url,) for name, url in replay.urls.items()
    }
