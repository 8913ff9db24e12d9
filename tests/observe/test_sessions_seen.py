"""What the book tells of sessions stands on the roles; where nobody tells, that is unknown and not none."""

from controlplane.model.session import RoleSessions, Usual
from controlplane.model.sighting import Sighting
from controlplane.observe.assemble import History, assemble
from tests.builders import NOON, PLANNER, STEP, a_spec
from tests.builders_of_sessions import WORKER, a_session

DEAR = a_session(over=NOON)
BUSY = RoleSessions(
    active=4,
    fanout_max=3,
    usual=Usual(sessions=20, weighted=9.0, calls=1.0),
    widest=DEAR,
    dearest=(DEAR,),
)


def seen(**sessions):
    fleet, _ = assemble(
        History.empty(STEP), Sighting(at=NOON, sessions=sessions), (a_spec(), a_spec("worker")), NOON, name="x"
    )
    return fleet.roles[PLANNER].sessions, fleet.roles[WORKER].sessions


def test_sessions_stand_on_the_role_where_they_began():
    assert seen(planner=BUSY, worker=RoleSessions(active=0)) == (BUSY, RoleSessions(active=0))


def test_where_nobody_tells_of_sessions_they_are_unknown():
    assert seen() == (None, None)
