"""The repair plan written down straight as one mixed-integer programme for HiGHS: the peer, and an oracle for small cases.

Reads the case as plain data and shares nothing with the planner. Its best-known form: a variable for each action of each
component in each period, one for each opened support and period, x ≤ y aggregated over the actions of a component
(tighter than over single actions), windows of neighbours as rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def straight(
    case: dict[str, Any], *, seconds: float, threads: int = 1
) -> tuple[float, float, dict[tuple[int, str], tuple[str, int]]]:
    """Cost, proved lower bound, and {(support, component): (action, period from 1)} after at most `seconds`."""
    import highspy

    plan, periods = case["plan"], case["plan"]["periods"]
    supports = sorted({part["support"] for part in case["component"]})
    spares = [spare["name"] for spare in case.get("spare", [])]
    at = {number: k * periods for k, number in enumerate(supports)}
    cost = [plan["setup_cost"]] * (len(supports) * periods)
    rows: list[tuple[float, list[int], list[float]]] = []
    names: list[tuple[int, str, str, int]] = []
    spend: list[list[tuple[int, float]]] = [[] for _ in range(periods)]
    hours: list[list[tuple[int, float]]] = [[] for _ in range(periods)]
    taken: dict[str, list[list[int]]] = {name: [[] for _ in range(periods)] for name in spares}
    kept = 0.0
    for part in case["component"]:

        def failures(age: float, count: float, part: dict[str, Any] = part) -> float:
            rate = part["failure_cost"] * part["severity"]
            found: float = rate * (
                ((age + count) / part["scale"]) ** part["shape"] - (age / part["scale"]) ** part["shape"]
            )
            return found

        keep = failures(part["age"], periods)
        kept += keep
        once = []
        for t in range(periods):
            now = []
            for action in (a for a in case["action"] if a["kind"] == part["kind"]):
                x = len(cost)
                after = action["age_factor"] * (part["age"] + t)
                cost.append(action["cost"] + failures(part["age"], t) + failures(after, periods - t) - keep)
                names.append((part["support"], part["name"], action["name"], t + 1))
                spend[t].append((x, action["cost"]))
                hours[t].append((x, action["hours"]))
                if action.get("spare"):
                    for later in range(t, periods):
                        taken[action["spare"]][later].append(x)
                now.append(x)
            if now:
                rows.append((0.0, [*now, at[part["support"]] + t], [1.0] * len(now) + [-1.0]))
            once += now
        if once:
            rows.append((1.0, once, [1.0] * len(once)))
    for t in range(periods):
        opened = [at[number] + t for number in supports]
        for limit, entries, setup in (
            (plan["budget"][t], spend[t], plan["setup_cost"]),
            (plan["hours"][t], hours[t], plan["setup_hours"]),
        ):
            rows.append(
                (limit, [x for x, _ in entries] + opened, [v for _, v in entries] + [setup] * len(opened))
            )
        rows.append((plan["max_supports_out"], opened, [1.0] * len(opened)))
        wide = plan["max_adjacent_out"] + 1
        for number in supports:
            window = [at[other] + t for other in range(number, number + wide) if other in at]
            if len(window) == wide:
                rows.append((plan["max_adjacent_out"], window, [1.0] * wide))
    for spare in case.get("spare", []):
        for t in range(periods):
            listed = taken[spare["name"]][t]
            rows.append((float(sum(spare["arrivals"][: t + 1])), listed, [1.0] * len(listed)))
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", threads)
    solver.setOptionValue("time_limit", seconds)
    solver.setOptionValue("mip_rel_gap", 1e-6)
    programme = highspy.HighsLp()
    programme.num_col_, programme.num_row_ = len(cost), len(rows)
    programme.col_cost_ = np.array(cost, float)
    programme.col_lower_, programme.col_upper_ = np.zeros(len(cost)), np.ones(len(cost))
    programme.row_lower_ = np.full(len(rows), -highspy.kHighsInf)
    programme.row_upper_ = np.array([limit for limit, _, _ in rows], float)
    programme.integrality_ = [highspy.HighsVarType.kInteger] * len(cost)
    programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    programme.a_matrix_.start_ = np.cumsum([0, *(len(index) for _, index, _ in rows)])
    programme.a_matrix_.index_ = np.concatenate([index for _, index, _ in rows]).astype(np.int32)
    programme.a_matrix_.value_ = np.concatenate([value for _, _, value in rows])
    programme.offset_ = kept
    solver.passModel(programme)
    solver.run()
    information = solver.getInfo()
    values = np.array(solver.getSolution().col_value)
    first = len(supports) * periods
    chosen = {
        (support, name): (action, period)
        for (support, name, action, period), value in zip(names, values[first:], strict=True)
        if value > 0.5
    }
    return float(information.objective_function_value), float(information.mip_dual_bound), chosen
