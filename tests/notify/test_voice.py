"""From the ledger to Slack, over a real database and real HTTP: everything once, nothing lost, nobody flooded."""

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from controlplane.errors import NotifyError
from controlplane.notify.digest import Grouping
from controlplane.notify.notes import Composer
from controlplane.notify.slack import SlackWebhook
from controlplane.notify.voice import OutboxVoice
from controlplane.store.ledger import Ledger, open_ledger
from tests.builders import NOON, a_finding, a_recommendation
from tests.notify.fake_slack import Answer, FakeSlack, fake_slack
from tests.store.steps import at, keep, tick

SECOND = timedelta(seconds=1)
WAIT, WINDOW = 30 * SECOND, 300 * SECOND


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as receiver:
        yield receiver
    assert receiver.complaints == []


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", compose=Composer(public_url="https://fleet.example"))
    yield opened
    opened.close()


def a_voice(ledger: Ledger, slack: FakeSlack, tmp_path: Path) -> OutboxVoice:
    (tmp_path / "slack").write_text(slack.url)
    return OutboxVoice(ledger, [SlackWebhook(tmp_path / "slack", deadline=2.0)], chance=random.Random(1))


@pytest.fixture
def voice(ledger: Ledger, slack: FakeSlack, tmp_path: Path) -> OutboxVoice:
    return a_voice(ledger, slack, tmp_path)


def trouble(ledger: Ledger, number: int, *roles: str) -> None:
    keep(
        ledger,
        tick(
            number,
            findings=tuple(a_finding(role=role) for role in roles),
            proposals=[a_recommendation(role) for role in roles],
        ),
    )


def test_a_finding_and_its_recommendation_arrive_once_as_one_message(
    ledger: Ledger, slack: FakeSlack, voice: OutboxVoice
) -> None:
    trouble(ledger, 0, "planner")
    assert ledger.oldest_undelivered(at(0) + 10 * SECOND) == 10 * SECOND
    assert voice.deliver(NOON + 29 * SECOND) == 0
    assert voice.deliver(NOON + WAIT) == 1
    assert voice.deliver(NOON + 2 * WINDOW) == 0
    assert len(slack.messages) == 1
    assert "Run at least 3 replicas" in slack.texts()
    assert ledger.oldest_undelivered(NOON + WINDOW) is None


def test_resolved_trouble_is_told_after_the_groups_window(ledger: Ledger, slack: FakeSlack, voice: OutboxVoice) -> None:
    trouble(ledger, 0, "planner")
    voice.deliver(NOON + WAIT)
    keep(ledger, tick(4))
    assert voice.deliver(NOON + WAIT + WINDOW - SECOND) == 0
    assert voice.deliver(NOON + WAIT + WINDOW) == 1
    assert "Resolved" in str(slack.messages[1])


def test_flapping_that_ends_within_the_wait_is_never_told(ledger: Ledger, slack: FakeSlack, voice: OutboxVoice) -> None:
    for number in range(0, 20, 2):
        trouble(ledger, number, "planner")
        keep(ledger, tick(number + 1))
    assert voice.deliver(NOON + WINDOW) == 0
    assert slack.requests == 0
    assert ledger.oldest_undelivered(NOON + WINDOW) is None


def test_a_storm_is_one_message(ledger: Ledger, slack: FakeSlack, voice: OutboxVoice) -> None:
    trouble(ledger, 0, *(f"role-{i}" for i in range(40)))
    assert voice.deliver(NOON + WAIT) == 1
    assert "40 roles are in trouble" in slack.texts()
    assert voice.deliver(NOON + 2 * WINDOW) == 0


def test_slack_is_left_alone_for_as_long_as_it_asks(ledger: Ledger, slack: FakeSlack, voice: OutboxVoice) -> None:
    trouble(ledger, 0, "planner", "worker")
    slack.answers.append(Answer(429, {"Retry-After": "120"}))
    assert voice.deliver(NOON + WAIT) == 0
    assert voice.deliver(NOON + WAIT + 119 * SECOND) == 0
    assert slack.requests == 1, "nothing else is tried at a channel that wants quiet"
    assert voice.deliver(NOON + WAIT + 120 * SECOND) == 2
    assert len(slack.messages) == 2


