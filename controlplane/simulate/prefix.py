"""The prefix cache of one replica: contexts whose blocks nobody uses but that have not been overwritten yet.

Such blocks count as free, so the cache is as large as the KV cache is empty: under pressure it is the
first thing to go, every call recomputes its whole context, and the pressure grows.
"""

from collections import Counter, OrderedDict


class PrefixCache:
    """Least recently used first out, by session; sessions of one kind share their first ``shared`` tokens."""

    def __init__(self, block: int) -> None:
        self._block = block
        self._idle: OrderedDict[str, int] = OrderedDict()
        self._held: dict[str, list[int]] = {}
        self._kinds: Counter[str] = Counter()
        self._kind_of: dict[str, str] = {}
        self.blocks = 0
        """Blocks of contexts nobody uses: free, but still worth something."""

    def hit(self, session: str, prefix: int, kind: str, shared: int) -> int:
        """Tokens of a prompt that need not be computed: full blocks only."""
        held = self._held.get(session)
        known = held[0] if held else self._idle.get(session, 0)
        tokens = min(known, prefix)
        if self._kinds[kind]:
            tokens = max(tokens, shared)
        return tokens - tokens % self._block

    def hold(self, session: str, kind: str) -> None:
        """A request of the session was admitted: its context is in use and cannot be evicted."""
        held = self._held.get(session)
        if held:
            held[1] += 1
            return
        tokens = self._idle.pop(session, None)
        if tokens is None:
            self._kinds[kind] += 1
            self._kind_of[session] = kind
        else:
            self.blocks -= tokens // self._block
        self._held[session] = [tokens or 0, 1]

    def release(self, session: str, tokens: int, room: int) -> None:
        """The request left with a context of ``tokens``; ``room`` blocks are free now."""
        held = self._held[session]
        held[0] = max(held[0], tokens)
        held[1] -= 1
        if held[1] == 0:
            del self._held[session]
            self._idle[session] = held[0]
            self.blocks += held[0] // self._block
            if held[0] < self._block:
                del self._idle[session]
                self._forget(session)
        self.shrink(room)

    def shrink(self, room: int) -> None:
        """Blocks were handed out: at most ``room`` are left to remember anything in."""
        while self.blocks > room:
            session, tokens = self._idle.popitem(last=False)
            self.blocks -= tokens // self._block
            self._forget(session)

    def _forget(self, session: str) -> None:
        self._kinds[self._kind_of.pop(session)] -= 1
