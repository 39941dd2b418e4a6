"""A browser session without a browser: Streamlit's protocol over a real websocket, as its own front end
speaks it.

Messages are the protobuf types ``BackMsg`` (to the server) and ``ForwardMsg`` (from it). A press of a button
is a rerun with the button's trigger set; parts of the page that refresh themselves (``run_every``) are asked
for at their interval, as the front end does.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 60.0
_DONE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass
class Browser:
    """One open page."""

    url: str
    buttons: dict[str, str] = field(default_factory=dict)
    """Buttons of the page that can be pressed, id by label."""
    fields: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    query: str = ""
    _socket: ClientConnection | None = None
    _page: str = ""
    _fresh: dict[str, str] = field(default_factory=dict)
    _timers: list[asyncio.Task[None]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _reader: asyncio.Task[None] | None = None

    @property
    def item(self) -> str:
        """The row that the address names."""
        return parse_qs(self.query).get("item", [""])[0]

    async def open(self) -> None:
        """Connect and draw the page for the first time."""
        address = self.url.replace("http", "ws", 1) + "/_stcore/stream"
        self._socket = await connect(
            address, subprotocols=["streamlit"], origin=self.url, max_size=None, ping_interval=None,
            compression=None,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read())
        await self._rerun()

    async def close(self) -> None:
        """Leave, as a closed tab does."""
        for task in (*self._timers, self._reader):
            if task is not None:
                task.cancel()
        if self._socket is not None:
            await self._socket.close()

    async def press(self, label: str, **texts: str) -> None:
        """Press a button, with what stands in text fields (by label)."""
        state = ClientState(query_string=self.query, page_script_hash=self._page)
        for name, text in texts.items():
            state.widget_states.widgets.add(id=self.fields[name], string_value=text)
        state.widget_states.widgets.add(id=self.buttons[label], trigger_value=True)
        await self._send(state)

    async def until(self, wanted: object, what: str) -> None:
        """Wait until ``wanted()`` holds after a run of the script.

        Raises:
            TimeoutError: it never did.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                while not wanted():  # type: ignore[operator]
                    if self.errors:
                        raise RuntimeError(f"while waiting for {what}: {self.errors[0]}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"no {what.removeprefix('the ')} within {PATIENCE:.0f} s") from None

    async def _rerun(self, fragment: str = "") -> None:
        state = ClientState(query_string=self.query, page_script_hash=self._page)
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment)
        await self._send(state)

    async def _send(self, state: ClientState) -> None:
        assert self._socket is not None
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    async def _read(self) -> None:
        assert self._socket is not None
        async for data in self._socket:
            message = ForwardMsg()
            message.ParseFromString(data if isinstance(data, bytes) else data.encode())
            self._take(message)

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page, self._fresh = message.new_session.page_script_hash, {}
        elif kind == "delta":
            self._draw(message)
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            self._timers.append(asyncio.create_task(self._again(message)))
        elif kind == "script_finished" and message.script_finished in _DONE:
            if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                self.buttons = self._fresh
            self._changed.set()

    def _draw(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "button" and not element.button.disabled:
            self._fresh[element.button.label] = element.button.id
        elif kind == "text_input":
            self.fields[element.text_input.label] = element.text_input.id
        elif kind == "exception":
            self.errors.append(f"{element.exception.type}: {element.exception.message}")

    async def _again(self, message: ForwardMsg) -> None:
        while True:
            await asyncio.sleep(message.auto_rerun.interval)
            with contextlib.suppress(ConnectionError):
                await self._rerun(message.auto_rerun.fragment_id)
