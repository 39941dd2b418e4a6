"""Charts as inline SVG: drawn here, without a browser, a network or a font file."""

from __future__ import annotations

import re

import altair as alt

from gristmill_evals.charts import Chart, themed

_ARIA = re.compile(r' (?:aria-[a-z]+|role|class|pointer-events|xmlns:xlink|version)="[^"]*"')
_ID = re.compile(r'\bid="([^"]+)"|url\(#([^)]+)\)|href="#([^"]+)"')
_DECIMALS = re.compile(r"(\d+\.\d{2})\d+(?=[^<>]*>)")  # of places in tags, not of the texts between them
_SIZE = re.compile(r'<svg ([^>]*?)width="([\d.]+)" height="([\d.]+)"')


def svg(chart: Chart, name: str) -> str:
    """The chart as an ``<svg>`` element; ids in it start with ``name``, so many fit into one page.

    The colours are those of the palette: the page's style sheet exchanges them in the dark.
    """
    import vl_convert

    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    raw = vl_convert.vegalite_to_svg(themed(chart).to_json(), vl_version=version, allowed_base_urls=[])
    slim = _DECIMALS.sub(r"\1", _ARIA.sub("", raw))
    return _SIZE.sub(_responsive, _ID.sub(lambda found: _prefixed(found, name), slim), count=1)


def _prefixed(found: re.Match[str], name: str) -> str:
    ours = next(group for group in found.groups() if group)
    return found[0].replace(ours, f"{name}-{ours}")


def _responsive(found: re.Match[str]) -> str:
    """The drawing scales with its column, up to a fifth over its own size."""
    width = float(found[2])
    return f'<svg {found[1]}style="max-width:{1.2 * width:.0f}px" aria-hidden="true" focusable="false"'
