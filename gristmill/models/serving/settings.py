"""What a recipe says about a server that is started for a model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from gristmill.records import content_id

PORT = "{port}"
VLLM_ONLY = ("python", "model", "args")
OTHERS_ONLY = ("command", "health", "api_path", "api_key_variable")
# With vLLM these are Gristmill's to say: they must agree with where it looks and what it asks for.
OURS = ("--host", "--port", "--model", "--served-model-name", "--uds", "--root-path")
_SECRET = re.compile(r"(?i)(^|_)(api_?key|key|token|secret|passw(or)?d|credentials?)(_|$)")


def _as_text(value: Any) -> Any:
    """A number or yes/no of the YAML file as one would have typed it on a command line."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, (int, float)) else value


Text = Annotated[str, BeforeValidator(_as_text)]


class ServeSpec(BaseModel):
    """``serve`` of a model: start a server for it, on a free port of this machine.

    ``engine: vllm`` runs vLLM's own server with ``python`` (default: the one that runs Gristmill), for
    ``model`` (a folder or a name; default: the name behind ``openai:``) and further ``args``.
    ``engine: command`` runs ``command``, in which ``{port}`` stands for the port, ``{host}`` for 127.0.0.1
    and ``{name}`` for the model's name; it is up when GET ``health`` answers 200. ``api_key_variable`` names
    the environment variable that this server reads its key from. ``env`` is added to the environment,
    ``cwd`` is where it runs (default: the recipe's folder), ``log`` where its output goes (default: beside
    the store). ``start_timeout`` and ``stop_timeout`` are in seconds; a server that dies is started again
    at most ``restarts`` times.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    engine: Literal["vllm", "command"] = "vllm"
    python: str | None = Field(default=None, min_length=1)
    model: str | None = Field(default=None, min_length=1)
    args: tuple[Text, ...] = ()
    command: tuple[Text, ...] = ()
    health: str | None = Field(default=None, pattern=r"^/")
    api_path: str = Field(default="/v1", pattern=r"^(/[^?#]*[^/?#])?$")
    api_key_variable: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    env: dict[str, Text] = Field(default_factory=dict)
    cwd: str | None = Field(default=None, min_length=1)
    log: str | None = Field(default=None, min_length=1)
    start_timeout: float = Field(default=600.0, gt=0)
    stop_timeout: float = Field(default=10.0, ge=0)
    restarts: int = Field(default=2, ge=0)
    _root: Path = PrivateAttr(default=Path())
    _store: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _consistent(self) -> ServeSpec:
        named = self.model_fields_set
        if self.engine == "vllm":
            _none_of(named, OTHERS_ONLY, "engine: vllm takes no {}; write engine: command for another server")
            _none_of(_flags(self.args), OURS, "args: {} is set by gristmill itself")
        else:
            _none_of(named, VLLM_ONLY, "engine: command takes no {}: put it into the command")
            if not self.command or not any(PORT in part for part in self.command):
                raise ValueError("engine: command needs a command: [...] with {port} in it")
        _none_of(
            _flags((*self.args, *self.command)),
            ("--api-key", "--hf-token"),
            "{} would show in the list of processes: gristmill makes a key itself and passes it in the "
            "environment (command: api_key_variable); other secrets belong there as well",
        )
        secret = next((name for name in self.env if _SECRET.search(name)), None)
        if secret is not None:
            raise ValueError(
                f"env: {secret} looks like a secret, and a recipe is kept with every run: set it in the "
                "environment of gristmill, the server inherits it"
            )
        return self

    def place(self, root: Path, store: Path) -> None:
        """Say where relative paths start and where the store is."""
        self._root, self._store = root, store

    @property
    def folder(self) -> Path:
        """Where the server runs."""
        return (self._root / Path(self.cwd or ".").expanduser()).resolve()

    def log_file(self, name: str) -> Path:
        """Where the output of the server of model ``name`` goes."""
        if self.log is not None:
            return (self._root / Path(self.log).expanduser()).resolve()
        safe = re.sub(r"[^\w.-]+", "-", name)
        store = self._store or self._root / "gristmill.duckdb"
        return store.with_name(f"{store.name}.server-{safe}.log").resolve()

    def identity(self, name: str) -> str:
        """Equal for roles that can share one server."""
        return content_id("server", name, self.model_dump(mode="json", exclude={"log"}), str(self.folder))

    def alias(self, name: str) -> str:
        """An address that stands for the server in limits and traces, whatever port it has."""
        return f"http://{self.engine}-{self.identity(name).rpartition('-')[2][:8]}.localhost{self.api_path}"


def _flags(arguments: Iterable[str]) -> set[str]:
    """The options in a list of arguments, as written out: ``--a_b=c`` is ``--a-b``."""
    return {arg.partition("=")[0].replace("_", "-") for arg in arguments if arg.startswith("-")}


def _none_of(given: Iterable[str], forbidden: tuple[str, ...], message: str) -> None:
    found = sorted(set(given) & set(forbidden))
    if found:
        raise ValueError(message.format(found[0]))
