"""The words of Microsoft Teams in the languages of its users: columns, joining and leaving, guest marks.

Where they come from:

- English is checked against real files in public code; Guest, External and Unverified are the labels that Microsoft
  announced for the names of meeting participants;
- Portuguese column names are those that several public programs read, and of the Spanish ones ``Primera entrada``,
  ``Duración de la reunión`` and ``Id. de participante (UPN)``;
- everything else is from tests of public programs or from memory, **not checked against a real file**. A word that is
  wrong here matches nothing, and the file is refused with the names of its columns; options name the right ones.
"""

# ruff: noqa: RUF001

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from airflow_provider_calcom.attendance.feeds._columns import zone_in_name

_BRACKETS = {")": "(", "）": "（", "]": "[", "】": "【", "］": "［"}
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_WITHIN_BRACKETS = re.compile(r"\([^()]*\)")
# Letters that have no decomposition, and that people and programs write without their stroke or dot.
_PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "’": "'"})

# First Join and Join Time are separate meanings: First Join is the beginning of the first of several stays and hides
# the gaps between them, Join Time is that of a single stay. The same goes for Last Leave and Leave Time.
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
    "action": "User Action, Action, Benutzeraktion, Action de l'utilisateur, Action utilisateur, Acción del usuario, "
    "Ação do usuário, Ação do utilizador, Atividade, Gebruikersactie, Azione utente, Azione dell'utente",
    "timestamp": "Timestamp, Event Timestamp, Zeitstempel, Horodatage, Horodateur, Marca de tiempo, Marca de hora, "
    "Carimbo de data/hora, Tijdstempel, Data e ora, Indicatore data e ora",
    "session": "Session Id",
}

FIELDS = {
    **{meaning: tuple(names.split(", ")) for meaning, names in _COLUMNS.items()},
    "upn": ("Participant ID (UPN)",),
}
"""{what a column means: its names}."""

_JOINED = (
    "joined, beigetreten, teilgenommen, hinzugekommen, rejoint, participé, connecté, unió, unido, ingresó, entró, "
    "incorporó, incorporado, ingressou, entrou, aderiu, participou, juntou, deelgenomen, neemt deel, toegetreden, "
    "partecipato, partecipazione, unito, accesso, entrato, dołączono, dołączył, dołączyła, dołączenie, anslöt, "
    "anslutit, ansluten, gick med, tilsluttet, deltog, deltaget, tiltrådte, ble med, blitt med, deltok, liittyi, "
    "liittynyt, osallistui, připojeno, připojil, připojila, pripojené, pripojil, pripojila, csatlakozott, belépett, "
    "alăturat, a intrat, conectat, присоединился, присоединилась, присоединено, присоединение, вошел, вошла, "
    "подключился, подключилась, приєднався, приєдналася, приєдналась, приєднано, долучився, долучилася, увійшов, "
    "увійшла, присъедини се, присъединил, συνδέθηκε, εντάχθηκε, συμμετείχε, katıldı, katılım, הצטרף, הצטרפה, הצטרפות, "
    "انضم, انضمت, انضمام, tham gia, bergabung, menyertai, pridružio, pridružila, pridruženo, pridružil, prisijungė, "
    "pievienojās, liitus, s'ha unit, 加入, 参加, 參加, 참가, 참여, 참석, 입장, เข้าร่วม"
)
_LEFT = (
    "left, verlassen, gegangen, quitté, quitte, parti, sorti, déconnecté, salió, salido, abandono, abandonó, se fue, "
    "saiu, deixou, abandonou, verlaten, vertrokken, abbandonato, uscito, uscita, lasciato, opuszczono, opuścił, "
    "opuściła, opuszczenie, wyszedł, wyszła, lämnade, lämnat, forlod, forladt, forlot, forlatt, poistui, poistunut, "
    "lähti, odešel, odešla, odpojeno, opuštěno, opustil, opustila, odišiel, odišla, kilépett, elhagyta, távozott, "
    "ieșit, părăsit, plecat, вышел, вышла, покинул, покинула, ушел, ушла, выход, отключился, отключилась, вийшов, "
    "вийшла, покинув, залишив, залишила, напусна, αποχώρησε, αποχώρηση, έφυγε, ayrıldı, ayrılma, çıktı, עזב, עזבה, "
    "יצא, יצאה, غادر, غادرت, مغادرة, rời, rời khỏi, keluar, meninggalkan, napustio, napustila, izašao, izašla, "
    "zapustil, zapustila, išėjo, aizgāja, pameta, lahkus, ha sortit, 离开, 離開, 退出, 退席, 退室, 나감, 퇴장, ออก"
)
_GUESTS = (
    # Somebody without an account of the organisation, in the languages' alphabetical order.
    "guest, ضيف, гост, convidat, convidada, host, hosté, gæst, gast, επισκέπτης, προσκεκλημένος, invitado, invitada, "
    "külaline, gonbidatua, vieras, invité, invitée, convidado, אורח, אורחת, अतिथि, gost, vendég, tamu, ospite, ゲスト, "
    "게스트, 손님, svečias, viesis, tetamu, gjest, gość, oaspete, invitat, vizitator, гость, hosť, gäst, แขก, "
    "ผู้เยี่ยมชม, konuk, misafir, гість, khách, 来宾, 访客, 來賓, 訪客, "
    # Somebody with an account of another organisation.
    "external, خارجي, външен, extern, externí, externý, ekstern, externer, externe, εξωτερικός, externo, externa, "
    "väline, ulkoinen, חיצוני, vanjski, külső, eksternal, esterno, 外部, 외부, išorinis, ārējs, luar, zewnętrzny, "
    "zewnętrzna, użytkownik zewnętrzny, внешний, внешний пользователь, zunanji, spoljni, ภายนอก, harici, dış, "
    "зовнішній, bên ngoài, "
    # Somebody whose account is not checked.
    "unverified, لم يتم التحقق منه, غير متحقق منه, لم يتم التحقق, непроверен, no verificat, neověřeno, neověřený, "
    "neověřená, ikke bekræftet, ubekræftet, ikke verificeret, ikke godkendt, nicht überprüft, nicht verifiziert, "
    "ungeprüft, μη επαληθευμένος, no comprobado, sin comprobar, sin verificar, no verificado, no verificada, "
    "kinnitamata, vahvistamaton, varmistamaton, non vérifié, non vérifiée, לא מאומת, לא מאומתת, nepotvrđeno, nem "
    "ellenőrzött, ellenőrizetlen, tidak terverifikasi, belum diverifikasi, non verificato, non verificata, 未確認, "
    "未検証, 확인되지 않음, 미확인, nepatvirtintas, neverificēts, ikke bekreftet, ubekreftet, ikke verifisert, "
    "uverifisert, niet geverifieerd, ongeverifieerd, niezweryfikowany, niezweryfikowana, niezweryfikowane, não "
    "verificado, não verificada, neverificat, neverificată, не проверено, не проверен, непроверенный, не подтвержден, "
    "неподтвержденный, неподтверждено, neoverené, neoverený, nepreverjeno, neprovereno, overifierad, ej verifierad, "
    "doğrulanmamış, doğrulanmadı, не перевірено, неперевірений, непідтверджений, chưa xác minh, chưa được xác minh, "
    "未验证, 未經驗證, 未驗證"
)


