"""Which words call for which gesture: triggers, conditions, lists, questions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.plan.rules import find_hits, parse_pattern
from engine.plan.tables import load_tables
from engine.plan.text import lemmas, normalise, read_tokens, topic_boundaries
from tests.support.plan_speech import TALK, say

TABLES = load_tables()


def hits(text: str) -> list[tuple[str, str]]:
    """(rule, anchor word) of every hit in a sentence."""
    speech = say(text)
    tokens = read_tokens(speech, TABLES.lexicon)
    return [(hit.rule.id, tokens[hit.word].norm) for hit in find_hits(tokens, TABLES)]


@pytest.mark.parametrize(
    ("text", "rule", "anchor"),
    [
        ("Hello everyone.", "greeting", "hello"),
        ("We say thank you for coming.", "thanks", "thank"),
        ("I didn't see it.", "negation", "didn't"),
        ("They can’t hear us.", "negation", "can't"),
        ("Nobody has ever done that.", "negation_absolute", "nobody"),
        ("No one came.", "negation_absolute", "one"),
        ("Everything was on the table.", "universal", "everything"),
        ("It is a very strange house.", "intensifier", "strange"),
        ("It was a big house.", "large", "big"),
        ("Just a tiny step.", "small", "tiny"),
        ("Prices are rising again.", "up", "rising"),
        ("Sales fell.", "down", "fell"),
        ("There are three reasons.", "number_three", "three"),
        ("It took about forty minutes.", "approximate", "about"),
        ("I don't know where it went.", "shrug", "know"),
        ("We did it.", "we", "we"),
        ("This is for you.", "addressee", "you"),
        ("She stayed, but he left.", "contrast", "but"),
        ("On the one hand it is late.", "one_hand_first", "hand"),
        ("On the other hand it is early.", "one_hand_second", "hand"),
        ("So we turned around.", "cause", "so"),
        ("You have to try.", "obligation", "to"),
        ("Stop right there.", "stop", "stop"),
        ("For example the red one.", "example", "example"),
        ("Please wait for me.", "plea", "please"),
        ("It was um strange.", "filled_pause", "um"),
        ("He bought the so-called “gift” there.", "quote", "so-called"),
    ],
)
def test_words_call_for_their_rule(text: str, rule: str, anchor: str) -> None:
    assert (rule, anchor) in hits(text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("I don't know.", "negation"),
        ("The story is about a dog.", "approximate"),
        ("So we turned around.", "intensifier"),
        ("They said hello to us all.", "greeting"),
        ("He gave the ugly ones away.", "number_one"),
        ("The word inside nothingness.", "negation_absolute"),
        ("We walked, and he sang, and it rained.", "list_first"),
        ("The man, who had come by the road and the bridge, sat down.", "list_first"),
    ],
)
def test_words_do_not_call_for_other_rules(text: str, rule: str) -> None:
    assert rule not in [name for name, _ in hits(text)]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("We sell tables, chairs and lamps.", ["tables", "chairs", "lamps"]),
        ("They spoke of casting, setting, or printing.", ["casting", "setting", "printing"]),
        ("She saw the noise, the dust, the rain, and the heat.", ["noise", "dust", "rain", "heat"]),
    ],
)
def test_lists_have_an_anchor_an_item(text: str, items: list[str]) -> None:
    found = [(rule, word) for rule, word in hits(text) if rule.startswith("list")]
    kinds = ["list_first", *["list_middle"] * (len(items) - 2), "list_last"]
    assert found == list(zip(kinds, items, strict=True))


def test_questions_by_their_kind() -> None:
    assert "question_wh" in [rule for rule, _ in hits("Why does that matter?")]
    assert "question_yes_no" in [rule for rule, _ in hits("Does that matter?")]
    assert not [rule for rule, _ in hits("That matters.") if rule.startswith("question")]


def test_lemmas_and_normal_forms() -> None:
    lexicon = TABLES.lexicon
    assert normalise("“Don’t,”") == "don't"
    for form, lemma in (
        ("went", "go"),
        ("running", "run"),
        ("tries", "try"),
        ("changed", "change"),
        ("prices", "price"),
    ):
        assert lemma in lemmas(form, lexicon)
    assert "go" not in lemmas("gone-by", lexicon)


def test_pattern_syntax() -> None:
    pattern = parse_pattern("shrug", "i don't ^know @accented")
    assert (pattern.words, pattern.anchor, pattern.condition) == (("i", "don't", "know"), 2, "accented")
    assert parse_pattern("plea", "=please").anchor == 0


def test_conditions_and_rules_of_the_lexicon_are_known() -> None:
    """Every trigger is tried once on its own words: an unknown condition would raise."""
    for rule, triggers in TABLES.lexicon.triggers.items():
        assert rule in TABLES.rules
        for trigger in triggers:
            words = [word.strip('=^*"') or "thing" for word in trigger.split() if not word.startswith("@")]
            hits("Then " + " ".join(words) + " seven houses.")


def test_every_row_of_the_table_is_there() -> None:
    rows = {rule.row for rule in TABLES.rules.values()} | {TABLES.beats.row}
    assert rows == set(range(1, 42)), "row 42 is the boundary itself: topic_boundaries"


def test_topic_boundaries_at_paragraphs_and_long_pauses() -> None:
    text = " ".join(["We walked along the river and saw the boats."] * 12)
    plain = topic_boundaries(say(text))
    assert 1 <= len(plain) <= 3
    speech = say(TALK.replace(" Last year", "\n\nLast year"))
    marked = [boundary for boundary in topic_boundaries(speech) if boundary.paragraph]
    (last,) = [word for word in speech.words if word.text == "Last"]
    assert len(marked) == 1
    assert abs(marked[0].end - last.start) < 0.05


@given(st.text(alphabet="abenotusvryI'’\"“, .?!-\n", max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_text_is_read(text: str) -> None:
    """At most one hit a word, in order, whatever the transcript looks like."""
    speech = say(text)
    tokens = read_tokens(speech, TABLES.lexicon)
    words = [hit.word for hit in find_hits(tokens, TABLES)]
    assert words == sorted(set(words))
    assert len(tokens) == len(text.split())
