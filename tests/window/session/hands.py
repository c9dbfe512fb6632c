"""Mouse, keyboard and eyes of the session: simulated events, the button under the pointer, screenshots.

No API tells where a button is. But Blender's own "Copy Python Command" and "Copy Data Path" work on the button under
the pointer, grey ones too; so the pointer is moved over the sidebar until the wanted one is below it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from stepper import StepError, Steps, Until

TAB = "Cospeech"
MAIN_PANEL = "COSPEECH_PT_main"
ROW_STEP = 14  # pixels between two looks, below a button's height
COLUMNS = (0.3, 0.72, 0.91, 0.12)  # where to look in a row, as fractions of the sidebar without its tabs
TAB_WIDTH = 22
HEADING_HEIGHT = 25  # at a scale of 1
MARGIN = 8  # inside of a panel, outside of its boxes and lists
LIST = re.compile(r"\.(active|cospeech_target)$")  # the data path of a list's row
SETTLE = 0.12
SLIDE = 0.3  # panels slide into their places
MOVE = 0.02
DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
NO_BUTTON = 2  # nothing at that column, the right edge: no button in the row
Find = Generator["float | Until", None, "Spot"]


@dataclass(frozen=True)
class Spot:
    """A place in the window, in its pixels, and what lies there: a Python command or a data path."""

    x: int
    y: int
    what: str


def window() -> bpy.types.Window:
    """The first window."""
    return bpy.context.window_manager.windows[0]


def view() -> bpy.types.Area:
    """The 3D view's area."""
    return next(area for area in window().screen.areas if area.type == "VIEW_3D")


def region(kind: str = "UI") -> bpy.types.Region:
    """A region of the 3D view."""
    return next(found for found in view().regions if found.type == kind)


def override(kind: str = "WINDOW") -> Any:
    """Context of the 3D view, for operators that an artist reaches by menu or key."""
    return bpy.context.temp_override(window=window(), area=view(), region=region(kind))


