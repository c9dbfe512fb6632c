"""Measures the aligner against speech whose word and phone times are known exactly, because we synthesised it.

    python -m tests.bench.speech_bench make DIR      # needs Debian's festival, flite and the festvox voices below
    python -m tests.bench.speech_bench measure DIR
    python -m tests.bench.speech_bench subset DIR    # writes the committed regression clips to tests/data

``make`` speaks every sentence below with every voice and stores ``<voice>_<n>.wav`` with ``<voice>_<n>.json``
(words and phones with start and end in seconds, read from the synthesiser's own utterance). Sentences and voices are
split by a seed: constants in engine/speech were set on "tune"; "held" has other sentences, and two voices that "tune"
never heard (ked, awb).
"""

from __future__ import annotations

import ctypes
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from engine.speech.audio import load_audio
from engine.speech.load import load_speech
from tests.places import DATA

SENTENCES = (
    "Hello there, my name is Robert, and I will be your guide this morning.",
    "We have three big problems, and none of them is easy to solve.",
    "No, I never said that you could take the car.",
    "Could you please open the window behind you?",
    "The fish was this long, I promise you, at least four feet.",
    "First we cut the wood, then we sand it, and finally we paint it blue.",
    "On the one hand it is cheap, but on the other hand it breaks.",
    "Everybody in the whole city knows about the broken bridge.",
    "I do not believe a single word of what he told us.",
    "Maybe we should wait until the rain has stopped.",
    "She put the small box on top of the large wooden table.",
    "Look over there, behind the trees, a deer is watching us.",
    "My father bought this house in nineteen sixty four.",
    "Please tell me what happened before the police arrived.",
    "The temperature will drop below zero again tomorrow night.",
    "What a wonderful surprise, thank you all so much for coming!",
    "Nobody moved, nobody spoke, and the door closed slowly.",
    "You, me, and the rest of the team have to finish this by Friday.",
    "Pepper, paprika and pumpkin make a good base for a soup.",
    "Five fresh fish swam very fast from the river to the falls.",
    "The judge asked the young man why he had left the shop.",
    "A bad map made Bob drive around the same block for an hour.",
    "It costs twenty dollars, which is far too much for a cup of tea.",
    "They were laughing and shouting as the train rolled in.",
    "Sooner or later, everyone has to choose a side.",
    "Imagine a world without clocks, without maps, without money.",
    "Stop right there, and put your hands where I can see them.",
    "His voice was calm, although his hands were shaking.",
    "We walked along the beach and counted the ships far away.",
    "Yes, of course, I would love to help you with that.",
    "The children ran up the hill and rolled down the other side.",
    "Science is a way of thinking much more than a body of knowledge.",
    "If you push this button, the whole machine will start to move.",
    "Some people like coffee, others prefer tea, and I drink both.",
    "There was a long silence, and then the singer began again.",
    "He threw the ball so high that we lost it in the sun.",
    "Between you and me, this is the worst idea of the year.",
    "Take a deep breath, close your eyes, and listen to the sea.",
    "Our company has grown from ten to two hundred people.",
    "I am sorry, I did not mean to hurt your feelings.",
    "The old clock on the wall has been wrong for thirty years.",
    "Where did you put the keys that I gave you yesterday?",
    "Winter is cold, summer is hot, and spring is just right.",
    "They built a huge round tower in the middle of the field.",
    "Give me the red one, not the green one, please.",
    "Every good story has a beginning, a middle, and an end.",
    "Let me show you how the new system works, step by step.",
    "A quick brown fox jumps over the lazy dog near the bank.",
    "Which of these two pictures do you think is better?",
    "The water rose above the steps and ran into the kitchen.",
)
FESTIVAL_VOICES = {"slthts": "voice_cmu_us_slt_arctic_hts", "kal": "voice_kal_diphone", "ked": "voice_ked_diphone"}
FLITE_VOICES = ("slt", "rms", "awb")
HELD_VOICES = ("ked", "awb")
HELD_SHARE = 0.4
SUBSET = ("awb_05", "ked_24", "kal_06", "rms_26", "slt_40", "slthts_16")

