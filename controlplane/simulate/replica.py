"""One vLLM-like engine: continuous batching over a KV cache of blocks.

Scheduler rules kept from vLLM: running sequences first, then the queue in order while tokens, sequences
and blocks allow; a prompt is admitted only when *all* its blocks are free; when a running sequence finds
no block, the last admitted one is thrown out, recomputed later, and put at the head of the queue.

Between two events a decoding batch is constant and each step takes a little longer than the one before,
so many steps are made in one jump; results are those of going step by step.
"""

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from math import sqrt

from controlplane.simulate.costs import StepCost
from controlplane.simulate.prefix import PrefixCache
from controlplane.simulate.tally import Tally

BLOCK = 16
"""Tokens of one KV block: vLLM's default on GPUs."""


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """One call to an engine, and how far it got."""

    session: str
    kind: str
    """Sessions of one kind begin with the same ``shared`` tokens (system prompt and tools)."""
    prompt: int
    output: int
    """Tokens it will generate; 0 for embeddings and scores."""
    prefix: int = 0
    """Tokens of the prompt that the session has sent or received before."""
    shared: int = 0
    reader: "Request | None" = None
    """The call by which another engine has read the prompt: its KV cache arrives over the network."""
    most: int = 4096
    """The caller's max_tokens."""
    arrived: float = 0.0
    admitted: float | None = None
    first_token: float | None = None
    last_token: float = 0.0
    finished: float = 0.0
    generated: int = 0
    preempted: int = 0
    cached: int = 0
    todo: int = 0
    """Tokens still to be computed before it decodes."""
    context: int = 0
    """Tokens in the KV cache at the moment it joined the decoding batch."""
    joined: int = -1
    """Step at which it joined the decoding batch; -1 while it does not decode."""
    blocks: int = 0

    @property
    def called(self) -> float:
        """When its caller called; ``arrived`` is when this engine got it."""
        return self.arrived if self.reader is None else self.reader.arrived

    @property
    def found(self) -> int:
        """Tokens of the prompt that a prefix cache had; ``cached`` counts what came over the network, too."""
        return self.cached if self.reader is None else self.reader.cached


