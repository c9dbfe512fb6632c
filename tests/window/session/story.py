"""The session: what an artist does with Cospeech in an hour, in a minute."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import edit
import emage
import look
import looks
import more
from hands import override, region, view, window
from look import MODULE, character
from stepper import Steps, Until
from steps import JOB_SECONDS, Session, click_and_wait, difference, from_the_front, look_at_panels, undo_and_redo

SECOND_START = 600  # behind the first take, so that both can be chained


def story(session: Session) -> Steps:
    """Every chapter, or the asked ones after the first two."""
    asked = [name for name in session.settings["chapters"].split(",") if name]
    for chapter in CHAPTERS:
        name = chapter.__name__
        if not asked or name in asked or chapter in CHAPTERS[:2]:
            print(f"--- {name}", flush=True)
            started = time.monotonic()
            yield from chapter(session)
            print(f"--- {name}: {time.monotonic() - started:.1f} s", flush=True)


def install(session: Session) -> Steps:
    """The zip into a clean profile, where no engine is set up; then the engine's Python in the preferences."""
    hands = session.hands
    yield 0.5
    yield from install_from_disk(Path(session.settings["zip"]))
    bpy.ops.preferences.addon_expand(module=MODULE)
    yield from preferences_picture(session, "preferences_new")
    with override():
        for name in ("Cube", "Camera", "Light"):
            bpy.data.objects.remove(bpy.data.objects[name])
    yield from hands.show_tab()
    yield from hands.open("COSPEECH_PT_engine")
    yield from hands.shot("no_engine")
    yield from hands.hover(r"cospeech\.choose_archive")  # the first line's button: no archive lies about
    hands.picture("first_step")
    yield from hands.open("COSPEECH_PT_engine", opened=False)
    assert not look.grey_without_reason(), look.grey_without_reason()
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.engine_python = str(engine_python(session))
    yield from preferences_picture(session, "preferences")
    yield from hands.shot("empty_scene")
    assert not look.grey_without_reason(), look.grey_without_reason()


def install_from_disk(zip_file: Path) -> Steps:
    """The file browser of Install from Disk; the extension knows afterwards where the zip lay."""
    with override():
        bpy.ops.extensions.package_install_files("INVOKE_DEFAULT", repo="user_default", enable_on_install=True)
    yield Until(lambda: browser() is not None, 10, "the file browser is there")
    yield 0.5
    params = browser().spaces.active.params
    params.directory, params.filename = str(zip_file.parent).encode(), zip_file.name
    yield 0.5
    with bpy.context.temp_override(window=window(), area=browser()):
        bpy.ops.file.execute("INVOKE_DEFAULT")
    yield Until(lambda: MODULE in bpy.context.preferences.addons, 30, "the extension is installed")
    yield 1.0
    if browser() is not None:  # called from here, it leaves the full screen to whoever called
        with bpy.context.temp_override(window=window(), area=browser()):
            bpy.ops.screen.back_to_previous()
    yield Until(lambda: browser() is None, 10, "the file browser is closed")
    beside = sys.modules[f"{MODULE}.setup.runtime_ops"].zip_folder()
    assert beside == zip_file.parent, beside


def browser() -> bpy.types.Area | None:
    """The file browser's area, where one is open."""
    return next((area for area in window().screen.areas if area.type == "FILE_BROWSER"), None)


def preferences_picture(session: Session, name: str) -> Steps:
    """Our entry of the add-ons' list, in the place of the 3D view: a second window has no place on a small screen."""
    hands, area = session.hands, view()
    area.type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Cospeech"
    yield 0.5
    yield from hands.shot(name)
    yield from hands.move(area.x + area.width * 0.6, area.y + area.height * 0.5)
    yield from hands.wheel("DOWN", 20)
    yield from hands.shot(f"{name}_below")
    yield from hands.wheel("UP", 20)
    area.type = "VIEW_3D"
    yield 0.3


