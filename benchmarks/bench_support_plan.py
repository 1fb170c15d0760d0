"""support.plan at 150 supports × 12 components × 12 periods, against plain HiGHS on the straight programme.

    python benchmarks/bench_support_plan.py [SECONDS_OF_THE_PEER] [SECONDS_OF_OURS]

Both are given the same case in the same run, one thread each. Where limits are loose, the proved gap is to be ≤ 1e-4; where
they bind, the plan is to be no worse than that of HiGHS after 20 minutes (give 1200).
"""

from __future__ import annotations

import sys
from time import monotonic

from support_plan_milp import straight

from recore.restoration.hydraulic_support.case import PlanCase
from recore.restoration.hydraulic_support.options import options_of
from recore.restoration.hydraulic_support.plan import decisions_of
from recore.restoration.hydraulic_support.planner import planned
from recore.restoration.hydraulic_support.verify import verify_plan
from recore.simulate.repair import repair_case

CASES = ((1, 10.0), (1, 0.35), (2, 0.1), (3, 1.0))


def main() -> None:
    peer = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    ours = float(sys.argv[2]) if len(sys.argv) > 2 else 45.0
    for seed, tightness in CASES:
        case = repair_case(seed, "large", tightness=tightness)
        read = PlanCase.model_validate(case)
        begin = monotonic()
        options = options_of(read)
        found = planned(options, seconds=ours, rounds=100_000, seed=1)
        took = monotonic() - begin
        checked = verify_plan(read, decisions_of(read, options, found.choice))
        assert not checked.faults, checked.faults[:3]
        print(
            f"seed {seed}, tightness {tightness}: cost {checked.total_cost:.0f}, gap {found.gap:.2e}, {took:.1f} s"
        )
        begin = monotonic()
        upper, lower, _ = straight(case, seconds=peer)
        # both gaps against the better of the two bounds
        bound = max(lower, found.lower)
        print(
            f"    HiGHS {monotonic() - begin:.0f} s: cost {upper:.0f}, own gap {(upper - lower) / upper:.2e}; "
            f"ours / HiGHS = {checked.total_cost / upper:.6f}, distance from the better bound "
            f"{(checked.total_cost - bound) / bound:.2e} / {(upper - bound) / bound:.2e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
