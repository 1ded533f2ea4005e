"""Rows of all tasks and the memory of earlier runs in; a side and a group for every row out.

What must stay together is one component over all tasks. Order of authority: the side remembered, the side the data declares,
then a share of each class by the order of a hash, in which every side is filled up to 70 / 15 / 15.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from unified_assets.allocation.units import BRIDGE, Left, Row, digest

SHARES: Mapping[str, float] = {"train": 0.70, "valid": 0.15, "test": 0.15}
HELD_OUT: Mapping[str, float] = {"train": 0.85, "valid": 0.15}
LARGEST = 0.15  # a weak key may tie at most this share of a task's rows together
LARGEST_ROWS = 8
FEW_GROUPS = 3  # of a class
LARGE = 4  # examples of a group
CROSSING = 0.5  # of the keys on declared sides are met in train
UNTAUGHT = "its files lie in test beside a train folder that holds none of them: measured, and learned from other models only"


class Components:
    """Union-find over keys."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def find(self, key: str) -> str:
        """The representative of a key."""
        parent = self._parent
        root = key
        while (above := parent.setdefault(root, root)) != root:
            root = above
        while parent[key] != root:
            parent[key], key = root, parent[key]
        return root

    def unite(self, keys: Iterable[str]) -> None:
        """Put these keys together; the smallest representative stays, so that the order of calls does not matter."""
        roots = {self.find(key) for key in keys}
        if roots:
            smallest = min(roots)
            for root in roots:
                self._parent[root] = smallest


@dataclass
class Sides:
    """What `assign` decided."""

    rows: list[Row]
    left: list[Left] = field(default_factory=list)
    memory: dict[str, tuple[str, bool]] = field(default_factory=dict)  # key -> (side, declared by the data)
    notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # task -> how its sides came about


@dataclass(frozen=True)
class _Effective:
    """How a task's declared sides are used."""

    fixed: Mapping[str, str]  # declared -> side, for what stands
    shares: Mapping[str, float]  # how the rest is divided
    note: str

    def side(self, row: Row) -> str | None:
        """The side that the data declares for a row, or None where it is to be chosen."""
        return None if row.declared is None else self.fixed.get(row.declared)

    def held(self, row: Row) -> bool:
        """Whether a row is declared train of a task whose validation is held out of train."""
        return bool(self.fixed) and row.declared == "train" and "train" not in self.fixed


def assign(tasks: Mapping[str, list[Row]], memory: Mapping[str, tuple[str, bool]]) -> Sides:
    """Give every row its side and group; rows that bridge two sides are left out with the reason."""
    result = Sides(rows=[], memory=dict(memory))
    effective = {task: _effective(rows) for task, rows in tasks.items()}
    claims = _claims(tasks, effective)
    components = _components(tasks, effective, claims, result)
    members: dict[str, list[Row]] = defaultdict(list)
    for rows in tasks.values():
        for row in rows:
            members[components.find(row.keys[0])].append(row)
    order = sorted(tasks, key=lambda task: (not effective[task].fixed, -len(tasks[task]), task))
    side_of = _fixed(members, effective, memory)
    for task in order:
        _fill(task, tasks[task], effective[task], components, side_of)
    for task in order:
        for row in tasks[task]:
            _settle(row, components.find(row.keys[0]), _Standing(side_of, claims, memory), effective[task], result)
    return result


def _claims(tasks: Mapping[str, list[Row]], effective: Mapping[str, _Effective]) -> dict[str, str]:
    """Content → the side that some task declares it on: test before valid before train."""
    found: dict[str, str] = {}
    for wanted in ("train", "valid", "test"):
        for task, rows in tasks.items():
            if wanted in effective[task].fixed.values():
                found |= {key: wanted for row in rows if effective[task].side(row) == wanted for key in row.keys[: row.content]}
    return found


def _effective(rows: list[Row]) -> _Effective:
    declared = {row.declared for row in rows if row.declared is not None}
    rest = {row.declared for row in rows} - {"valid", "test"}  # train, or nothing declared
    if declared and not rest and all(row.apart for row in rows):
        return _Effective({side: side if len(declared) > 1 else "test" for side in declared}, HELD_OUT, UNTAUGHT)
    if declared >= {"valid", "test"} and rest:
        return _Effective({side: side for side in ("train", "valid", "test")}, {"train": 1.0}, "train, valid and test as declared")
    if "test" in declared and len(rest | declared) > 1:
        return _Effective({"test": "test"}, HELD_OUT, "test as declared; 15 % of the rest held out for validation")
    if declared - {"train"} == {"valid"} and rest:
        return _Effective({"valid": "test"}, HELD_OUT, "no test declared: the declared valid is the test side; 15 % of the rest held out for validation")
    what = f"only {' and '.join(sorted(declared))} declared" if declared else "nothing declared"
    return _Effective({}, SHARES, f"{what}: divided 70/15/15 by a hash of the group")


