"""What the server answers, to whom, and that it serves nothing but the page and its tables."""

import csv
import json
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lightning_taskonomy.cli import main
from lightning_taskonomy.core.errors import InputError
from lightning_taskonomy.explorer.app import serve
from lightning_taskonomy.explorer.state import Explorer
from lightning_taskonomy.explorer.tables import LARGEST_UPLOAD, Tables
from lightning_taskonomy.taxonomy import TaxonomyProblem, Transfers
from tests.explorer.asking import get, graphs, graphs_request, post


@pytest.mark.parametrize("name", ["taxonomy.json", "taxonomy.svg"])
def test_exports_are_the_files_of_solve(page: str, own: Path, tmp_path: Path, name: str) -> None:
    options = ["--budget", "3", "--target-only", "depth", "--cost", "scene=0", "--out", str(tmp_path)]
    assert main(["taxonomy", "solve", "--transfers", str(own), *options]) == 0
    response, body = get(page, f"/export/{name}?budget=3&target_only=depth&cost=scene%3D0")
    assert response.status == 200
    assert body == (tmp_path / name).read_bytes()
    assert response.headers["Content-Disposition"] == f"attachment; filename={name}"


def test_the_exported_csv_is_that_of_evaluate(page: str, own: Path, tmp_path: Path) -> None:
    options = ["--budgets", "3", "--orders", "4", "--out", str(tmp_path)]
    assert main(["taxonomy", "evaluate", "--transfers", str(own), *options]) == 0
    _, body = get(page, "/export/taxonomy.csv?budget=3")
    exported = list(csv.DictReader(body.decode().splitlines()))
    expected = list(csv.DictReader((tmp_path / "policies.csv").read_text().splitlines()))
    assert [{**row, "budget": float(row["budget"])} for row in exported] == [
        {**row, "budget": float(row["budget"])} for row in expected
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("budget=0", "budget: 0 cannot serve every target"),
        ("budget=-1", "budget: expected a finite number of at least 0, found -1"),
        ("max_order=0", "max-order: expected a whole number of at least 1, found 0"),
        ("importance=nobody=2", "importance: unknown task 'nobody'"),
        ("cost=depth=-1", "cost: expected a number of at least 0 for depth, found -1"),
        ("target_only=nobody", "target-only: unknown task 'nobody'"),
        ("budget=many", "link: budget: expected a finite number"),
        ("table=../../etc/passwd", "link: no table '../../etc/passwd'"),
        ("table=upload-00", "link: its uploaded table is no longer available"),
    ],
)
def test_a_bad_link_gives_one_line(page: str, query: str, message: str) -> None:
    response, body = get(page, f"/export/taxonomy.json?{query}")
    assert response.status == 400
    assert body.decode().startswith(f"error: {message}")
    assert body.count(b"\n") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../errors.py",
        "/assets/..%2f..%2ferrors.py",
        "/assets/%2e%2e/%2e%2e/errors.py",
        "/assets//etc/passwd",
        "/_dash-component-suites/dash/../../../../../../etc/passwd",
        "/_dash-component-suites/lightning_taskonomy/core/errors.py",
        "/_dash-component-suites/os/path.py",
        "/static/../app.py",
        "/export/../../errors.py",
        "/export/%2e%2e%2ftransfers.csv",
        "/export/transfers.csv",
        "/../../../../etc/passwd",
        "//etc/passwd",
    ],
)
def test_no_file_of_the_machine_is_served(page: str, path: str) -> None:
    response, body = get(page, path)
    assert b"root:" not in body
    assert b"InputError" not in body
    # Any other path is the page itself, as for links that a page makes up.
    assert response.status in (400, 403, 404) or b"_dash-renderer" in body


def test_only_the_names_of_this_machine_are_answered(page: str) -> None:
    assert get(page, "/", Host="localhost:8050")[0].status == 200
    for name in ("example.org", "example.org:8050", "127.0.0.1.example.org", "localhost.example.org:80"):
        response, body = get(page, "/", Host=name)
        assert response.status == 403
        assert b"_dash" not in body


def test_other_web_sites_get_nothing(page: str) -> None:
    request = graphs_request(page, "budget=3")
    assert post(page, request)[0] == 200
    assert post(page, request, Sec_Fetch_Site="same-origin")[0] == 200
    for site in ("cross-site", "same-site"):
        assert post(page, request, Sec_Fetch_Site=site)[0] == 403
        assert get(page, "/export/taxonomy.json", Sec_Fetch_Site=site)[0].status == 403
    # A link on another site may lead here.
    assert get(page, "/?budget=3", Sec_Fetch_Site="cross-site")[0].status == 200


def test_scripts_come_from_the_page_alone(page: str) -> None:
    response, body = get(page, "/")
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert all(word == "'self'" or word.startswith("'sha256-") for word in policy["script-src"].split())
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    text = body.decode()
    assert 'src="http' not in text
    assert 'href="http' not in text


def test_requests_larger_than_an_upload_are_refused(page: str) -> None:
    content = {"accepted": "x" * (LARGEST_UPLOAD * 4 // 3 + 2**21)}
    try:
        status, _ = post(page, content)
    except (BrokenPipeError, ConnectionResetError):
        return  # refused before it was read
    assert status == 413


def test_fifty_sessions_at_once(page: str, own: Path) -> None:
    table = Transfers.read_csv(own)
    questions = [(budget, order) for budget in range(2, 9) for order in (1, 2, 3)]
    queries = [questions[number % len(questions)] for number in range(150)]

    def ask(question: tuple[int, int]) -> str:
        budget, order = question
        answer = graphs(page, f"budget={budget}&max_order={order}")
        return json.dumps(answer["drawn"])

    with ThreadPoolExecutor(50) as sessions:
        answers = list(sessions.map(ask, queries))
    for (budget, order), answer in zip(queries, answers, strict=True):
        expected = TaxonomyProblem(table, budget, order).solve().objective
        assert f'"{expected:.4f}"' in answer


def test_a_port_that_is_taken(own: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port: cannot listen on 127.0.0.1:{port}"):
            serve(Explorer(Tables([own])), port=port)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "70000"], "port: expected a number from 0 to 65535, found 70000"),
        (["--port", "many"], "--port: Expected a whole number"),
        (["--transfers", "nothing.csv"], "nothing.csv: cannot read the transfers table"),
        (["--run", "nowhere"], "run: expected the folder of a run, found no folder nowhere"),
    ],
)
def test_bad_options(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", *options]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_stopped(own: Path, number: signal.Signals) -> None:
    words = [sys.executable, "-m", "lightning_taskonomy", "explore", "--transfers", str(own), "--port", "0"]
    # What a shell starts in the background ignores Ctrl-C, and so would what these tests start.
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        assert get(address, "/")[0].status == 200
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()
