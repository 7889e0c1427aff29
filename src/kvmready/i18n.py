"""The words of the product in the reader's language, through gettext catalogues in ``locale/``.

English is the language of the source, so that no catalogue is read and ``gettext`` is not even imported for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

LANGUAGES = ("en", "zh")
CATALOGUE = {"zh": "zh_CN"}

_translate: Callable[[str], str] | None = None
_language = "en"


def _(text: str) -> str:
    """Return ``text`` in the chosen language; placeholders are filled in by the caller with ``str.format``."""
    return text if _translate is None else _translate(text)


def N_(text: str) -> str:
    """Mark ``text`` for the catalogue without translating it now (tables that are built at import)."""
    return text


def language() -> str:
    """The language in use, one of ``LANGUAGES``."""
    return _language


def from_environment(environment: Mapping[str, str]) -> str:
    """The language that the POSIX locale variables ask for (locale(7): LC_ALL beats LC_MESSAGES beats LANG)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def use(chosen: str) -> None:
    """Speak ``chosen`` from now on. Raises FileNotFoundError when its catalogue is not installed."""
    global _translate, _language
    if chosen == "en":
        _translate, _language = None, "en"
        return
    import gettext

    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "locale")
    catalogue = gettext.translation("kvmready", localedir=folder, languages=[CATALOGUE[chosen]])
    _translate, _language = catalogue.gettext, chosen