_FESTIVAL = """
({voice})
(set! u (Utterance Text "{text}"))
(utt.synth u)
(utt.save.wave u "{wav}" 'riff)
(mapcar
  (lambda (w) (format t "WORD\\t%s\\t%f\\t%f\\n" (item.name w) (item.feat w "word_start") (item.feat w "word_end")))
  (utt.relation.items u 'Word))
(mapcar (lambda (s) (format t "SEG\\t%s\\t%f\\t%f\\n" (item.name s) (item.feat s 'segment_start) (item.feat s 'end)))
  (utt.relation.items u 'Segment))
"""


def held_sentences() -> set[int]:
    """Indices of the sentences kept apart."""
    order = list(range(len(SENTENCES)))
    random.Random(1455).shuffle(order)
    return set(order[: round(HELD_SHARE * len(order))])


def split_of(voice: str, index: int) -> str:
    """ "held" or "tune" (held sentences in tuned voices and tuned sentences in held voices are held as well)."""
    return "held" if index in held_sentences() or voice in HELD_VOICES else "tune"


def _festival(voice: str, text: str, wav: Path) -> dict[str, list[list[object]]]:
    with tempfile.NamedTemporaryFile("w", suffix=".scm") as script:
        script.write(_FESTIVAL.format(voice=FESTIVAL_VOICES[voice], text=text, wav=wav))
        script.flush()
        out = subprocess.run(["festival", "-b", script.name], check=True, capture_output=True, text=True).stdout
    found: dict[str, list[list[object]]] = {"WORD": [], "SEG": []}
    for line in out.splitlines():
        kind, _, rest = line.partition("\t")
        if kind in found:
            name, start, end = rest.split("\t")
            found[kind].append([name, float(start), float(end)])
    return {"words": found["WORD"], "phones": found["SEG"]}


class Flite:
    """The flite library through ctypes: its command prints no word times."""

    def __init__(self) -> None:
        load = ctypes.PyDLL
        self.lib = load("libflite.so.1", ctypes.RTLD_GLOBAL)
        for name in ("libflite_cmulex.so.1", "libflite_usenglish.so.1"):
            load(name, ctypes.RTLD_GLOBAL)
        lib = self.lib
        lib.flite_init()
        pointer = ctypes.c_void_p
        lib.flite_synth_text.restype = pointer
        lib.flite_synth_text.argtypes = [ctypes.c_char_p, pointer]
        for name in ("relation_head", "utt_relation", "item_next"):
            getattr(lib, name).restype = pointer
        lib.utt_relation.argtypes = [pointer, ctypes.c_char_p]
        lib.item_next.argtypes = [pointer]
        lib.item_feat_string.restype = ctypes.c_char_p
        lib.ffeature_string.restype = ctypes.c_char_p
        lib.ffeature_float.restype = ctypes.c_float
        lib.ffeature_string.argtypes = lib.ffeature_float.argtypes = [pointer, ctypes.c_char_p]
        lib.utt_wave.restype = pointer
        lib.utt_wave.argtypes = [pointer]
        lib.cst_wave_save_riff.argtypes = [pointer, ctypes.c_char_p]
        lib.delete_utterance.argtypes = [pointer]
        lib.flite_feat_set_float.argtypes = [pointer, ctypes.c_char_p, ctypes.c_float]
        self.voices: dict[str, int] = {}

    def voice(self, name: str) -> int:
        """The address of a voice."""
        if name not in self.voices:
            library = ctypes.PyDLL(f"libflite_cmu_us_{name}.so.1", ctypes.RTLD_GLOBAL)
            register = getattr(library, f"register_cmu_us_{name}")
            register.restype = ctypes.c_void_p
            register.argtypes = [ctypes.c_char_p]
            self.voices[name] = register(None)
        return self.voices[name]

    def speak(self, name: str, text: str, wav: Path, stretch: float = 1.0) -> dict[str, list[list[object]]]:
        """Write ``text`` as wav; words and phones with their times. ``stretch`` above 1 speaks more slowly."""
        lib = self.lib
        # struct cst_voice begins: const char* name; cst_features* features
        features = ctypes.cast(self.voice(name), ctypes.POINTER(ctypes.c_void_p))[1]
        lib.flite_feat_set_float(features, b"duration_stretch", stretch)
        utterance = lib.flite_synth_text(text.encode(), self.voice(name))
        lib.cst_wave_save_riff(lib.utt_wave(utterance), str(wav).encode())
        found: dict[str, list[list[object]]] = {}
        for key, relation, start, end in (
            (
                "words",
                b"Word",
                b"R:SylStructure.daughter1.daughter1.R:Segment.p.end",
                b"R:SylStructure.daughtern.daughtern.end",
            ),
            ("phones", b"Segment", b"p.end", b"end"),
        ):
            rows: list[list[object]] = []
            # struct cst_relation begins: char* name; cst_features*; cst_utterance*; cst_item* head
            head = ctypes.cast(lib.utt_relation(utterance, relation), ctypes.POINTER(ctypes.c_void_p))[3]
            item = head
            while item:
                rows.append(
                    [
                        lib.ffeature_string(item, b"name").decode(),
                        *(round(lib.ffeature_float(item, path), 4) for path in (start, end)),
                    ]
                )
                item = lib.item_next(item)
            found[key] = rows
        lib.delete_utterance(utterance)
        return found


