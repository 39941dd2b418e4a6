"""The rules behind ``offline:extractive``: no model, no download, the same answer every time.

Everything works from ``Task.inputs`` (strings unless said otherwise):

=========  =======================================================================================
task       inputs
=========  =======================================================================================
qa         passage, heading_path (list), document_title, count (int), types (list; empty means any)
summary    passage, heading_path, document_title
rewrite    passage, heading_path, style (``bullets``, ``plain`` or ``steps``)
answer     question, passage, heading_path
corrupt    question, response, passage, fault (``unsupported_claim``, ``omission``, ``off_topic``)
rate       question, response, passage
rubric     question, response, passage, reference ("" if none), criteria (list of id, text, points, and
           lowest and highest grade where there is a scale), must_assess (bool), judges
criteria   question, passage, reference; refused
pair       question, first, second, passage, reference ("" if none), scale (int; 0 asks for a winner),
           fields (list, the names wanted; all when empty)
=========  =======================================================================================

See ``docs/offline.md`` for what is asked, what is judged and what it cannot do.
"""

from __future__ import annotations

RULES_VERSION = "1"
"""Part of the backend's name, hence of every cache key: raise it when rules change."""
