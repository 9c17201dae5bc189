"""Display names: two names of one participant, and telephone numbers that are shown as a name.

Zoom and others have ``shown name (original name)``, before and after a change of name, but a row has one name. The
rules match it with a person of that name, or with each person whose full name it holds, and doubt an attendee of whose
name it holds the first or the last word. So both names are passed on together wherever both may be people's: of
``Ann Archer (Bob Barker)`` neither is marked absent, whichever of the two it was, and of ``Bob (Ann Archer)`` Bob is in
doubt. To choose one of them would be a false no-show of the other. Left out is only what can't be a person's name (a
device, a mark of a role), or what the other name says as well: no person's name is lost then, and a name alone also
matches the host, whom the rules know by the exact name only.

Where one of the two is a bot's, both together would be a bot's, too, and prove nothing of the other, who may have been
there. The other alone would make a bot's presence a person's. So that name is a trace: its person is in doubt.
"""
# ruff: noqa: RUF001 - letters of other alphabets are meant

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from airflow_provider_calcom.attendance.policy import BOT_NAMES

_BOTH = re.compile(r"(?P<shown>.*\S)\s*[(（](?P<original>[^()（）]*(?:[(（][^()（）]*[)）][^()（）]*)*)[)）]\s*", re.S)
_SEPARATORS = re.compile(r"[\s.,;:_\-–—/\\|()（）\[\]{}<>\"*+&@#!?=~•·]+")
_QUOTES = re.compile(r"['’‘´`]")
_POSSESSIVE = re.compile(r"['’]s(?=\s|$)")
# Zoom names who does not say otherwise by the device. Words that are also people's names, as Max, are not here.
_DEVICES = frozenset(
    (
        *("iphone", "ipad", "ipod", "imac", "macbook", "android", "galaxy", "samsung", "huawei", "honor", "xiaomi"),
        *("redmi", "poco", "oppo", "realme", "oneplus", "pixel", "motorola", "nokia", "lenovo", "xperia"),
        *("chromebook", "smartphone", "tablet", "zoom"),
    )
)
_OF_DEVICES = frozenset(
    ("pro", "plus", "sm", "mini", "ultra", "lite", "air", "tab", "note", "phone", "user", "de", "of")
)
_MODEL = re.compile(r"(?=.*\d)[a-z0-9]{1,12}")
_PHONE = re.compile(r"\+?[\d\s().*/-]{7,40}", re.ASCII)
_FEWEST_DIGITS = 5
# A mark beside a name that says what somebody does in the meeting.
_ROLES = (
    *("host", "co-host", "cohost", "guest", "panelist", "panellist", "me", "attendee", "interpreter"),
    *("she/her", "she/her/hers", "he/him", "he/him/his", "they/them", "they/them/theirs"),
    *("anfitrião", "coanfitrião", "co-anfitrião", "convidado", "eu", "anfitrión", "coanfitrión", "invitado", "yo"),
    *("hôte", "co-hôte", "animateur", "coanimateur", "co-animateur", "invité", "moi"),
    *("organizzatore", "co-organizzatore", "ospite", "io", "gastgeber", "co-gastgeber", "gast", "ich"),
    *("организатор", "соорганизатор", "гость", "호스트", "공동 호스트", "게스트", "나"),
    *("ホスト", "共同ホスト", "ゲスト", "主持人", "联席主持人", "聯席主持人", "访客", "訪客"),
)


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Return the letters and digits of a column's name or an answer, in lower case and without accents.

    Spellings of one letter in one or two code points, and both kinds of quotes, become the same.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter) and letter.isalnum())
    return unicodedata.normalize("NFC", bare)


_PLAIN_ROLES = frozenset(map(plain, _ROLES))


def both_names(text: str) -> tuple[str, str | None]:
    """Return the shown and the original name of a text like ``iPhone (Ann Archer)``, or the text and None."""
    found = _BOTH.fullmatch(text)
    if found is None or not found["original"].strip():
        return text, None
    return found["shown"], found["original"].strip()


def one_name(shown: str | None, original: str | None) -> str | None:
    """Return the name to keep of two names of one participant; both where each may be somebody's."""
    if not shown or not original:
        return shown or original
    of_shown, of_original = _words(shown), _words(original)
    if _says_nothing_beside(shown, of_shown, of_original):
        return original
    if _says_nothing_beside(original, of_original, of_shown):
        return shown
    return f"{shown} ({original})"


def person_beside_bot(shown: str, original: str) -> str | None:
    """Return the one of two names that is not a bot's, where the other is; otherwise None."""
    if _is_bots(shown) == _is_bots(original):
        return None
    return original if _is_bots(shown) else shown


def _words(name: str) -> list[str]:
    """Return the words of a name as the rules split them (rules.md, ``name_key``)."""
    decomposed = unicodedata.normalize("NFD", name.lower())
    folded = "".join(letter for letter in decomposed if not "\u0300" <= letter <= "\u036f")
    parted = _POSSESSIVE.sub("", _SEPARATORS.sub(" ", folded))
    return _QUOTES.sub("", parted).split()


_BOTS = [_words(name) for name in BOT_NAMES]


def _holds(outer: list[str], inner: list[str]) -> bool:
    """Return whether the words are in the other name side by side; two of them also if that one turns them."""
    size = len(inner)
    if any(outer[at : at + size] == inner for at in range(len(outer) - size + 1)):
        return True
    return size == len(outer) == 2 and outer == inner[::-1]


def _says_nothing_beside(name: str, words: list[str], other: list[str]) -> bool:
    """Return whether a name, without a device in it, names nobody, or nobody that the other one does not name."""
    own = words
    if any(word in _DEVICES for word in words):
        own = [
            word for word in words if word not in _DEVICES and word not in _OF_DEVICES and not _MODEL.fullmatch(word)
        ]
    return not own or plain(name) in _PLAIN_ROLES or _holds(other, own)


def _is_bots(name: str) -> bool:
    words = _words(name)
    return any(_holds(words, bot) for bot in _BOTS)


def phone_in_name(name: str | None) -> str | None:
    """Return the telephone number that a display name is, or None where it is a name.

    A masked number, as ``+1 650***0100``, is returned as it is: the rules know that it proves nothing.
    """
    if name is None or not _PHONE.fullmatch(name):
        return None
    digits = sum(letter.isdigit() for letter in name)
    return name if digits >= (_FEWEST_DIGITS if "*" in name else 7) else None
