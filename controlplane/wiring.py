"""The composition root: the only file that knows every edge.

One process: the scraper in its own thread and event loop, the walk and the other loops in the scheduler's
threads, the web server in the thread that called :meth:`Service.serve`. They meet in the ledger.
"""

import logging
import random
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import uvicorn

from controlplane.act.choose import hands_of
from controlplane.act.gate import any_of, ledger_stop, stop_file
from controlplane.clock import Clock, SystemClock
from controlplane.collect.choose import connect_of, eyes_of
from controlplane.collect.litellm import read_litellm
from controlplane.collect.otlp import read_otlp
from controlplane.decide.guardrails.approval import people_needed
from controlplane.errors import RefusedError
from controlplane.loop.desk import Desk, Health, Lead, sent
from controlplane.loop.policy import Policy
from controlplane.loop.sessions import SessionBook
from controlplane.loop.walk import World, run_cycle
from controlplane.model.cycle import Cycle
from controlplane.model.person import Person
from controlplane.model.reading import Reading
from controlplane.model.session import Batch
from controlplane.notify.digest import Grouping
from controlplane.notify.notes import Composer
from controlplane.notify.slack import SlackWebhook
from controlplane.notify.voice import OutboxVoice
from controlplane.observe.past import SPAN, History
from controlplane.schedule import Forever, Schedule
from controlplane.settings.gpus import kinds_by_product
from controlplane.settings.schema import Settings
from controlplane.settings.sessions import SessionSource
from controlplane.store.lease import Lease, LeaseTimes
from controlplane.store.ledger import open_ledger
from controlplane.store.retention import Retention
from controlplane.web.api import api_router
from controlplane.web.api.intake import LITELLM, TRACES, intake_router
from controlplane.web.app import create_app
from controlplane.web.guard import LOOPBACK_HOSTS, Guard, refuse_wide
from controlplane.web.keys import Keys
from controlplane.web.probes import probes

log = logging.getLogger(__name__)

DELIVER_EVERY = timedelta(seconds=5)
ROLLUP_EVERY = timedelta(minutes=5)
PRUNE_EVERY = timedelta(hours=1)
KEEP_ALIVE_S = 75
"""Seconds an idle connection stays open. LiteLLM hands in calls every 5 s over one connection and keeps nothing that
failed: with uvicorn's 5 s we hung up just as it began to send, and a delivery was lost."""


INTAKE: Mapping[SessionSource, tuple[str, Callable[[bytes, str], Batch]]] = MappingProxyType(
    {SessionSource.LITELLM: (LITELLM, read_litellm), SessionSource.OTLP: (TRACES, read_otlp)}
)
"""Where each source hands in calls, and how they are read."""


def build(settings: Settings, *, clock: Clock | None = None, note: str = "") -> "Service":
    """Put the service together; nothing runs yet.

    Args:
        settings: one fleet.yaml.
        clock: the service's time; the machine's own unless told.
        note: a line for the top of every page.

    Raises:
        RefusedError: it would listen wider than loopback without a token.
        StoreError: the ledger cannot be opened, or another process holds it.
    """
    return Service(settings, clock=clock or SystemClock(), note=note)


