"""`hearth backup` and `hearth restore`, as they are called."""

import asyncio
import tarfile
from pathlib import Path

import pytest

from chat.cli.main import main
from chat.store.address import connect
from chat.store.checks import check_store
from chat.store.embedded import open_store
from chat.tokens import load_key


def speak(data: Path, word: str) -> str:
    """Say something into the store of a data directory; its epoch."""

    async def write() -> str:
        async with open_store(data) as running:
            client = connect(running.url)
            epoch = await check_store(
                client,
                fingerprint=load_key(data).fingerprint,
                embedded_epoch=running.epoch,
                durable=False,
            )
            await client.rpush("said", word)
            await client.aclose()
            return epoch

    return asyncio.run(write())


def heard(data: Path) -> list[bytes | str]:
    async def read() -> list[bytes | str]:
        async with open_store(data) as running:
            client = connect(running.url)
            found = await client.lrange("said", 0, -1)
            await client.aclose()
            return list(found)

    return asyncio.run(read())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A data directory in which somebody spoke."""
    speak(tmp_path / "old", "first")
    return tmp_path / "old"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_a_backup_with_its_key_comes_back_whole(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, new = tmp_path / "b.tar", tmp_path / "new"
    assert run("backup", archive, "--data", old, "--with-key") == 0
    assert "can be anybody" in capsys.readouterr().out
    assert run("restore", archive, "--data", new) == 0
    assert f"hearth serve --data {new}" in capsys.readouterr().out
    assert load_key(new) == load_key(old)
    assert heard(new) == [b"first"]


def test_a_backup_without_its_key_wants_the_key_first(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, new = tmp_path / "b.tar", tmp_path / "new"
    assert run("backup", archive, "--data", old) == 0
    assert str(old / "token.key") in capsys.readouterr().out
    with tarfile.open(archive) as tar:
        assert "token.key" not in tar.getnames()
    assert run("restore", archive, "--data", new) == 1
    assert "--new-key" in capsys.readouterr().err
    assert not new.exists()

    load_key(new)
    assert run("restore", archive, "--data", new) == 1
    assert "another server's" in capsys.readouterr().err

    (new / "token.key").write_bytes((old / "token.key").read_bytes())
    assert run("restore", archive, "--data", new) == 0
    speak(new, "second")
    assert heard(new) == [b"first", b"second"]


def test_a_lost_key_is_replaced_on_request(old: Path, tmp_path: Path) -> None:
    archive, new = tmp_path / "b.tar", tmp_path / "new"
    assert run("backup", archive, "--data", old) == 0
    assert run("restore", archive, "--data", new, "--new-key") == 0
    speak(new, "second")
    assert heard(new) == [b"first", b"second"]
    assert load_key(new) != load_key(old)


def test_nothing_is_made_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("backup", tmp_path / "b.tar", "--data", tmp_path / "none") == 1
    assert "holds no store" in capsys.readouterr().err
    assert run("restore", tmp_path / "b.tar", "--data", tmp_path / "none") == 1
    assert "can't be read" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_another_servers_key_does_not_go_along(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (old / "token.key").unlink()
    load_key(old)
    assert run("backup", tmp_path / "b.tar", "--data", old, "--with-key") == 1
    assert "another token key" in capsys.readouterr().err
    assert not (tmp_path / "b.tar").exists()


def test_without_a_name_the_file_is_named_for_the_time(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("backup", "--data", "old") == 0
    (archive,) = tmp_path.glob("hearth-*.tar")
    assert archive.stat().st_size > 0
