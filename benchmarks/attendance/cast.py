"""The people of the world, and the ways in which they write their names and telephones. All are invented."""

from __future__ import annotations

import unicodedata
from random import Random

from benchmarks.attendance.world import COMPANY, Someone

_FIRST_NAMES = (
    "Ada Amina Ana Andrea Anna Bob Carla Chen Chidi Clara Daniel David Diego Elif Elena Emma Eva Fatima Felix Finn "
    "Giulia Hannah Hugo Ines Ivan Jakub James Jan Jane Jürgen João José Julia Kim Lara Laura Léa Leon Li Lucas Luis "
    "Maja Marek Maria Mark Marta Max Mei Mia Milan Mina Mohamed Nadia Nina Noah Nora Olga Omar Paul Petra Priya Rafael "
    "Robert Rosa Sami Sara Sofia Søren Tarek Tim Tom Victor Wei Yusuf Zoë"
)
_LAST_NAMES = (
    "Abbott Adeyemi Ahmed Almeida Andersen Bauer Becker Bianchi Brown Cohen Costa Dubois Eriksson Evans Fischer "
    "Fernández Flores Fontaine Garcia Gomez Grant Gruber Haas Hansen Hoffmann Horváth Ibrahim Ito Ivanova Jansen "
    "Jensen Jones Kaya Keller Khan Kim Kowalski Kumar Larsen Lee Lefèvre Lopez Martin Meyer Moreau Müller Murphy "
    "Nakamura Nguyen Novak Oliveira Okafor Olsen Park Patel Pereira Petrov Popescu Rahman Ricci Romano Rossi Santos "
    "Sato Schmidt Schneider Sharma Silva Singh Smith Sørensen Suzuki Svoboda Tanaka Taylor Torres Vogel Wagner Walsh "
    "Weber Williams Wilson Wong Y\u0131lmaz Young Zhang Zimmermann"
)
_CLIENTS = "borealis cobalt delta eastgate fjord garnet harbor indigo juniper"
FIRST_NAMES, LAST_NAMES = _FIRST_NAMES.split(), _LAST_NAMES.split()
CLIENTS = [f"{name}.example" for name in _CLIENTS.split()]
MAIL = ("mail.example", "post.example", "inbox.example")
NICKNAMES = {"Robert": "Bob", "James": "Jim", "Daniel": "Dan", "David": "Dave", "Hannah": "Hanni", "Elena": "Lena"}
DEVICES = ("iPhone", "iPad", "Galaxy S24", "DESKTOP-7Q2K", "Guest", "Zoom user", "Conference Room 2", "Me", "User")


def someone(rng: Random, number: int, domain: str | None = None) -> Someone:
    """Make a person; with a domain, somebody of that company."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    local = plain(f"{first}.{last}").lower()
    own = f"{local}{number}@{rng.choice(MAIL)}"
    if domain is None:
        domain = rng.choice(CLIENTS) if rng.random() < 0.7 else rng.choice(MAIL)
    return Someone(
        number=number,
        first=first,
        last=last,
        email=f"{local}.{number}@{domain}",
        other_email=own.replace(".", "", 1) if rng.random() < 0.5 else own.replace("@", "+work@"),
        phone=f"+1617{200 + number // 10000 % 700}{number % 10000:04}",
    )


def internal(rng: Random, number: int) -> Someone:
    """Make somebody of the hosts' company."""
    return someone(rng, number, COMPANY if rng.random() < 0.8 else f"eu.{COMPANY}")


def plain(name: str) -> str:
    """Return a name in ASCII, as people type it on foreign keyboards."""
    for letter, typed in (("ø", "o"), ("\u0131", "i"), ("ü", "ue"), ("ß", "ss")):
        name = name.replace(letter, typed)
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


def other_name(rng: Random, person: Someone) -> str:
    """Return a name of two words or more by which a person goes, and which Cal.com does not have."""
    first, last = person.first, person.last
    variants = [
        f"{last}, {first}",
        f"{first[0]}. {last}",
        f"{first} {last} ({person.email.partition('@')[2]})",
        f"{first} {last} | Sales",
        f"{first} {last[:-1]}",
        f"{first}{last[0]} {last}",
        f"{first} {rng.choice(LAST_NAMES)}-{last}",
        f"Dr. {first} {last}",
        f"{first}'s {rng.choice(('iPhone', 'iPad', 'MacBook Pro'))}",
        f"{first[:-1]} {last}{last[-1]}",
    ]
    if first in NICKNAMES:
        variants.append(f"{NICKNAMES[first]} {last}")
    if not person.name.isascii():
        variants += [plain(person.name), unicodedata.normalize("NFD", person.name)]
    return rng.choice(variants)


def one_word(rng: Random, person: Someone) -> str:
    """Return a name of one word, or of a device."""
    return rng.choice((person.first, person.first, person.first.lower(), person.last, rng.choice(DEVICES)))


def dialled(rng: Random, phone: str) -> str:
    """Return a telephone number as another system writes it."""
    digits = phone.removeprefix("+")
    return rng.choice((phone, digits, f"+1 ({digits[1:4]}) {digits[4:7]}-{digits[7:]}", f"tel:{phone}"))


def masked(phone: str) -> str:
    """Return a telephone number as vendors hide a part of it."""
    return f"{phone[:5]}***{phone[-2:]}"


def bot_name(rng: Random, owner: Someone) -> str:
    """Return the name of a note-taking bot that the default policy knows."""
    return rng.choice(
        (
            f"{owner.first}'s Otter.ai",
            f"{owner.name}'s Notetaker",
            "Fireflies.ai Notetaker",
            "read.ai meeting notes",
            f"{owner.first}'s Fathom.video",
            "tl;dv recorder",
            "Avoma Assistant",
        )
    )


def unlisted_bot_name(rng: Random) -> str:
    """Return the name of a bot that the default policy does not know."""
    return rng.choice(("Grain", "MeetGeek Recorder", "Gong", "Supernormal Bot", "Notta"))