class Service:
    """The whole service over one fleet.yaml. Made by :func:`build`; serve it once."""

    def __init__(self, settings: Settings, *, clock: Clock, note: str) -> None:
        self.settings = settings
        self._clock = clock
        self._keys = keys_of(settings)
        refusal = (
            refuse_wide(settings.serve.host, closed=self._keys.needed(intake=False)) or self._keys.refuse_doubles()
        )
        if refusal is not None:
            raise RefusedError(refusal)
        self.policy = policy_of(settings)
        people = people_needed(self.policy.guardrails)
        self.schedule = Schedule(clock)
        self._closing = ExitStack()
        self.ledger = open_ledger(
            settings.store.url,
            compose=Composer(public_url=settings.serve.public_url or "") if settings.slack else None,
            retention=Retention(
                ticks=settings.store.keep_ticks,
                rollups=settings.store.keep_rollups,
                cycles=settings.store.keep_cycles,
                sessions=settings.store.keep_sessions,
            ),
            people=people,
        )
        rules = settings.session_rules()
        self._book = SessionBook(self.ledger, self.ledger, rules, self.policy.roles) if rules else None
        self._scraper, eyes = eyes_of(settings, clock, secret, self._closing, self._book)
        lease = self.ledger.lease
        hands = hands_of(
            settings.hands,
            clock=clock,
            connect=connect_of(settings),
            stopped=any_of(stop_file(settings.serve.stop_file), lease.why_not, ledger_stop(self.ledger.stopped)),
            fence=lambda: lease.fence,
            closing=self._closing,
        )
        self._world = World(eyes=eyes, hands=hands, memory=self.ledger, fence=lambda: lease.fence)
        self._voice = OutboxVoice(
            self.ledger,
            [SlackWebhook(settings.slack.webhook_url_file, clock=clock)] if settings.slack else [],
            chance=random.Random(),  # noqa: S311  jitter of retries
            grouping=Grouping(wait=settings.slack.group_wait) if settings.slack else None,
        )
        self._lead, self._lead_since = 0, clock.now()
        self._history = History.empty(settings.tick)
        self._latest: Cycle | None = None
        self._actions: Counter[tuple[str, str, str]] = Counter()
        self._started = clock.now()
        self._server: uvicorn.Server | None = None
        self._stopping = threading.Event()
        self.desk = self._desk(note, people)

    def _remember(self) -> History:
        """Go on with what the ledger kept of the last minutes, so that patience does not begin anew."""
        tick, now = self.settings.tick, self._clock.now()
        kept = [self.ledger.history(r.name, tuple(Reading), now - SPAN, now, 10_000) for r in self.policy.roles]
        stale = 2 * max(tick, self.settings.sources.scrape_interval)
        return History.restore(tick, kept, stale_after=stale)

    def _desk(self, note: str, people: int) -> Desk:
        return Desk(
            fleet=self.settings.fleet,
            roles=self.policy.roles,
            tick=self.settings.tick,
            archive=self.ledger,
            approvals=self.ledger,
            latest=lambda: self._latest or self.ledger.latest(),
            now=self._clock.now,
            nudge=lambda: self.schedule.soon("tick"),
            health=self._health,
            limits={r.name: tuple(x for d in self.policy.detectors for x in d.limits(r)) for r in self.policy.roles},
            budget_dollars_per_hour=self.policy.budget_dollars_per_hour,
            people=tuple(self._keys.people),
            people_needed=people,
            note=note,
            sessions=self._book,
        )

    def _health(self) -> Health:
        loops = self.schedule.health()
        failed = self._latest.faults if self._latest else ()
        errors = {**loops.errors, **({"detectors": "; ".join(failed)} if failed else {})}
        return replace(
            loops,
            errors=errors,
            dropped=dict(self.schedule.dropped),
            actions=dict(self._actions),
            started=self._started,
            lead=self._who_leads(),
        )

    def _who_leads(self) -> Lead | None:
        lead = self.ledger.lease.lead()
        walks = lead is not None and lead.here and lead.fence == self._lead
        return replace(lead, since=self._lead_since) if lead and walks else lead

    # --- the loops

    def tick(self) -> None:
        """One walk, if we lead. Called by the schedule, one at a time."""
        lease = self.ledger.lease
        if not lease.leads() and not lease.turn():
            self._latest = None  # the pages show what the leader keeps
            return
        if lease.fence != self._lead:  # a new leader goes on from what the ledger remembers
            self._lead, self._lead_since, self._history = lease.fence, self._clock.now(), self._remember()
        cycle, self._history = run_cycle(
            self._world, self.policy, self._history, self._clock.now(), self._clock.monotonic
        )
        self._actions.update(sent(cycle))
        self._latest = cycle
        for fault in cycle.faults:
            log.error("a detector failed: %s", fault)

    def _deliver(self) -> None:
        self._voice.deliver(self._clock.now())

    def _plan(self) -> None:
        tick, lease = self.settings.tick, self.ledger.lease
        # the first tick finds pages to read: every target is scraped once within its first interval
        self.schedule.every("tick", tick, self.tick, first_after=min(tick, timedelta(seconds=3)))
        for name, span, job, first_after in (
            ("deliver", DELIVER_EVERY, self._deliver, tick),
            ("rollup", ROLLUP_EVERY, lambda: self.ledger.rollup(self._clock.now()), ROLLUP_EVERY),
            ("prune", PRUNE_EVERY, lambda: self.ledger.prune(self._clock.now()), PRUNE_EVERY),
            *((("sessions", tick, lambda: book.close(self._clock.now()), tick),) if (book := self._book) else ()),
        ):
            self.schedule.every(name, span, partial(_as_leader, lease, job), first_after=first_after)
        retry = LeaseTimes().retry
        self.schedule.every("lease", retry, lease.turn, first_after=retry)

    # --- the server

    def serve(self, *, ready: Callable[[str], None] | None = None) -> None:
        """Run until a signal or :meth:`stop`. ``ready`` is told the URL once the pages can be reached.

        Raises:
            RefusedError: the address cannot be listened on.
        """
        serve = self.settings.serve
        listener = _listen(serve.host, serve.port)
        host, port = listener.getsockname()[:2]
        hosts = {*LOOPBACK_HOSTS, serve.host, host, urlsplit(serve.public_url or "").hostname or serve.host}
        routers, told, book = [api_router(self.desk), probes(self.desk)], self.settings.sessions, self._book
        if told is not None and book is not None:
            path, read = INTAKE[told.source]
            routers.append(intake_router(path, read, lambda calls: book.take(calls, self._clock.now())))
        app = Guard(create_app(self.desk, routers=routers), hosts=hosts, keys=self._keys)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._server = _Server(config)
        scraping = Forever("scraper", self._scraper.run)
        try:
            self.ledger.lease.turn()
            scraping.start()
            self._plan()
            self.schedule.start()
            if ready is not None:
                ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
            if not self._stopping.is_set():
                self._server.run(sockets=[listener])
        finally:
            self.schedule.stop()
            scraping.stop()
            self._closing.close()
            self.ledger.lease.release()
            self.ledger.close()
            listener.close()

    def stop(self) -> None:
        """End :meth:`serve` from another thread; running jobs finish first."""
        self._stopping.set()
        if self._server is not None:
            self._server.should_exit = True


