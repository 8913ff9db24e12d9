"""Are our rules really loaded, do they work, and are they the ones that fleet.yaml gives today?"""

from collections.abc import Collection, Sequence

from controlplane.doctor.check import Check
from controlplane.doctor.loaded import Group, Rule
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity
from controlplane.promql.recorded import RECORDED

UNREACHABLE = Check(
    id="prometheus-unreachable",
    severity=Severity.CRITICAL,
    title="Prometheus does not answer, or does not show its rules",
    why="Nothing can be said about rules, alerts and scrapes; and whoever scales by its answers gets none either.",
    fix="Check the address under sources.prometheus, the token, and whether it can be reached from here.",
)
NONE_LOADED = Check(
    id="rules-none-loaded",
    severity=Severity.CRITICAL,
    title="none of our rules is loaded",
    why="Dashboards are empty and no alert can fire. An autoscaler that asks for a recorded name gets no answer, which "
    "KEDA reads as zero unless it is told otherwise.",
    fix="Add the files to rule_files and reload, or apply the PrometheusRule objects with the label your Prometheus' "
    "ruleSelector asks for (generate.monitoring.labels).",
)
MISSING = Check(
    id="rules-missing",
    severity=Severity.WARNING,
    title="a group of our rules is not loaded",
    why="What it records is absent, and so is everything made from it: panels stay empty, alerts never fire.",
    fix="Load the file the group is in; after an upgrade apply all files, not only those that changed.",
)
UNHEALTHY = Check(
    id="rules-unhealthy",
    severity=Severity.CRITICAL,
    title="a rule of ours fails when it is evaluated",
    why="A failing rule records nothing, so its series end, and what follows from it stays as if all were quiet.",
    fix="Read the error: two series where one is expected mean a page is scraped twice, or an exporter runs twice.",
)
OLD = Check(
    id="rules-old",
    severity=Severity.WARNING,
    title="a loaded rule is not what generate makes today",
    why="Numbers in Prometheus follow another text than the one in the repository: limits, prices or names of before.",
    fix="Run `controlplane generate`, and load or apply what it wrote.",
)
TWICE = Check(
    id="rules-twice",
    severity=Severity.WARNING,
    title="a group of ours is loaded from two files",
    why="Both record the same series, and the second sample of each moment is refused: one of the two always fails.",
    fix="Keep one: either the file in rule_files or the PrometheusRule.",
)
LEFT_OVER = Check(
    id="rules-left-over",
    severity=Severity.WARNING,
    title="a group that is not generated any more still records our names",
    why="An older version's rule and today's record the same name, by different rules of what it means.",
    fix="Delete the file or PrometheusRule it comes from.",
)
SLOW = Check(
    id="rules-slow",
    severity=Severity.WARNING,
    title="a group needs more than half its interval",
    why="A group that takes longer than its interval skips evaluations: rates get holes, alerts come late.",
    fix="Write `rules: {pod_buckets: never}`, or give Prometheus more CPU.",
)
CHECKS = (UNREACHABLE, NONE_LOADED, MISSING, UNHEALTHY, OLD, TWICE, LEFT_OVER, SLOW)

LESS = "rules: {pod_buckets: never}  # in fleet.yaml; then generate and load again"

_NAMES = frozenset(recorded.name for recorded in RECORDED)


def check(expected: Sequence[Group], loaded: Sequence[Group]) -> tuple[Row, ...]:
    """Rows about rules.

    Args:
        expected: what ``generate`` makes from fleet.yaml; its ``file`` is the path in the output folder.
        loaded: what the server says.
    """
    ours = {group.name for group in expected}
    found = [group for group in loaded if group.name in ours]
    if expected and not found:
        files = sorted({group.file for group in expected})
        said = f"none of the {len(expected)} groups is loaded; the server has {len(loaded)} others"
        return (NONE_LOADED.row("Prometheus", said, evidence=tuple(files), fix=_load(files)),)
    rows: list[Row] = []
    for group in expected:
        rows += _group(group, [other for other in found if other.name == group.name])
    rows += _left_over(loaded, ours)
    return tuple(rows)


