"""The attendance files that organisers download from Microsoft Teams; :mod:`teams <.teams>` makes rows of them.

Three generations are read, each by the names of its columns, tab or comma separated, in UTF-16 or UTF-8:

- since 2022, a report of numbered sections: ``1. Summary``, ``2. Participants`` (Name, First Join, Last Leave,
  In-Meeting Duration, Email, Participant ID (UPN), Role, with Teams Premium counts of reactions), ``3. In-Meeting
  Activities`` (Name, Join Time, Leave Time, Duration, Email, Role; a row a stay) and, with Teams Premium,
  ``4. Meeting Engagement``. Webinars add a Registration Email;
- 2021: lines of a summary without numbers, then Full Name, Join Time, Leave Time, Duration, Email, Role, Participant ID
  (UPN), a row a stay;
- 2020, downloaded while the meeting runs: Full Name, User Action (Joined before, Joined, Left), Timestamp.

English files are checked against real ones in public code (dvaneynde/teams-attendance, so-okada/noshow,
gspahlin/MS_Teams_attendance_formatter), among them dates in both orders; ``First Join (UTC)`` is known from a program
that reads it. Names of columns in other languages: the Portuguese ones are those that several public programs read, and
of the Spanish ones ``Primera entrada``, ``Duración de la reunión`` and ``Id. de participante (UPN)``; the others, and
the German, French, Italian and Dutch ones, are from tests of public programs or from memory, **not checked against a
real file**. A second count in the summary (people who are not named) is known from one public program.

Names that are not known are an error that shows them, and the option ``columns`` mends it: {``name``, ``email``,
``upn``, ``joined_at``, ``left_at``, ``first_join``, ``last_leave``, ``duration``, ``action``, ``timestamp``: the file's
own column}.

Times are in the organiser's zone (option ``zone``) and in the order of their locale (option ``date_format``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from airflow_provider_calcom.attendance.feeds.errors import UnreadableField
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.record import Record
from airflow_provider_calcom.attendance.feeds.tables import Placed, TableLine, header_of, is_blank, record_of_line
from airflow_provider_calcom.attendance.feeds.times import as_utc, seconds_of

SECTION, START, END = "teams report section", "teams report start", "teams report end"
"""Columns, put beside a line's own, that say where in a report it stood, and when the meeting was."""

PARTICIPANTS, ACTIVITIES, UNNAMED = "participants", "activities", "unnamed"
"""``UNNAMED`` is no line, but what the summary says: that there were people whom the report does not name."""

_TITLE = re.compile(r"(\d+)\.\s+\S")
_INTEGER = re.compile(r"\d{1,6}", re.ASCII)
_REGISTERED = re.compile(r"regist|inscri|iscritt|geregistr|anmeld")
_FEWEST_COLUMNS = 3

