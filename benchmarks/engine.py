"""How busy a run keeps an endpoint, what a call costs the client, and how much memory it takes.

A loopback server answers after a lognormal time (mean 1 s, sigma 0.8). The same number of one-chunk
documents goes through a whole run (cache, parsing, gates, store), and the same number of requests of the
same size through bare loops and, when their environments are given, through other tools, one client after
the other against a fresh server each.

``busy``: mean requests in flight, from the first request to the arrival of the last one, over the number
allowed. ``CPU``: user and system time of the client's process with its start-up, over the calls.
``RSS``: its largest resident size.

    python benchmarks/engine.py [--documents 20000] [--concurrency 1024 256] [--official]
    python benchmarks/engine.py --peer distilabel=PYTHON --peer curator=PYTHON --peer data_designer=PYTHON
    python benchmarks/engine.py --memory 10000 1000000      resident size against a server without latency
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import corpus  # noqa: E402 - beside this script

LATENCY, SIGMA = 1.0, 0.8
MODEL = "test-model"


@dataclass(frozen=True, slots=True)
class Measured:
    """One client against one server."""

    client: str
    calls: int
    busy: float
    seconds: float
    cpu_us: float
    rss_mb: float

    def row(self) -> str:
        """A line of the table."""
        return (
            f"{self.client:<24} {self.calls:>9} {self.busy:>7.3f} {self.seconds:>8.1f} "
            f"{self.cpu_us:>12.0f} {self.rss_mb:>8.0f}"
        )


HEAD = f"{'client':<24} {'calls':>9} {'busy':>7} {'seconds':>8} {'CPU µs/call':>12} {'RSS MB':>8}"


def main() -> None:
    """Measure and print."""
    options = _arguments()
    if options.bare:
        asyncio.run(bare(options.bare, options.url, options.documents, options.concurrency[0]))
        return
    if options.memory:
        memory(options.memory)
        return
    clients = [("gristmill run", lambda *job: gristmill(*job))]
    if options.official:
        clients.append(("gristmill, official", lambda *job: gristmill(*job, transport="official")))
    clients += [(f"bare {name}", _bare_client(name)) for name in ("aiohttp", "openai")]
    clients += [(name, _peer_client(name, python)) for name, python in options.peer]
    for width in options.concurrency:
        print(
            f"\n{options.documents} calls, {width} allowed, latency lognormal (mean 1 s, sigma 0.8)\n{HEAD}"
        )
        for name, client in clients:
            print(measure(name, client, options.documents, width).row(), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1024, 256])
    parser.add_argument("--official", action="store_true", help="also with transport: official")
    parser.add_argument("--peer", type=_peer, action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--memory", type=int, nargs="+", metavar="CHUNKS")
    parser.add_argument("--bare", choices=["aiohttp", "openai"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    return parser.parse_args()


def _peer(text: str) -> tuple[str, str]:
    name, _, python = text.partition("=")
    if not python or not (HERE / "peers" / f"{name}.py").is_file():
        known = sorted(path.stem for path in (HERE / "peers").glob("[a-z]*.py"))
        raise argparse.ArgumentTypeError(f"write NAME=PYTHON, NAME one of {', '.join(known)}")
    return name, python


def measure(
    name: str, client: Any, calls: int, width: int, latency: float = LATENCY, sigma: float = SIGMA
) -> Measured:
    """Run one client in a process of its own against a fresh server."""
    with tempfile.TemporaryDirectory() as folder, serving(latency, sigma) as url:
        command = client(Path(folder), url, calls, width)
        started = time.monotonic()
        with Path(folder, "output.txt").open("w") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env=_environment(folder), cwd=folder
            )
            _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        if status != 0:
            sys.exit(f"{name} failed:\n{Path(folder, 'output.txt').read_text()[-3000:]}")
        stats = json.loads(urllib.request.urlopen(url.removesuffix("/v1") + "/stats").read())
    if stats["requests"] != calls:
        name = f"{name} ({stats['requests']} sent)"
    cpu = used.ru_utime + used.ru_stime
    return Measured(
        name,
        calls,
        stats["mean_in_flight"] / width,
        seconds,
        1e6 * cpu / calls,
        used.ru_maxrss / 1024 * 1.048576,
    )


def _environment(folder: str) -> dict[str, str]:
    """As a user has it: compiled modules are kept (tools that test often forbid it), a key is set."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "OPENAI_API_KEY": "benchmark", "HOME": folder}