def _as_leader(lease: Lease, job: Callable[[], object]) -> None:
    if lease.leads():
        job()


class _Server(uvicorn.Server):
    """Ends at SIGINT and SIGTERM like its parent, but lets us put the loops to rest before the process dies of it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def policy_of(settings: Settings) -> Policy:
    """How the pure part thinks about this fleet."""
    parts = settings.policy_parts()
    return Policy(
        fleet=settings.fleet,
        roles=settings.role_specs(),
        detectors=parts.detectors,
        recommenders=parts.recommenders,
        guardrails=parts.guardrails,
        budget_dollars_per_hour=settings.budget.dollars_per_hour if settings.budget else None,
        law=settings.scaling_law(),
        gpus=kinds_by_product(settings.prices),
    )


def keys_of(settings: Settings) -> Keys:
    """The tokens that open a door, each read anew from its file."""
    serve, told = settings.serve, settings.sessions
    people = {Person(name=n, may=p.may, known=True): secret(p.token_file) for n, p in serve.people.items()}
    return Keys(shared=secret(serve.token_file), intake=secret(told.token_file if told else None), people=people)


def secret(path: Path | None) -> Callable[[], str | None]:
    """Reads a secret from its file at every use, so that a rotated one needs no restart.

    A file that cannot be read or is empty gives a secret nobody can show: locked, not open.
    """
    unusable = random.SystemRandom().randbytes(32).hex()

    def read() -> str | None:
        if path is None:
            return None
        try:
            return path.read_text(encoding="utf-8").strip() or unusable
        except (OSError, UnicodeDecodeError):
            return unusable

    return read


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # from here on a caller waits instead of being refused
    except OSError as error:
        listener.close()
        raise RefusedError(
            f"cannot listen on {host}:{port} ({error.strerror}); set serve.port to a free one"
        ) from error
    return listener
