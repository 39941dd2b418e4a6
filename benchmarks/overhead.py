"""How busy a run keeps an endpoint, and what a call costs the client, beside a bare loop.

A loopback server answers after a lognormal time (mean 1 s, sigma 0.8). The same number of requests goes
through a whole run (cache, parsing, gates, store) and through a bare aiohttp loop, one after the other.
``mean busy`` is the mean number of requests in flight until the last one is sent, over the number allowed.

    python benchmarks/overhead.py [--documents 2000] [--concurrency 256]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=256)
    options = parser.parse_args()
    rows = [
        ("gristmill run", *measure(options, run_gristmill)),
        ("bare aiohttp", *measure(options, run_bare)),
    ]
    print(
        f"{options.documents} calls, {options.concurrency} allowed, latency lognormal (mean 1 s, sigma 0.8)"
    )
    print(f"{'client':<14} {'mean busy':>10} {'seconds':>8} {'client CPU µs/call':>19}")
    for name, busy, seconds, cpu in rows:
        print(f"{name:<14} {busy:>10.3f} {seconds:>8.1f} {cpu:>19.0f}")


def measure(options: argparse.Namespace, client: Any) -> tuple[float, float, float]:
    """Run one client in child processes against a fresh server: share busy, seconds, CPU µs a call."""
    command = [
        sys.executable,
        "-m",
        "support.openai_server",
        "--port",
        "0",
        "--latency",
        "1",
        "--sigma",
        ".8",
    ]
    server = subprocess.Popen(command, cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().split()[-1].strip()
    try:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        client(url, options)
        seconds = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        stats = asyncio.run(fetch(url.removesuffix("/v1") + "/stats"))
    finally:
        server.terminate()
        server.wait()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return stats["mean_in_flight"] / options.concurrency, seconds, 1e6 * cpu / options.documents


async def fetch(url: str) -> dict[str, Any]:
    """The server's own counters."""
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(url) as response:
        stats: dict[str, Any] = await response.json()
        return stats


def run_gristmill(url: str, options: argparse.Namespace) -> None:
    """One-chunk JSONL documents through the command line."""
    with tempfile.TemporaryDirectory() as folder:
        lines = (
            json.dumps(
                {"id": f"d{n}", "text": f"Pump number {n} is a machine that lifts water {n} metres high."}
            )
            for n in range(options.documents)
        )
        Path(folder, "docs.jsonl").write_text("\n".join(lines), encoding="utf-8")
        Path(folder, "recipe.yaml").write_text(
            "name: overhead\ndocuments: [docs.jsonl]\nmodels:\n"
            f"  writer: {{model: openai:test-model, base_url: {url}, concurrency: {options.concurrency}}}\n"
            "generate: [{use: qa, model: writer}]\n",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "gristmill", "run", f"{folder}/recipe.yaml"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode in (0, 4), done.stderr


def run_bare(url: str, options: argparse.Namespace) -> None:
    """The least a client can do: post, read, forget."""
    subprocess.run(
        [sys.executable, __file__, "--bare", url, str(options.documents), str(options.concurrency)],
        check=True,
    )


async def bare(url: str, count: int, width: int) -> None:
    """Post ``count`` requests with ``width`` in flight."""
    import aiohttp

    room = asyncio.Semaphore(width)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(number: int) -> None:
            message = {"role": "user", "content": f"Pump number {number} lifts water."}
            async with (
                room,
                session.post(
                    f"{url}/chat/completions", json={"model": "test-model", "messages": [message]}
                ) as response,
            ):
                await response.read()

        await asyncio.gather(*(one(number) for number in range(count)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        asyncio.run(bare(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    else:
        main()
