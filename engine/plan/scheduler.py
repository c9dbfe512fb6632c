"""Which candidates become gestures: weighted interval scheduling at a wished rate (docs/sources/semantics.md,
section 13).

The rate and the share of meaning enter as two prices (a cost per gesture, a factor on meanings) found by bisection;
each round of scheduling is linear after one sort, so a line of any length costs O(n log n).
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from engine.plan.candidates import Candidate
from engine.plan.context import Context

# By design (docs/sources/semantics.md, section 13): seconds from a gesture to its repetition, factors on its worth.
REPEAT_NEAR, REPEAT_FAR = 3.0, 8.0
NOVELTY_NEAR, NOVELTY_FAR = 0.1, 0.35
# By eye; factors and counts of the search.
WIDOWED = 0.25  # factor on half of a pair without the other half
CLOSE = 80  # a number within 1/80 of the goal is near enough
SHORT = 40  # gestures of a line that is short enough to solve anew in each round
ROUNDS = 8  # of mending, at most
EVEN_ROUNDS = 8  # of evening out, at most
EVEN_SLACK = 1.0  # gestures too many or too few in four spacings that are let be
EVEN_STEP = 0.6  # of the first round, in units of the mean worth
STEER = 1.15  # factor on the price of meaning from round to round
STRONG_HIT = 25.0  # priority x probability from which a word calls strongly for its gesture
# A short line whose words call for far more gestures than it has room for may show more of them, and more than the
# usual share of meaning; the bands are of ordinary text, pooled, and long text keeps to them. Gestures; shares; by eye.
LONG_ENOUGH, FULL_OF_MEANING, FULL_RATE = (4, 16), 0.28, 0.3


@dataclass(frozen=True)
class Targets:
    """How many gestures, and how many of them with meaning, the line shall have."""

    gestures: int
    meanings: int


@dataclass
class Schedule:
    """The state of the search: candidates in order of onset, the factor on each one's value (0: banned)."""

    candidates: Sequence[Candidate]
    factors: list[float]
    meaning_price: float = 1.0

    def __post_init__(self) -> None:
        ready = np.array([entry.ready_again for entry in self.candidates])
        meaning = np.array([entry.ready_for_meaning for entry in self.candidates])
        onsets = np.array([entry.onset for entry in self.candidates])
        order, strict_order = np.argsort(ready, kind="stable"), np.argsort(meaning, kind="stable")
        self._order: list[int] = order.tolist()
        self._strict_order: list[int] = strict_order.tolist()
        self._before: list[int] = np.searchsorted(ready[order], onsets + 1e-9, "right").tolist()
        self._strict_before: list[int] = np.searchsorted(meaning[strict_order], onsets + 1e-9, "right").tolist()
        self._values = np.array([entry.value for entry in self.candidates])
        self._semantic = np.array([entry.semantic for entry in self.candidates], dtype=bool)
        self._strict: list[bool] = [entry.strict for entry in self.candidates]
        self._apexes = np.array([entry.apex for entry in self.candidates])
        self._scale = float(np.mean(self._values)) if len(self._values) else 0.0
        self._crowding = np.zeros(len(self._values))

    def _semantic_factor(self, price: float) -> NDArray[np.float64]:
        return np.where(self._semantic, price, 1.0)

    def best(self, cost: float, price: float) -> list[int]:
        """The chain of compatible candidates with the greatest sum of value x price - cost, by index."""
        factors = np.asarray(self.factors)
        worth = self._values * factors * self._semantic_factor(price)
        gains = np.where(factors > 0, worth - cost - self._crowding, -1e9)
        total, previous = [0.0] * len(gains), [-1] * len(gains)
        top, top_at, strict_top, strict_at, p, q = 0.0, -1, 0.0, -1, 0, 0
        for j, gain in enumerate(gains.tolist()):
            while p < self._before[j]:
                i = self._order[p]
                p += 1
                if total[i] > top:
                    top, top_at = total[i], i
            while q < self._strict_before[j]:
                i = self._strict_order[q]
                q += 1
                if total[i] > strict_top:
                    strict_top, strict_at = total[i], i
            if self._strict[j]:
                total[j], previous[j] = strict_top + gain, strict_at
            else:
                total[j], previous[j] = top + gain, top_at
        return _walk_back(total, previous)

    def even_out(self, chain: Sequence[int], spacing: float, step: float) -> bool:
        """Raise the cost where four spacings hold more than five gestures, lower it where they hold less than three.

        The best gestures of a line may all stand in one half of it; a speaker's hands don't fall silent for the other.
        Dual ascent: ``step`` shrinks from round to round. False when there is nothing to even out.
        """
        first, last = float(self._apexes.min()), float(self._apexes.max())
        centres = np.arange(first + spacing, max(last, first + 2.0 * spacing), spacing)
        chosen = np.sort(self._apexes[list(chain)])
        low, high = np.maximum(centres - 2.0 * spacing, first), np.minimum(centres + 2.0 * spacing, last)
        surplus = np.searchsorted(chosen, high, "right") - np.searchsorted(chosen, low) - (high - low) / spacing
        surplus = np.where(np.abs(surplus) <= EVEN_SLACK, 0.0, surplus / 4.0)
        self._crowding += step * self._scale * np.interp(self._apexes, centres, np.clip(surplus, -1.0, 1.0))
        return bool(np.any(surplus))

    def meanings(self, chain: Sequence[int]) -> int:
        """How many of the chain carry meaning."""
        return sum(bool(self._semantic[i]) for i in chain)

    def at_rate(self, gestures: int, price: float, steps: int) -> list[int]:
        """The chain nearest to ``gestures`` in number, by bisection of the cost."""
        low, high = -2.0 * self._scale, float(np.max(self._values * self._semantic_factor(price) - self._crowding))
        nearest: list[int] = []
        for _ in range(steps):
            cost = 0.5 * (low + high)
            chain = self.best(cost, price)
            if not nearest or abs(len(chain) - gestures) < abs(len(nearest) - gestures):
                nearest = chain
            if abs(len(chain) - gestures) <= gestures // CLOSE:
                break
            low, high = (cost, high) if len(chain) > gestures else (low, cost)
        return nearest

    def solve(self, goal: Targets, steps: int = 12) -> list[int]:
        """Bisect the price of meaning (outside) and the cost (inside) until both targets are met or nearest."""
        low, high = -3.0, 3.0
        closest, nearest = len(self.candidates) + 1.0, list[int]()
        for _ in range(7):
            power = 0.5 * (low + high)
            chain = self.at_rate(goal.gestures, float(np.exp(power)), steps)
            error = self.meanings(chain) - goal.meanings
            distance = abs(error) - (0.5 if error > 0 else 0.0)  # of two as near, the one with more meaning
            if distance < closest:
                closest, nearest, self.meaning_price = distance, chain, float(np.exp(power))
            if abs(error) <= goal.gestures // CLOSE:
                break
            low, high = (low, power) if error > 0 else (power, high)
        return nearest

    def steer(self, goal: Targets, chain: Sequence[int], steps: int = 10) -> list[int]:
        """Solve after costs or factors changed: anew where cheap, else with the price of meaning moved a little."""
        if goal.gestures <= SHORT:
            return self.solve(goal, steps)
        error = self.meanings(chain) - goal.meanings
        if abs(error) > max(1, goal.gestures // CLOSE):
            self.meaning_price *= STEER if error < 0 else 1.0 / STEER
        return self.at_rate(goal.gestures, self.meaning_price, steps)


def _walk_back(total: list[float], previous: list[int]) -> list[int]:
    if not total:
        return []
    at = max(range(len(total)), key=total.__getitem__)
    if total[at] <= 0:
        return []
    chain: list[int] = []
    while at >= 0:
        chain.append(at)
        at = previous[at]
    return chain[::-1]


def wished_targets(ctx: Context, rng: np.random.Generator) -> Targets:
    """The style's rate on this line's seconds of speech, fractions by chance so that short lines pool to the rate.

    Text with more to show gets the larger share of meaning.
    """
    wished = ctx.style.rate * (0.5 + 0.5 * ctx.energy) * ctx.speech_seconds / 60.0
    strong = sum(hit.rule.priority * hit.rule.p >= STRONG_HIT and hit.rule.timing == "stroke" for hit in ctx.hits)
    full = 0.0
    if LONG_ENOUGH[0] <= wished <= LONG_ENOUGH[1] and ctx.style_name != "calm":
        full = min(1.0, max(0.0, strong / wished - 1.4))
    gestures = int(wished * (1.0 + FULL_RATE * full) + rng.random())
    if ctx.speech_seconds >= 2.5 and ctx.style_name != "calm":
        gestures = max(1, gestures)
    low, high = ctx.style.semantic
    share = low + (high - low) * min(1.0, 0.5 * strong / max(1, gestures)) + FULL_OF_MEANING * full
    return Targets(gestures, int(gestures * share + rng.random()))


def _stale(schedule: Schedule, chain: Sequence[int]) -> list[tuple[int, float]]:
    """The meanings of the chain that repeat a lexeme too soon, with the factor on their value."""
    last: dict[str, float] = {}
    found: list[tuple[int, float]] = []
    for index in chain:
        entry = schedule.candidates[index]
        if not entry.semantic:
            continue
        gap = entry.apex - last.get(entry.gesture.lexeme, -1e9)
        if gap < REPEAT_FAR:
            found.append((index, NOVELTY_NEAR if gap < REPEAT_NEAR else NOVELTY_FAR))
        last[entry.gesture.lexeme] = entry.apex
    return found


def _widowed(schedule: Schedule, chain: Sequence[int]) -> list[tuple[int, float]]:
    """Halves of a pair (one hand, the other hand) in the chain without the other half, with the factor on them."""
    made = {schedule.candidates[index].rule.id for index in chain}
    partners = [(index, schedule.candidates[index].rule.partner) for index in chain]
    return [(index, WIDOWED) for index, partner in partners if partner and partner not in made]


def _long_runs(
    ctx: Context, schedule: Schedule, chain: Sequence[int], limits: Sequence[float]
) -> list[tuple[list[int], float]]:
    """Stretches of the chain without a full rest of a second for longer than their limit, and the limit."""
    runs: list[list[int]] = []
    current: list[int] = []
    for index in chain:
        entry = schedule.candidates[index]
        if current and entry.onset - schedule.candidates[current[-1]].earliest_return >= ctx.style.rest_seconds:
            runs.append(current)
            current = []
        current.append(index)
    runs.append(current)
    return [
        (run, limit)
        for run, limit in zip(runs, cycle(limits), strict=False)
        if run and schedule.candidates[run[-1]].earliest_return - schedule.candidates[run[0]].onset > limit
    ]


def _rest_window(ctx: Context, schedule: Schedule, run: Sequence[int], limit: float) -> tuple[float, float]:
    """Where in a long run the hands shall rest: at the pause (or gap) that costs least between 45 % and the limit."""
    start = schedule.candidates[run[0]].onset
    low, high = start + 0.45 * limit, start + limit - ctx.style.rest_seconds
    pauses = ctx.speech.prosody.pauses
    first = bisect.bisect_left(pauses, low, key=lambda pause: pause.start)
    last = bisect.bisect_right(pauses, high, key=lambda pause: pause.start)
    spots = [(pause.start, min(0.6, pause.end - pause.start)) for pause in pauses[first:last]]
    spots += [(schedule.candidates[i].earliest_return, 0.0) for i in run]
    spots = [spot for spot in spots if low <= spot[0] <= high] or [(high, 0.0)]

    def price(spot: tuple[float, float]) -> float:
        window = (spot[0], spot[0] + ctx.style.rest_seconds)
        lost = sum(schedule.candidates[i].value for i in run if _overlaps(schedule.candidates[i], window))
        return lost - spot[1]

    time = min(spots, key=lambda spot: (price(spot), spot[0]))[0]
    return time, time + ctx.style.rest_seconds


def _overlaps(entry: Candidate, window: tuple[float, float]) -> bool:
    return entry.onset < window[1] and entry.earliest_return > window[0]


def _ban(schedule: Schedule, window: tuple[float, float]) -> None:
    for index, entry in enumerate(schedule.candidates):
        if entry.onset >= window[1]:
            break
        if _overlaps(entry, window):
            schedule.factors[index] = 0.0


def choose(ctx: Context, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The gestures to make, in order.

    After the first solution, repeats of a lexeme lose value (x 0.35 within 8 s, x 0.1 within 3 s), so do halves of a
    pair without the other, and runs without a rest get a rest window; the schedule is solved again until nothing is
    left to mend.
    """
    if not candidates:
        return []
    rng = ctx.rng("schedule")
    goal = wished_targets(ctx, rng)
    limits = rng.uniform(*ctx.style.rest_every, size=64).tolist()
    schedule = Schedule(candidates, [1.0] * len(candidates))
    chain = schedule.solve(goal) if goal.gestures else []
    for number in range(EVEN_ROUNDS if len(chain) > 2 else 0):
        if not schedule.even_out(chain, ctx.speech_seconds / goal.gestures, EVEN_STEP / (1.0 + 0.4 * number)):
            break
        chain = schedule.steer(goal, chain)
    for _ in range(ROUNDS):
        stale = [*_stale(schedule, chain), *_widowed(schedule, chain)]
        stale = [(index, factor) for index, factor in stale if schedule.factors[index] == 1.0]
        runs = _long_runs(ctx, schedule, chain, limits)
        if not stale and not runs:
            break
        for index, factor in stale:
            schedule.factors[index] = factor
        for run, limit in runs:
            _ban(schedule, _rest_window(ctx, schedule, run, limit))
        chain = schedule.steer(goal, chain)
    dropped = {index for index, factor in _stale(schedule, chain) if factor == NOVELTY_NEAR}
    return [candidates[index] for index in chain if index not in dropped]
