"""One module a page, each with a ``render()`` that only draws."""