# A first join is not a join: the one hides gaps that the other shows.
_COLUMNS = {
    "name": "Name, Full Name, Display Name, Vollständiger Name, Nom, Nom complet, Nombre, Nombre completo, Nome, "
    "Nome completo, Naam, Volledige naam",
    "email": "Email, Email Address, E-Mail-Adresse, Adresse e-mail, Adresse de messagerie, Courriel, "
    "Correo electrónico, Dirección de correo electrónico, Endereço de email, Endereço de e-mail, Correio eletrónico, "
    "E-mailadres, Indirizzo e-mail, Indirizzo di posta elettronica, Posta elettronica",
    "registration_email": "Registration Email",
    "first_join": "First Join, First Join Time, Erster Beitritt, Erste Teilnahme, Première connexion, "
    "Première participation, Première arrivée, Première entrée, Première jonction, Primera entrada, Primera unión, "
    "Primera conexión, Primeira entrada, Primeiro ingresso, Primeira adesão, Primeira participação, "
    "Eerste deelname, Eerste toetreding, Prima partecipazione, Primo accesso, Primo ingresso",
    "last_leave": "Last Leave, Last Leave Time, Letztes Verlassen, Letzter Austritt, Dernière déconnexion, "
    "Dernière sortie, Dernier départ, Última salida, Última desconexión, Última saída, Laatste vertrek, "
    "Laatst verlaten, Laatste keer verlaten, Ultima uscita, Ultimo abbandono",
    "joined_at": "Join Time, Joined, Beitrittszeit, Beitrittszeitpunkt, Zeitpunkt des Beitritts, Beitritt, Beitreten, "
    "Heure d'arrivée, Heure de connexion, Heure de jonction, Heure d'entrée, Heure de participation, "
    "Hora de unión, Hora de entrada, Hora de conexión, Hora de incorporación, Horário de entrada, Hora de ingresso, "
    "Hora de adesão, Tijd van deelname, Deelnametijd, Tijdstip van deelname, Tijd van toetreding, Ora di ingresso, "
    "Ora di accesso, Ora di partecipazione, Ora partecipazione",
    "left_at": "Leave Time, Left, Verlassenszeit, Austrittszeit, Zeitpunkt des Verlassens, Verlassen, "
    "Heure de départ, Heure de déconnexion, Heure de sortie, Hora de salida, Hora de desconexión, "
    "Horário de saída, Hora de saída, Tijd van vertrek, Vertrektijd, Tijdstip van vertrek, Tijd van verlaten, "
    "Ora di uscita, Ora uscita, Ora di abbandono",
    "duration": "Duration, In-Meeting Duration, Dauer, Dauer der Besprechung, Dauer in der Besprechung, "
    "Besprechungsdauer, Teilnahmedauer, Durée, Durée de la réunion, Durée dans la réunion, Duración, "
    "Duración de la reunión, Duración en la reunión, Duração, Duração da reunião, Duração na reunião, Duur, "
    "Duur in vergadering, Vergaderduur, Duur van de vergadering, Durata, Durata riunione, Durata della riunione",
    "action": "User Action, Benutzeraktion, Action de l'utilisateur, Action utilisateur, Acción del usuario, "
    "Ação do usuário, Ação do utilizador, Atividade, Gebruikersactie, Azione utente, Azione dell'utente",
    "timestamp": "Timestamp, Zeitstempel, Horodatage, Horodateur, Marca de tiempo, Marca de hora, "
    "Carimbo de data/hora, Tijdstempel, Data e ora, Indicatore data e ora",
}
_JOINED = (
    "joined",
    *("beigetreten", "vorher beigetreten", "zuvor beigetreten", "bereits beigetreten"),
    *("a rejoint", "rejoint"),
    *("se unio", "unido", "unio", "ingreso", "entro"),
    *("ingressou", "entrou", "aderiu"),
    *("deelgenomen", "neemt deel", "toegetreden"),
    *("ha partecipato", "partecipazione", "si e unito", "accesso", "entrato"),
)
_LEFT = (
    "left",
    *("verlassen", "hat verlassen"),
    *("a quitte", "quitte", "parti"),
    *("salio", "abandono", "se fue"),
    *("saiu", "deixou"),
    *("verlaten", "heeft verlaten", "vertrokken"),
    *("ha abbandonato", "abbandonato", "uscito", "uscita"),
)
_GUESTS = (
    "guest|external|unverified|gast|extern|nicht überprüft|invité|invitée|externe|non vérifié|invitado|externo|"
    "no comprobado|sin verificar|convidado|não verificado|ospite|esterno|non verificato|niet geverifieerd"
)
_GUEST = re.compile(rf"\s*\((?:{_GUESTS})\)\s*$", re.IGNORECASE)


def records_of_report(lines: Iterable[TableLine]) -> Iterator[Placed]:
    """Give the records of a file's tables, each with where it stood; the summary gives none of its own."""
    section: int | None = None
    header: list[str] | None = None
    summary: list[TableLine] = []
    for line in lines:
        filled = [cell for cell in line.cells if cell.strip()]
        title = _TITLE.match(filled[0].strip()) if len(filled) == 1 else None
        if title:
            section, header = int(title[1]), None
        elif is_blank(line) or (section is not None and section > 3):
            continue
        elif header is None and (section == 1 or (section is None and len(filled) < _FEWEST_COLUMNS)):
            summary.append(line)
        elif header is None:
            header = header_of(line)
        else:
            record = record_of_line(header, line)
            yield line.row, record if isinstance(record, UnreadableField) else {**record, **_place(section, summary)}
    yield from _unnamed(summary)


def _place(section: int | None, summary: list[TableLine]) -> dict[str, str | None]:
    if section != 2:
        return {SECTION: ACTIVITIES} if section else {}
    start, end = _times(summary)
    return {SECTION: PARTICIPANTS, START: start, END: end}


def _pairs(summary: list[TableLine]) -> list[list[str]]:
    return [[cell.strip() for cell in line.cells if cell.strip()] for line in summary]


def _counts(pairs: list[list[str]]) -> list[int]:
    """Give where the summary counts people who attended. The words around are in the organiser's language."""
    found = [at for at, pair in enumerate(pairs) if len(pair) == 2 and _INTEGER.fullmatch(pair[1])]
    return [at for at in found if not _REGISTERED.search(_folded(pairs[at][0]))]


