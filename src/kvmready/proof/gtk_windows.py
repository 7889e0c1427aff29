"""Runs a program that is written in Python and draws with GTK, and tells what its windows show, as one line of JSON
each time that changes. Given to the program's own Python as text: it imports nothing of this package.

``gtk_windows.py WORD FOLDER PROGRAM [ARGUMENT]...``: WORD begins each line, FOLDER is that of the program's modules. A
line holds an object with a list ``windows``: ``title``, ``said`` (of a message box) and ``rows``, the texts that are to
be seen in the rows of its lists.
"""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False  # it runs without the package
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LOOK_EVERY = 250
"""Milliseconds."""


def rows_of(gtk: Any, view: Any) -> list[str]:
    """The texts of the rows of a list that are not folded away."""
    found: list[str] = []
    columns = [column for column in view.get_columns() if column.get_visible()]

    def visit(model: Any, path: Any, place: Any) -> bool:
        words = []
        for column in columns:
            if view.get_background_area(path, column).height == 0:
                return False
            column.cell_set_cell_data(model, place, False, False)
            for cell in column.get_cells():
                if isinstance(cell, gtk.CellRendererText) and cell.get_visible():
                    words.append(cell.get_property("text") or "")
        found.append(" ".join(" ".join(words).split()))
        return False

    if view.get_model() is not None:
        view.get_model().foreach(visit)
    return found


def window_of(gtk: Any, window: Any) -> dict[str, Any]:
    rows: list[str] = []

    def visit(widget: Any) -> None:
        if not widget.get_mapped():
            return
        if isinstance(widget, gtk.TreeView):
            rows.extend(rows_of(gtk, widget))
        elif isinstance(widget, gtk.Container):
            widget.foreach(visit)

    visit(window)
    said = ""
    if isinstance(window, gtk.MessageDialog):
        said = f"{window.get_property('text') or ''} {window.get_property('secondary-text') or ''}".strip()
    return {"title": window.get_title() or "", "said": said, "rows": rows}


def teller(word: str) -> Callable[[], bool]:
    """What looks at the windows, for GLib's timer."""
    import json

    last = [""]
    out = sys.stdout  # the program may put another in its place

    def look() -> bool:
        gtk = importlib.import_module("gi.repository.Gtk")  # the program has chosen its version by now
        shown = [window_of(gtk, window) for window in gtk.Window.list_toplevels() if window.get_mapped()]
        line = json.dumps({"windows": shown})
        if line != last[0]:
            last[0] = line
            print(word, line, file=out, flush=True)
        return True

    return look


def main() -> None:
    import runpy

    word, folder, program = sys.argv[1:4]
    sys.argv[:] = sys.argv[3:]
    sys.path.insert(0, folder)
    importlib.import_module("gi.repository.GLib").timeout_add(LOOK_EVERY, teller(word))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
