"""Tells people what waits in the outbox: claimed durably before it is sent, confirmed after, retried with patience.

A crash between sending and confirming leaves a claim; the note is told again only after its group's window,
so at least once overall and never twice within a window.
"""

import logging
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from controlplane.errors import NotifyError
from controlplane.loop.news import Outbox
from controlplane.notify.digest import Bundle, Grouping, plan
from controlplane.notify.wording import worded

log = logging.getLogger(__name__)

LONGEST = timedelta(minutes=15)
"""Between two attempts to tell the same thing."""

FIRST = timedelta(seconds=2)
"""After the first failed attempt; doubled after each further one, with jitter."""

BURST = 4
"""Messages per round: Slack takes about one a second and forgives short bursts."""

GIVE_WAY_AFTER = 3
"""Failed attempts at the first sender before the next one is tried as well."""


class Sender(Protocol):
    """A place messages can go to."""

    def send(self, message: Mapping[str, Any]) -> None:
        """Raises ``NotifyError`` when it was not accepted."""
        ...


class OutboxVoice:
    """Implements the port Voice. ``senders`` in order of preference: the later ones step in when the first fails."""

    def __init__(
        self, outbox: Outbox, senders: Sequence[Sender], *, chance: random.Random, grouping: Grouping | None = None
    ) -> None:
        self._outbox = outbox
        self._senders = tuple(senders)
        self._chance = chance
        self._grouping = grouping or Grouping()
        self._quiet_until: datetime | None = None
        self._failures = 0

    def deliver(self, now: datetime) -> int:
        """Tell what is due; returns how many messages were accepted."""
        window = self._grouping.window
        if not self._senders:
            self._outbox.drop([w.id for w in self._outbox.waiting(now, window)], now, "there is nobody to tell")
            return 0
        if self._quiet_until is not None and now < self._quiet_until:
            return 0
        due = plan(self._outbox.waiting(now, window), self._outbox.told_since(now - window), self._grouping, now)
        for why, ids in due.dropped.items():
            self._outbox.drop(ids, now, why)
        accepted = 0
        for bundle in due.bundles[:BURST]:
            self._outbox.claim(bundle.ids, bundle.group, now)
            try:
                self._send(bundle)
            except NotifyError as error:
                if not self._failed(bundle, error, now):
                    break
                continue
            self._outbox.told(bundle.ids, now)
            self._failures = 0
            accepted += 1
        return accepted

    def _send(self, bundle: Bundle) -> None:
        message = worded(bundle)
        for i, sender in enumerate(self._senders):
            try:
                sender.send(message)
            except NotifyError as error:
                last = i == len(self._senders) - 1
                if last or (error.retry_after is not None and bundle.attempts < GIVE_WAY_AFTER):
                    raise
                log.warning("message not accepted, trying the next place: %s", error)
            else:
                return

    def _failed(self, bundle: Bundle, error: NotifyError, now: datetime) -> bool:
        """Put the bundle off, or away. False when the channel itself needs a rest."""
        if error.retry_after is None:
            log.error("message refused for good: %s", error)
            self._outbox.drop(bundle.ids, now, str(error))
            return True
        asked = timedelta(seconds=error.retry_after)
        self._failures += 1
        self._quiet_until = now + max(asked, self._backoff(self._failures))
        log.warning("message not accepted (%s); quiet until %s", error, self._quiet_until.isoformat(timespec="seconds"))
        if not error.in_doubt:  # else the claim stays: the group may have spoken, and is silent for its window
            self._outbox.postpone(bundle.ids, now + max(asked, self._backoff(bundle.attempts + 1)), str(error))
        return False

    def _backoff(self, attempts: int) -> timedelta:
        return min(FIRST * 2.0 ** min(attempts - 1, 12), LONGEST) * self._chance.uniform(0.5, 1.0)
