"""`explore`: the web page that solves a table of transfers as a slider moves."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from lightning_taskonomy.cli.commands import run_single
from lightning_taskonomy.core.errors import InputError


def explore(
    *,
    transfers: tuple[Path, ...] = (),
    run: Path | None = None,
    port: int = 8050,
    host: str = "127.0.0.1",
    prefix: str = "/",
    allowed_hosts: tuple[str, ...] = (),
) -> None:
    """Explore tables of transfers in a web browser: solve, compare and export, live.

    The page is served only to this machine, needs no internet, and reads no other files than those named
    here. Without a table it asks you to upload one. Ctrl-C stops it. Behind a proxy, such as that of Jupyter
    or Open OnDemand, give the path and the host that the browser shows:
    --prefix /user/me/proxy/8050/ --allowed-hosts hub.example.org

    Args:
        transfers: tables of measured transfers, CSVs; with --run, by default the run's table
        run: folder of a `taxonomy run`: its transfers are shown image by image
        port: of the page; 0 for any free port
        host: address to listen on; by default only this machine
        prefix: path under which a proxy serves the page
        allowed_hosts: further host names that the page accepts besides this machine's
    """
    from lightning_taskonomy.explorer.addresses import in_address, is_loopback
    from lightning_taskonomy.explorer.app import serve
    from lightning_taskonomy.explorer.run_panel import pictures_of
    from lightning_taskonomy.explorer.state import Explorer
    from lightning_taskonomy.explorer.tables import Tables

    if run is not None and not run.is_dir():
        raise InputError(f"run: expected the folder of a run, found no folder {run}")
    if run is not None and not transfers:
        transfers = (run / "transfers.csv",)
    explorer = Explorer(Tables(transfers), None if run is None else pictures_of(run))
    server = serve(explorer, host, port, prefix, allowed_hosts)
    path = "/" if prefix == "/" else f"/{prefix.strip('/')}/"
    print(f"http://{in_address(host)}:{server.port}{path}  (Ctrl-C stops it)", flush=True)
    if not is_loopback(host):
        print(f"other machines that reach {host} can use this page and see its tables", file=sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # service managers send it; treat as Ctrl-C
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def run(program: str, words: Sequence[str]) -> None:
    """Read the options and serve the page.

    Raises:
        InputError: a bad option or table.
    """
    run_single(program, explore, words)
