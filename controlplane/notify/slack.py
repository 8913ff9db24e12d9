"""One message to a Slack incoming webhook: accepted, to be tried again later, or never.

The webhook's URL is a secret. It is read from its file at every send, so a rotated one needs no restart, and
it appears in no error and no log.
"""

import asyncio
import email.utils
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from controlplane.clock import Clock, SystemClock
from controlplane.errors import NotifyError

DEADLINE_S = 10.0
"""For connecting, sending and the whole answer."""

SOON_S = 1.0
"""A server error or a failed connection may be tried again this soon; the voice makes it longer each time."""

LONGEST_WAIT_S = 3600.0
"""No Retry-After is believed beyond this."""


class SlackWebhook:
    """Posts messages. Synchronous: it is called from the delivery loop's own thread."""

    def __init__(self, url_file: Path, *, clock: Clock | None = None, deadline: float = DEADLINE_S) -> None:
        self._url_file = url_file
        self._clock = clock or SystemClock()
        self._deadline = deadline

    def send(self, message: Mapping[str, Any]) -> None:
        """Post it. Raises ``NotifyError``, whose ``retry_after`` says when to try again, if at all."""
        asyncio.run(self._post(self._url(), message))

    def _url(self) -> str:
        try:
            url = self._url_file.read_text(encoding="utf-8").strip()
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        except (OSError, ValueError) as error:
            raise NotifyError(f"cannot read the webhook URL from {self._url_file}", retry_after=60.0) from error
        if not usable:
            raise NotifyError(f"{self._url_file} holds no http(s) URL", retry_after=60.0)
        return url

    async def _post(self, url: str, message: Mapping[str, Any]) -> None:
        timeout = aiohttp.ClientTimeout(total=self._deadline, sock_connect=self._deadline / 2)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
                session.post(url, json=message, allow_redirects=False) as answer,
            ):
                said = (await answer.content.read(200)).decode("utf-8", "replace")
                self._judge(answer.status, answer.headers.get("Retry-After"), said)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotifyError(f"Slack cannot be reached ({type(error).__name__})", retry_after=SOON_S) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotifyError(
                f"Slack did not answer ({type(error).__name__}); the message may have been posted",
                retry_after=SOON_S,
                in_doubt=True,
            ) from None
        except ValueError:
            raise NotifyError(f"{self._url_file} holds no usable URL", retry_after=60.0) from None

    def _judge(self, status: int, retry_after: str | None, said: str) -> None:
        words = "".join(c if c.isprintable() else " " for c in said)[:120]
        if status == 200:
            return
        if status == 429:
            raise NotifyError("Slack wants fewer messages (429)", retry_after=self._seconds(retry_after))
        if status >= 500:
            raise NotifyError(f"Slack answered {status}: {words}", retry_after=SOON_S)
        raise NotifyError(f"Slack refused the message ({status}): {words}")

    def _seconds(self, retry_after: str | None) -> float:
        """Retry-After as seconds or as a date; one second when it says neither."""
        said = (retry_after or "").strip()
        if said.isascii() and said.isdigit():
            return min(max(float(said), SOON_S), LONGEST_WAIT_S)
        try:
            at = email.utils.parsedate_to_datetime(said)
        except (ValueError, TypeError):
            return SOON_S
        if at.tzinfo is None:
            return SOON_S
        return min(max((at - self._clock.now()).total_seconds(), SOON_S), LONGEST_WAIT_S)
