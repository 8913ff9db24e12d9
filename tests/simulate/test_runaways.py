"""Sessions that get out of hand, and what is true of sessions at all."""

from datetime import timedelta
from itertools import pairwise

import pytest

from controlplane.simulate.answer import Answer
from controlplane.simulate.mixed import MixedStory, mixed_cluster
from controlplane.simulate.mood import Mood, Runaway
from controlplane.simulate.shape import ClusterShape
from controlplane.simulate.story import DemoStory, Steady, reference_cluster
from controlplane.simulate.traffic import Story
from controlplane.simulate.truth_sessions import SessionTruth, sessions, tokens_by_tenant
from tests.simulate.test_litellm import an_answer
from tests.simulate.watching import a_fleet


def told(cluster: ClusterShape, story: Story, minutes: float) -> list[Answer]:
    """All calls of a run."""
    fleet, answers = a_fleet(cluster, story), list[Answer]()
    fleet.router.callbacks.append(answers.append)
    fleet.advance(fleet.now + timedelta(minutes=minutes))
    return answers


def spent(session: SessionTruth) -> float:
    """Weighted tokens."""
    return sum(session.tokens[kind] * weight for kind, weight in (("prompt", 1), ("cached", 0.1), ("output", 4)))


def test_a_storm_is_one_session_that_starts_sixty_agents_at_once():
    story = MixedStory(opening=timedelta(minutes=1))
    found = sessions(told(mixed_cluster(), story, 5), mixed_cluster().split)
    wide = [session for session in found.values() if session.fanout > 20]
    assert len(wide) == 1
    assert wide[0].role == "decode", "it began with the planner's call"
    assert 60 <= wide[0].agents - 1 <= 69
    assert wide[0].fanout > 50
    assert 120 <= wide[0].begun <= 135


def test_storms_come_again_and_only_at_their_time():
    story = MixedStory()
    stormy = [at for at in range(0, 40 * 60, 5) if story.mood(at).runaway is not None]
    assert stormy == [660, 665, 670, 1260, 1265, 1270, 1860, 1865, 1870]


def test_as_long_as_the_mood_is_for_it_one_follows_the_other():
    mood = Mood(sessions_per_minute=0, runaway=Runaway.STORM)
    answers = told(mixed_cluster(), Steady(always=mood), 6)
    found = sorted(sessions(answers, mixed_cluster().split).values(), key=lambda session: session.begun)
    assert len(found) >= 3
    assert all(before.last < after.begun for before, after in pairwise(found)), "never two at once"


def test_the_demo_has_one_lost_agent_that_takes_more_than_ten_times_what_is_usual():
    story = DemoStory()
    answers = told(reference_cluster(), story, 30)
    found = sessions(answers, {})
    planned = sorted((s for s in found.values() if s.role == "planner"), key=spent)
    usual, lost = planned[len(planned) // 2], planned[-1]
    assert spent(lost) > 10 * spent(usual)
    assert spent(lost) > 3 * spent(planned[-2])
    assert lost.agents == 2
    assert lost.fanout == 1, "nothing of it is wide: only what it takes gives it away"
    opening = (story.opening + story.lost_at).total_seconds()
    assert opening <= lost.begun <= opening + 15


def test_an_agent_that_is_lost_calls_with_a_context_that_grows():
    answers = told(reference_cluster(), Steady(always=Mood(sessions_per_minute=0, runaway=Runaway.LOOP)), 4)
    prompts = [answer.prompt for answer in answers if answer.asked == "worker"][:5]
    assert prompts == sorted(prompts)
    assert prompts[-1] > 3 * prompts[0]


SPLIT = {"planner": ("prefill", "decode")}


def test_a_call_counts_for_who_read_the_prompt_and_who_wrote_the_answer():
    calls = [an_answer(1, asked="planner"), an_answer(2, team_alias="Team B", prompt=10, cached=0, output=2)]
    assert tokens_by_tenant(calls, SPLIT) == {
        ("Team A", "prefill", "prompt"): 260,
        ("Team A", "prefill", "cached"): 640,
        ("Team A", "decode", "output"): 70,
        ("Team B", "worker", "prompt"): 10,
        ("Team B", "worker", "cached"): 0,
        ("Team B", "worker", "output"): 2,
    }


@pytest.mark.parametrize(
    ("spans", "fanout"),
    [
        ([(0, 1)], 1),
        ([(0, 1), (1, 2)], 1),
        ([(0, 2), (1, 3)], 2),
        ([(0, 9), (1, 2), (3, 4)], 2),
        ([(0, 9), (1, 5), (3, 4)], 3),
    ],
)
def test_how_wide_a_session_is(spans: list[tuple[float, float]], fanout: int):
    calls = [an_answer(i, begun=begun, ended=ended) for i, (begun, ended) in enumerate(spans)]
    (found,) = sessions(calls, SPLIT).values()
    assert found.fanout == fanout
