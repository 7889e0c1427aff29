"""The words of the product in the reader's language, through gettext catalogues in ``locale/``.

English is the language of the source, so that no catalogue is read and ``gettext`` is not even imported for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    import gettext

LANGUAGES = ("en", "zh")
CATALOGUE = {"zh": "zh_CN"}
DOMAIN = "kvmready"

_translate: Callable[[str], str] | None = None
_language = "en"
_found: tuple[str, str | None] | None = None
"""What ``_teach_libraries`` found: gettext's default domain, and LANGUAGE in the environment."""


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
    """Speak ``chosen`` from now on. Raises OSError when its catalogue is not installed."""
    global _translate, _language
    if chosen == "en":
        _translate, _language = None, "en"
        _give_back()
        return
    import gettext

    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "locale")
    catalogue: gettext.NullTranslations
    if os.path.isdir(folder):
        catalogue = gettext.translation(DOMAIN, localedir=folder, languages=[CATALOGUE[chosen]])
        _teach_libraries(folder, CATALOGUE[chosen])
    else:
        catalogue = _packed(CATALOGUE[chosen])
        # Nor does gettext's own domain find a file. argparse is not read in yet, and takes these two from there.
        gettext.gettext, gettext.ngettext = catalogue.gettext, catalogue.ngettext
    _translate, _language = catalogue.gettext, chosen


def _packed(name: str) -> gettext.GNUTranslations:
    """The catalogue of a package that is no folder, because it runs from inside an archive. Raises OSError."""
    import gettext
    import io
    import pkgutil

    data = pkgutil.get_data("kvmready", f"locale/{name}/LC_MESSAGES/{DOMAIN}.mo")
    if data is None:
        raise FileNotFoundError(f"kvmready/locale/{name}")
    return gettext.GNUTranslations(io.BytesIO(data))


def _teach_libraries(folder: str, name: str) -> None:
    """Let argparse speak from our catalogue: it asks gettext's default domain, in the language of the environment.

    LANGUAGE beats every other variable there (gettext(3)); the commands that we run get an environment of their own.
    """
    global _found
    import gettext

    if _found is None:
        _found = gettext.textdomain(), os.environ.get("LANGUAGE")
    gettext.bindtextdomain(DOMAIN, folder)
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = name


def _give_back() -> None:
    global _found
    if _found is None:
        return
    import gettext

    domain, variable = _found
    gettext.textdomain(domain)
    if variable is None:
        os.environ.pop("LANGUAGE", None)
    else:
        os.environ["LANGUAGE"] = variable
    _found = None
