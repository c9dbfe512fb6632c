"""Half meshes: built for the left side, mirrored, welded at x = 0, relaxed on a form. Numpy only."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .fields import Field, project

FLIP = np.array([-1.0, 1.0, 1.0])  # no unit: the mirror at x = 0
MIDLINE = 1e-7  # m, far below any cell: what is nearer lies on it


@dataclass
class Half:
    """Vertices, faces (quads, some triangles) with a material name, and named vertex lists, of the left half."""

    points: list[np.ndarray] = field(default_factory=list)
    faces: list[tuple[int, ...]] = field(default_factory=list)
    materials: list[str] = field(default_factory=list)
    tags: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, points: np.ndarray, *tags: str) -> list[int]:
        """Append points (n, 3); their indices."""
        start = len(self.points)
        self.points.extend(np.asarray(points, float).reshape(-1, 3))
        ids = list(range(start, len(self.points)))
        for tag in tags:
            self.tags[tag].extend(ids)
        return ids

    def face(self, material: str, *ids: int) -> None:
        """One face; repeated corners are dropped."""
        corners = tuple(dict.fromkeys(ids))
        if len(corners) >= 3:
            self.faces.append(corners)
            self.materials.append(material)

    def strip(self, material: str, a: Sequence[int], b: Sequence[int], closed: bool = True) -> None:
        """Quads between two rows of equally many vertices."""
        n = len(a)
        for i in range(n if closed else n - 1):
            j = (i + 1) % n
            self.face(material, a[i], a[j], b[j], b[i])

    def tube(self, material: str, rows: Sequence[Sequence[int]], closed: bool = True) -> None:
        """Strips between consecutive rows."""
        for a, b in pairwise(rows):
            self.strip(material, a, b, closed)

    def cap(self, material: str, ring: Sequence[int], wide: int) -> list[int]:
        """Close a ring of 2 (wide + high) vertices by a grid of wide x high cells; the ring starts at a corner."""
        high = len(ring) // 2 - wide
        p = [self.points[i] for i in ring]
        grid = np.full((high + 1, wide + 1), -1)
        grid[0] = ring[: wide + 1]
        grid[:, wide] = ring[wide : wide + high + 1]
        grid[high, ::-1] = ring[wide + high : 2 * wide + high + 1]
        grid[1:, 0] = [*ring[2 * wide + high :]][::-1]
        added = []
        for r in range(1, high):
            for c in range(1, wide):
                u, v = c / wide, r / high
                left, right = p[(2 * wide + 2 * high - r)], p[wide + r]
                low, top = p[2 * wide + high - c], p[c]
                point = 0.5 * (left * (1 - u) + right * u + top * (1 - v) + low * v)
                grid[r, c] = self.add(point[None])[0]
                added.append(int(grid[r, c]))
        for r in range(high):
            for c in range(wide):
                self.face(material, grid[r, c], grid[r, c + 1], grid[r + 1, c + 1], grid[r + 1, c])
        return added

    def array(self) -> np.ndarray:
        """(n, 3) positions."""
        return np.asarray(self.points)

    def put(self, points: np.ndarray) -> None:
        """Replace all positions; what was on x = 0 stays there."""
        points = np.array(points, float)
        points[np.abs(self.array()[:, 0]) < MIDLINE, 0] = 0.0
        self.points = list(points)


@dataclass(frozen=True, eq=False)
class Full:
    """A mirrored mesh. ``half`` (n,) maps each half vertex to its full index, ``mirror`` (m,) is the involution."""

    points: np.ndarray
    faces: list[tuple[int, ...]]
    materials: list[str]
    tags: dict[str, np.ndarray]
    half: np.ndarray
    mirror: np.ndarray


def mirror(part: Half) -> Full:
    """Both sides of a half mesh; vertices on x = 0 are shared. Tags get the left ids, and ``tag.R`` the right."""
    left = part.array()
    middle = np.abs(left[:, 0]) < MIDLINE
    left[middle, 0] = 0.0
    n = len(left)
    other = np.arange(n)
    other[~middle] = n + np.arange(int((~middle).sum()))
    points = np.concatenate([left, left[~middle] * FLIP])
    faces = part.faces + [tuple(int(other[i]) for i in reversed(f)) for f in part.faces]
    involution = np.concatenate([other, np.flatnonzero(~middle)])
    tags = {name: np.array(ids, int) for name, ids in part.tags.items()}
    tags |= {f"{name}.R": other[ids] for name, ids in tags.items()}
    return Full(points, faces, part.materials * 2, tags, np.arange(n), involution)


def edges_of(faces: Iterable[Sequence[int]]) -> np.ndarray:
    """(e, 2) unique edges."""
    pairs = {(min(a, b), max(a, b)) for f in faces for a, b in zip(f, (*f[1:], f[0]), strict=True)}
    return np.array(sorted(pairs), int)


def average(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean of the neighbours' values (n, c)."""
    total = np.zeros_like(values)
    count = np.zeros(len(values))
    for a, b in ((0, 1), (1, 0)):
        np.add.at(total, edges[:, a], values[edges[:, b]])
        np.add.at(count, edges[:, a], 1.0)
    return total / np.maximum(count, 1.0)[:, None]


