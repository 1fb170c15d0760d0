"""Beam search: each state is judged by what greedy completion makes of it; the beam doubles stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from recore.errors import BadInput
from recore.trade.packing import blocks, kernel
from recore.trade.packing.problem import BoxKind, Packing, check, milligrams_down, milligrams_up, orientations


class _Done(Exception):
    pass


def empty(kinds: int, path: int) -> kernel.State:
    return kernel.State(
        np.zeros((kernel.SURFACES, 6), np.int64),
        np.zeros(kinds, np.int64),
        np.zeros(4, np.int64),
        np.zeros((path, 4), np.int64),
    )


class Search:
    def __init__(self, container, kinds, payload_kg, seconds, work, max_stage, seed, progress, **options):
        self.t0 = time.perf_counter()
        self.seconds, self.budget, self.max_stage = seconds, work, max_stage
        turned, owner = [], []
        for k, kind in enumerate(kinds):
            for o in orientations(kind):
                if kind.count and all(a <= b for a, b in zip(o, container)):
                    turned.append(o)
                    owner.append(k)
        self.work = 0
        self.best = 0
        self.path = []
        self.empty = not turned
        if self.empty:
            return
        L, W, H = container
        counts = np.array([k.count for k in kinds], np.int64)
        masses = np.array([milligrams_up(k.mass_kg) for k in kinds], np.int64)
        turned, owner = np.array(turned, np.int64), np.array(owner, np.int64)
        scale = int(np.gcd.reduce(np.append(turned, container)))
        self.scale = scale
        turned //= scale
        L, W, H = (v // scale for v in container)
        self.size = (L, W, H)
        self.b, self.made = blocks.build(
            (L, W, H), turned, owner, counts, np.array([k.stackable for k in kinds], np.int64), masses, **options
        )
        cell = -(-max(L, W, H) // 1024)
        edges = np.zeros((3, len(kinds) * 3), np.int64)
        for o, k in zip(turned, owner):
            for d in range(3):
                row = edges[d, 3 * k : 3 * k + 3]
                e = -(-o[d] // cell)
                if e not in row:
                    row[np.flatnonzero(row == 0)[0]] = e
        self.room = kernel.Room(L, W, H, int(turned[:, 2].min()), cell, edges)
        self.n_paths = int(counts.sum())
        self.nk = len(kinds)
        self.cells = max(L, W, H) // cell + 1
        n = len(self.b.lx)
        self.table = np.zeros((3, self.cells), np.int64)
        self.work_table = self.table.copy()
        self.active = np.zeros(n, np.int64)
        self.scratch = np.zeros(n, np.int64)
        self.cuts = np.zeros((64, 6), np.int64)
        self.root = self.new()
        self.root.left[:] = counts
        self.root.surfaces[0] = (0, 0, L, W, 0, 0)
        self.root.scalars[:] = (0, milligrams_down(payload_kg) if payload_kg is not None else 2**62, 1, 0)
        self.child = self.new()
        vols = np.array([int(np.prod([v // scale for v in k.dims])) for k in kinds])
        self.limit = int((vols * counts).sum())
        self.log = []

    def new(self):
        return empty(self.nk, self.n_paths)

    def tick(self):
        if self.budget is not None:
            if self.work >= self.budget:
                raise _Done
        elif time.perf_counter() - self.t0 >= self.seconds:
            raise _Done

    def take(self, volume):
        if volume > self.best:
            self.best = volume
            self.path = self.child.path[: self.child.scalars[3]].copy()
            self.log.append((round(time.perf_counter() - self.t0, 2), self.w, volume / np.prod(self.size)))
            if volume == self.limit:
                raise _Done

    def run(self):
        if self.empty:
            return
        b, room = self.b, self.room
        try:
            all_ = np.arange(len(b.lx))
            kernel.copy(self.root, self.child)
            self.scratch[:] = all_
            kernel.reach(room, self.root.left, self.work_table)
            self.w = 0
            start = kernel.complete(b, room, self.child, self.work_table, self.scratch, len(all_), self.cuts)
            self.take(start)
            w = 1
            stage = 0
            beams = []
            while self.max_stage is None or stage < self.max_stage:
                self.w = w
                while len(beams) < 2 * w:
                    beams.append(self.new())
                kernel.copy(self.root, beams[0])
                here, there = beams[:w], beams[w : 2 * w]
                live = [start]
                while live:
                    found = []
                    chosen = np.zeros(w, np.int64)
                    scores = np.zeros(w)
                    for p, volume in enumerate(live):
                        state = here[p]
                        n = kernel.available(b, state.left, state.scalars[1], all_, len(all_), self.active)
                        where, many, n = kernel.expand(
                            b, room, state, self.table, self.active, n, chosen, scores
                        )
                        for i in range(many):
                            block = int(chosen[i])
                            if i == 0:
                                v = volume
                            else:
                                self.tick()
                                v = kernel.evaluate(
                                    b, room, state, self.table, self.active, n, where, block, self.child,
                                    self.scratch, self.work_table, self.cuts,
                                )  # fmt: skip
                                self.work += 1
                                self.take(v)
                            found.append((v, p, where, block))
                    found.sort(key=lambda f: -f[0])
                    seen = set()
                    live = []
                    for v, p, where, block in found:
                        if v in seen:
                            continue
                        seen.add(v)
                        target = there[len(live)]
                        kernel.copy(here[p], target)
                        kernel.put(b, room, target, where, block, self.cuts)
                        live.append(v)
                        if len(live) == w:
                            break
                    here, there = there, here
                w *= 2
                stage += 1
        except _Done:
            pass

    def packing(self, nk):
        rows = []
        for block, x, y, z in self.path:
            rows += self.made.boxes(int(block), int(x), int(y), int(z))
        p = np.array(rows, np.int64).reshape(-1, 7)
        p[:, 1:] *= getattr(self, "scale", 1)
        p = p[np.lexsort((p[:, 2], p[:, 1], p[:, 3]))]
        fill = self.best / np.prod(self.size) if rows else 0.0
        return Packing(p, float(fill), tuple(int(v) for v in np.bincount(p[:, 0], minlength=nk)), self.work, time.perf_counter() - self.t0)


def pack(container, kinds, *, seconds, payload_kg=None, seed=0, progress=None, work=None, max_stage=None, **options):
    check(container, kinds, payload_kg)
    s = Search(container, kinds, payload_kg, seconds, work, max_stage, seed, progress, **options)
    s.run()
    r = s.packing(len(kinds))
    pack.log = s.log
    return r
