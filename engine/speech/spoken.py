"""Written words -> the words as spoken: numbers, years, money, units, abbreviations, acronyms, symbols."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_DASHES = str.maketrans({"‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-"})
_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"'})

ABBREVIATIONS = {
    "mr.": "mister", "mr": "mister", "mrs.": "missus", "mrs": "missus", "ms.": "miz", "dr.": "doctor", "dr": "doctor",
    "prof.": "professor", "st.": "saint", "sr.": "senior", "jr.": "junior", "vs.": "versus", "vs": "versus",
    "etc.": "et cetera", "etc": "et cetera", "e.g.": "for example", "i.e.": "that is", "approx.": "approximately",
    "dept.": "department", "gov.": "governor", "gen.": "general", "col.": "colonel", "capt.": "captain",
    "lt.": "lieutenant", "sgt.": "sergeant", "rev.": "reverend", "hon.": "honorable", "inc.": "incorporated",
    "ltd.": "limited", "co.": "company", "corp.": "corporation", "ave.": "avenue", "blvd.": "boulevard",
    "jan.": "january", "feb.": "february", "aug.": "august", "sept.": "september", "oct.": "october",
    "nov.": "november", "dec.": "december", "a.m.": "a m", "p.m.": "p m", "am.": "am", "ok": "okay", "o.k.": "okay",
    "tv": "t v", "w/": "with", "w/o": "without",
}  # fmt: skip
UNITS = {
    "kg": "kilograms", "g": "grams", "mg": "milligrams", "km": "kilometers", "cm": "centimeters", "mm": "millimeters",
    "m": "meters", "mph": "miles per hour", "kph": "kilometers per hour", "km/h": "kilometers per hour",
    "lb": "pounds", "lbs": "pounds", "oz": "ounces", "ft": "feet", "hz": "hertz", "khz": "kilohertz",
    "mhz": "megahertz", "ghz": "gigahertz", "kb": "kilobytes", "mb": "megabytes", "gb": "gigabytes",
    "tb": "terabytes", "k": "thousand", "bn": "billion", "x": "times", "s": "seconds", "ms": "milliseconds",
    "am": "a m", "pm": "p m", "a.m": "a m", "p.m": "p m", "d": "d", "p": "p",
}  # fmt: skip
CURRENCIES = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent")}
SYMBOLS = {"&": "and", "@": "at", "#": "number", "+": "plus", "=": "equals", "%": "percent", "°": "degrees"}
_SCALES = ("hundred", "thousand", "million", "billion", "trillion")
_FRACTIONS = {"½": "one half", "¼": "one quarter", "¾": "three quarters", "1/2": "one half", "1/4": "one quarter",
              "3/4": "three quarters", "1/3": "one third", "2/3": "two thirds",
              "24/7": "twenty four seven"}  # fmt: skip

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+"
_ORDINAL = re.compile(r"(\d[\d,]*)(?:st|nd|rd|th)", re.IGNORECASE)
_MONEY = re.compile(rf"([$£€])({_NUMBER})(k|m|bn|b)?", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(am|pm|a\.m\.?|p\.m\.?)?", re.IGNORECASE)
_DECADE = re.compile(r"'?(\d{2}|\d{4})'?s")
_PLAIN = re.compile(rf"({_NUMBER})([a-z°%./]*)", re.IGNORECASE)
_TELEPHONE = re.compile(r"\d{3}-(?:\d{3}-)?\d{4}")
_INITIALS = re.compile(r"(?:[A-Za-z]\.){2,}(?:'?s)?", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?|'[a-z]+(?:'[a-z]+)*")


def plain_ascii(text: str) -> str:
    """``text`` with typographic quotes and dashes and Latin accents replaced by ASCII; other scripts are kept."""
    text = text.translate(_QUOTES).translate(_DASHES).replace("…", "...").replace("ß", "ss").replace("æ", "ae")
    decomposed = unicodedata.normalize("NFKD", text.replace("½", " 1/2").replace("¼", " 1/4").replace("¾", " 3/4"))
    kept = (char for char in decomposed if not unicodedata.combining(char))
    return "".join(str(unicodedata.digit(char, char)) for char in kept).replace("\u2044", "/")


def spoken_form(written: str, in_dictionary: Callable[[str], bool] = lambda _: True) -> tuple[str, ...]:
    """The lower-case words one says for a written word: ``"1455"`` -> fourteen fifty five, ``"Mr."`` -> mister.

    ``in_dictionary`` tells acronyms that are words (NASA) from those that are spelled (FBI). Empty for bare
    punctuation.
    """
    text = plain_ascii(written).strip().strip('"()[]{}<>,;!?*_~|').rstrip(":")
    lower = text.lower()
    for form in (lower, lower.strip("'")):
        if form in ABBREVIATIONS:
            return tuple(ABBREVIATIONS[form].split())
        if form in _FRACTIONS:
            return tuple(_FRACTIONS[form].split())
    if _INITIALS.fullmatch(text):
        return tuple(char for char in lower if char.isalpha())
    text = text.rstrip(".")
    if any(char.isdigit() for char in text):
        return tuple(_with_digits(text, in_dictionary))
    return tuple(_letters(text, in_dictionary))


def _letters(text: str, in_dictionary: Callable[[str], bool]) -> list[str]:
    """Words of a token without digits; hyphens, slashes and symbols part it."""
    found: list[str] = []
    for piece in re.split(r"([^A-Za-z'])", text):
        if piece in SYMBOLS:
            found.append(SYMBOLS[piece])
            continue
        match = _WORD.search(piece.lower())
        if match is None:
            continue
        word = match.group()
        if _is_spelled(piece, in_dictionary):
            found.extend(word.removesuffix("'s").replace("'", ""))
        else:
            found.append(word if in_dictionary(word) else word.strip("'"))
    return [word for word in found if word]


def _is_spelled(piece: str, in_dictionary: Callable[[str], bool]) -> bool:
    """Whether capitals are said letter by letter: no word of the dictionary, and short or without a vowel."""
    letters = piece.removesuffix("'s").removesuffix("s").replace("'", "")
    if not (letters.isupper() and 2 <= len(letters) <= 5) or in_dictionary(piece.lower()):
        return False
    return len(letters) <= 3 or not set(letters) & set("AEIOUY")


def _with_digits(text: str, in_dictionary: Callable[[str], bool]) -> list[str]:
    for pattern, reader in ((_MONEY, _money), (_CLOCK, _clock), (_DECADE, _decade), (_ORDINAL, _ordinal)):
        match = pattern.fullmatch(text)
        if match:
            return reader(match)
    if _TELEPHONE.fullmatch(text):
        return ["oh" if digit == "0" else _number_words(int(digit))[0] for digit in text if digit.isdigit()]
    match = _PLAIN.fullmatch(text)
    if match:
        unit = match.group(2).lower().rstrip(".")
        if not unit or unit in UNITS or unit in SYMBOLS:
            said = UNITS.get(unit) or SYMBOLS.get(unit) or ""
            return _number(match.group(1)) + said.split()
    said_words: list[str] = []
    parts = re.findall(rf"[$£€](?:{_NUMBER})|{_NUMBER}|[A-Za-z']+|[^\sA-Za-z0-9']", text)
    for index, part in enumerate(parts):
        if part in CURRENCIES:
            said_words.append(f"{CURRENCIES[part][0]}s")
        elif part == text:  # no reading fits: digit by digit
            said_words += [word for digit in part if digit.isdigit() for word in _number(digit)]
        elif part[0] in CURRENCIES or part[-1].isdigit():
            said_words += _with_digits(part, in_dictionary)
        elif (
            part == "-" and 0 < index < len(parts) - 1 and parts[index - 1][-1].isdigit() and parts[index + 1].isdigit()
        ):
            said_words.append("to")
        elif part.isalpha() and part.isascii() and not set(part.lower()) & set("aeiouy"):
            said_words += list(part.lower())
        else:
            said_words += _letters(part, in_dictionary)
    return said_words


def _number_words(value: int | float, kind: str = "cardinal") -> list[str]:
    from num2words import num2words  # 0.1 s to import, and most lines of dialogue hold no digit

    said = num2words(value, to=kind).replace(",", " ").replace("-", " ").split()
    # "two hundred and five" is how the library writes it; in "thousand and" after a scale the "and" is mostly not said
    return [word for index, word in enumerate(said) if word != "and" or said[index - 1] not in _SCALES]


def _number(digits: str) -> list[str]:
    plain = digits.replace(",", "")
    if "." in plain:
        whole, _, rest = plain.partition(".")
        return [*(_number(whole) if whole else ["zero"]), "point", *(_number_words(int(digit))[0] for digit in rest)]
    if (len(plain) > 1 and plain[0] == "0") or len(plain) > 12:
        return ["oh" if digit == "0" else _number_words(int(digit))[0] for digit in plain]
    value = int(plain)
    if "," not in digits and (1100 <= value <= 1999 or 2010 <= value <= 2099) and value % 100:
        return _number_words(value, "year")
    if "," not in digits and 1100 <= value <= 1900 and value % 100 == 0:
        return [*_number_words(value // 100), "hundred"]
    return _number_words(value)


def _money(match: re.Match[str]) -> list[str]:
    unit, cent = CURRENCIES[match.group(1)]
    amount, scale = match.group(2).replace(",", ""), (match.group(3) or "").lower()
    if scale:
        return [*_number(amount), {"k": "thousand", "m": "million"}.get(scale, "billion"), f"{unit}s"]
    whole, _, rest = amount.partition(".")
    if len(rest) == 2:
        said = [*_number_words(int(whole or "0")), unit if whole == "1" else f"{unit}s"] if int(whole or "0") else []
        cents = {"penny": "pence"}.get(cent, f"{cent}s") if int(rest) != 1 else cent
        return said + ([*_number_words(int(rest)), cents] if int(rest) else [])
    plain = _number(amount) if rest else _number_words(int(whole))
    return [*plain, unit if amount == "1" else f"{unit}s"]


def _clock(match: re.Match[str]) -> list[str]:
    hour, minute = int(match.group(1)), int(match.group(2))
    said = _number_words(hour)
    if minute == 0:
        said += [] if match.group(3) else ["o'clock"]
    else:
        said += (["oh"] if minute < 10 else []) + _number_words(minute)
    return said + list((match.group(3) or "").lower().replace(".", ""))


def _decade(match: re.Match[str]) -> list[str]:
    digits = match.group(1)
    said = _number(digits) if digits != "2000" else ["two", "thousand"]
    last = said[-1]
    plural = last[:-1] + "ies" if last.endswith("y") else last + ("es" if last.endswith("x") else "s")
    return [*said[:-1], plural]


def _ordinal(match: re.Match[str]) -> list[str]:
    return _number_words(int(match.group(1).replace(",", "")), "ordinal")