def _load(files: Sequence[str]) -> str:
    names = "".join(f"\n  - {file}" for file in files)
    return f"rule_files:{names}\n# or: kubectl apply --server-side -f manifests/monitoring/"


def _group(wanted: Group, copies: Sequence[Group]) -> list[Row]:
    subject = f"rule group {wanted.name}"
    if not copies:
        return [MISSING.row(subject, f"its {len(wanted.rules)} rules are not loaded", fix=_load([wanted.file]))]
    rows = []
    if len(copies) > 1:
        files = tuple(copy.file for copy in copies)
        fix = "\n".join(f"# remove one: {file}" for file in files)
        rows.append(TWICE.row(subject, f"is loaded {len(copies)} times", evidence=files, fix=fix))
    for copy in copies:
        rows += _failing(subject, copy)
        if copy.took > copy.interval / 2 > 0:
            said = f"takes {copy.took:.1f} s of every {copy.interval:g} s"
            rows.append(SLOW.row(subject, said, evidence=(copy.file,), fix=LESS))
    rows += _old(subject, wanted, copies[0])
    return rows


def _failing(subject: str, group: Group) -> list[Row]:
    failing = [rule for rule in group.rules if rule.health == "err" or rule.error]
    if not failing:
        return []
    said = f"{len(failing)} of {len(group.rules)} rules fail; the first is {failing[0].name}"
    evidence = tuple(f"{rule.name}: {rule.error}" for rule in failing[:5])
    return [UNHEALTHY.row(subject, said, evidence=evidence, fix=_cure(failing[0].error))]


def _cure(error: str) -> str:
    """What the commonest errors of rules come from."""
    if any(words in error for words in ("many-to-many", "duplicate", "same labelset", "multiple matches")):
        return (
            "# something is there twice: two jobs that scrape one page, or two exporters on a node: count by (job) (up)"
        )
    if "exceeded" in error or "too many" in error:
        return "# the query is larger than the server allows: record no histograms per pod, or raise query.max-samples"
    return "# load what `controlplane generate` writes today, then look at the error again"


def _old(subject: str, wanted: Group, loaded: Group) -> list[Row]:
    differences = []
    mine, theirs = [rule.sense for rule in wanted.rules], [rule.sense for rule in loaded.rules]
    if wanted.interval and wanted.interval != loaded.interval:
        differences.append(f"interval = {loaded.interval:g}s, not {wanted.interval:g}s")
    differences += [f"{rule.name}: missing or different" for rule in wanted.rules if rule.sense not in theirs]
    differences += [f"{rule.name}: {_why_there(rule, wanted)}" for rule in loaded.rules if rule.sense not in mine]
    if not differences and mine != theirs:
        differences.append("the order of the rules: each sees only what those before it recorded")
    if not differences:
        return []
    said = f"is not the group that fleet.yaml gives: {len(differences)} difference{'s' * (len(differences) > 1)}"
    fix = f"controlplane generate FLEET.yaml  # then load {wanted.file}"
    return [OLD.row(subject, said, evidence=tuple(dict.fromkeys(differences))[:8], fix=fix)]


def _why_there(rule: Rule, wanted: Group) -> str:
    same = rule.name in {mine.name for mine in wanted.rules}
    return f"the server has {rule.query}" if same else "not generated any more"


def _left_over(loaded: Sequence[Group], ours: Collection[str]) -> list[Row]:
    rows = []
    for group in loaded:
        names = sorted({rule.name for rule in group.rules if not rule.alerts and rule.name in _NAMES})
        if group.name not in ours and names:
            said = f"records {len(names)} of our names, and is not generated from this fleet.yaml"
            fix = f"# delete {group.file}"
            rows.append(LEFT_OVER.row(f"rule group {group.name}", said, evidence=tuple(names[:5]), fix=fix))
    return rows
