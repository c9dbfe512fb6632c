"""Pronunciations, letter to sound, and word stress against a list written by hand."""

from __future__ import annotations

import zlib

import pytest

from engine.speech.letters import letter_model, pronounce
from engine.speech.lexicon import derived, dictionary, is_word, listed, pronunciations, stresses
from engine.speech.types import VOWELS

# Words whose primary stress lies on vowel 0, 1 or 2, after any American dictionary.
STRESS = {
    1: """about again against ago agree alone along already although among another apart appear around arrive attack
    away     because become before begin behind believe below between beyond complete computer consider continue create
    decide degree depend describe develop direction discover eleven enough event example exactly exist expect
    explain expression familiar forget forgive hello herself himself idea imagine important improve instead itself
    machine mistake myself obtain official opinion percent perhaps position possession potato prepare present-tense
    pretend prevent produce professor protect provide reality reason-not receive remember reply report require
    surprise technique tomorrow together tonight today tradition umbrella until upon vacation without yourself
    photography psychology society security democracy political historic terrific domestic electric romantic
    musician condition solution attention companion employee-not hotel guitar canoe balloon campaign shampoo""",
    0: """absolute accident actor after always animal answer any anything apple architecture baby beautiful body brother
    building business camera candidate capital captain careful carry centuries century certain chapter character
    children chocolate circle city classroom climate coffee color comfortable company country courage culture danger
    daughter difficult difference doctor dollar easy education-not either elephant energy engine evening ever every
    everybody everyone everything evidence family famous father favorite figure finger flower follow forest forward
    freedom friendly garden gather general gentle happy heavy history holiday hospital hundred hurricane industry
    instrument interesting island journey kitchen language laughter lawyer leader learning letter library little
    local lovely machinery-not magazine-not manager many market marriage matter measure medicine member memory message
    middle million minute modern moment money morning mother mountain movie music nation natural nature neither never
    newspaper nobody nothing notice number object-not ocean offer office often only open orange order other paper
    parent people perfect-not personal photograph picture pocket poetry police-not popular possible power president
    problem promise purpose quality question quiet rapid ready really reason regular river second secret secretary
    season separate seven several shadow shoulder silent silver simple single sister social somebody someone
    something sorry special spirit student subject-not sudden summer system table talent teacher telephone television
    temperature terrible theater thirsty thousand traffic travel trouble twenty under-not usual valley various very
    village violence visit vowel water weather weekend window winter wisdom woman wonderful yellow yesterday""",
    2: """education information conversation generation population reputation situation university personality
    possibility electricity opportunity understand engineer afternoon disappear introduce recommend Japanese
    volunteer kangaroo cigarette-not magazine-not entertain scientific photographic mathematics independent
    international-not economic democratic automatic fundamental presidential-not disadvantage""",
}


def hand_list() -> list[tuple[str, int]]:
    return [
        (word.lower(), place)
        for place, words in STRESS.items()
        for word in words.split()
        if "-" not in word and is_word(word.lower())
    ]


def primary(word: str) -> int:
    phones = pronunciations(word)[0]
    marks = stresses(word, phones)
    vowels = [mark for phone, mark in zip(phones, marks, strict=True) if phone in VOWELS]
    return vowels.index(1) if 1 in vowels else -1


def test_primary_stress_of_common_words() -> None:
    words = hand_list()
    assert len(words) >= 300
    wrong = [word for word, place in words if primary(word) != place]
    assert len(wrong) <= 0.03 * len(words), wrong


def test_every_word_of_several_syllables_has_one_primary_stress() -> None:
    for word, said in list(dictionary().items())[::997]:
        marks = stresses(word, said[0])
        count = sum(phone in VOWELS for phone in said[0])
        assert marks.count(1) == (1 if count > 1 else marks.count(1)), word
        assert all((mark >= 0) == (phone in VOWELS) for phone, mark in zip(said[0], marks, strict=True)), word


def test_function_words_are_unstressed_and_content_words_are_not() -> None:
    assert [primary(word) for word in ("the", "of", "and", "you")] == [-1, -1, -1, -1]
    assert [primary(word) for word in ("cat", "jump", "blue")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("woodcutters", "W UH D K AH T ER Z"),
        ("shapeliness", "SH EY P L IY N AH S"),
        ("mak'st", "M EY K S T"),
        ("feed'st", "F IY D S T"),
        ("keyframes", "K IY F R EY M Z"),
        ("unpinned", "AH N P IH N D"),
        ("blorped", None),
    ],
)
def test_words_outside_the_dictionary(word: str, phones: str | None) -> None:
    assert not is_word(word)
    if phones is None:
        assert not derived(word)  # nothing to derive from: the letter model says it
        assert pronunciations(word)[0][:2] == ("B", "L")
        assert pronunciations(word)[0][-2:] == ("P", "T")
    else:
        assert " ".join(pronunciations(word)[0]) == phones


def test_letter_to_sound_on_dictionary_words() -> None:
    """The stored model has seen these words, so this is no held-out figure (that one is printed by its training)."""
    words = [word for word in dictionary() if word.isalpha() and zlib.crc32(word.encode()) % 500 == 0]
    right = sum(pronounce(word) in listed(word) for word in words)
    assert len(words) > 150
    assert right > 0.7 * len(words)


def test_letter_to_sound_survives_anything() -> None:
    assert letter_model().keys.dtype.kind == "u"
    assert pronunciations("zzz")
    assert pronunciations("q")
    assert pronunciations("") == (("AH",),)
    assert pronunciations("xkcdqwrt")[0]


def test_a_word_without_end_is_cut_and_still_said() -> None:
    assert 20 < len(pronunciations("abcdefghij" * 400)[0]) < 100
