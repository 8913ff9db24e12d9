"""A call served by two engines: one reads the prompt, hands over its KV cache, the other writes the answer."""

from collections.abc import Mapping

from controlplane.simulate.flows import Call
from controlplane.simulate.replica import Request


class Relay:
    """Turns the calls of a split role into one for each pool."""

    def __init__(self, split: Mapping[str, tuple[str, str]]) -> None:
        self._split = split
        self._asked = {pool: role for role, pools in split.items() for pool in pools}
        self._answers: dict[Request, Call] = {}
        """Request for a prompt → the call to be made once it is read."""

    def first(self, call: Call) -> Call:
        """The call to make now: for a prompt the router asks one token, as vLLM's disaggregated serving does."""
        pools = self._split.get(call.role)
        if pools is None:
            return call
        whole = call.request
        prompt = Request(
            session=whole.session,
            kind=whole.kind,
            prompt=whole.prompt,
            output=1,
            prefix=whole.prefix,
            shared=whole.shared,
            most=1,
            arrived=whole.arrived,
        )
        self._answers[prompt] = Call(pools[1], whole)
        return Call(pools[0], prompt)

    def then(self, done: Request) -> Call | None:
        """The call that follows a prompt that has been read; ``None`` when the caller has its answer."""
        call = self._answers.pop(done, None)
        if call is not None:
            call.request.reader = done
            call.request.arrived = done.finished
        return call

    def asked(self, pool: str) -> str:
        """The role that callers ask for when ``pool`` answers."""
        return self._asked.get(pool, pool)
