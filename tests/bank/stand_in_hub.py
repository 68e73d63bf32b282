"""A stand-in for the Hub: the part of its HTTP interface that pushing and pulling use, files in memory."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "stand-in"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Repositories with their files, and uploads by their SHA-256."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.uploads: dict[str, bytes] = {}
        self.large: set[str] = set()
        self.endpoint = f"http://127.0.0.1:{self.server_port}"

    def take(self, files: dict[str, bytes], line: dict[str, Any]) -> None:
        """Apply one line of a commit."""
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            files[value["path"]] = self.uploads[value["oid"]]
            self.large.add(value["path"])


@contextmanager
def stand_in_hub() -> Iterator[Hub]:
    """Serve an empty Hub on this machine."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


class _Answers(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass

    @property
    def _parts(self) -> list[str]:
        return self.path.split("?")[0].strip("/").split("/")

    def do_POST(self) -> None:
        content = self._body()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._json({"error": "Invalid username or password."}, 401)
        elif self._parts == ["api", "repos", "create"]:
            self._create(json.loads(content))
        elif self._parts == ["api", "validate-yaml"]:
            self._json({"errors": [], "warnings": []})
        elif self._parts[-2:] == ["objects", "batch"]:
            objects = json.loads(content)["objects"]
            self._json({"transfer": "basic", "objects": [self._place(wanted) for wanted in objects]})
        elif self._parts[4] == "preupload":
            self._json({"files": [_mode(file) for file in json.loads(content)["files"]]})
        else:
            self._commit("/".join(self._parts[2:4]), content.decode().splitlines())

    def do_PUT(self) -> None:
        content = self._body()
        self.server.uploads[hashlib.sha256(content).hexdigest()] = content
        self._bytes(b"", {})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        of_api = self._parts[0] == "api"
        name = "/".join(self._parts[2:4] if of_api else self._parts[:2])
        files = self.server.repositories.get(name)
        if files is None:
            self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif not of_api:
            content = files["/".join(self._parts[4:])]
            etag = hashlib.sha256(content).hexdigest()
            self._bytes(content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        elif "tree" in self._parts:
            self._json([_tree_entry(path, content) for path, content in files.items()])
        else:
            siblings = [{"rfilename": path} for path in files]
            self._json({"id": name, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while length := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(length))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _create(self, asked: dict[str, Any]) -> None:
        name = "/".join(filter(None, (asked.get("organization", "user"), asked["name"])))
        self.server.repositories.setdefault(name, {})
        self._json({"url": f"{self.server.endpoint}/{name}"})

    def _place(self, wanted: dict[str, Any]) -> dict[str, Any]:
        upload = {"upload": {"href": f"{self.server.endpoint}/upload/{wanted['oid']}", "header": {}}}
        return {**wanted, "actions": upload}

    def _commit(self, name: str, lines: list[str]) -> None:
        for line in lines:
            self.server.take(self.server.repositories[name], json.loads(line))
        self._json({"commitUrl": f"{self.server.endpoint}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def _json(self, content: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json"}
        self._bytes(json.dumps(content).encode(), {**kind, **(headers or {})}, status)

    def _bytes(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _mode(file: dict[str, Any]) -> dict[str, Any]:
    large = file["path"].endswith(".safetensors")
    return {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}


def _tree_entry(path: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": digest[:40]}
    if path.endswith(".safetensors"):
        entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
    return entry
