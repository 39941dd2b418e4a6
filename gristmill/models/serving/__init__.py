"""Servers that Gristmill starts itself, for engines that live in an environment of their own.

A model with ``serve`` is an ``openai:`` model whose server is started before its first call and stopped
when the last role that uses it is done: :mod:`settings` (what a recipe says), :mod:`command` (what is run),
:mod:`keeper` (the small process between us and the server, which never outlives us), :mod:`server` (one
running server), :mod:`backend` (the model behind it).
"""
