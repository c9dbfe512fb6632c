"""SemTalk's semantic score in Blender: it stands on the words and follows their emphasis; the real engine."""

from __future__ import annotations

import bpy
import pytest

from addon.setup.engine import BASE_PACKAGE, SESSION
from addon.takes.apply import action_meta
from addon.takes.meaning import word_title
from tests.places import needs_engine
from tests.support.regenerate_shot import everything, regenerate, take, window

pytestmark = needs_engine


@pytest.fixture
def semtalk(shot, weights_of):
    """The shot with SemTalk chosen, its small seeded weights set in the preferences."""
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    folder = weights_of("semtalk")
    entry = bpy.context.preferences.addons.new()
    entry.module = BASE_PACKAGE
    entry.preferences.semtalk_weights = str(folder)
    bpy.context.scene.cospeech.generator = "semtalk"
    yield take().cospeech_plan
    for found in [entry for entry in bpy.context.preferences.addons if entry.module == BASE_PACKAGE]:
        bpy.context.preferences.addons.remove(found)


def test_semtalk_s_score_stands_on_the_words_and_follows_emphasis(semtalk):
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    scores = action_meta(take())["provenance"]["semantic"]["words"]
    group = take().cospeech_plan
    assert [word.score for word in group.words] == pytest.approx(scores, abs=1e-6)
    names = {marker.name for marker in take().pose_markers}
    told = [word_title(word.name, score) for word, score in zip(group.words, scores, strict=True)]
    assert set(told) <= names
    low = min(range(2, len(scores) - 2), key=scores.__getitem__)
    group.words[low].emphasis = 1.0
    was = take().copy()
    regenerate(range="AUTO")
    group, now = take().cospeech_plan, action_meta(take())["provenance"]["semantic"]["words"]
    assert now[low] > scores[low]
    assert group.words[low].score == pytest.approx(now[low], abs=1e-6)
    assert group.words[low].emphasis == 1.0
    first, last = window()
    assert last - first < take().frame_end - take().frame_start
    assert everything(take(), first=first, end=last + 1) == everything(was, first=first, end=last + 1)
    assert [w for i, w in enumerate(now) if group.words[i].end < first] == [
        w for i, w in enumerate(scores) if group.words[i].end < first
    ]
    words = [m for m in take().pose_markers if not m.name.startswith(("apex", "beat"))]
    assert len(words) == len(group.words)  # the old scores' markers went
    assert word_title(group.words[low].name, now[low]) in {marker.name for marker in words}
    assert SESSION.job is None
