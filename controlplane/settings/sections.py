"""The sections of fleet.yaml that are not roles: where we look, what we may do, whom we tell, where we keep it."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from controlplane.settings.calendar import CRON, TIMEZONE
from controlplane.settings.names import LocalPath, StoreUrl, Text, Url
from controlplane.settings.part import Part
from controlplane.settings.people import MOST as MOST_PEOPLE
from controlplane.settings.people import NAME as PERSON_NAME
from controlplane.settings.people import Person
from controlplane.settings.values import DOLLARS, Choice, Duration, Flag, Size, count

_S, _D = timedelta(seconds=1), timedelta(days=1)


class Prometheus(Part):
    """A Prometheus (Thanos, Mimir) that already scrapes the engines."""

    url: Annotated[str, Url()] = Field(examples=["http://prometheus:9090"])
    """Address of its HTTP API."""

    bearer_token_file: Annotated[Path, LocalPath()] | None = None
    """File with the token to send; read again when it changes. None by default."""

    @model_validator(mode="before")
    @classmethod
    def _an_address_is_enough(cls, given: Any) -> Any:
        return {"url": given} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """An editor may offer the address alone, too."""
        return {"anyOf": [Url().schema(), handler.resolve_ref_schema(handler(schema))]}


class Kubernetes(Part):
    """A cluster to read pods, workloads and ScaledObjects from."""

    in_cluster: Annotated[bool, Flag()] = False
    """Whether we run inside it and use our own service account."""

    context: Annotated[str, Text("[!-~]{1,250}", "a context name", "prod")] | None = None
    """Context of the kubeconfig; the current one by default."""


class Limits(Part):
    """How much of one metrics page is read."""

    body: Annotated[int, Size()] = 16 * 2**20
    """Largest page, decompressed. A vLLM page is 60 kB; 16MiB stops a bomb and nothing else."""

    samples: Annotated[int, count(100, 5_000_000, "50000")] = 50_000
    """Most samples on one page. A vLLM page has 500; a large kube-state-metrics page 40000."""


class Sources(Part):
    """Where we look. With nothing here, the roles' own ``targets`` are scraped."""

    prometheus: Prometheus | None = None
    """Read the engines' metrics from a Prometheus instead of scraping them. Left out, we scrape."""

    kubernetes: Kubernetes | None = None
    """Pods, workloads and ScaledObjects, read only. Left out, replicas are counted by who answers."""

    targets_file: Annotated[Path, LocalPath()] | None = None
    """Prometheus file_sd file with labels ``role`` and ``job``; read again when it changes."""

    dcgm: tuple[Annotated[str, Url(page=True)], ...] = ()
    """Metrics pages of DCGM exporters. Without them GPU activity is unknown."""

    kube_state_metrics: tuple[Annotated[str, Url(page=True)], ...] = ()
    """Metrics pages of kube-state-metrics, for replica counts without access to the API server."""

    scrape_interval: Annotated[timedelta, Duration(_S, timedelta(minutes=10))] = 15 * _S
    """How often each page is read. 15 s: an engine's queue can fill in half a minute."""

    limits: Limits = Limits()
    """How much of one page is read."""


class Freeze(Part):
    """A recurring time in which nothing is changed."""

    schedule: Annotated[str, CRON] = Field(examples=['"0 18 * * 5"'])
    """When it starts: minute, hour, day of month, month, day of week."""

    duration: Annotated[timedelta, Duration(timedelta(minutes=1), 31 * _D)] = Field(examples=["60h"])
    """How long it lasts."""

    timezone: Annotated[str, TIMEZONE] = "UTC"
    """Time zone of the schedule. UTC by default: it has no summer."""

    why: Annotated[str, Text()] = "freeze"
    """Shown wherever it holds something back."""


class HandsMode(StrEnum):
    """How changes are made."""

    DRY_RUN = "dry-run"
    GITOPS = "gitops"
    KUBERNETES = "kubernetes"


class Hands(Part):
    """How changes are made once they are approved."""

    mode: Annotated[HandsMode, Choice(HandsMode)] = HandsMode.DRY_RUN
    """``dry-run`` writes down what would be done; ``gitops`` writes patch files for a repository; ``kubernetes`` sets
    replica bounds live, and writes patch files for all else and for objects that somebody else owns."""

    directory: Annotated[Path, LocalPath()] = Path("patches")
    """Folder the patch files go to."""


class Budget(Part):
    """What the fleet may cost."""

    dollars_per_hour: Annotated[float, DOLLARS] = Field(examples=["25"])
    """No change is made that takes the fleet over this."""


class Slack(Part):
    """Where messages go."""

    webhook_url_file: Annotated[Path, LocalPath()] = Field(examples=["/run/secrets/slack"])
    """File with the incoming webhook's URL; a webhook is a secret, so it is never in this file."""

    group_wait: Annotated[timedelta, Duration(timedelta(0), timedelta(hours=1))] = 30 * _S
    """How long messages about one role wait for company. 30 s, as Alertmanager's."""


class Store(Part):
    """The ledger."""

    url: Annotated[str, StoreUrl()] = "sqlite:///controlplane.db"
    """SQLite file, relative to where the service starts, or PostgreSQL. SQLite needs nothing else to run."""

    keep_ticks: Annotated[timedelta, Duration(timedelta(hours=1), 400 * _D)] = 2 * _D
    """How long every tick's readings are kept. Two days cover a weekend's incident."""

    keep_rollups: Annotated[timedelta, Duration(_D)] = 400 * _D
    """How long hourly means are kept: a year and a month, to compare with last year."""

    keep_cycles: Annotated[timedelta, Duration(_D)] = 30 * _D
    """How long the inputs of decisions are kept, so that they can be replayed."""

    keep_sessions: Annotated[timedelta, Duration(_D, 400 * _D)] = 14 * _D
    """How long sessions that finished are kept: two weeks, to compare with last week."""


class Serve(Part):
    """The pages and the API."""

    host: Annotated[str, Text("[-A-Za-z0-9.:]{1,253}", "an address to listen on", "127.0.0.1")] = "127.0.0.1"
    """Address to listen on. Loopback by default: nobody else can reach it."""

    port: Annotated[int, count(0, 65535, "8700")] = 8700
    """Port to listen on; 0 takes a free one."""

    token_file: Annotated[Path, LocalPath()] | None = None
    """File with a token whose holders may do everything, under whatever name they give. This or ``people`` is needed
    as soon as ``host`` is not loopback; both may be there."""

    people: dict[Annotated[str, PERSON_NAME], Person] = Field(
        default={}, max_length=MOST_PEOPLE, examples=["{anna: {token_file: …, may: approve}}"]
    )
    """Who may sign in with a token of their own, and what each of them may do."""

    public_url: Annotated[str, Url()] | None = None
    """Address under which people reach the pages; used in messages and to check the Host header."""

    stop_file: Annotated[Path, LocalPath()] | None = None
    """While this file exists nothing is changed: a kill switch that needs no working service."""