@contextmanager
def serving(latency: float, sigma: float) -> Iterator[str]:
    """A server in a process of its own; gives its base URL."""
    command = [sys.executable, "-m", "support.fast_server", "--latency", str(latency), "--sigma", str(sigma)]
    server = subprocess.Popen(command, cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def gristmill(folder: Path, url: str, count: int, width: int, transport: str = "lean") -> list[str]:
    """A whole run through the command line: one generator, the default gates, cache and store."""
    corpus.write(folder / "docs.jsonl", count)
    (folder / "recipe.yaml").write_text(
        "name: engine\ndocuments: [docs.jsonl]\nmodels:\n"
        f"  writer: {{model: openai:{MODEL}, base_url: {url}, concurrency: {width},\n"
        f"           transport: {transport}}}\n"
        "generate: [{use: qa, model: writer}]\n"
        "gates: [{use: quality_rules}, {use: exact_duplicates}]\n",
        encoding="utf-8",
    )
    return [sys.executable, "-m", "gristmill", "run", str(folder / "recipe.yaml")]


def _bare_client(kind: str) -> Any:
    def command(folder: Path, url: str, count: int, width: int) -> list[str]:
        numbers = ["--documents", str(count), "--concurrency", str(width)]
        return [sys.executable, __file__, "--bare", kind, "--url", url, *numbers]

    return command


def _peer_client(name: str, python: str) -> Any:
    def command(folder: Path, url: str, count: int, width: int) -> list[str]:
        corpus.write(folder / "docs.jsonl", count)
        script = str(HERE / "peers" / f"{name}.py")
        return [python, script, str(folder / "docs.jsonl"), url, str(width)]

    return command


def prompts(count: int) -> Iterator[dict[str, Any]]:
    """The bodies that a run posts for the same documents."""
    from gristmill.models.backends.chat import Dialect, chat_body
    from gristmill.models.types import Request
    from gristmill.records import Chunk, Document
    from gristmill_generators.pairs import request
    from gristmill_generators.schemas import PAIRS

    for number in range(count):
        text = corpus.passage(number)
        document = Document.make(f"docs.jsonl#d{number}", text, "text/plain")
        messages, _ = request(Chunk.make(document, 0, len(text), ()), document, 1, [])
        yield chat_body(MODEL, Request(MODEL, tuple(messages), schema=PAIRS), 1, Dialect())


async def bare(kind: str, url: str, count: int, width: int) -> None:
    """The least a client can do: post, read, parse, forget."""
    bodies = prompts(count)
    post, close = await (_aiohttp(url) if kind == "aiohttp" else _openai(url, width))

    async def worker() -> None:
        for body in bodies:
            await post(body)

    await asyncio.gather(*(worker() for _ in range(width)))
    await close()


async def _aiohttp(url: str) -> Any:
    import aiohttp
    import orjson

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    headers = {"Content-Type": "application/json", "Authorization": "Bearer benchmark"}

    async def post(body: dict[str, Any]) -> None:
        data = orjson.dumps(body)
        async with session.post(f"{url}/chat/completions", data=data, headers=headers) as response:
            orjson.loads(await response.read())

    return post, session.close


async def _openai(url: str, width: int) -> Any:
    import httpx2
    from openai import AsyncOpenAI, DefaultAioHttpClient

    limits = httpx2.Limits(max_connections=width, max_keepalive_connections=width)
    client = AsyncOpenAI(
        base_url=url, api_key="benchmark", max_retries=0, http_client=DefaultAioHttpClient(limits=limits)
    )

    async def post(body: dict[str, Any]) -> None:
        await client.chat.completions.create(**body)

    return post, client.close


def memory(sizes: Sequence[int]) -> None:
    """Resident size of runs over more and more chunks, the server answering at once."""
    print(f"256 allowed, no latency\n{HEAD}")
    results = []
    for size in sizes:
        results.append(measure("gristmill run", gristmill, size, 256, latency=0.0, sigma=0.0))
        print(results[-1].row(), flush=True)
    print(f"growth from {sizes[0]} to {sizes[-1]} chunks: {results[-1].rss_mb - results[0].rss_mb:.0f} MB")


if __name__ == "__main__":
    main()
