"""Laws of the shadow record: four words for everything, less knowledge makes no word, a word once given stays."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.model.change import ChangeState
from controlplane.model.recommendation import State
from controlplane.model.role import Bounds
from controlplane.model.shadow import InForce, Shadow, Witness, Word, stretch
from controlplane.verify.shadow import judge
from tests.verify.afterwards import (
    LATER,
    LOOKED,
    at,
    done,
    lower_least,
    proposed,
    raise_least,
    raise_most,
    witness,
    wrong,
)

TICKS = st.integers(-40, 220).map(lambda quarter: quarter / 4)
"""Minutes around the proposals, a tick each quarter."""
PROPOSALS = st.sampled_from([raise_most(), raise_most(4, 9), raise_least(), lower_least()])
BOUNDS = st.one_of(st.none(), st.tuples(st.integers(1, 5), st.integers(3, 9)))


@st.composite
def witnesses(draw: st.DrawFn) -> Witness:
    """A role's hour, with every kind of thing in it."""
    opened = draw(st.lists(st.tuples(PROPOSALS, st.integers(0, 200).map(lambda q: q / 4)), max_size=5, unique_by=_one))
    records = [
        proposed(r, minutes=m, number=n, state=draw(st.sampled_from([State.OPEN, State.EXPIRED, State.DISMISSED])))
        for n, (r, m) in enumerate(opened, start=1)
    ]
    ends = sorted(draw(st.lists(TICKS, min_size=1, max_size=7, unique=True)))
    findings = [wrong(a, b, number=n) for n, (a, b) in enumerate(zip(ends[::2], [*ends[1::2], None], strict=False), 1)]
    states = draw(st.dictionaries(TICKS, BOUNDS, max_size=5))
    ours = draw(st.lists(st.tuples(PROPOSALS, TICKS, st.sampled_from(ChangeState)), max_size=2))
    return witness(
        *records,
        findings=tuple(findings),
        bounds=tuple(
            InForce(since=at(m), bounds=None if b is None else Bounds(min=b[0], max=b[1]))
            for m, b in sorted(states.items())
        ),
        changes=tuple(done(r, m, state) for r, m, state in ours),
        looked=tuple(draw(st.sets(st.sampled_from(range(0, 65, 5))))),
    )


def _one(opened: tuple[object, float]) -> object:
    return (str(opened[0]), opened[1])


def words(shadow: Shadow) -> dict[tuple[str, datetime], Word]:
    return {(p.recommendation.id, p.opened): p.word for p in shadow.proposals}


@settings(max_examples=100, deadline=None)
@given(witnesses())
def test_every_proposal_has_one_word_and_the_tally_is_all_of_them(seen: Witness) -> None:
    shadow = judge(seen, LATER)
    given_ = words(shadow)
    assert len(given_) == len(shadow.proposals) == sum(shadow.tally.values())
    assert {p.recommendation.id for p in shadow.proposals} <= {r.recommendation.id for r in seen.proposals}
    assert sum(p.asked for p in shadow.proposals) <= len(seen.proposals)
    if not seen.changes:
        assert sum(p.asked for p in shadow.proposals) == len(seen.proposals), "nothing is forgotten"
    assert all(p.said for p in shadow.proposals)


@settings(max_examples=100, deadline=None)
@given(witnesses(), st.sets(st.sampled_from(range(0, 65, 5))))
def test_where_nobody_looked_no_word_is_made(seen: Witness, blind: set[int]) -> None:
    less = replace(seen, looks={k: v for k, v in seen.looks.items() if k not in {stretch(at(m)) for m in blind}})
    before, after = words(judge(seen, LATER)), words(judge(less, LATER))
    assert before.keys() == after.keys()
    assert all(after[k] in (word, Word.NOT_KNOWN) for k, word in before.items())


@settings(max_examples=100, deadline=None)
@given(witnesses(), TICKS, TICKS)
def test_bounds_out_of_sight_make_no_hit(seen: Witness, one: float, other: float) -> None:
    less = replace(seen, bounds=_hidden(seen.bounds, at(min(one, other)), at(max(one, other))))
    before, after = words(judge(seen, LATER)), words(judge(less, LATER))
    for key, word in after.items():
        if word is Word.NEEDED:
            assert before[key] in (Word.NEEDED, Word.SOMEBODY_DID), "the trouble was there whoever saw the bounds"
        elif word is not Word.NOT_KNOWN:
            assert before[key] is word


@settings(max_examples=100, deadline=None)
@given(witnesses(), st.integers(0, 240).map(lambda quarter: quarter / 4))
def test_a_word_that_was_given_stays(seen: Witness, minutes: float) -> None:
    now = at(minutes)
    early, late = words(judge(_as_of(seen, now), now)), words(judge(seen, LATER))
    for key, word in early.items():
        if word is not Word.NOT_KNOWN and key in late:
            assert late[key] is word


def _hidden(states: tuple[InForce, ...], begin: datetime, end: datetime) -> tuple[InForce, ...]:
    """The bounds as somebody knows them who could not see them between these."""
    back = next((s for s in reversed(states) if s.since <= end), None)
    kept = [s for s in states if not begin <= s.since <= end]
    gone = [InForce(since=begin, bounds=None)] if begin < end else []
    return tuple(sorted([*kept, *gone, *([replace(back, since=end)] if back else [])], key=lambda s: s.since))


def _as_of(seen: Witness, now: datetime) -> Witness:
    """What was known at that instant."""
    return replace(
        seen,
        until=now,
        proposals=tuple(r for r in seen.proposals if r.opened <= now),
        findings=tuple(
            replace(f, closed=None if f.closed and f.closed > now else f.closed)
            for f in seen.findings
            if f.opened <= now
        ),
        changes=tuple(c for c in seen.changes if c.change.at <= now),
        bounds=tuple(s for s in seen.bounds if s.since <= now),
        looks={k: LOOKED for k in seen.looks if k <= now},
    )