def _times(summary: list[TableLine]) -> tuple[str | None, str | None]:
    """Give the start and end of the meeting, which follow the counts."""
    pairs = _pairs(summary)
    counts = _counts(pairs)
    times = [pair[1] for pair in pairs[counts[-1] + 1 :] if len(pair) == 2] if counts else []
    return (times[0], times[1]) if len(times) > 1 else (None, None)


def _unnamed(summary: list[TableLine]) -> Iterator[Placed]:
    """Give a record where the summary has a second count: of people who chose not to be named in reports."""
    pairs = _pairs(summary)
    counts = _counts(pairs)
    if len(counts) > 1 and int(pairs[counts[1]][1]):
        start, end = _times(summary)
        yield summary[counts[1]].row, {SECTION: UNNAMED, START: start, END: end}


def without_guest_mark(name: str | None) -> str | None:
    """Give a display name without the marks that Teams puts behind it: ``Ada Lovelace (Guest)``."""
    while name and (mark := _GUEST.search(name)):
        name = name[: mark.start()]
    return name or None


class Line:
    """One line of a file, by what its columns mean.

    :param record: the line.
    :raises UnreadableField: if its columns are not known, naming them.
    """

    def __init__(self, record: Record) -> None:
        own = tuple(sorted(record.options.columns.items()))
        self._header = _meanings(tuple(name for name in record.columns if name not in (SECTION, START, END)), own)
        utc = any("(UTC)" in self._header.get(name, "").upper() for name in ("first_join", "joined_at", "timestamp"))
        self.record = Record(record.columns, _in_utc(record.options)) if utc else record

    @property
    def is_event(self) -> bool:
        """Whether it tells of a joining or leaving, and not of a stay."""
        return {"action", "timestamp"} <= self._header.keys()

    def text(self, meaning: str) -> str | None:
        """Give a column's text, or None."""
        return self.record.text(self._header[meaning]) if meaning in self._header else None

    def moment(self, *meanings: str, is_end: bool = False) -> datetime | None:
        """Give the time of the first of these columns that is not blank, or None."""
        columns = (self._header[one] for one in meanings if one in self._header)
        return next((at for column in columns if (at := self.record.moment(column, is_end=is_end))), None)

    def stay(self) -> tuple[str | None, str | None]:
        """Give when a person joined and left; where a leave is missing, by the duration."""
        joined, left = self.moment("joined_at", "first_join"), self.moment("left_at", "last_leave", is_end=True)
        seconds = seconds_of(self.text("duration"))
        if joined is not None and left is None and seconds is not None:
            left = joined + timedelta(seconds=seconds)
        return as_utc(joined) if joined else None, as_utc(left) if left else None

    def joined(self) -> bool:
        """Whether the event is a joining; otherwise a leaving.

        :raises UnreadableField: if its word is not known.
        """
        word = " ".join(_unaccented(self.text("action") or "").split())
        for stems, is_joining in ((_JOINED, True), (_LEFT, False)):
            if any(word == stem or word.startswith(f"{stem} ") for stem in stems):
                return is_joining
        raise UnreadableField(self._header["action"], "is neither joined nor left in a known language")


@lru_cache(maxsize=256)
def _meanings(header: tuple[str, ...], own: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Give {meaning: column} of a header."""
    folded = {_folded(column): column for column in reversed(header)}
    found = {meaning: folded[_folded(column)] for meaning, column in own if _folded(column) in folded}
    for meaning, names in _FOLDED.items():
        column = next((folded[name] for name in names if name in folded), None)
        if column is not None and column not in found.values():
            found.setdefault(meaning, column)
    upn = next((column for name, column in folded.items() if name.endswith("upn")), None)
    if upn is not None:
        found.setdefault("upn", upn)
    if "name" not in found or not (
        found.keys() & {"first_join", "joined_at"} or {"action", "timestamp"} <= found.keys()
    ):
        raise UnreadableField(
            None,
            "the columns are those of no answer of Microsoft Graph, and of no Teams file in a known language:"
            f" {', '.join(header)[:300]}. For a file, name them with the option columns, for instance"
            " columns={'name': ..., 'joined_at': ..., 'left_at': ...}",
        )
    return found


def _unaccented(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))


def _folded(column: str) -> str:
    """Give a column's letters and digits, small and without accents, and without a zone."""
    return "".join(one for one in re.sub(r"\(utc\)", "", _unaccented(column)) if one.isalnum())


_FOLDED = {meaning: [_folded(name) for name in names.split(", ")] for meaning, names in _COLUMNS.items()}


def _in_utc(options: FeedOptions) -> FeedOptions:
    return replace(options, zone="UTC")
