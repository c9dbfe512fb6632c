"""Speech built by hand for the planner's tests: words with plausible times, phones, accents, phrases, pauses."""

from __future__ import annotations

import re

import numpy as np

from engine.speech.types import PROSODY_HOP, SAMPLE_RATE, Accent, Pause, Phone, Phrase, Prosody, Speech, Word

FUNCTION_WORDS = """
    a an the and or but so of in on at by for from to with it is are was were be i you we he she they that this
    my your our his her their as not do can will have has had which if than then"""
FUNCTION = frozenset(FUNCTION_WORDS.split())
GAPS = {",": 0.25, ";": 0.35, ":": 0.35, ".": 0.6, "!": 0.6, "?": 0.65}


def _word(text: str, start: float, rng: np.random.Generator) -> Word:
    """One consonant and one vowel a vowel group of the spelling, the first one stressed."""
    vowels = max(1, len(re.findall(r"[aeiouy]+", text.lower().rstrip("e,.!?;:"))))
    phones, time = [], start
    for index in range(vowels):
        short = 0.75 if text.lower().strip(",.!?;:") in FUNCTION else 1.0
        for label, seconds in (("T", 0.065), ("AH", 0.12 if index == 0 else 0.08)):
            length = seconds * short * rng.uniform(0.85, 1.25)
            stress = -1 if label == "T" else 1 if index == 0 else 0
            phones.append(Phone(label, time, time + length, stress))
            time += length
    phones.append(Phone("N", time, time + 0.06, -1))
    return Word(text, start, time + 0.06, tuple(phones))


def say(text: str, seed: int = 0, lead: float = 0.45, tail: float = 0.8) -> Speech:
    """``text`` spoken at about 170 words a minute: pauses at its punctuation, accents on its content words."""
    rng = np.random.default_rng(seed)
    words: list[Word] = []
    accents: list[Accent] = []
    phrases: list[Phrase] = []
    pauses: list[Pause] = []
    time, begin, first = lead, lead, 0
    if lead >= 0.12:
        pauses.append(Pause(0.0, lead))
    for index, raw in enumerate(text.split()):
        word = _word(raw, time, rng)
        words.append(word)
        time = word.end
        if raw.lower().strip(",.!?;:") not in FUNCTION and rng.random() < 0.75:
            vowel = word.phones[1]
            peak = vowel.start + rng.uniform(0.3, 0.9) * (vowel.end - vowel.start)
            accents.append(Accent(peak, float(rng.random()), index, word.start, vowel.end))
        gap = GAPS.get(raw[-1], 0.0) * rng.uniform(0.8, 1.3)
        if gap:
            phrases.append(Phrase(begin, time, first, index + 1))
            pauses.append(Pause(time, time + gap))
            time += gap
            begin, first = time, index + 1
    if first < len(words):
        phrases.append(Phrase(begin, time, first, len(words)))
    end = (words[-1].end if words else 0.0) + tail
    pauses = [pause for pause in pauses if pause.start < (words[-1].end if words else 0.0)]
    if tail >= 0.12:
        pauses.append(Pause(end - tail, end))
    return build(words, accents, phrases, pauses, text, end)


def build(
    words: list[Word],
    accents: list[Accent],
    phrases: list[Phrase],
    pauses: list[Pause],
    text: str,
    seconds: float,
    transcribed: bool = True,
) -> Speech:
    """A Speech of these parts with a silent waveform and an energy that is loud inside vowels."""
    count = max(1, round(seconds / PROSODY_HOP))
    energy = np.full(count, -40.0, np.float32)
    for word in words:
        for phone in word.phones:
            level = -3.0 if phone.is_vowel else -14.0
            energy[int(phone.start / PROSODY_HOP) : int(phone.end / PROSODY_HOP)] = level
    prosody = Prosody(np.zeros(count, np.float32), energy, tuple(accents), tuple(phrases), tuple(pauses))
    return Speech(
        waveform=np.zeros(max(1, round(seconds * SAMPLE_RATE)), np.float32),
        words=tuple(words) if transcribed else (),
        phones=tuple(phone for word in words for phone in word.phones),
        prosody=prosody,
        transcript=text if transcribed else "",
        transcribed=transcribed,
        audio_hash=f"{len(words)}-{seconds:.3f}",
    )


def without_transcript(speech: Speech) -> Speech:
    """The same audio, unread: no words, accents without words."""
    accents = [Accent(a.time, a.strength, -1, a.syllable_start, a.syllable_end) for a in speech.prosody.accents]
    phrases = [Phrase(p.start, p.end, 0, 0) for p in speech.prosody.phrases]
    return build(list(speech.words), accents, phrases, list(speech.prosody.pauses), "", speech.seconds, False)


TALK = """Hello and welcome, everybody. Today I want to show you how a small idea can change a very large company.
When we started, there were only three of us in one little room, and nobody knew what to do with the noise, the dust,
and the heat. We had no money. We did not sleep. But we believed that people would come, because the thing we made was
really simple. On the one hand it saved time, on the other hand it looked beautiful on the table. Why does that matter?
Because you have to see a thing every day, and you should never be ashamed of it. Perhaps about half of our first
buyers came from the same street. I don't know how they heard of us. They told a neighbour, and the neighbour told a
friend, and so it grew. Sales went up, prices fell, and then the whole market turned around. You cannot plan that. You
can only keep the door open, listen to what they say, and stop when it is enough. Last year everything changed again.
A big firm offered to buy the name, the tools and the people. Please imagine that for a moment. Some of my friends
said yes, take it, it is wonderful. I said no. We must keep going, step by step, and look at the next ten years. Here
and now is where the work gets done. Is that easy? Of course it is not. It is slow, it is expensive, and it is exactly
what I love. So think about your own work. What would you keep, and what would you throw away? Thank you very much."""