def _components(tasks: Mapping[str, list[Row]], effective: Mapping[str, _Effective], claims: Mapping[str, str], result: Sides) -> Components:
    whole = Components()
    for task, rows in tasks.items():
        fixed = [row for row in rows if effective[task].side(row) is not None]
        free = [row for row in rows if effective[task].side(row) is None]
        groups = [row.keys[row.content :] for row in fixed]
        gone = [row for row in free if effective[task].held(row) and any(claims.get(key) == "test" for key in row.keys[: row.content])]
        dropped = {id(row) for row in gone}
        free = [row for row in free if id(row) not in dropped]
        for row in (*fixed, *gone):
            row.keys = row.keys[: row.content]  # the declared side stands, whatever else it shares with
        if fixed and free and _crossing([row.keys[row.content :] for row in free], groups):
            for row in free:
                row.keys = row.keys[: row.content]
            result.notes[task].append("groups stand on both declared sides: validation is held out by content")
        for keys, row in zip(_with_weak(free, fixed, result.notes[task]), free, strict=True):
            row.keys = keys
        for row in rows:
            whole.unite(row.keys)
        result.notes[task].append(effective[task].note)
    return whole


def _crossing(free: list[tuple[str, ...]], fixed: list[tuple[str, ...]]) -> bool:
    """Whether most of the keys on the declared sides are met in train too: then they are not what sides were made by."""
    mine, theirs = {key for keys in free for key in keys}, {key for keys in fixed for key in keys}
    return len(mine & theirs) > CROSSING * len(theirs)


def _with_weak(rows: list[Row], fixed: list[Row], notes: list[str]) -> list[tuple[str, ...]]:
    """Add each level of weak keys that does not tie too much of the task together, nor crosses sides that are declared."""
    names = ("near duplicates", "shared context", "same options", "shared option", "shared short option", "shared hypothesis")
    chosen = [row.keys for row in rows]
    largest = _largest(chosen)
    for level, name in enumerate(names):
        if not any(row.weak[level] for row in rows):
            continue
        if _crossing([row.weak[level] for row in rows], [row.weak[level] for row in fixed]):
            notes.append(f"{name}: stands on both declared sides")
            continue
        tried = [(*keys, *row.weak[level]) for keys, row in zip(chosen, rows, strict=True)]
        if len({key for row in rows for key in row.weak[level]}) == sum(len(row.weak[level]) for row in rows):
            continue
        size = _largest(tried)
        if size <= max(largest, LARGEST * len(rows), LARGEST_ROWS):
            chosen, largest = tried, size
            notes.append(f"{name}: kept on one side")
        else:
            notes.append(f"{name}: not kept on one side, it would tie {size} of {len(rows)} examples together")
    return chosen


def _largest(keys: list[tuple[str, ...]]) -> int:
    components = Components()
    for one in keys:
        components.unite(one)
    return max(Counter(components.find(one[0]) for one in keys).values(), default=0)


def _fixed(members: Mapping[str, list[Row]], effective: Mapping[str, _Effective], memory: Mapping[str, tuple[str, bool]]) -> dict[str, str]:
    """Components whose side is remembered or declared; "" for those that bridge sides."""
    side_of: dict[str, str] = {}
    for component, rows in members.items():
        remembered = {memory[key][0] for row in rows for key in row.keys if key in memory}
        declared = {side for row in rows if (side := effective[row.task].side(row))}
        held = any(effective[row.task].held(row) for row in rows)
        sides = remembered | declared
        if len(sides) > 1 or (held and "test" in sides):
            side_of[component] = ""
        elif sides:
            side_of[component] = next(iter(sides))
    return side_of


def _fill(task: str, rows: list[Row], effective: _Effective, components: Components, side_of: dict[str, str]) -> None:
    """Divide the components that have no side yet, class by class, in the order of their hash."""
    sizes: dict[str, int] = Counter()
    labels: dict[str, set[str | None]] = defaultdict(set)
    for row in rows:
        if effective.side(row) is not None:
            continue
        component = components.find(row.keys[0])
        sizes[component] += 1
        labels[component].add(row.target if row.kind == "classification" else None)
    strata: dict[str, list[str]] = defaultdict(list)
    for component, found in labels.items():
        if not (effective.fixed and side_of.get(component) == "test"):
            strata[next(iter(found)) or "" if len(found) == 1 else ""].append(component)
    division = _Division(sizes=sizes, shares=effective.shares, side_of=side_of, salt=task, carry=dict.fromkeys(effective.shares, 0.0))
    fresh = {component for component in labels if component not in side_of}
    for name in sorted(strata):
        division.divide(strata[name])
    division.fill_empty_sides(fresh, strata)