def test_a_server_that_stays_down_is_asked_less_and_less_and_nothing_is_lost(
    ledger: Ledger, slack: FakeSlack, voice: OutboxVoice
) -> None:
    trouble(ledger, 0, "planner")
    slack.answers.extend(Answer(503) for _ in range(6))
    now, tried = NOON + WAIT, []
    while not slack.messages:
        before = slack.requests
        voice.deliver(now)
        if slack.requests > before:
            tried.append(now)
        now += SECOND
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(tried)]
    assert len(tried) == 7
    assert gaps == sorted(gaps)
    assert gaps[-1] <= 64


def test_a_refused_message_is_dropped_and_the_next_one_told(
    ledger: Ledger, slack: FakeSlack, voice: OutboxVoice
) -> None:
    trouble(ledger, 0, "planner", "worker")
    slack.answers.append(Answer(400, body="invalid_blocks"))
    assert voice.deliver(NOON + WAIT) == 1
    assert voice.deliver(NOON + 2 * WINDOW) == 0
    assert ledger.oldest_undelivered(NOON + WINDOW) is None


def test_a_lost_answer_is_not_repeated_within_the_window(ledger: Ledger, slack: FakeSlack, voice: OutboxVoice) -> None:
    trouble(ledger, 0, "planner")
    slack.answers.append(Answer(silent=True))
    assert voice.deliver(NOON + WAIT) == 0
    keep(ledger, tick(3, findings=(a_finding(), a_finding("kv-pressure"))))
    for seconds in range(40, 330, 10):
        assert voice.deliver(NOON + seconds * SECOND) == 0
    assert voice.deliver(NOON + WAIT + WINDOW) == 1
    assert len(slack.messages) == 2, "once taken without an answer, once confirmed"


def test_a_crash_between_telling_and_writing_it_down_does_not_repeat_within_the_window(
    ledger: Ledger, slack: FakeSlack, tmp_path: Path
) -> None:
    class Dying(SlackWebhook):
        def send(self, message):  # type: ignore[no-untyped-def]
            super().send(message)
            raise KeyboardInterrupt

    trouble(ledger, 0, "planner")
    (tmp_path / "slack").write_text(slack.url)
    with pytest.raises(KeyboardInterrupt):
        OutboxVoice(ledger, [Dying(tmp_path / "slack")], chance=random.Random(1)).deliver(NOON + WAIT)
    again = a_voice(ledger, slack, tmp_path)
    assert again.deliver(NOON + WAIT + WINDOW - SECOND) == 0
    assert again.deliver(NOON + WAIT + WINDOW) == 1


def test_a_second_place_steps_in_when_the_first_refuses(ledger: Ledger) -> None:
    class Broken:
        def send(self, message: object) -> None:
            raise NotifyError("channel_not_found")

    class Working:
        def __init__(self) -> None:
            self.took: list[object] = []

        def send(self, message: object) -> None:
            self.took.append(message)

    trouble(ledger, 0, "planner")
    second = Working()
    assert OutboxVoice(ledger, [Broken(), second], chance=random.Random(1)).deliver(NOON + WAIT) == 1
    assert len(second.took) == 1


def test_bursts_are_bounded(ledger: Ledger, slack: FakeSlack, tmp_path: Path) -> None:
    (tmp_path / "slack").write_text(slack.url)
    voice = OutboxVoice(
        ledger, [SlackWebhook(tmp_path / "slack")], chance=random.Random(1), grouping=Grouping(storm=100)
    )
    trouble(ledger, 0, *(f"role-{i}" for i in range(10)))
    assert [voice.deliver(NOON + WAIT + i * SECOND) for i in range(4)] == [4, 4, 2, 0]


def test_with_nobody_to_tell_nothing_piles_up(ledger: Ledger) -> None:
    trouble(ledger, 0, "planner")
    assert OutboxVoice(ledger, [], chance=random.Random(1)).deliver(NOON + WINDOW) == 0
    assert ledger.oldest_undelivered(NOON + WINDOW) is None
