"""`hearth doctor`: what is wrong is found, and said with what would mend it."""

import asyncio
import datetime as dt
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chat.cli.doctor import lines, table
from chat.cli.examine import certificate, directory, is_well, port
from chat.cli.finding import Finding, State
from chat.cli.main import main
from chat.settings import Settings, default_config
from chat.store.address import connect
from chat.store.checks import check_store
from chat.store.embedded import EmbeddedStore
from chat.tokens import load_key


@pytest.fixture
def free() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        number: int = listener.getsockname()[1]
        return number


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the configuration, to be spoilt."""
    shutil.copytree(default_config(), tmp_path / "config")
    return tmp_path / "config"


def doctor(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, list[dict[str, Any]]]:
    code = main(["doctor", "--json", *map(str, words)])
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is (code == 0)
    return code, told["findings"]


def of(findings: list[dict[str, Any]], check: str) -> list[dict[str, Any]]:
    return [finding for finding in findings if finding["check"] == check]


def test_a_fresh_installation_is_well_and_stays_untouched(
    tmp_path: Path, free: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, findings = doctor(capsys, "--data", tmp_path / "data", "--port", free)
    assert code == 0, [finding for finding in findings if finding["state"] == "wrong"]
    assert not (tmp_path / "data").exists()
    (store,) = of(findings, "store")
    assert "not running" in store["found"]


def test_a_rule_about_children_that_is_none_is_told(
    config: Path, tmp_path: Path, free: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped ones are there."""
    words = ("--config", config, "--data", tmp_path / "data", "--port", free)
    assert len(of(doctor(capsys, *words)[1], "rules")) == 1
    text = (config / "server.toml").read_text()
    (config / "server.toml").write_text(text.replace('"abuse.of_child"', '"abuse.gone"'))
    code, findings = doctor(capsys, *words)
    assert code == 0
    assert "abuse.gone" in of(findings, "rules")[1]["found"]


def test_wrong_settings_end_it_with_what_to_mend(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "server.toml").write_text('port = "many"\nfysnc = "always"\n')
    code, findings = doctor(capsys, "--config", config)
    assert code == 1
    assert len(of(findings, "settings")) == 2