@dataclass(frozen=True, kw_only=True)
class _Division:
    """The dividing of one task. `carry`: what a class leaves over or short is carried to the next."""

    sizes: Mapping[str, int]
    shares: Mapping[str, float]
    side_of: dict[str, str]
    salt: str
    carry: dict[str, float]

    def divide(self, found: list[str]) -> None:
        """Give each fresh component of a class to the side that lacks most, in the order of their hash; train first."""
        counts = dict.fromkeys(SHARES, 0)
        total = sum(self.sizes[component] for component in found)
        for component in found:
            if self.side_of.get(component):
                counts[self.side_of[component]] += self.sizes[component]
        fresh = [component for component in found if component not in self.side_of]
        for component in sorted(fresh, key=self._order):
            lacking = {name: round(share * total - counts[name] + self.carry[name], 6) for name, share in self.shares.items()}
            side = "train" if counts["train"] == 0 else max(reversed(lacking), key=lacking.__getitem__)
            if counts["train"] and "test" in lacking and counts["test"] == 0 and self._few(found):
                side = "test"  # of two recordings of a class, one is measured on
            self.side_of[component] = side
            counts[side] += self.sizes[component]
        if fresh:
            self.carry.update({name: share * total - counts[name] + self.carry[name] for name, share in self.shares.items()})

    def _few(self, found: list[str]) -> bool:
        """Whether a class has two or three groups, of several examples each."""
        return len(found) <= FEW_GROUPS and sum(self.sizes[component] for component in found) >= LARGE * len(found)

    def fill_empty_sides(self, fresh: set[str], strata: Mapping[str, list[str]]) -> None:
        """A side that got nothing takes a component of train, where train keeps at least one, also of its class where that has few."""
        every = {component for found in strata.values() for component in found}
        few = [found for found in strata.values() if self._few(found)]
        for empty in ("test", "valid"):
            taken = sum(self.side_of[component] == "train" for component in every)
            last = {learned[0] for found in few if len(learned := [one for one in found if self.side_of[one] == "train"]) == 1}
            movable = sorted((component for component in fresh - last if self.side_of[component] == "train"), key=self._order)
            if empty in self.shares and taken >= 2 and movable and not any(self.side_of[component] == empty for component in every):
                self.side_of[movable[-1]] = empty

    def _order(self, component: str) -> str:
        return digest(self.salt, component)


@dataclass(frozen=True)
class _Standing:
    """What is known of sides: of components, of content by declaration, of content by memory."""

    side_of: Mapping[str, str]
    claims: Mapping[str, str]
    memory: Mapping[str, tuple[str, bool]]

    def of(self, row: Row, component: str, effective: _Effective) -> str | None:
        """The side of a row; None where it bridges sides."""
        keys = row.keys[: row.content]
        claimed = {self.claims[key] for key in keys if key in self.claims}
        remembered = {self.memory[key][0] for key in keys if key in self.memory}
        side, held = effective.side(row), effective.held(row)
        mine = {side} if side else {"train", "valid"} if held else claimed
        if claimed - mine or len(claimed) > 1 or len(remembered) > 1:
            return None
        if remembered:
            return next(iter(remembered))
        if side or (claimed and not held):
            return side or next(iter(claimed))
        shared = self.side_of.get(component) or None
        return shared if shared in {"train", "valid"} or not held else "train"


def _settle(row: Row, component: str, standing: _Standing, effective: _Effective, result: Sides) -> None:
    side = standing.of(row, component, effective)
    if side is None:
        what = "its content is declared on another side too" if effective.held(row) or effective.side(row) else "its group has members on both sides"
        result.left += [Left(row.task, value["path"], f"{BRIDGE}: {what}") for value in row.inputs]
        return
    row.split = side
    row.group = component if standing.side_of.get(component) == side else f"{component}-{side}"
    declared = effective.side(row) is not None
    mixed = not standing.side_of.get(component)
    for key in row.keys[: row.content] if mixed else row.keys:
        result.memory.setdefault(key, (side, declared))
    result.rows.append(row)
