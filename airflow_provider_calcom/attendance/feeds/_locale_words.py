"""Words of many languages in times and lengths of time, as the locales of CLDR print them."""
# ruff: noqa: RUF001 - letters of other alphabets are meant

from __future__ import annotations

import re

AM = (
    *("am", "a.m.", "a. m.", "a.m", "上午", "午前", "凌晨", "早上", "오전", "de.", "d.e.", "dop.", "dop"),
    *("пр.об.", "пр. об.", "π.μ.", "πμ", "öö", "ص", "sa", "fm", "f.m.", "e paradites", "ip."),
)
"""The first half of the day; the option ``am_words`` adds others."""

PM = (
    *("pm", "p.m.", "p. m.", "p.m", "下午", "午後", "晚上", "오후", "du.", "d.u.", "odp.", "odp"),
    *("сл.об.", "сл. об.", "μ.μ.", "μμ", "ös", "م", "ch", "em", "e.m.", "e pasdites", "ap."),
)
"""The second half of the day; the option ``pm_words`` adds others."""

HOURS = ("h", "st", "sa", "t", "u", "o", "ó", "g", "j", "ч", "ώ", "ω", "שע", "ساع", "ชั่ว", "小", "时", "時", "시")
"""How units of hours begin: hour, heure, hora, Stunde, tim, saat, time, uur, ora, godzina and so on."""

MINUTES = ("m", "p", "dk", "dak", "м", "х", "λ", "דק", "دق", "นาที", "分", "분")
"""How units of minutes begin."""

SECONDS = ("s", "mp", "másod", "gi\u00e2y", "det", "dtk", "с", "δ", "שנ", "ثا", "ثو", "วิ", "秒", "초")
"""How units of seconds begin. The longest beginning counts: the German Std. and the Turkish sa begin with an s, too."""

IN_MINUTES = re.compile(r"(?<![^\W\d_])min(?:ut\w*|s)?(?![^\W\d_])|[(（](?:분|分\w?|мин\w*)\.?[)）]", re.IGNORECASE)
"""A column's name that says that its numbers are minutes: Duration (Minutes), Dauer (Minuten), 기간(분)."""