def test_wrong_rooms_rules_and_care_are_all_said(
    config: Path, tmp_path: Path, free: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (config / "rooms.toml").write_text("[rooms.a]\ncapasity = 3\n")
    next((config / "rules").glob("*.toml")).write_text("[[rule\n")
    (config / "helplines.toml").write_text("x = 1\n")
    code, findings = doctor(capsys, "--config", config, "--data", tmp_path / "data", "--port", free)
    assert code == 1
    for check in ("rooms", "rules", "care"):
        assert {finding["state"] for finding in of(findings, check)} == {"wrong"}, check
        assert all(finding["mend"] for finding in of(findings, check))


def test_a_running_store_is_looked_at_and_left_alone(
    tmp_path: Path, free: int, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    key = load_key(data)

    async def claim(store: EmbeddedStore) -> None:
        client = connect(store.url)
        await check_store(client, fingerprint=key.fingerprint, embedded_epoch=store.epoch, durable=False)
        await client.aclose()

    async def look() -> None:
        async with EmbeddedStore(data) as store:
            await claim(store)
            code, findings = await asyncio.to_thread(doctor, capsys, "--data", data, "--port", free)
            (found,) = of(findings, "store")
            assert code == 0
            assert store.epoch in found["found"]

            (data / "token.key").unlink()
            load_key(data)
            code, findings = await asyncio.to_thread(doctor, capsys, "--data", data, "--port", free)
            (found,) = of(findings, "store")
            assert code == 1
            assert "another token key" in found["found"]

    asyncio.run(look())


def test_a_store_that_is_not_there_is_said(
    tmp_path: Path, free: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, findings = doctor(
        capsys, "--data", tmp_path, "--port", free, "--store", f"redis://:secret@127.0.0.1:{free}"
    )
    (found,) = of(findings, "store")
    assert code == 1
    assert "does not answer" in found["found"]
    assert "secret" not in json.dumps(findings)


def test_what_others_could_read_is_wrong(
    tmp_path: Path, free: int, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    load_key(data)
    (data / "token.key").chmod(0o644)
    data.chmod(0o755)
    code, findings = doctor(capsys, "--data", data, "--port", free)
    assert code == 1
    assert of(findings, "key")[0]["mend"] == f"chmod 600 {data / 'token.key'}"
    assert of(findings, "data")[0]["mend"] == f"chmod 700 {data}"


def test_a_directory_that_can_not_be_one_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (found,) = directory(Settings(data=tmp_path / "file" / "data"))
    assert found.state is State.WRONG


def test_a_port_that_is_taken_is_wrong() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.getsockname()[1]
        found = port("127.0.0.1", number, None)
    assert found.state is State.WRONG
    assert "--port" in found.mend


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here to make certificates")
@pytest.mark.parametrize(
    ("days", "state", "word"), [(90, "ok", "days"), (3, "warn", "days"), (-1, "wrong", "expired")]
)
def test_a_certificate_is_told_by_its_end(tmp_path: Path, days: int, state: str, word: str) -> None:
    chain, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_certificate(chain, private, days)
    found = certificate(chain, private)
    assert (found.state, word in found.found) == (state, True), found


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here to make certificates")
def test_a_certificate_with_another_key_is_wrong(tmp_path: Path) -> None:
    make_certificate(tmp_path / "cert.pem", tmp_path / "key.pem", 90)
    make_certificate(tmp_path / "other.pem", tmp_path / "other.key", 90)
    assert certificate(tmp_path / "cert.pem", tmp_path / "other.key").state is State.WRONG
    assert certificate(tmp_path / "none.pem", tmp_path / "key.pem").state is State.WRONG


def make_certificate(chain: Path, private: Path, days: int) -> None:
    """A certificate of its own for localhost that ends after so many days."""
    now = dt.datetime.now(dt.UTC)
    begin, end = now - dt.timedelta(days=10), now + dt.timedelta(days=days)
    base = chain.with_suffix(".ca")
    base.mkdir()
    (base / "index.txt").write_text("")
    (base / "conf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\nnew_certs_dir={base}\nrand_serial=yes\n"
        "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n[req]\ndistinguished_name=n\nprompt=no\n[n]\nCN=localhost\n"
    )
    ask: list[str | Path] = [
        "openssl",
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        private,
        "-out",
        base / "csr",
    ]
    subprocess.run([*ask, "-config", base / "conf"], check=True, capture_output=True)
    sign: list[str | Path] = [
        "openssl",
        "ca",
        "-batch",
        "-selfsign",
        "-keyfile",
        private,
        "-in",
        base / "csr",
        "-out",
        chain,
    ]
    span = ["-startdate", f"{begin:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}", "-notext"]
    subprocess.run([*sign, *span, "-config", base / "conf"], check=True, capture_output=True)


FINDINGS = [
    Finding("python", State.OK, "3.11.7"),
    Finding("disk", State.WRONG, "0.0 GiB left on its disk", "make room: a full disk stops the store"),
]


def test_elsewhere_than_on_a_terminal_it_is_one_plain_line_each() -> None:
    assert lines(FINDINGS).splitlines() == [
        "ok\tpython\t3.11.7",
        "wrong\tdisk\t0.0 GiB left on its disk\tmake room: a full disk stops the store",
    ]


def test_on_a_terminal_what_to_mend_stands_under_what_is_wrong() -> None:
    shown = table(FINDINGS, 40)
    assert "→ make room" in shown
    assert all(len(line.replace("\033[31m", "").replace("\033[0m", "")) <= 45 for line in shown.splitlines())


def test_a_warning_is_no_failure() -> None:
    assert is_well([Finding("care", State.WARN, "old", "look")])
    assert not is_well(FINDINGS)