class Hands:
    """Simulates the artist. All methods that take time are generators of steps."""

    def __init__(self, shots: Path) -> None:
        self._shots, self._count = shots, 0
        self._pointer = (0, 0)
        self._drawn: dict[str, int] = {}
        self._probes: dict[str, Any] = {}
        self._headings: dict[str, float] = {}  # heights in the sidebar as it is when scrolled to its top
        self._known: dict[str, Spot] = {}

    # --- eyes

    def shot(self, name: str) -> Steps:
        """A picture of the whole screen, as ``NN_name.png``."""
        for area in window().screen.areas:
            area.tag_redraw()
        yield SETTLE
        yield SETTLE
        self.picture(name)

    def picture(self, name: str) -> None:
        """A picture of what is on the screen now."""
        self._count += 1
        path = self._shots / f"{self._count:02d}_{name}.png"
        if shutil.which("import"):
            subprocess.run(["import", "-window", "root", str(path)], check=False, timeout=30)
        else:
            with override():
                bpy.ops.screen.screenshot(filepath=str(path))

    def under(self) -> str:
        """What lies under the pointer; empty where there is no button."""
        manager = bpy.context.window_manager
        with override("UI"):
            for copy in (
                bpy.ops.ui.copy_python_command_button,
                lambda: bpy.ops.ui.copy_data_path_button(full_path=True),
            ):
                try:
                    copy()
                except RuntimeError:
                    continue
                return manager.clipboard
        return ""

    # --- mouse and keyboard

    def move(self, x: float, y: float) -> Steps:
        """The pointer to a place of the window."""
        self._pointer = (int(x), int(y))
        self._send("MOUSEMOVE", "NOTHING")
        yield MOVE

    def press(self, key: str, **modifiers: bool) -> Steps:
        """A key or mouse button at the pointer, down and up."""
        self._send(key, "PRESS", **modifiers)
        self._send(key, "RELEASE", **modifiers)
        yield SETTLE

    def wheel(self, way: str, clicks: int, **modifiers: bool) -> Steps:
        """The wheel UP or DOWN at the pointer."""
        for _ in range(clicks):
            self._send(f"WHEEL{way}MOUSE", "PRESS", **modifiers)
        yield SETTLE
        yield SETTLE

    def type(self, digits: str) -> Steps:
        """Digits, as a number for what runs."""
        x, y = self._pointer
        for digit in digits:
            key = DIGITS[int(digit)]
            window().event_simulate(type=key, value="PRESS", unicode=digit, x=x, y=y)
            window().event_simulate(type=key, value="RELEASE", x=x, y=y)
            yield SETTLE

    def _send(self, kind: str, value: str, **modifiers: bool) -> None:
        x, y = self._pointer
        window().event_simulate(type=kind, value=value, x=x, y=y, **modifiers)

    def to_view(self) -> Steps:
        """The pointer over the middle of the 3D view, for its keys."""
        area, bar = view(), region()
        yield from self.move(area.x + (area.width - bar.width) / 2, area.y + area.height * 0.45)

    # --- sidebar

    def show_tab(self) -> Steps:
        """Open the sidebar at our tab, and watch which of our panels are drawn."""
        view().spaces.active.show_region_ui = True
        yield 0.5
        region().active_panel_category = TAB
        view().tag_redraw()
        for name in dir(bpy.types):
            panel = getattr(bpy.types, name)
            if name.startswith("COSPEECH_PT_") and panel.bl_space_type == "VIEW_3D" and name not in self._probes:
                self._probes[name] = self._probe(name)
                panel.append(self._probes[name])
        yield Until(lambda: self._drawn.get(MAIN_PANEL), 5, "our tab is drawn")

    def forget_panels(self) -> None:
        """Take the watch off the panels."""
        for name, probe in self._probes.items():
            if hasattr(bpy.types, name):
                getattr(bpy.types, name).remove(probe)
        self._probes.clear()

    def _probe(self, name: str) -> Any:
        def drawn(_self: Any, _context: Any) -> None:
            self._drawn[name] = self._drawn.get(name, 0) + 1

        return drawn

    def sub_panels(self) -> list[str]:
        """Our panels below the main one, from top to bottom."""
        classes = {name: getattr(bpy.types, name) for name in self._probes}
        ours = [name for name, panel in classes.items() if getattr(panel, "bl_parent_id", "") == MAIN_PANEL]
        return sorted(ours, key=lambda name: getattr(classes[name], "bl_order", 0))

    def _over_panels(self) -> Steps:
        """The pointer over the sidebar's upper edge: below the panels the wheel would zoom the view.

        A list there would take the wheel for itself; then over the margin beside it.
        """
        bar = region()
        yield from self.move(bar.x + bar.width * 0.4, bar.y + bar.height - 18)
        if LIST.search(self.under()):
            yield from self.move(bar.x + MARGIN * bpy.context.preferences.system.ui_scale, bar.y + bar.height - 18)

    def scroll_to_top(self) -> Steps:
        """The sidebar from its top."""
        yield from self._over_panels()
        yield from self.wheel("UP", 12)

    def scroll_down(self) -> Generator[float | Until, None, bool]:
        """The sidebar further down; whether it moved."""
        before = region().view2d.region_to_view(0, 0)[1]
        yield from self._over_panels()
        yield from self.wheel("DOWN", 4)
        return abs(region().view2d.region_to_view(0, 0)[1] - before) > 1.0

    def find(self, pattern: str, *, scroll: bool = True) -> Find:
        """A place on the first button whose command or data path matches, below what the sidebar shows, then from its
        top; StepError where there is none."""
        wanted = re.compile(pattern)
        if pattern in self._known:  # where it was last time
            spot = self._known[pattern]
            yield from self.move(spot.x, spot.y)
            if wanted.search(self.under()):
                return spot
        seen: list[str] = []
        for from_top in (False, True) if scroll else (False,):
            if from_top:
                yield from self.scroll_to_top()
            for page in range(4 if scroll else 1):
                spot = yield from self._look(wanted, seen)
                if spot is not None:
                    self._known[pattern] = spot
                    return spot
                moved = (yield from self.scroll_down()) if scroll and page < 3 else False
                if not moved:
                    break
        raise StepError(f"no button matches {pattern!r}; there are {sorted(set(seen))}")

    def _look(self, wanted: re.Pattern[str], seen: list[str]) -> Generator[float | Until, None, Spot | None]:
        bar = region()
        width = bar.width - TAB_WIDTH
        for y in range(bar.y + bar.height - ROW_STEP, bar.y + 4, -ROW_STEP):
            for number, fraction in enumerate(COLUMNS):
                x = int(bar.x + width * fraction)
                yield from self.move(x, y)
                what = self.under()
                if wanted.search(what):
                    return Spot(x, y, what)
                seen.extend([what] if what else [])
                if not what and number == NO_BUTTON:
                    break  # a label, a heading or a gap
        return None

    def click(self, pattern: str, **options: bool) -> Find:
        """A true click on a button of the sidebar; returns where."""
        spot = yield from self.find(pattern, **options)
        yield from self.move(spot.x, spot.y)
        yield from self.press("LEFTMOUSE")
        return spot

    def hover(self, pattern: str, seconds: float = 1.4) -> Find:
        """Rest on a button until its tooltip shows."""
        spot = yield from self.find(pattern)
        yield from self.move(spot.x + 3, spot.y + 1)
        yield from self.move(spot.x + 1, spot.y)
        yield seconds
        return spot

    def paste(self, pattern: str, text: str) -> Find:
        """Put text into the field under the pointer, as Ctrl V does."""
        spot = yield from self.find(pattern)
        yield from self.move(spot.x, spot.y)
        bpy.context.window_manager.clipboard = text
        yield from self.press("V", ctrl=True)
        yield SETTLE
        return spot

    def open_now(self) -> Generator[float | Until, None, set[str]]:
        """Which of our sub-panels are open."""
        before = dict(self._drawn)
        region().tag_redraw()
        yield Until(lambda: self._drawn.get(MAIN_PANEL, 0) > before.get(MAIN_PANEL, 0), 5, "the sidebar is drawn")
        return {name for name in self.sub_panels() if self._drawn.get(name, 0) > before.get(name, 0)}

    def open(self, panel: str, *, opened: bool = True) -> Steps:
        """Open (or close) a sub-panel by a click on its heading, which is found by trying."""
        yield from self.scroll_to_top()
        now = yield from self.open_now()
        if (panel in now) == opened:
            return
        for height in self._guesses(panel):
            while self._place(height) < region().y + HEADING_HEIGHT and (yield from self.scroll_down()):
                pass
            done = yield from self._try_heading(self._place(height), panel, opened)
            if done:
                return
        yield from self.scroll_to_top()
        for _ in range(4):
            done = yield from self._search_headings(panel, opened)
            if done:
                return
            yield from self.scroll_down()
        raise StepError(f"no heading of {panel}; the panels are {self.sub_panels()}")

    def _guesses(self, panel: str) -> list[float]:
        """Where its heading was last time, and where it is counted from the others, were all closed."""
        known = [self._headings[panel]] if panel in self._headings else []
        counted = [self._counted(panel, other) for other in self._headings if other != panel]
        return (known + counted)[:2]

    def _counted(self, panel: str, other: str) -> float:
        """The heading's height, from another's by their order."""
        order = self.sub_panels()
        pitch = HEADING_HEIGHT * bpy.context.preferences.system.ui_scale
        return self._headings[other] + (order.index(other) - order.index(panel)) * pitch

    def _place(self, height: float) -> int:
        """The window's y of a height in the scrolled sidebar."""
        bar = region()
        return round(height - bar.view2d.region_to_view(0, 0)[1]) + bar.y

    def _try_heading(self, y: int, panel: str, opened: bool) -> Generator[float | Until, None, bool]:
        """Click there unless it is a button. True if that did it; another panel's heading is remembered, and undone."""
        bar = region()
        if not bar.y + 8 < y < bar.y + bar.height - HEADING_HEIGHT:
            return False
        before = yield from self.open_now()
        yield from self.move(bar.x + (bar.width - TAB_WIDTH) * 0.55, y)
        if self.under():
            return False
        yield from self.press("LEFTMOUSE")
        after = yield from self.open_now()
        changed = before ^ after
        for name in changed:
            self._headings[name] = y - bar.y + bar.view2d.region_to_view(0, 0)[1]
        if (panel in after) == opened:
            yield SLIDE
            return True
        if changed:
            yield from self.press("LEFTMOUSE")
            yield SLIDE
        return False

    def _search_headings(self, panel: str, opened: bool) -> Generator[float | Until, None, bool]:
        """From the top down; as soon as one heading is known, first where the wanted one is by the panels' order."""
        bar = region()
        y = bar.y + bar.height - HEADING_HEIGHT
        self._headings.clear()
        while y > bar.y + 8 and len(self._headings) < len(self.sub_panels()):
            y -= ROW_STEP
            known = len(self._headings)
            done = yield from self._try_heading(y, panel, opened)
            if not done and not known and self._headings:
                other = next(iter(self._headings))
                done = yield from self._try_heading(self._place(self._counted(panel, other)), panel, opened)
            if done:
                return True
        return False
