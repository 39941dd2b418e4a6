"""The review app while working on it: ``streamlit run ui/app.py -- FILE.duckdb``.

Users start it with ``gristmill review``, which also serves other commands while the app holds the file.
"""

import sys
from pathlib import Path

from gristmill_ui.owner import attach_file
from gristmill_ui.shell import render

if len(sys.argv) > 1:
    attach_file(Path(sys.argv[1]))
render()
