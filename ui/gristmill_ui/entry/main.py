"""The script Streamlit runs for every rerun of a session.

It lies alone in its folder because Streamlit puts a script's folder first on ``sys.path``, where a
module called, say, ``queue`` would hide the standard library's.
"""

from gristmill_ui.shell import render

render()
