"""What the parts read so far say about one leg, joined as they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recore.metrology.leg_pressure import kernel
from recore.metrology.leg_pressure.found import LegRecord, record_of
from recore.metrology.leg_pressure.segment import LegPart, Reader, Segment

if TYPE_CHECKING:
    from recore.evidence.table import Part, Source

# samples without a release that are kept raw before a stretch is taken for the beginning of the record
LONG_HEAD = 2**20


@dataclass
class Account:
    """What the parts read so far say about one leg."""

    segments: list[Segment] = field(default_factory=list)
    rows: int = 0
    untidy: bool = False
    disorder: tuple[Source, int] | None = None  # table and row where time first ran backwards in it
    table: int = -1
    last: int = kernel.NEVER  # latest time so far in that table

    def add(self, reader: Reader, found: LegPart, part: Part, table: int) -> None:
        self.rows += found.rows
        self.untidy = self.untidy or found.untidy
        segments = found.segments
        back_here = bool(segments) and table == self.table and segments[0].first < self.last
        if self.disorder is None and (found.backwards is not None or back_here):
            self.disorder = part.source, part.first_row if found.backwards is None else found.backwards
        if table != self.table:
            self.table, self.last = table, kernel.NEVER
        for segment in segments:
            self.last = max(self.last, segment.last)
            if not self.untidy:
                self._place(reader, segment)
        if self.untidy:
            self.segments.clear()

    def _place(self, reader: Reader, segment: Segment) -> None:
        before = [s for s in self.segments if s.last <= segment.first]
        if before:
            earlier = max(before, key=lambda s: s.last)
            self.untidy = not reader.join(earlier, segment)
        elif any(s.begins for s in self.segments):
            self.untidy = True
        else:
            earlier = segment
            self.segments.append(segment)
        if not self.untidy and earlier.state is None and earlier.samples > LONG_HEAD:
            self._begin(reader, earlier)

    def _begin(self, reader: Reader, segment: Segment) -> None:
        """Take the earliest stretch for the beginning of the record, so that its head need not be kept.

        Should an earlier one turn up after all, the leg is sorted in the second pass.
        """
        if segment.first == min(s.first for s in self.segments):
            whole = Segment(segment.first, begins=True, state=kernel.new_state())
            self.untidy = not reader.join(whole, segment)
            self.segments = [whole if s is segment else s for s in self.segments]

    def record(self, reader: Reader) -> LegRecord | None:
        """The leg as one sequence; None where its stretches overlap."""
        ordered = sorted(self.segments, key=lambda s: (s.first, s.last))
        begun = bool(ordered) and ordered[0].begins
        whole = ordered.pop(0) if begun else Segment(state=kernel.new_state())
        for segment in ordered:
            if segment.first < whole.last or not reader.join(whole, segment):
                return None
        return record_of(reader, whole)
