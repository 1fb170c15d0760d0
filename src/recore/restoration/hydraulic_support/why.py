"""Why each component is treated as it is, from its own numbers."""

from __future__ import annotations

import numpy as np

from recore.restoration.hydraulic_support.case import PlanCase
from recore.restoration.hydraulic_support.options import SLACK, Floats, Ints, Options
from recore.restoration.hydraulic_support.pricing import opened_in
from recore.restoration.hydraulic_support.usage import Rows, crowded, taken_by


def reasons(case: PlanCase, options: Options, rows: Rows, choice: Ints, dual: Floats) -> list[str]:
    """One reason for each component of the case, in its order."""
    teller = _Teller(case, options, rows, choice, dual)
    told = [""] * len(case.component)
    for k, i in zip(*np.nonzero(options.row >= 0), strict=True):
        told[options.row[k, i]] = teller.reason(int(k), int(i))
    return told


class _Teller:
    def __init__(self, case: PlanCase, options: Options, rows: Rows, choice: Ints, dual: Floats) -> None:
        self.case, self.options, self.rows, self.choice = case, options, rows, choice
        self.money = case.plan.currency
        self.periods = options.shape[3]
        self.opened = opened_in(choice, self.periods)
        self.left = (rows.limit - taken_by(options, choice).sum(axis=0)).reshape(-1, self.periods)
        self.prices = rows.prices(dual)

    def reason(self, k: int, i: int) -> str:
        return self._acted(k, i) if self.choice[k, i] >= 0 else self._kept(k, i)

    def _acted(self, k: int, i: int) -> str:
        o = self.options
        a, t = divmod(int(self.choice[k, i]), self.periods)
        keep, fail, cost = o.keep[k, i], o.fail[k, i, a, t], o.cost[k, i, a]
        others = int(((self.choice[k] >= 0) & (self.choice[k] % self.periods == t)).sum()) - 1
        shared = f", shared with {others} more" if others else ""
        return (
            f"expected failures cost {keep:.2f} {self.money} if kept, {fail:.2f} with {self._name(k, i, a)} in period {t + 1}: "
            f"saves {keep - fail:.2f} for {cost:.2f} and a set-up of {o.setup_cost:.2f}{shared}"
        )

    def _kept(self, k: int, i: int) -> str:
        o, money = self.options, self.money
        keep = o.keep[k, i]
        begin = f"expected failures cost {keep:.2f} {money} to the end"
        there = o.action[k, i] >= 0
        if not there.any():
            return f"{begin}; the case knows no action for a {self.case.component[o.row[k, i]].kind}"
        net = np.where(there[:, None], keep - o.fail[k, i] - o.cost[k, i][:, None], -np.inf)
        setup = np.where(self.opened[k], 0.0, o.setup_cost)
        worth = net - setup
        a, t = divmod(int(worth.argmax()), self.periods)
        saved, cost = keep - o.fail[k, i, a, t], o.cost[k, i, a]
        name = f"{self._name(k, i, a)} in period {t + 1}"
        for_it = f"costs {cost:.2f}"
        if worth[a, t] > 0:
            gain = f"{begin}; {name} would save {saved:.2f} and {for_it}"
            gain += f" and {setup[t]:.2f} of set-up" if setup[t] else ", with the support open anyway"
            return f"{gain}: {worth[a, t]:.2f} better, but {self._blocked(k, i, worth)}"
        if net.max() > 0:
            a, t = divmod(int(net.argmax()), self.periods)
            saved = keep - o.fail[k, i, a, t]
            return (
                f"{begin}; {self._name(k, i, a)} in period {t + 1} would save {saved:.2f} and costs {o.cost[k, i, a]:.2f}, "
                f"which alone does not carry the set-up of {o.setup_cost:.2f}; the support is not open then"
            )
        return f"{begin}; the best action, {name}, would save {saved:.2f} and {for_it}: it does not pay"

    def _blocked(self, k: int, i: int, worth: Floats) -> str:
        """What stands against the best of the actions that would pay, and what the scarce is worth elsewhere."""
        o = self.options
        a, t = divmod(int(worth.argmax()), self.periods)
        against = self._limits(k, i, a, t)
        price = (
            (o.cost[k, i, a] + (0 if self.opened[k, t] else o.setup_cost)) * self.prices.money[t]
            + (o.hours[k, i, a] + (0 if self.opened[k, t] else o.setup_hours)) * self.prices.hour[t]
            + self.prices.spare[o.spare[k, i, a], t]
            + (0 if self.opened[k, t] else self.prices.opening[k, t])
        )
        dearer = f"what it takes is worth {price:.2f} {self.money} elsewhere" if price > worth[a, t] else ""
        free = [
            (other, period)
            for other, period in np.argwhere(worth > 0).tolist()
            if not self._limits(k, i, other, period)
        ]
        if not against or free:
            return dearer or "the search ended before it was taken in"
        return "; ".join([*against, *([dearer] if dearer else [])])

    def _limits(self, k: int, i: int, a: int, t: int) -> list[str]:
        """Limits that one more action of a support would break, the rest of the plan as it is."""
        o, new = self.options, not self.opened[k, t]
        cost = o.cost[k, i, a] + (o.setup_cost if new else 0.0)
        hours = o.hours[k, i, a] + (o.setup_hours if new else 0.0)
        against = []
        money_left, hours_left, out_left = self.left[:3, t]
        if cost > money_left + SLACK * o.budget[t]:
            against.append(
                f"{max(money_left, 0):.2f} of the budget of period {t + 1} are left for {cost:.2f}"
            )
        if hours > hours_left + SLACK * o.workshop[t]:
            against.append(f"{max(hours_left, 0):.1f} h of period {t + 1} are left for {hours:.1f} h")
        if (p := int(o.spare[k, i, a])) >= 0 and self.left[3 + p, t:].min() < 1:
            against.append(f"no spare {self.case.spare[p].name!r} is left for period {t + 1}")
        if new and out_left < 1:
            against.append(f"{self.case.plan.max_supports_out} supports are out in period {t + 1}")
        if new:
            opened = self.opened.astype(float)
            opened[k, t] = 1.0
            if len(crowded(o, opened)) or o.max_adjacent < 1:
                against.append(
                    f"more than {o.max_adjacent} neighbours would be out in a row in period {t + 1}"
                )
        return against

    def _name(self, k: int, i: int, a: int) -> str:
        return self.case.action[int(self.options.action[k, i, a])].name
