"""Is a server up? One GET."""

from __future__ import annotations

LOOK_TIMEOUT = 5.0


async def answers(url: str, key: str) -> bool:
    """Whether GET ``url`` gives 200; ``key`` ("" for none) goes along as the bearer."""
    import aiohttp

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=LOOK_TIMEOUT)
    try:
        # trust_env is off: the way to this machine's own address leads through no proxy.
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, OSError):  # a TimeoutError is an OSError
        return False