def relax(
    part: Half, form: Field | None, fixed: Iterable[int], rounds: int = 12, rate: float = 0.5, last: int = 4
) -> None:
    """Even out the spacing of a half mesh on its form, in place; ``fixed`` vertices stay where they are."""
    one_sided = not (np.abs(part.array()[:, 0]) < MIDLINE).any()
    full = _alone(part) if one_sided else mirror(part)
    edges = edges_of(full.faces)
    p = full.points.copy()
    free = np.ones(len(p), bool)
    fixed = np.fromiter(fixed, int)
    free[fixed] = False
    free[full.mirror[fixed]] = False
    for i in range(rounds):
        moved = p + rate * (average(p, edges) - p)
        if form is not None:
            moved[free] = project(form, moved[free], last if i == rounds - 1 else 1)
        p[free] = moved[free]
        if not one_sided:
            p = 0.5 * (p + p[full.mirror] * FLIP)
    part.put(p[full.half])


def _alone(part: Half) -> Full:
    """A half mesh that touches no midline, as it is."""
    same = np.arange(len(part.points))
    return Full(part.array(), part.faces, part.materials, {}, same, same)


def orient(points: np.ndarray, faces: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Faces wound alike within each connected piece, outwards by the sign of the enclosed volume."""
    by_edge: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, f in enumerate(faces):
        for a, b in zip(f, (*f[1:], f[0]), strict=True):
            by_edge[(min(a, b), max(a, b))].append(i)
    result, seen = list(faces), [False] * len(faces)
    for seed in range(len(faces)):
        if seen[seed]:
            continue
        seen[seed], piece, queue = True, [seed], deque([seed])
        while queue:
            f = result[queue.popleft()]
            for a, b in zip(f, (*f[1:], f[0]), strict=True):
                for j in by_edge[(min(a, b), max(a, b))]:
                    if not seen[j]:
                        g = result[j]
                        if (a, b) in zip(g, (*g[1:], g[0]), strict=True):
                            result[j] = tuple(reversed(g))
                        seen[j] = True
                        piece.append(j)
                        queue.append(j)
        _turn_outwards(points, result, piece)
    return result


def _turn_outwards(points: np.ndarray, faces: list[tuple[int, ...]], piece: list[int]) -> None:
    center = points[[i for j in piece for i in faces[j]]].mean(0)
    triangles = np.array([(f[0], f[k], f[k + 1]) for j in piece for f in [faces[j]] for k in range(1, len(f) - 1)])
    a, b, c = (points[triangles[:, k]] - center for k in range(3))
    if np.einsum("ij,ij->i", a, np.cross(b, c)).sum() < 0.0:
        for j in piece:
            faces[j] = tuple(reversed(faces[j]))