def plain_word(text: str) -> str:
    """Return a word in lower case, without accents, unseen marks of direction, and runs of white space."""
    decomposed = unicodedata.normalize("NFKD", _UNSEEN.sub("", text).casefold())
    bare = "".join(one for one in decomposed if not unicodedata.combining(one)).translate(_PLAIN)
    return " ".join(bare.split())


def column_name(column: str) -> str:
    """Return a column's name as its letters and digits, in lower case, without accents and without a zone."""
    zoned = zone_in_name(column)
    return "".join(one for one in plain_word(zoned.name if zoned else column) if one.isalnum())


def joining_of(word: str, joined: Iterable[str] = (), left: Iterable[str] = ()) -> bool | None:
    """Return True for a joining, False for a leaving, None for a word that is neither or both.

    :param word: what the file says, as ``Joined before``.
    :param joined: the user's own words for a joining.
    :param left: the user's own words for a leaving.
    """
    plain = _bare(word)
    for own, is_joining in ((joined, True), (left, False)):
        if plain in {_bare(one) for one in own}:
            return is_joining
    found = {is_joining for stems, is_joining in _ACTIONS for stem in stems if _holds(plain, stem)}
    return found.pop() if len(found) == 1 else None


def without_guest_mark(name: str | None, marks: Iterable[str] = ()) -> str | None:
    """Return a display name without the marks that Teams puts behind it: ``Ada Lovelace (Guest)``.

    :param marks: the user's own marks, with or without brackets.
    """
    own = {_bare(_within(mark) or mark) for mark in marks}
    while name and (mark := _within(name)) is not None:
        if _bare(mark) not in _MARKS and _bare(mark) not in own:
            break
        name = _UNSEEN.sub("", name).rstrip()[: -len(mark) - 2].rstrip()
    return name or None


def has_guest_mark(name: str | None, marks: Iterable[str] = ()) -> bool:
    """Return whether a display name bears a mark of Teams."""
    return name is not None and without_guest_mark(name, marks) != name


def _bare(word: str) -> str:
    """Return a word without the endings of its other genders: ``Dołączył(a)``, ``Invité(e)``, ``Gość/Gościni``."""
    return " ".join(_WITHIN_BRACKETS.sub("", plain_word(word)).split("/")[0].split()) or plain_word(word)


def _within(name: str) -> str | None:
    """Return the content of the brackets at the end of a name, or None; brackets may hold others."""
    text = _UNSEEN.sub("", name).rstrip()
    opener = _BRACKETS.get(text[-1:])
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == text[-1]) - (text[at] == opener)
        if opener and not depth:
            return text[at + 1 : -1]
    return None


def _holds(plain: str, stem: str) -> bool:
    """Return whether a phrase holds a word; Chinese, Japanese, Korean and Thai part no words."""
    return stem in plain if stem[0] >= "\u0e00" else f" {stem} " in f" {plain} "


def _words(text: str) -> tuple[str, ...]:
    return tuple(_bare(word) for word in text.split(", "))


_ACTIONS = ((_words(_JOINED), True), (_words(_LEFT), False))
_MARKS = frozenset(_words(_GUESTS))
