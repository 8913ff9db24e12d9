"""The webhook over real HTTP: accepted, later, or never; and its URL stays a secret."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.errors import NotifyError
from controlplane.notify.slack import SlackWebhook
from tests.act.still import Still
from tests.builders import NOON
from tests.notify.fake_slack import Answer, FakeSlack, fake_slack

MESSAGE = {"text": "hello", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "hello"}}]}


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as receiver:
        yield receiver


@pytest.fixture
def secret(slack: FakeSlack, tmp_path: Path) -> Path:
    path = tmp_path / "slack"
    path.write_text(f"{slack.url}\n")
    return path


@pytest.fixture
def webhook(secret: Path) -> SlackWebhook:
    return SlackWebhook(secret, clock=Still(), deadline=2.0)


def refused(webhook: SlackWebhook) -> NotifyError:
    with pytest.raises(NotifyError) as error:
        webhook.send(MESSAGE)
    assert "hush-secret" not in str(error.value)
    assert error.value.__cause__ is None or "hush-secret" not in str(error.value.__cause__)
    return error.value


def test_a_message_arrives(webhook: SlackWebhook, slack: FakeSlack) -> None:
    webhook.send(MESSAGE)
    assert slack.messages == [MESSAGE]


def test_a_rotated_url_is_used_without_a_restart(webhook: SlackWebhook, slack: FakeSlack, secret: Path) -> None:
    webhook.send(MESSAGE)
    secret.write_text(slack.url.replace("/B0/", "/B1/"))
    webhook.send(MESSAGE)
    assert [path.split("/")[3] for path in slack.paths] == ["B0", "B1"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", 1.0),
        ("999999999", 3600.0),
        ((NOON + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 90.0),
        ("soon", 1.0),
        ("", 1.0),
        ("٣", 1.0),
        ("-5", 1.0),
    ],
)
def test_slack_says_when_to_come_back(webhook: SlackWebhook, slack: FakeSlack, header: str, seconds: float) -> None:
    answer = Answer(429, {"Retry-After": header} if header.isascii() else {}, "rate_limited")
    slack.answers.append(answer)
    error = refused(webhook)
    assert (error.retry_after, error.in_doubt) == (seconds, False)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_tried_again(webhook: SlackWebhook, slack: FakeSlack, status: int) -> None:
    slack.answers.append(Answer(status, body="upstream\x1b[31m"))
    error = refused(webhook)
    assert error.retry_after == 1.0
    assert "\x1b" not in str(error)


@pytest.mark.parametrize(
    ("status", "body"), [(400, "invalid_blocks"), (403, "action_prohibited"), (404, "channel_not_found")]
)
def test_what_slack_refuses_for_good_is_not_tried_again(
    webhook: SlackWebhook, slack: FakeSlack, status: int, body: str
) -> None:
    slack.answers.append(Answer(status, body=body))
    error = refused(webhook)
    assert error.retry_after is None
    assert body in str(error)


def test_a_redirect_is_not_followed(webhook: SlackWebhook, slack: FakeSlack) -> None:
    slack.answers.append(Answer(302, {"Location": slack.url}))
    assert refused(webhook).retry_after is None
    assert slack.requests == 1


def test_an_answer_that_never_comes_leaves_it_in_doubt(webhook: SlackWebhook, slack: FakeSlack) -> None:
    slack.answers.append(Answer(silent=True))
    error = refused(webhook)
    assert error.in_doubt
    assert error.retry_after is not None


def test_nobody_listening_is_surely_not_accepted(tmp_path: Path) -> None:
    path = tmp_path / "slack"
    path.write_text("http://127.0.0.1:9/services/hush-secret")
    error = refused(SlackWebhook(path))
    assert (error.retry_after, error.in_doubt) == (1.0, False)


@pytest.mark.parametrize(
    "content", [None, "", "ftp://hush-secret/x", "https://ada:hush-secret@host/x", "hush-secret", "http://[hush-secret"]
)
def test_a_file_without_a_url_is_waited_for_and_never_quoted(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "slack"
    if content is not None:
        path.write_text(content)
    error = refused(SlackWebhook(path))
    assert error.retry_after == 60.0
    assert str(path) in str(error)


def test_the_url_is_in_no_log(webhook: SlackWebhook, slack: FakeSlack, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    slack.answers.append(Answer(500))
    refused(webhook)
    webhook.send(MESSAGE)
    assert "hush-secret" not in caplog.text