def make(folder: Path) -> None:
    """Synthesise every sentence in every voice into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    flite = Flite()
    for index, text in enumerate(SENTENCES):
        for voice in (*FESTIVAL_VOICES, *FLITE_VOICES):
            wav = folder / f"{voice}_{index:02d}.wav"
            truth = _festival(voice, text, wav) if voice in FESTIVAL_VOICES else flite.speak(voice, text, wav)
            truth_file = {"voice": voice, "text": text, "split": split_of(voice, index), **truth}
            wav.with_suffix(".json").write_text(json.dumps(truth_file))


def onset_errors(audio: Path, truth: dict[str, Any]) -> NDArray[np.float64]:
    """Signed onset errors in seconds of the words of one clip, by the whole front end; unplaced words count as 1 s."""
    speech = load_speech(audio, str(truth["text"]))
    assert len(speech.words) == len(truth["words"])
    return np.array([
        word.start - known[1] if word.placed else 1.0
        for word, known in zip(speech.words, truth["words"], strict=True)
    ])  # fmt: skip


def measure(folder: Path) -> None:
    """Print the errors by split and voice."""
    errors: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    began = time.process_time()
    for file in sorted(folder.glob("*.json")):
        truth = json.loads(file.read_text())
        found = onset_errors(file.with_suffix(".wav"), truth)
        for key in ((truth["split"], truth["voice"]), (truth["split"], "all")):
            errors.setdefault(key, []).append(found)
    for (split, voice), parts in sorted(errors.items()):
        size = 1000 * np.abs(np.concatenate(parts))
        bias = 1000 * np.median(np.concatenate(parts))
        print(f"{split} {voice:7s} {len(size):5d} words: median {np.median(size):5.1f} ms, "
              f"90 % {np.quantile(size, 0.9):5.1f} ms, "
              f"97 % {np.quantile(size, 0.97):5.1f} ms, bias {bias:5.1f} ms")  # fmt: skip
    print(f"{time.process_time() - began:.1f} s of processor time")


def subset(folder: Path, target: Path = DATA) -> None:
    """The clips of SUBSET as 16 kHz FLAC, with their truth, for the regression test."""
    target.mkdir(parents=True, exist_ok=True)
    for name in SUBSET:
        waveform, _ = load_audio(folder / f"{name}.wav")
        waveform *= 0.09 / np.abs(waveform).max()  # fewer bits to store; the front end sets its own level
        soundfile.write(target / f"known_{name}.flac", waveform, 16000, subtype="PCM_16", compression_level=1.0)
        truth = json.loads((folder / f"{name}.json").read_text())
        kept = {"text": truth["text"], "voice": truth["voice"], "words": truth["words"]}
        (target / f"known_{name}.json").write_text(json.dumps(kept) + "\n")


if __name__ == "__main__":
    {"make": make, "measure": measure, "subset": subset}[sys.argv[1]](Path(sys.argv[2]))
