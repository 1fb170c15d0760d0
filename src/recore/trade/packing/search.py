"""Beam search: each state is judged by what greedy completion makes of it; the beam doubles stage by stage.

A stage runs one beam search per voice. Voices differ in the blocks that they may use and in what they like
about a block, because no one taste is best for all loads.
"""

from __future__ import annotations

import time
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recore.method import Progress
from recore.trade.packing import kernel
from recore.trade.packing.blocks import Made, build
from recore.trade.packing.problem import Stock

WIDEST = 256
STATES = 2**21  # whole numbers in all states of a beam, at most
SHAKE = 0.1
BATCH = 16  # completions between two looks at the clock


class Voice(NamedTuple):
    """Blocks (least filling of a pair, rounds of pairing) and powers of contact and usable share in their score.

    `pull` weighs the distances along x, y and z that say which surface is covered next.
    """

    full: float
    rounds: int
    contact: int
    usable: int
    pull: tuple[int, int, int] = (1, 1, 1)


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

    def __init__(
        self, stock: Stock, *, seed: int, until: float, work: int | None, progress: Progress | None
    ) -> None:
        self.stock = stock
        self.seed = seed
        self.work = 0
        self._until, self._budget, self._progress = until, work, progress
        self._since = time.perf_counter()
        self._blocks: dict[tuple[float, int], tuple[kernel.Blocks, Made]] = {}
        length, width, height = (int(v) for v in stock.limits)
        cell = -(-max(length, width, height) // 1024)
        edges = np.zeros((3, 3 * len(stock.counts)), np.int64)
        for turned, k in zip(stock.turned, stock.owner, strict=True):
            for d in range(3):
                row = edges[d, 3 * k : 3 * k + 3]
                edge = -(-turned[d] // cell)
                if edge not in row:
                    row[np.flatnonzero(row == 0)[0]] = edge
        self.room = kernel.Room(
            length, width, height, int(stock.turned[:, 2].min()), cell, edges, 1, 1, (1, 1, 1)
        )
        self.boxes = int(stock.counts.sum())
        one = np.zeros(len(stock.counts), np.int64)
        one[stock.owner] = stock.turned.prod(axis=1)
        self.everything = int(one @ stock.counts)
        self.root = self.state()
        self.root.left[:] = stock.counts
        self.root.surfaces[0] = (0, 0, length, width, 0, 0)
        self.root.scalars[:] = (0, stock.payload, 1, 0)
        self.child, self.best = self.state(), self.state()
        self.best_made: Made | None = None
        self.tables = np.zeros((2, 3, max(length, width, height) // cell + 1), np.int64)
        self.cuts = np.zeros((4 * kernel.SURFACES, 6), np.int64)
        # long paths make states large: fewer of them then
        self.widest = max(8, min(WIDEST, STATES // (4 * self.boxes + 6 * kernel.SURFACES)))

    def state(self) -> kernel.State:
        """Room for one partial packing."""
        return kernel.State(
            np.zeros((kernel.SURFACES, 6), np.int64),
            np.zeros(len(self.stock.counts), np.int64),
            np.zeros(4, np.int64),
            np.zeros((self.boxes, 4), np.int64),
        )

    def tools(self, voice: Voice, rerun: int) -> _Tools:
        """The blocks of a voice, built when it is first heard; a seed or a rerun shakes their weights a little."""
        key = (voice.full, voice.rounds)
        if key not in self._blocks:
            self._blocks[key] = build(self.stock, *key)
        blocks, made = self._blocks[key]
        if self.seed or rerun:
            noise = np.random.default_rng([self.seed, rerun]).random(len(blocks.size))
            weight = blocks.weight[:, 0] * (1 + SHAKE * noise)
            bound = np.maximum.accumulate(weight[::-1])[::-1]
            blocks = blocks._replace(weight=np.column_stack([weight, bound]))
        return _Tools(
            blocks, made, self.room._replace(contact=voice.contact, usable=voice.usable, pull=voice.pull)
        )

    def run(self, max_stage: int | None) -> None:
        """All stages until time, work or the search itself is at its end."""
        alive = list(VOICES)
        stage = 0
        try:
            while alive and (max_stage is None or stage < max_stage):
                width = min(2**stage, self.widest)
                rerun = max(0, stage - (self.widest - 1).bit_length())
                alive = [voice for voice in alive if not self.beam(self.tools(voice, rerun), width)]
                stage += 1
        except _Stop:
            pass

    def spend(self, wanted: int) -> int:
        """How many completions may be done now."""
        if self.best.scalars[0] == self.everything:
            raise _Stop
        if self._budget is not None:
            wanted = min(wanted, self._budget - self.work)
            if wanted <= 0:
                raise _Stop
        elif self.work and time.perf_counter() >= self._until:
            raise _Stop
        self.work += wanted
        return wanted

    def tell(self) -> None:
        """Say how far the search is."""
        if self._progress is not None:
            if self._budget is not None:
                share = self.work / max(self._budget, 1)
            else:
                share = (time.perf_counter() - self._since) / max(self._until - self._since, 1e-9)
            full = self.best.scalars[0] / self.stock.limits.prod()
            self._progress(min(1.0, share), f"packing, {full:.1%} full")

    def placements(self) -> NDArray[np.int64]:
        """The boxes of the best packing: kind, x, y, z, dx, dy, dz."""
        rows: list[tuple[int, ...]] = []
        if self.best_made is not None:
            for block, x, y, z in self.best.path[: self.best.scalars[3]]:
                rows += self.best_made.boxes(int(block), int(x), int(y), int(z))
        return np.array(rows, np.int64).reshape(-1, 7)

    def children(
        self, tools: _Tools, state: kernel.State, active: NDArray[np.int64], scratch: NDArray[np.int64], width: int,
        known: int,
    ) -> tuple[int, list[tuple[int, int]]]:  # fmt: skip
        """The surface to be covered next and (volume of the completed packing, block) for each block tried."""
        blocks, _, room = tools
        chosen, scores = np.zeros(width, np.int64), np.zeros(width)
        volumes = np.zeros(width, np.int64)
        every = len(blocks.size)
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
            first = last
        return where, [(int(volumes[i]), int(chosen[i])) for i in range(many)]

    def beam(self, tools: _Tools, width: int) -> bool:
        """One beam search; true when it left nothing out, so that a wider one would do the same again."""
        blocks, _, room = tools
        active, scratch = (np.zeros(len(blocks.size), np.int64) for _ in range(2))
        here: list[kernel.State] = [self.state()]
        there: list[kernel.State] = []
        kernel.copy(self.root, here[0])
        known = [-1]
        complete = True
        while known:
            self.tell()
            found: list[tuple[int, int, int, int]] = []
            for parent, volume in enumerate(known):
                where, tried = self.children(tools, here[parent], active, scratch, width, volume)
                complete = complete and len(tried) < width
                found += [(volume, parent, where, block) for volume, block in tried]
            found.sort(key=lambda child: -child[0])
            seen: set[tuple[int, int]] = set()
            known = []
            for volume, parent, where, block in found:
                # equal ends from equally full states are as a rule the same packing in another order
                alike = (volume, int(here[parent].scalars[0] + blocks.rest[block, 0]))
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
def warm() -> None:
    """Compile, or load what was compiled before, so that it costs no search its time."""
    ones = np.ones(2, np.int64)
    turned = np.array([[1, 1, 1], [2, 1, 1], [1, 2, 1]], np.int64)
    stock = Stock(
        np.array([2, 2, 1], np.int64), turned, np.array([0, 1, 1], np.int64), 3 * ones, ones, ones, 9
    )
    Search(stock, seed=0, until=0.0, work=100, progress=None).run(2)
