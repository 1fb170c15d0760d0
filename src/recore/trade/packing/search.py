"""Beam search: each state is judged by what greedy completion makes of it; the beam doubles stage by stage.

A stage runs one beam search per voice. Voices differ in the blocks that they may use and in what they like
about a block, because no one taste is best for all loads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.method import Progress
from recore.trade.packing import kernel
from recore.trade.packing.blocks import Made, Stock, build
from recore.trade.packing.problem import BoxKind, Packing, check, milligrams_down, milligrams_up, orientations

WIDEST = 256
BATCH = 16  # completions between two looks at the clock
UNLIMITED = 2**62


class Voice(NamedTuple):
    """Blocks (least filling of a pair, rounds of pairing) and powers of contact and usable share in their score."""

    full: float
    rounds: int
    contact: int
    usable: int


VOICES = (
    Voice(1.0, 0, 4, 1),
    Voice(0.98, 1, 2, 1),
    Voice(1.0, 0, 2, 2),
    Voice(1.0, 3, 4, 1),
)


class _Stop(Exception):
    """Time or work is up, or everything is packed."""


class _Tools(NamedTuple):
    """What one voice works with."""

    blocks: kernel.Blocks
    made: Made
    room: kernel.Room


class Search:
    """One container and its boxes, with the best packing so far."""

    def __init__(self, stock: Stock, payload_mg: int, seed: int) -> None:
        self.stock = stock
        self.seed = seed
        self.work = 0
        self.until: float = 0.0
        self.budget: int | None = None
        self.progress: Progress | None = None
        self._tools: dict[tuple[float, int], tuple[kernel.Blocks, Made]] = {}
        length, width, height = (int(v) for v in stock.limits)
        cell = -(-max(length, width, height) // 1024)
        edges = np.zeros((3, 3 * len(stock.counts)), np.int64)
        for turned, k in zip(stock.turned, stock.owner, strict=True):
            for d in range(3):
                row = edges[d, 3 * k : 3 * k + 3]
                edge = -(-turned[d] // cell)
                if edge not in row:
                    row[np.flatnonzero(row == 0)[0]] = edge
        self.room = kernel.Room(length, width, height, int(stock.turned[:, 2].min()), cell, edges, 1, 1)
        self.boxes = int(stock.counts.sum())
        one = np.zeros(len(stock.counts), np.int64)
        one[stock.owner] = stock.turned.prod(axis=1)
        self.everything = int(one @ stock.counts)
        self.root = self.state()
        self.root.left[:] = stock.counts
        self.root.surfaces[0] = (0, 0, length, width, 0, 0)
        self.root.scalars[:] = (0, payload_mg, 1, 0)
        self.child, self.best = self.state(), self.state()
        self.best_voice = VOICES[0]
        self.tables = np.zeros((2, 3, max(length, width, height) // cell + 1), np.int64)
        self.cuts = np.zeros((4 * kernel.SURFACES, 6), np.int64)
        self.log = []

    def state(self) -> kernel.State:
        """Room for one partial packing."""
        return kernel.State(
            np.zeros((kernel.SURFACES, 6), np.int64),
            np.zeros(len(self.stock.counts), np.int64),
            np.zeros(4, np.int64),
            np.zeros((self.boxes, 4), np.int64),
        )

    def tools(self, voice: Voice) -> _Tools:
        """The blocks of a voice, built when it is first heard."""
        key = (voice.full, voice.rounds)
        if key not in self._tools:
            self._tools[key] = build(self.stock, *key)
        return _Tools(*self._tools[key], self.room._replace(contact=voice.contact, usable=voice.usable))

    def run(self, max_stage: int | None) -> None:
        """All stages until time, work or the search itself is at its end."""
        alive = list(VOICES)
        stage = 0
        try:
            while alive and (max_stage is None or stage < max_stage):
                alive = [voice for voice in alive if not self.beam(voice, min(2**stage, WIDEST), stage)]
                stage += 1
        except _Stop:
            pass

    def spend(self, wanted: int) -> int:
        """How many completions may be done now."""
        if self.best.scalars[0] == self.everything:
            raise _Stop
        if self.budget is not None:
            wanted = min(wanted, self.budget - self.work)
            if wanted <= 0:
                raise _Stop
        elif time.perf_counter() >= self.until:
            raise _Stop
        self.work += wanted
        return wanted

    def children(
        self, tools: _Tools, state: kernel.State, active: NDArray[np.int64], scratch: NDArray[np.int64], width: int,
        known: int,
    ) -> tuple[int, list[tuple[int, int]]]:  # fmt: skip
        """The surface to be covered next and (volume of the completed packing, block) for each block tried."""
        blocks, _, room = tools
        chosen, scores = np.zeros(width, np.int64), np.zeros(width)
        volumes = np.zeros(width, np.int64)
        every = len(blocks.lx)
        scratch[:] = np.arange(every)
        n = kernel.available(blocks, state.left, state.scalars[1], scratch, every, active)
        where, many, n = kernel.expand(blocks, room, state, self.tables[0], active, n, chosen, scores)
        # the completion of a state begins with its first child, so that one is known already
        first = 0
        if known >= 0 and many:
            volumes[0], first = known, 1
        while first < many:
            last = first + self.spend(min(BATCH, many - first))
            before = int(self.best.scalars[0])
            kernel.evaluate(
                blocks, room, state, self.tables, active, n, where, chosen, first, last, volumes,
                self.child, self.best, scratch, self.cuts,
            )  # fmt: skip
            if self.best.scalars[0] > before:
                self.best_made = tools.made
                self.log.append((round(time.perf_counter() - self.t0, 2), self.vs, float(self.best.scalars[0] / np.prod(self.stock.limits))))
            first = last
        return where, [(int(volumes[i]), int(chosen[i])) for i in range(many)]

    def beam(self, voice: Voice, width: int, stage: int) -> bool:
        """One beam search; true when it left nothing out, so that a wider one would do the same again."""
        self.vs = (width, VOICES.index(voice))
        tools = self.tools(voice)
        blocks, _, room = tools
        active, scratch = (np.zeros(len(blocks.lx), np.int64) for _ in range(2))
        here, there = [self.state()], []
        kernel.copy(self.root, here[0])
        known = [-1]
        complete = True
        while known:
            found = []
            for parent, volume in enumerate(known):
                where, tried = self.children(tools, here[parent], active, scratch, width, volume)
                complete = complete and len(tried) < width
                found += [(volume, parent, where, block) for volume, block in tried]
            found.sort(key=lambda child: -child[0])
            seen = set()
            known = []
            for volume, parent, where, block in found:
                # equal ends from equally full states are as a rule the same packing in another order
                alike = (volume, int(here[parent].scalars[0] + blocks.volume[block]))
                if alike in seen:
                    continue
                seen.add(alike)
                if len(known) == width:
                    complete = False
                    break
                if len(known) == len(there):
                    there.append(self.state())
                target = there[len(known)]
                kernel.copy(here[parent], target)
                kernel.put(blocks, room, target, where, block, self.cuts)
                known.append(volume)
            here, there = there, here
        return complete


@cache
def _warm() -> None:
    """Compile, or load what was compiled before, so that it costs no search its time."""
    _search((2, 2, 1), [BoxKind((1, 1, 1), 3), BoxKind((2, 1, 1), 1)], 1.0, None, 0, None, None, 3)


def _search(
    container: Sequence[int], kinds: Sequence[BoxKind], seconds: float, payload_kg: float | None, seed: int,
    progress: Progress | None, work: int | None, max_stage: int | None,
) -> Packing:  # fmt: skip
    started = time.perf_counter()
    turned, owner = [], []
    for k, kind in enumerate(kinds):
        for orientation in orientations(kind):
            if kind.count and all(a <= b for a, b in zip(orientation, container, strict=True)):
                turned.append(orientation)
                owner.append(k)
    if not turned:
        return Packing(np.zeros((0, 7), np.int64), 0.0, (0,) * len(kinds), 0, time.perf_counter() - started)
    rows = np.array(turned, np.int64)
    limits = np.array([int(edge) for edge in container], np.int64)
    scale = int(np.gcd.reduce(np.append(rows, limits)))
    stock = Stock(
        limits // scale,
        rows // scale,
        np.array(owner, np.int64),
        np.array([kind.count for kind in kinds], np.int64),
        np.array([kind.stackable for kind in kinds], np.int64),
        np.array([milligrams_up(kind.mass_kg) for kind in kinds], np.int64),
    )
    payload = UNLIMITED if payload_kg is None else min(milligrams_down(payload_kg), UNLIMITED)
    search = Search(stock, payload, seed)
    search.t0=started
    search.until, search.budget, search.progress = started + seconds, work, progress
    search.run(max_stage)
    placed: list[tuple[int, ...]] = []
    for block, x, y, z in search.best.path[: search.best.scalars[3]]:
        placed += search.best_made.boxes(int(block), int(x), int(y), int(z))
    p = np.array(placed, np.int64).reshape(-1, 7)
    p[:, 1:] *= scale
    p = p[np.lexsort((p[:, 2], p[:, 1], p[:, 3]))]
    fill = float(search.best.scalars[0] / np.prod(stock.limits))
    pack.log=search.log
    return Packing(
        p,
        fill,
        tuple(int(v) for v in np.bincount(p[:, 0], minlength=len(kinds))),
        search.work,
        time.perf_counter() - started,
    )


def pack(
    container: Sequence[int], kinds: Sequence[BoxKind], *, seconds: float, payload_kg: float | None = None,
    seed: int = 0, progress: Progress | None = None, work: int | None = None, max_stage: int | None = None,
) -> Packing:  # fmt: skip
    check(container, kinds, payload_kg)
    _warm()
    return _search(container, kinds, seconds, payload_kg, seed, progress, work, max_stage)
