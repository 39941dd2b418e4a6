"""A process that owns a dataset and serves it: ``python -m support.store_owner FILE TOKEN``.

Prints its URL when it is ready.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from gristmill_data.store import Store, owner_routes, remove_owner_file, write_owner_file


def main(db: Path, token: str) -> None:
    with Store.open(db) as store, socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        write_owner_file(db, url, token)
        print(url, flush=True)
        app = Starlette(routes=owner_routes(store, token))
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[server])
    remove_owner_file(db)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
