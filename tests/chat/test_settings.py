"""Settings come from file, environment and command line, the last the strongest; each fault has a place."""

from pathlib import Path

import pytest

from chat.config import ConfigError
from chat.settings import (
    ClockSeconds,
    DueSeconds,
    Limits,
    Outbound,
    Review,
    Rooms,
    Settings,
    default_config,
    load_rooms,
    unknown_variables,
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in unknown_variables() + [f"HEARTH_{name.upper()}" for name in Settings.model_fields]:
        monkeypatch.delenv(name, raising=False)


def write(folder: Path, **files: str) -> Path:
    """A config folder with these files, `.toml` left out of their names."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def load_faults(folder: Path, **overrides: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        Settings.load(folder, **overrides)
    return caught.value.faults


def room_faults(folder: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_rooms(folder)
    return caught.value.faults


def test_shipped_file_states_the_defaults() -> None:
    """What `config/server.toml` says is what holds without it."""
    assert Settings.load() == Settings(config=default_config())


def test_shipped_file_names_every_setting() -> None:
    text = (default_config() / "server.toml").read_text(encoding="utf-8")
    tables = (Settings, Limits, Review, DueSeconds, ClockSeconds, Outbound)
    missing = [name for table in tables for name in table.model_fields if f"{name} = " not in text]
    assert missing == ["config", "limits", "review", "outbound", "due_seconds", "clock_seconds"]
    assert all(
        f"[{table}]" in text
        for table in ("limits", "review", "outbound", "review.due_seconds", "review.clock_seconds")
    )


def test_command_line_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, server='port = 1\nhost = "::1"\ndrain_seconds = 1\n[limits]\ntext = 10\nframe = 2000\n')
    monkeypatch.setenv("HEARTH_PORT", "2")
    monkeypatch.setenv("HEARTH_DRAIN_SECONDS", "2")
    monkeypatch.setenv("HEARTH_LIMITS__TEXT", "20")
    settings = Settings.load(tmp_path, port=3, host=None)
    assert (settings.port, settings.drain_seconds, settings.host) == (3, 2, "::1")
    assert (settings.limits.text, settings.limits.frame, settings.limits.burst) == (20, 2000, 5)
    assert settings.folder == tmp_path


def test_folder_from_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTH_CONFIG", str(write(tmp_path, server="port = 7")))
    assert Settings.load().port == 7


def test_folder_without_file_gives_defaults(tmp_path: Path) -> None:
    assert Settings.load(tmp_path) == Settings(config=tmp_path)
    assert load_rooms(tmp_path).seed == ()


def test_every_fault_is_told_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's key, an environment's variable, an option: each named as the operator wrote it."""
    file = write(tmp_path, server='fsync = "maybe"\n[limits]\ntxet = 1\n') / "server.toml"
    monkeypatch.setenv("HEARTH_REVIEW__DUE_SECONDS__HIGH", "soon")
    monkeypatch.setenv("HEARTH_ORIGINS", '["https://a.example/path"]')
    faults = load_faults(tmp_path, port=70_000)
    assert any(fault.startswith("--port: ") for fault in faults)
    assert any(fault.startswith("HEARTH_REVIEW__DUE_SECONDS__HIGH: ") for fault in faults)
    assert f"{file}: limits.txet: there is no setting of this name" in faults
    assert any(fault.startswith(f"{file}: fsync: ") for fault in faults)
    assert "HEARTH_ORIGINS: write it as https://chat.example.org, without a path" in faults
    assert len(faults) == 5


def test_faults_do_not_repeat_values() -> None:
    """A store's address may hold a password."""
    with pytest.raises(ConfigError) as caught:
        Settings.load(store="redis+cluster://:hunter2@example.org")
    assert "hunter2" not in str(caught.value)
    assert "not available yet" in str(caught.value)
    assert "hunter2" not in repr(Settings(store="redis://:hunter2@example.org"))


@pytest.mark.parametrize("url", ["redis://localhost", "rediss://u:p@h:6380/1", "unix:///run/valkey.sock"])
def test_stores_that_can_be_named(url: str) -> None:
    assert Settings.load(store=url).store == url


@pytest.mark.parametrize("url", ["localhost:6379", "redis://", "http://h", "redis+sentinel://h/name", ""])
def test_stores_that_cannot(url: str) -> None:
    with pytest.raises(ConfigError, match="--store"):
        Settings.load(store=url)


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    assert load_faults(write(tmp_path, server="port = ")) == (
        f"{tmp_path / 'server.toml'}: Invalid value (at end of document)",
    )
    assert "no such folder" in load_faults(tmp_path / "nowhere")[0]


def test_broken_list_in_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTH_ORIGINS", "https://a.example")
    with pytest.raises(ConfigError, match=r'"origins".*JSON'):
        Settings.load()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "chat.example.org", ""])
