"""The people of the random worlds, and the ways in which feeds and people write them: names, addresses, numbers, times.

All of it is text that every engine can hold and that all lower-case alike: only ASCII letters change their case here.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Record = dict[str, Any]

MICROSECOND, MILLISECOND, SECOND = 1, 1_000, 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
EPOCH = datetime(1970, 1, 1)
FIRST_DAY = (datetime(2026, 1, 5) - EPOCH) // timedelta(microseconds=1)

# What the rules take for white space, and what others would.
FOREIGN_SPACES = ("\u2003", "\u0085", "\u200b", "\x1c", "\u3000")
SPACES = (" ", "\t", "\n", "\r", "\v", "\f", "\u00a0", "  ", "\r\n", " \u00a0")
SEPARATORS = '.,;:_-–—/\\|()[]{}<>"*+&@#!?=~•·'  # noqa: RUF001
APOSTROPHES = ("'", "’", "‘", "´", "`")  # noqa: RUF001

# Namesakes, turned names, names that hold or shorten others, letters that fold or lower-case oddly, odd white space,
# words of bots and of company, and single words.
NAMES = (
    "Ann Lee",
    "ann  lee",
    "Lee Ann",
    "Ann Ng",
    "Bob Lee",
    "Bob Müller",
    "Bob Muller",
    "İpek Ng",
    "ipek ng",
    "Işıl Çınar",  # noqa: RUF001
    "ΝΙΚΟΣ ΣΑΡΡΗΣ",
    "νικος σαρρης",
    "νικοσ σαρρησ",
    "MARIE STRAẞE",
    "Marie Straße",
    "Tom\u00a0van\u00a0der Berg",
    "Tom Berg",
    "Wei\u2003Zhang",
    "Zoë\u200bNoSpace",
    "Kim",
    "ŞULE",
    "J D",
    "Jane Doe",
    "J. Doe",
    "Jan Doering",
    "Ines Notetaker",
    "Avoma Ng",
    "Otto O'Neil",
    "Otto O’Neil-Berg",  # noqa: RUF001
    'Quote "Q" \\ Back%slash_',
    "Ǆemal Ǆ",
    "\U00010400eseret \U00010400",  # Deseret, beyond the basic plane
    "\u212aelvin \u212a",  # the sign of the unit: it lower-cases to ASCII
    "😀 Smile Face",
    "Eve Ng (Guest)",
    "José Núñez",
    "Núñez José",
    "Søren Łukasz Đorđević",
    "Nguyễn Thị Ánh",
    "Ǽlfric Ǿrsted",  # their decomposition does not begin with an ASCII letter
    "Андрей Ёлкин",  # beyond the letters that fold: in one form its marks go, in the other they stay
    "Ng Ng",
    "Max And",
    "Uma Potter",
)
DOMAINS = (
    "client.example",
    "client.example",
    "home.example",
    "gmail.com",
    "GoogleMail.com",
    "acme.com",
    "eu.acme.com",
    "notacme.com",
    "acme.com.evil.example",
    "Mixed.Example",
    "bücher.example",
)
LOCALS = (
    "{n}",
    "first.last{n}",
    "a.b.{n}",
    "x{n}+work",
    "x{n}+a+b",
    "+{n}",
    "jörg{n}",
    "P{n}",
    "i{n}.İ",
    "σ{n}Σ",  # noqa: RUF001
    "a+b@c{n}",
    "d.e@f+{n}",
)
ODD_EMAILS = (
    "+1 555 000{n} SMS",
    "users/1023{n}",
    "",
    "\t",
    "@client.example",
    "two@at{n}@acme.com",
    "no-address{n}",
    "x@",
)
STRANGERS = (
    "who@home.example",
    "stranger@nowhere.example",
    "y@notacme.com",
    "z@acme.com.evil.example",
    "a@b@home.example",
)
INTERNALS = (
    "boss@acme.com",
    "Boss@EU.Acme.com",
    " internal@acme.com",
    "notetaker@acme.com",
    "boss@deep.eu.acme.com",
    "cfo@mixed.example",
    "guest+1@acme.com",
)
NOBODY_NAMES = (
    "iPhone",
    "Guest",
    "Room 12",
    "zoom user",
    "+1 415***0100",
    "A Stranger",
    "The Boss",
    "- . -",
    None,
    "",
    "\u00a0",
)
BOT_NAMES = (
    "Otter.ai",
    " OTTERPILOT ",
    "Jane's Otter.ai Notetaker",
    "Weekly Meeting Notes",
    "meeting\u00a0notes",
    "Meeting-Notes",
    "tl;dv recorder",
    "TLΣDV",
    "READ.AI assistant",
    "İris Recorder",
    "100%_sure",
    "Avoma Assistant",
    "Notetaker (Ann Lee)",
    "Fathom.Video & Sembly",
)
# None is a bot's: parts of words, and words that do not stand side by side.
NEARLY_BOT_NAMES = ("Potter.ai", "spread.ai", "General Assembly", "Notetakers", "Meeting my Notes", "tl dvd")
PHONES = (
    "+1 (617) 441-2{n:03}",
    "1617441{n:03}",
    "tel:+1-6174412{n:03}",
    "٤1617441{n:03}",
    "123{n:03}",
    "1234{n:03}",
    "1617***{n:03}",
    "1617441{n:03}*",
    "",
    " \t",
    "0000{n:03}",
    "no number",
)
SOURCES = ("zoom", "google_meet", "teams", "cal_video", "webex", None)


# Anyone who has one of these names and an address of their own leaves no trace by chance.
FIRST_NAMES = (
    *("Ada", "Bob", "Chloé", "Dmitri", "Đorđe", "Eve", "Gül", "İnes", "Jörg", "Łucja", "Mary Jane", "Nils", "Olga"),
    *("Pär", "Rosa", "Søren", "Uma", "Xi", "Ünal", "Zoë", "Q"),
)
LAST_NAMES = (
    *("Garcia", "Ivanov", "Lee-Ng", "Müller", "Núñez", "Nguyễn", "O'Neil", "Otterbein", "Potter", "Smith", "Straße"),
    *("Sørensen", "van der Berg", "Yılmaz", "W", "de la Cruz"),  # noqa: RUF001
)


@dataclass(frozen=True)
class Member:
    """Somebody who books, is booked, or comes: the same in every world."""

    number: int
    name: str
    email: str
    alias: str
    phone: str
    odd_phone: str
    odd_email: str


def member(number: int) -> Member:
    """One of those who may have anything in common with others, and odd things of their own."""
    rng = random.Random(f"member {number}")
    return Member(
        number=number,
        name=NAMES[number % len(NAMES)],
        email=rng.choice(LOCALS).format(n=number) + "@" + rng.choice(DOMAINS),
        alias=f"alt{number}@{rng.choice(('old.example', 'home.example', 'gmail.com', 'acme.com'))}",
        phone=rng.choice(PHONES[:4]).format(n=number),
        odd_phone=rng.choice(PHONES).format(n=number),
        odd_email=rng.choice(ODD_EMAILS).format(n=number % 10),
    )


def guest(number: int) -> Member:
    """One of those who have nothing in common but words of their names."""
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number // len(FIRST_NAMES)]
    email, phone = f"{'+' if number % 8 == 3 else 'g.'}{number}@guest.test", f"+1 (617) 8{number:03}-5{number:03}"
    return Member(1000 + number, f"{first} {last}", email, f"alt.{number}@guest.test", phone, phone, email)


MEMBERS = [member(number) for number in range(64)]
GUESTS = [guest(number) for number in range(len(FIRST_NAMES) * len(LAST_NAMES))]


def text_of(rng: random.Random, moment: int | None) -> str | None:
    """ISO 8601 in UTC, with as many digits of the fraction as needed or more."""
    if moment is None:
        return None
    seconds, micros = divmod(moment, SECOND)
    whole = (EPOCH + timedelta(seconds=seconds)).isoformat()
    needed = f"{micros:06d}".rstrip("0")
    digits = f"{micros:06d}"[: max(len(needed), rng.choice((0, 0, 0, 3, 6)))]
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def moment_of(text: str) -> int:
    """The microseconds of a text that `text_of` wrote."""
    whole, _, digits = text.removesuffix("Z").partition(".")
    return (datetime.fromisoformat(whole) - EPOCH) // timedelta(seconds=1) * SECOND + int(digits.ljust(6, "0") or 0)


def padded(rng: random.Random, text: str | None, share: float = 0.06) -> str | None:
    """Now and then with white space around it."""
    if text is None or rng.random() >= share:
        return text
    return rng.choice(("", *SPACES)) + text + rng.choice(("", *SPACES))


def marked(rng: random.Random, text: str) -> str:
    """Once in a while with what is not white space here, and so makes another text of it."""
    if rng.random() < 0.98:
        return text
    return rng.choice(("", *FOREIGN_SPACES)) + text + rng.choice(FOREIGN_SPACES)


def recased(rng: random.Random, text: str) -> str:
    """Now and then in other letters. Only ASCII changes, so that it is the same text after lower-casing."""
    kind = rng.random()
    if kind < 0.65:
        return text
    if kind < 0.75:
        return "".join(letter.upper() if letter.isascii() else letter for letter in text)
    if kind < 0.85:
        return "".join(letter.lower() if letter.isascii() else letter for letter in text)
    return "".join(letter.swapcase() if letter.isascii() and rng.random() < 0.5 else letter for letter in text)


def respelled(rng: random.Random, name: str) -> str:
    """The same name in other code points, with other separators, quotes or an owner's 's: mostly one `name_key`."""
    kind = rng.random()
    if kind < 0.25:
        name = unicodedata.normalize("NFD", name)
    elif kind < 0.4:
        name = "".join(letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter))
    elif kind < 0.55:
        separator = rng.choice(SEPARATORS)
        name = rng.choice((separator, f"{separator} ", f" {separator}")).join(name.split(" "))
    elif kind < 0.65:
        name = rng.choice(("({})", "[{}]", "*{}*", "~ {}", '"{}"', "{}.", "<{}>", "{} ·", "@{}")).format(name)
    elif kind < 0.8:
        name += rng.choice(("'s", "’s", "'s ", "’S", "´", "`"))  # noqa: RUF001
    elif kind < 0.9:
        apostrophe = rng.choice(APOSTROPHES)
        name = name.replace("'", apostrophe) if "'" in name else f"{apostrophe}{name}{apostrophe}"
    else:
        name = rng.choice((*SPACES, "   ")).join(name.split(" "))
    return name


def with_more_words(rng: random.Random, name: str) -> str:
    """The name with words around, inside or left out: it holds, bears or only resembles the name."""
    first, *rest = name.split() or [""]
    last = rest[-1] if rest else first
    return rng.choice(
        (
            f"{name} (Acme)",
            f"{name} | Sales",
            f"{name}'s iPad",
            f"{name}’s MacBook Pro",  # noqa: RUF001
            f"Dr. {name}",
            f"Acme – {name}",  # noqa: RUF001
            f"Acme {name} Sales",
            f"{first} M. {last}",
            f"{last}, {first}",
            f"{last} {first}",
            f"{last} {first} (Acme)",
            f"{first}{last}",
            f"{name}x",
            f"x{name}",
            f"{name} Notetaker",
            f"Otter.ai {name}",
            f"{first[:1]}. {last}",
            first,
            last,
        )
    )


def shortened(rng: random.Random, name: str) -> str:
    """A name whose words begin words of this one, or nearly."""
    first, *rest = name.split() or ["x"]
    last = rest[-1] if rest else first
    return rng.choice(
        (
            f"{first[:1]}. {last}",
            f"{first[:1]} {last[:1]}",
            f"{first[:2]} {last}",
            f"{last[:3]} {first[:1]}",
            f"{first} {last[:1]}.",
            f"{first[:1]} {last}x",
            first[:1],
            first,
            last,
        )
    )


def with_company(rng: random.Random, name: str, other: str) -> str:
    """A name that shows company, or nearly."""
    return rng.choice(
        (
            f"{name} & {other}",
            f"{name} + 1",
            f"{name} and {other}",
            f"{name} und {other}",
            f"{name} et al.",
            f"{name} with guests",
            f"{name} mit Gast",
            f"Team {name}",
            f"{name}'s family",
            f"{name} AND internals",
            f"{name}+{other}",
            f"{name}&{other}",
            f"{name}, android",  # none of the words
            f"{name} (teams)",
            f"{name} & Otter.ai",  # a bot's
        )
    )


def respelled_number(rng: random.Random, phone: str) -> str:
    """The number in a national or international spelling, or cut: mostly the same last eight digits."""
    digits = "".join(character for character in phone if character in "0123456789")
    return rng.choice(
        (
            f"0{digits[-9:]}",
            f"00{digits}",
            f"+49 (0) {digits[-8:-4]} {digits[-4:]}",
            digits[-8:],
            f"{digits[-8:-4]}/{digits[-4:]}",
            digits[-7:],
            f"{digits[-8:]}0",
            f"{digits[-8:]}*",
            digits,
        )
    )


def some(rng: random.Random, values: Iterable[Any], most: int) -> list[Any]:
    """A few of them."""
    values = list(values)
    return rng.sample(values, rng.randint(0, min(most, len(values))))
