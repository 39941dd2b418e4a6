"""The examples of docs/statistics.md give what they say."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from gristmill_evals import statistics

PAGE = (Path(__file__).parents[1] / "docs" / "statistics.md").read_text(encoding="utf-8")


def test_the_examples_print_what_the_page_says() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    test = doctest.DocTestParser().get_doctest(code, {}, "docs/statistics.md", None, 0)
    assert len(test.examples) > 20
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_every_public_function_is_on_the_page() -> None:
    functions = [name for name in statistics.__all__ if name[0].islower()]
    assert [name for name in functions if f"{name}(" not in PAGE and f"`{name}`" not in PAGE] == []
