"""What a server may be reached by."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
import sys

import pytest
from websockets.asyncio.client import connect

from antiphon.errors import ConfigError
from antiphon.server.exposure import Tls, check_exposure, check_tls
from antiphon.server.keys import ApiKey, Keys
from antiphon.server.limits import Limits
from antiphon.server.stores import default_path, make_store
from tests.cli.test_serve import SERVE, STAGES
from tests.cli.test_serve import serving as serve_process
from tests.server_api.serving import KEY, serving

KEYS = Keys([ApiKey.of("web", "0123456789abcdef")])


def test_with_a_key_any_address_will_do():
    assert check_exposure("0.0.0.0", KEYS) == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_without_a_key_this_machine_is_served_and_told_so(host):
    assert "only this machine" in check_exposure(host, Keys())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "box.example"])
def test_without_a_key_a_network_is_not_served_unless_somebody_says_so(host):
    with pytest.raises(ConfigError, match="--api-keys"):
        check_exposure(host, Keys())
    assert host in check_exposure(host, Keys(), no_auth=True)


@pytest.mark.parametrize(("cert", "key"), [("cert.pem", None), (None, "key.pem"), ("cert.pem", "key.pem")])
def test_a_certificate_that_cannot_be_used(tmp_path, cert, key):
    with pytest.raises(ConfigError, match=r"both --tls|cannot use"):
        check_tls(cert and tmp_path / cert, key and tmp_path / key)


@pytest.fixture
def certificate(tmp_path) -> Tls:
    if not shutil.which("openssl"):
        pytest.skip("openssl, which makes the certificate, is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [*made.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    tls = check_tls(cert, key)
    assert tls
    return tls


def test_a_server_with_a_certificate_is_called_over_tls(certificate):
    trusting = ssl.create_default_context(cafile=certificate.cert)

    async def main() -> str:
        async with serving(tls=certificate) as served:
            headers = {"Authorization": KEY}
            async with connect(served.ws, ssl=trusting, additional_headers=headers, proxy=None) as socket:
                await socket.send('{"type": "session.update"}')
                return str(json.loads(await socket.recv())["type"])

    assert asyncio.run(main()) == "session.updated"


def test_who_does_not_finish_the_tls_handshake_is_closed(certificate):
    async def main() -> bytes:
        async with asyncio.timeout(20), serving(tls=certificate, limits=Limits(handshake=0.2)) as served:
            host, _, port = served.ws.removeprefix("wss://").removesuffix("/v1/ws").rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"\x16\x03\x01")  # the beginning of one
            try:
                return await reader.read()
            except ConnectionResetError:
                return b""
            finally:
                writer.close()

    assert asyncio.run(main()) == b""


def test_no_certificate():
    assert check_tls(None, None) is None


@pytest.mark.parametrize(
    ("spec", "name"),
    [("memory", "memory"), ("some/file.db", "sqlite some/file.db"), ("redis://:pw@box:6379/1", "redis box:6379")],
)
def test_a_store_by_name(spec, name):
    assert make_store(spec).name == name


def test_the_default_store_is_a_file_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert make_store().name == f"sqlite {default_path()}"
    assert tmp_path in default_path().parents


def test_serve_says_in_one_line_that_it_has_no_key(tmp_path):
    agent = tmp_path / "agent.yaml"
    agent.write_text(STAGES)
    with serve_process(agent, "--store", tmp_path / "sessions.db") as (process, _):
        assert process.stdout.readline() == "no API key is configured: only this machine is served\n"
    assert (tmp_path / "sessions.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "only this machine is served"),
        (["--api-keys", "missing"], "cannot read the API keys"),
        (["--tls-cert", "c.pem"], "TLS needs both"),
        (["--allow-origin", "x"], "no origin"),
        (["--store", "redis://127.0.0.1:1"], "cannot keep sessions"),
    ],
)
def test_what_the_operator_got_wrong_is_one_line(tmp_path, options, says):
    agent = tmp_path / "agent.yaml"
    agent.write_text(STAGES)
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(agent), "--port", "0", *options], capture_output=True, text=True, timeout=60
    )
    (line,) = done.stderr.splitlines()
    assert (done.returncode, says in line) == (2, True), line