def test_public_address_needs_tls_or_a_word(host: str) -> None:
    """What people write does not travel in the clear by accident."""
    with pytest.raises(ConfigError, match="in the clear"):
        Settings.load(host=host)
    assert Settings.load(host=host, insecure=True).insecure
    assert Settings.load(host=host, trusted_proxies=["10.0.0.0/8"]).host == host
    assert Settings.load(host=host, tls_cert="c.pem", tls_key="k.pem").tls_key == Path("k.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_neither(host: str) -> None:
    assert Settings.load(host=host).host == host


def test_settings_that_contradict() -> None:
    with pytest.raises(ConfigError, match="go together"):
        Settings.load(tls_cert="c.pem")
    with pytest.raises(ConfigError, match="shortest, longest"):
        Settings.load(reconnect_seconds=[5, 1])


def test_variables_that_are_no_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTH_PROT", "1")
    monkeypatch.setenv("HEARTH_LIMITS__TEXT", "1")
    assert unknown_variables() == ["HEARTH_PROT"]


def test_due_seconds_by_severity() -> None:
    due = Settings().review.due_seconds
    assert [due[word] for word in ("moderate", "high", "imminent")] == [300, 120, 60]
    with pytest.raises(KeyError):
        due["model_fields"]


def test_clock_seconds_by_severity() -> None:
    clocks = Settings().review.clock_seconds
    assert [clocks[word] for word in ("high", "imminent")] == [(120, 240), (30, 60)]
    with pytest.raises(KeyError):
        clocks["low"]


@pytest.mark.parametrize("waits", ["[]", "[60, 30]", "[30, 30]", "[0]"])
def test_waits_are_there_and_grow(tmp_path: Path, waits: str) -> None:
    folder = write(tmp_path, server=f"[review.clock_seconds]\nhigh = {waits}\n")
    with pytest.raises(ConfigError, match=r"review\.clock_seconds\.high"):
        Settings.load(folder)


TARGET = '[[outbound.targets]]\nname = "pager"\nurl = "https://pager.example.org/x"\n'


def test_a_targets_secret_comes_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nothing starts, in a file it is refused, and it is never shown."""
    folder = write(tmp_path, server=TARGET)
    with pytest.raises(ConfigError, match="HEARTH_OUTBOUND__SECRETS__PAGER"):
        Settings.load(folder)
    monkeypatch.setenv("HEARTH_OUTBOUND__SECRETS__PAGER", "too short")
    with pytest.raises(ConfigError, match="sixteen"):
        Settings.load(folder)
    monkeypatch.setenv("HEARTH_OUTBOUND__SECRETS__PAGER", "quite-long-and-secret")
    outbound = Settings.load(folder).outbound
    assert outbound.secrets["pager"].get_secret_value() == "quite-long-and-secret"
    assert "quite-long" not in repr(outbound) + str(outbound)
    write(tmp_path, server=TARGET + '[outbound.secrets]\npager = "quite-long-and-secret"\n')
    with pytest.raises(ConfigError, match="by the environment"):
        Settings.load(folder)


@pytest.mark.parametrize(
    "url",
    [
        "", "ftp://x.example", "http://x.example/plain", "https://user:word@x.example/", "https:///none",
        "https://x.example/a b", "https://x.example/#part",
    ],
)  # fmt: skip
def test_a_target_is_a_plain_https_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HEARTH_OUTBOUND__SECRETS__PAGER", "quite-long-and-secret")
    with pytest.raises(ConfigError, match="url"):
        Settings.load(write(tmp_path, server=TARGET.replace("https://pager.example.org/x", url)))


def test_a_fresh_store_starts_with_a_room_open_to_all() -> None:
    """The first room asks for nothing: no agreement, no turns, no slow mode, no staff, no end of places."""
    first, second = load_rooms(default_config()).seed
    assert (first.room, first.agreement, first.capacity) == ("open-circle", None, 0)
    assert (first.turns, first.slow_mode, first.hold) == (False, 0, "none")
    assert second.room == "evening-circle"
    assert second.agreement is not None
    assert (second.agreement.version, second.capacity) == (1, 15)


def test_rooms_have_the_defaults_under_their_own(tmp_path: Path) -> None:
    rooms: Rooms = load_rooms(
        write(tmp_path, rooms='[defaults]\ncapacity = 9\nhold = "new"\n[rooms.a]\ncapacity = 2\n[rooms.b]\n')
    )
    assert [(room.room, room.title, room.capacity, room.hold) for room in rooms.seed] == [
        ("a", "a", 2, "new"),
        ("b", "b", 9, "new"),
    ]
    assert rooms.policy("a") is rooms.seed[0]
    made = rooms.policy("made-later")
    assert (made.room, made.title, made.capacity) == ("made-later", "made-later", 9)


def test_faults_of_rooms_have_their_place(tmp_path: Path) -> None:
    file = write(tmp_path, rooms='[rooms.a]\nhold = "some"\n[rooms.a.agreement]\ntext = "x"\n') / "rooms.toml"
    faults = room_faults(tmp_path)
    assert f"{file}: rooms.a.agreement.version: field required" in faults
    assert any(fault.startswith(f"{file}: rooms.a.hold: ") for fault in faults)
    write(tmp_path, rooms='[rooms]\n"a{b" = {}\nc = 1\n[room]\n')
    faults = room_faults(tmp_path)
    assert f"{file}: room: only [defaults] and [rooms.<id>] stand here" in faults
    assert f"{file}: rooms.c: must be a table" in faults
    assert any("a{b.room" in fault for fault in faults)
    write(tmp_path, rooms="rooms = 3")
    assert "are tables" in room_faults(tmp_path)[0]