def engine_python(session: Session) -> Path:
    """The engine's Python as this Blender can start it: a Blender in a root of its own needs a way to the host's."""
    python = session.settings["python"]
    way = shutil.which("host-run")
    if way is None:
        return Path(python)
    wrapper = session.work / "temporary" / "engine-python"
    wrapper.write_text(f'#!/bin/sh\nexec "{way}" "{python}" "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper


def add_character(session: Session) -> Steps:
    """The first click: a character; then the line of speech, pasted into its field."""
    hands = session.hands
    yield from hands.click(r"cospeech\.add_character")
    yield Until(character, 10, "the character is there")
    assert len(character().data.bones) == 56
    yield from look_of_the_character(session)
    yield from from_the_front()
    yield from hands.shot("character_without_audio")
    yield from hands.hover(r"cospeech\.generate")
    hands.picture("why_generate_is_grey")
    yield from hands.paste(r"cospeech\.audio$", str(session.demo(".flac")))
    yield Until(lambda: look.settings().audio, 5, "the audio is set")
    assert look.settings().audio.endswith("demo.flac")
    yield from hands.to_view()
    yield from hands.shot("ready")
    assert not look.grey_without_reason(), look.grey_without_reason()


def look_of_the_character(session: Session) -> Steps:
    """The panel at the lower left, in which the mannequin's look is chosen, opened and closed by its heading."""
    hands = session.hands
    for name in ("look_of_the_character", ""):
        panel = region("HUD")
        yield from hands.move(panel.x + panel.width * 0.4, panel.y + panel.height - 14)
        yield from hands.press("LEFTMOUSE")
        yield 0.7
        if name:
            assert region("HUD").height > 60, region("HUD").height
            hands.picture(name)


def panels_before(session: Session) -> Steps:
    """Every closed panel while there is no take."""
    yield from look_at_panels(session, "before")


def cancel(session: Session) -> Steps:
    """Generate, and Esc while the engine works: nothing has changed, nothing runs on."""
    hands = session.hands
    before = look.document()
    yield from hands.click(r"cospeech\.generate\(")
    yield Until(look.running, 10, "the job runs")
    yield from hands.shot("starting")
    assert not look.grey_without_reason(), look.grey_without_reason()
    yield Until(lambda: look.progress() > 0.0, JOB_SECONDS, "the engine reports progress")
    yield from hands.press("ESC")
    yield Until(lambda: not look.running(), 5, "Esc has stopped the job")
    assert look.note() == ("Cancelled", False), look.note()
    yield from hands.shot("cancelled")
    assert look.document() == before, difference(look.document(), before)


def generate(session: Session) -> Steps:
    """A take by a true click, with visible progress; one undo takes it away whole, redo brings it back."""
    hands = session.hands
    bare, still = look.document(), look.untouched()
    yield from click_and_wait(session, r"cospeech\.generate\(", "progress")
    assert look.untouched() == still
    action = look.active_action()
    assert action is not None
    assert len(action.pose_markers) > 20
    assert len(action.slots) == 2
    yield from hands.to_view()
    yield from hands.shot("first_take")
    yield from undo_and_redo(session, bare)
    yield from fit_range(session)


def fit_range(session: Session) -> Steps:
    """The take is longer than the scene: the panel says so, and its button fits the range; taken back."""
    hands, scene = session.hands, bpy.context.scene
    end = scene.frame_end
    assert look.active_action().frame_end > end
    yield from hands.click(r"cospeech\.fit_range\(")
    yield Until(lambda: bpy.context.scene.frame_end == look.active_action().frame_end, 5, "the range fits")
    yield from hands.to_view()
    yield from hands.press("Z", ctrl=True)
    yield Until(lambda: bpy.context.scene.frame_end == end, 5, "the range is as before")


def second_take(session: Session) -> Steps:
    """Another take later in the scene; the first is kept muted; undo finds the first one to the bit."""
    look.settings().seed = 7
    bpy.context.scene.frame_set(SECOND_START)
    with override():
        bpy.ops.ed.undo_push(message="Seed")
    first = look.document()
    yield from click_and_wait(session, r"cospeech\.generate\(", "second_progress")
    assert look.active_action().name != first[1]
    assert any(name == first[1] and muted for name, muted in look.tracks())
    yield from undo_and_redo(session, first)
    bpy.context.scene.frame_set(1)


def takes(session: Session) -> Steps:
    """Back to the first take by its button; save it."""
    hands = session.hands
    second = look.active_action().name
    yield from hands.open("COSPEECH_PT_takes")
    yield from hands.shot("takes")
    other = next(name for name, _ in look.tracks() if name != second)
    yield from hands.click(rf'cospeech\.use_take\(.*"{other}"')
    yield Until(lambda: look.active_action().name == other, 5, "the first take is active")
    yield from hands.shot("first_take_again")
    yield from hands.open("COSPEECH_PT_takes", opened=False)
    target = session.work / "temporary" / "take.npz"
    with override():
        assert bpy.ops.cospeech.save_take(filepath=str(target)) == {"FINISHED"}
    assert target.stat().st_size > 10_000


def back_to_one(session: Session) -> Steps:
    """From the chain back to the take of one line, which is worked on from here."""
    hands = session.hands
    yield from hands.open("COSPEECH_PT_takes")
    yield from hands.click(r'cospeech\.use_take\(.*"Character_demo_0"')
    yield Until(lambda: look.active_action().name == "Character_demo_0", 5, "the first take is active")
    yield from hands.open("COSPEECH_PT_takes", opened=False)


def panels_after(session: Session) -> Steps:
    """Every closed panel of a character with takes, pins and a plan."""
    yield from look_at_panels(session, "after")


def export(session: Session) -> Steps:
    """FBX for Unreal through the panel and Blender's file browser."""
    hands = session.hands
    before = look.document()
    target = session.work / "temporary" / "line.fbx"
    yield from hands.open("COSPEECH_PT_export")
    yield from hands.shot("export")
    yield from hands.click(r"cospeech\.export_fbx\(.*UNREAL")
    yield Until(lambda: file_browser() is not None, 10, "the file browser is open")
    yield 0.5
    browser = file_browser()
    browser.spaces.active.params.directory = str(target.parent).encode()
    browser.spaces.active.params.filename = target.name
    yield 0.5
    hands.picture("export_options")
    yield from hands.move(browser.x + browser.width * 0.5, browser.y + browser.height * 0.5)
    yield from hands.press("RET")
    yield Until(target.is_file, 90, "the FBX file is written")
    yield Until(lambda: file_browser() is None, 10, "the file browser is closed")
    assert target.stat().st_size > 100_000
    yield from hands.open("COSPEECH_PT_export", opened=False)
    assert look.document() == before, difference(look.document(), before)


def file_browser() -> bpy.types.Area | None:
    """The file browser's area, while it is open."""
    for shown in bpy.context.window_manager.windows:
        for area in shown.screen.areas:
            if area.type == "FILE_BROWSER":
                return area
    return None


def engine(session: Session) -> Steps:
    """Test Engine by a click."""
    hands = session.hands
    yield from hands.open("COSPEECH_PT_engine")
    yield from hands.click(r"cospeech\.test_engine\(")
    yield Until(look.running, 10, "the test runs")
    yield Until(lambda: not look.running(), JOB_SECONDS, "the test is done")
    text, failed = look.note()
    assert not failed, text
    session.notes.append(text)
    yield from hands.shot("engine_ready")
    yield from hands.open("COSPEECH_PT_engine", opened=False)
    assert view().type == "VIEW_3D"


CHAPTERS: tuple[Callable[[Session], Steps], ...] = (
    install,
    add_character,
    panels_before,
    cancel,
    generate,
    second_take,
    more.undo_during_job,
    takes,
    edit.chain,
    back_to_one,
    edit.pin,
    edit.regenerate,
    edit.variations,
    more.compare,
    edit.plan,
    more.keys,
    more.layer,
    edit.dope_sheet,
    panels_after,
    export,
    emage.emage,
    engine,
    looks.looks,
)