class Replica:
    """The engine of one pod. Times are seconds since the simulation's start; ``advance`` moves it."""

    def __init__(
        self, cost: StepCost, *, longest: int, at: float, budget: int = 2048, most_sequences: int = 256
    ) -> None:
        self.cost = cost
        self.tally = Tally(longest=longest)
        self.clock = at
        self.blocks = cost.kv_tokens // BLOCK
        self.free = self.blocks - 1  # vLLM keeps one block for padding
        self.waiting: deque[Request] = deque()
        self.running: dict[Request, None] = {}
        self.done: list[Request] = []
        """Finished since somebody last took them away."""
        self._longest = longest
        self._budget = budget
        self._most = most_sequences
        self._cache = PrefixCache(BLOCK)
        self._prefilling: list[Request] = []
        self._decoding = 0
        self._context = 0
        self._step = 0
        self._ring = [0] * BLOCK
        """Decoding sequences by when they need their next block, see :meth:`_blocks_for`."""
        self._ends_at: list[tuple[int, int, Request]] = []
        self._order = 0
        self._chunks: list[tuple[Request, int]] = []
        self._ends: float | None = None

    @property
    def load(self) -> int:
        """Requests it holds."""
        return len(self.running) + len(self.waiting)

    @property
    def kv_usage(self) -> float:
        """Share of the KV cache in use, 0..1; what only the prefix cache remembers is free."""
        return 1 - self.free / (self.blocks - 1)

    def enqueue(self, request: Request, at: float) -> None:
        """Take a call. The replica must have been advanced to ``at``."""
        if not self.running and not self.waiting:
            self.clock = max(self.clock, at)
        request.prompt = max(1, min(request.prompt, self._longest - request.output - 1))
        request.prefix = min(request.prefix, request.prompt)
        self.waiting.append(request)

    def advance(self, to: float) -> None:
        """Make every step that ends by ``to``."""
        while True:
            if self._ends is not None:
                if self._ends > to:
                    return
                self._finish_step()
            elif not self.running and not self.waiting:
                self.clock = max(self.clock, to)
                return
            else:
                self._begin_step(to)

    def give_back(self) -> list[Request]:
        """Stop at once; returns the calls that were cut off."""
        lost = [*self.running, *self.waiting]
        self.running.clear()
        self.waiting.clear()
        self._ends = None
        return lost

    def _begin_step(self, to: float) -> None:
        crowded = False
        while self._decoding and self._blocks_for(1) > self.free:
            self._preempt()
            crowded = True
        chunks = self._fill(self._budget - self._decoding, admit=not crowded)
        if chunks:
            tokens = sum(n for _, n in chunks)
            pairs = sum(n * (r.context - r.todo + n / 2) for r, n in chunks)
            self._chunks = chunks
            self._ends = self.clock + self.cost.seconds(tokens, pairs, self._decoding, self._context)
            return
        first = self.cost.seconds(0, 0.0, self._decoding, self._context)
        rise = self.cost.growth(self._decoding)
        steps = min(self._steps_until(to, first, rise), self._steps_to_completion(), self._steps_in_room())
        if crowded:
            steps = min(steps, 1)  # the next step may admit again
        if steps == 0:
            self._chunks = []
            self._ends = self.clock + first
        else:
            self._decode(steps, first, rise)

    def _finish_step(self) -> None:
        assert self._ends is not None
        took, self._ends = self._ends - self.clock, None
        chunks, self._chunks = self._chunks, []
        tokens = sum(n for _, n in chunks)
        if self._decoding:
            self._decode(1, took, 0.0, chunked=tokens)
        else:
            self._count_steps(1, took, 0.0, tokens)
        for request, n in chunks:
            request.todo -= n
            if request.todo == 0:
                self._prefilling.remove(request)
                self._first_token(request)

    def _fill(self, budget: int, *, admit: bool) -> list[tuple[Request, int]]:
        """Hand out the step's prefill tokens: to prompts under way, then to the queue."""
        chunks = []
        spoken_for = self._blocks_for(1)
        for request in self._prefilling:
            if budget <= 0:
                break
            n = min(budget, request.todo)
            chunks.append((request, n))
            budget -= n
        while admit and budget > 0 and self.waiting and len(self.running) < self._most:
            request = self.waiting[0]
            if -(-(request.prompt + request.generated) // BLOCK) > self.free - spoken_for:
                break
            self.waiting.popleft()
            self._admit(request)
            n = min(budget, request.todo)
            chunks.append((request, n))
            budget -= n
        return chunks

    def _admit(self, request: Request) -> None:
        tokens = request.prompt + request.generated
        hit = min(
            self._cache.hit(request.session, request.prefix, request.kind, request.shared),
            (tokens - 1) // BLOCK * BLOCK,
        )
        if request.reader is not None and request.generated == 0:
            hit = max(hit, (tokens - 1) // BLOCK * BLOCK)
        if request.admitted is None:
            request.admitted = self.clock
            request.cached = hit
            if request.reader is None:
                self.tally.prefix_queries += tokens
                self.tally.prefix_hits += hit
        self._cache.hold(request.session, request.kind)
        request.blocks = -(-tokens // BLOCK)
        request.context = tokens
        request.todo = tokens - hit
        self.free -= request.blocks
        self._cache.shrink(self.free)
        self.running[request] = None
        self._prefilling.append(request)

    def _first_token(self, request: Request) -> None:
        """Its context is complete: the step that finished it also gave a token."""
        tally = self.tally
        if request.first_token is None:
            request.first_token = self.clock
            tally.ttft.add(self.clock - request.arrived)
            tally.prompt_tokens += request.prompt
            tally.cached_tokens += request.cached
            tally.transferred_tokens += 0 if request.reader is None else request.cached
        elif request.output:
            tally.itl.add(self.clock - request.last_token)
        request.last_token = self.clock
        if request.output:
            request.generated += 1
            tally.generation_tokens += 1
        if request.generated >= request.output:
            self._leave(request)
            return
        request.joined = self._step
        self._order += 1
        heappush(self._ends_at, (self._step + request.output - request.generated, self._order, request))
        self._ring[(request.context - self._step) % BLOCK] += 1
        self._decoding += 1
        self._context += request.context

    def _decode(self, steps: int, first: float, rise: float, chunked: int = 0) -> None:
        batch = self._decoding
        self.free -= self._blocks_for(steps)
        self._cache.shrink(self.free)
        self._count_steps(steps, first, rise, chunked + batch)
        self.tally.itl.add_rising(first, rise, steps, batch)
        self.tally.generation_tokens += batch * steps
        self._step += steps
        self._context += batch * steps
        while self._ends_at and self._ends_at[0][0] <= self._step:
            end, _, request = heappop(self._ends_at)
            if request.joined >= 0 and request.joined + request.output - request.generated == end:
                self._stop_decoding(request)
                request.last_token = self.clock
                self._leave(request)

    def _count_steps(self, steps: int, first: float, rise: float, tokens: int) -> None:
        took = steps * first + rise * steps * (steps - 1) / 2
        self.clock += took
        tally = self.tally
        tally.iteration.add(tokens, steps)
        tally.busy += took
        mean_context = self._context + self._decoding * (steps - 1) / 2
        tally.reading += min(took, steps * self.cost.reading(mean_context))
        tally.computing += min(took, steps * self.cost.computing(tokens))

    def _stop_decoding(self, request: Request) -> None:
        made = self._step - request.joined
        self._ring[(request.context - request.joined) % BLOCK] -= 1
        self._decoding -= 1
        request.context += made
        request.generated += made
        request.joined = -1
        self._context -= request.context
        request.blocks = -(-request.context // BLOCK)

    def _preempt(self) -> None:
        request, _ = self.running.popitem()
        if request.joined >= 0:
            self._stop_decoding(request)
            request.last_token = self.clock
        else:
            self._prefilling.remove(request)
        request.preempted += 1
        self.tally.preemptions += 1
        self.free += request.blocks
        self._cache.release(request.session, 0, self.free)
        self.waiting.appendleft(request)

    def _leave(self, request: Request) -> None:
        del self.running[request]
        self.free += request.blocks
        self._cache.release(request.session, request.context, self.free)
        request.finished = self.clock
        self.done.append(request)
        self._count_request(request)

    def _count_request(self, request: Request) -> None:
        assert request.admitted is not None
        assert request.first_token is not None
        tally, end = self.tally, request.finished
        if request.output >= request.most:
            tally.cut_at_length += 1
        else:
            tally.stopped += 1
        tally.e2e.add(end - request.arrived)
        tally.queue.add(request.admitted - request.arrived)
        tally.prefill.add(request.first_token - request.admitted)
        tally.decode.add(end - request.first_token)
        tally.inference.add(end - request.admitted)
        tally.tpot.add((end - request.first_token) / (request.output - 1) if request.output > 1 else 0.0)
        tally.prompts.add(request.prompt)
        tally.outputs.add(request.output)
        tally.most_outputs.add(request.output)
        tally.params_most.add(request.most)
        tally.params_n.add(1)
        tally.computed.add(request.prompt - request.cached)
        tally.preempted.add(request.preempted)
        tally.http_fine.add(end - request.arrived)
        tally.http_coarse.add(end - request.arrived)

    def _blocks_for(self, steps: int) -> int:
        """New blocks the decoding batch needs for its next ``steps`` steps.

        A sequence that joined at step j with context c writes position c + (s - j) at step s and needs a
        block whenever that is a multiple of the block size: all that counts is (c - j) modulo the size.
        """
        rounds, rest = divmod(steps, BLOCK)
        step, ring = self._step, self._ring
        return rounds * self._decoding + sum(ring[-(step + i) % BLOCK] for i in range(rest))

    def _steps_in_room(self) -> int:
        rounds, left = divmod(self.free, self._decoding)
        steps = rounds * BLOCK
        for i in range(BLOCK):
            left -= self._ring[-(self._step + i) % BLOCK]
            if left < 0:
                break
            steps += 1
        return steps

    def _steps_to_completion(self) -> int:
        while True:
            end, _, request = self._ends_at[0]
            if request.joined >= 0 and request.joined + request.output - request.generated == end:
                return end - self._step
            heappop(self._ends_at)  # it was preempted in the meantime

    def _steps_until(self, to: float, first: float, rise: float) -> int:
        """Whole steps that end by ``to``: solves steps * first + rise * steps * (steps - 1) / 2 = time."""
        time = to - self.clock
        if time < first:
            return 0
        if rise <= 0:
            return int(time / first)
        base = first - rise / 2
        return int((sqrt(base * base + 2 * rise * time) - base) / rise)
