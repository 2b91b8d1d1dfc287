"""What an operator may choose: one server's settings and the rooms it knows, read from `config/`."""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from chat.config import ConfigError, Part, faults, read_toml
from chat.protocol.fields import ASIDE, Hold, Phase, parent_of

PREFIX: Final = "HEARTH_"
STORES: Final = ("redis", "rediss", "unix")
LATER_STORES: Final = ("redis+sentinel", "redis+cluster")

Seconds = Annotated[float, Field(ge=0, le=366 * 86_400)]
Length = Annotated[int, Field(ge=1, le=1_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


def _check_room(room: str) -> str:
    if room.startswith(ASIDE):
        raise ValueError(f"an id that begins with {ASIDE} is a side room's; choose another")
    return room


RoomId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$"), AfterValidator(_check_room)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


def default_config() -> Path:
    """The `config` folder that came with this program: in a wheel inside the package, else beside it."""
    inside = Path(__file__).parent / "_config"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "config"


class Limits(Part):
    """How much anybody may send, hold open or ask for. Lengths are characters, sizes bytes."""

    text: Length = 4_000
    frame: Annotated[int, Field(ge=1_024, le=16_777_216)] = 65_536
    burst: Annotated[int, Field(ge=1)] = 5
    rate_seconds: Seconds = 1.0
    rooms: Count = 32
    connections: Count = 10
    connections_total: Count = 10_000
    handshakes_second: Count = 200
    unauthenticated: Annotated[int, Field(ge=1)] = 500
    backlog: Annotated[int, Field(ge=4_096)] = 1_048_576
    backlog_seconds: Seconds = 10
    hello_seconds: Annotated[float, Field(gt=0)] = 10
    ping_seconds: Annotated[float, Field(gt=0)] = 20
    pong_seconds: Annotated[float, Field(gt=0)] = 20
    frames_second: Annotated[int, Field(ge=1)] = 100
    frames_seconds: Annotated[int, Field(ge=1)] = 5
    name: Length = 40
    history: Annotated[int, Field(ge=1, le=1_000)] = 200
    recover: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    page: Annotated[int, Field(ge=30, le=1_000)] = 50
    report: Length = 500
    topic: Length = 200
    note: Length = 500
    warning: Length = 100
    reason: Length = 500
    help_burst: Annotated[int, Field(ge=1)] = 5
    help_rate_seconds: Seconds = 10


class DueSeconds(Part):
    """How long a flag may wait for a person, by its severity."""

    none: Seconds = 900
    low: Seconds = 180
    moderate: Seconds = 300
    high: Seconds = 120
    imminent: Seconds = 60

    def __getitem__(self, severity: str) -> float:
        if severity not in type(self).model_fields:
            raise KeyError(severity)
        return float(getattr(self, severity))


def _check_waits(waits: tuple[float, ...]) -> tuple[float, ...]:
    if list(waits) != sorted(set(waits)):
        raise ValueError("each wait is counted from the beginning, so each is longer than the one before")
    return waits


Waits = Annotated[
    tuple[Annotated[float, Field(gt=0, le=86_400)], ...],
    Field(min_length=1, max_length=10),
    AfterValidator(_check_waits),
]


class ClockSeconds(Part):
    """When the next in the chain is called while nobody is with the author, counted from the flag's beginning."""

    moderate: Waits = (300, 600, 900)
    high: Waits = (120, 240)
    imminent: Waits = (30, 60)

    def __getitem__(self, severity: str) -> tuple[float, ...]:
        if severity not in type(self).model_fields:
            raise KeyError(severity)
        found: tuple[float, ...] = getattr(self, severity)
        return found


class Review(Part):
    """The staff's queue: how long a claim lasts, how soon a flag is due, and when the next in the chain is called."""

    lease_seconds: Annotated[float, Field(ge=1, le=86_400)] = 120
    break_after: Annotated[int, Field(ge=0, le=1_000)] = 12
    safeguarding: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")], ...] = ()
    child_rules: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,64}$")], ...] = (
        "abuse.child", "abuse.of_child",
    )  # fmt: skip
    evidence_days: Annotated[float, Field(ge=0, le=366)] = 30
    rewrite_seconds: Annotated[float, Field(gt=0, le=86_400)] = 600
    anchor_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60
    follow_up_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 24
    due_seconds: DueSeconds = DueSeconds()
    clock_seconds: ClockSeconds = ClockSeconds()


class Target(Part):
    """One way to call people outside. Its secret comes by the environment."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    kind: Literal["webhook", "apprise"] = "webhook"
    url: str = ""
    allow_private: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == "apprise":
            if self.url:
                raise ValueError("an apprise target's url is its secret: give it by the environment")
            return self
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("write url as https://pager.example.org/path, without a user in it")
        if not self.url.isascii() or any(char.isspace() for char in self.url) or parts.fragment:
            raise ValueError("write url in plain characters, without spaces and without a fragment")
        if parts.scheme == "http" and not self.allow_private:
            raise ValueError("a url of http is for your own network alone: set allow_private, or use https")
        return self


def _is_secret(secret: str) -> bool:
    """Whether a secret can sign: long enough, and base64 where it says so."""
    if not secret.startswith("whsec_"):
        return len(secret) >= 16
    try:
        return len(base64.b64decode(secret[6:], validate=True)) >= 16
    except ValueError:
        return False


class Outbound(Part):
    """How people outside are called when nobody comes, and how often that is tried."""

    targets: tuple[Target, ...] = ()
    secrets: dict[str, SecretStr] = Field(default_factory=dict, repr=False)
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 10
    retry_seconds: Annotated[tuple[Annotated[float, Field(gt=0, le=86_400)], ...], Field(max_length=20)] = (
        2, 5, 15, 60, 300, 900,
    )  # fmt: skip

    @model_validator(mode="after")
    def _has_its_secrets(self) -> Self:
        names = [target.name for target in self.targets]
        if len(set(names)) < len(names):
            raise ValueError("two targets have one name")
        for name in names:
            secret = self.secrets.get(name, SecretStr("")).get_secret_value()
            variable = f"{PREFIX}OUTBOUND__SECRETS__{name.upper()}"
            if not secret:
                raise ValueError(f"set {variable} in the environment")
            if not _is_secret(secret):
                raise ValueError(
                    f"{variable} is too short or no base64: it needs sixteen characters at least"
                )
        for name in self.secrets:
            if name not in names:
                raise ValueError(f"{PREFIX}OUTBOUND__SECRETS__{name.upper()} belongs to no target")
        return self


def _check_store(url: str) -> str:
    scheme, found, rest = url.partition("://")
    if scheme in LATER_STORES:
        raise ValueError(f"{scheme}:// is not available yet; one server is: redis://, rediss:// or unix://")
    if not found or scheme not in STORES or not rest:
        raise ValueError("write it as redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket")
    return url


def _check_origin(origin: str) -> str:
    scheme, _, host = origin.partition("://")
    if scheme not in ("http", "https") or not host or host != urlsplit(origin).netloc:
        raise ValueError("write it as https://chat.example.org, without a path")
    return origin


def _check_network(network: str) -> str:
    ipaddress.ip_network(network, strict=False)
    return network


class Settings(BaseSettings):
    """One server's settings. `Settings(...)` takes its arguments alone; `load` reads file and environment."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        hide_input_in_errors=True,
        validate_default=True,
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8765
    data: Path = Path("hearth-data")
    config: Path | None = None
    key_file: Path | None = None
    store: Annotated[str, AfterValidator(_check_store)] | None = Field(default=None, repr=False)
    store_server: str | None = None
    fsync: Literal["always", "everysec", "no"] = "always"
    external_durable: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    trusted_proxies: list[Annotated[str, AfterValidator(_check_network)]] = []
    origins: list[Annotated[str, AfterValidator(_check_origin)]] = []
    metrics_public: bool = False
    node: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    reconnect_seconds: tuple[Seconds, Seconds] = (0.5, 5.0)
    receipt_seconds: Annotated[int, Field(ge=86_400)] = 86_400
    drain_seconds: Seconds = 8
    limits: Limits = Limits()
    review: Review = Review()
    outbound: Outbound = Outbound()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed counts: `load` lays the sources over one another, to name each in errors."""
        return (init_settings,)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: name both, or neither")
        if not (is_loopback(self.host) or self.tls_cert or self.trusted_proxies or self.insecure):
            raise ValueError(
                f"host {self.host} can be reached from outside, and what people write would travel in the "
                "clear: set tls_cert and tls_key, or name the trusted_proxies that add TLS, "
                "or say insecure = true if you are sure"
            )
        low, high = self.reconnect_seconds
        if low > high:
            raise ValueError("reconnect_seconds is [shortest, longest]")
        return self

    @property
    def folder(self) -> Path:
        """Where rules, words, rooms and lists are read from."""
        return self.config or default_config()

    @classmethod
    def load(cls, config: Path | None = None, **overrides: Any) -> Settings:
        """Read `server.toml` in `config`, then the environment, then `overrides`; None is not given."""
        given = {name: value for name, value in overrides.items() if value is not None}
        environment = _environment()
        folder = Path(config or environment.get("config") or default_config())
        path = folder / "server.toml"
        if not folder.is_dir():
            raise ConfigError([f"{folder}: no such folder; name one with --config or {PREFIX}CONFIG"])
        file = read_toml(path) if path.exists() else {}
        outbound = file.get("outbound")
        if isinstance(outbound, Mapping) and "secrets" in outbound:
            raise ConfigError(
                [
                    f"{path}: outbound.secrets: secrets come by the environment: {PREFIX}OUTBOUND__SECRETS__NAME"
                ]
            )
        merged = _over(_over(_over(file, environment), given), {"config": folder})
        try:
            return cls(**merged)
        except ValidationError as error:
            places = _Places(path, file, environment, given)
            raise ConfigError(faults(error, places.name)) from None


@dataclass(frozen=True, slots=True)
class _Places:
    """Which source a setting's value came from."""

    path: Path
    file: Mapping[str, Any]
    environment: Mapping[str, Any]
    given: Mapping[str, Any]

    def name(self, keys: tuple[str, ...]) -> str:
        """The setting as the operator wrote it: an option, a variable, or a key of the file."""
        if not keys:
            return "settings"
        if _holds(self.given, keys):
            return "--" + keys[0].replace("_", "-")
        if _holds(self.environment, keys):
            return PREFIX + "__".join(key for key in keys if not key.isdigit()).upper()
        return f"{self.path}: {'.'.join(keys)}"


def _holds(values: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    at: Any = values
    for key in keys:
        if not isinstance(at, Mapping):
            return True
        if key not in at:
            return False
        at = at[key]
    return True


def _environment() -> dict[str, Any]:
    """What `HEARTH_...` says, nested names joined by two underscores."""
    try:
        return dict(EnvSettingsSource(Settings)())
    except ValueError as error:
        raise ConfigError([f'{PREFIX}...: {error}; write lists as JSON: ["a", "b"]']) from None


def unknown_variables() -> list[str]:
    """Variables that look like settings and are none: they change nothing, so `doctor` names them."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    ours = (name for name in os.environ if name.upper().startswith(PREFIX))
    return sorted(name for name in ours if name.partition("__")[0].upper() not in known)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`below` with `above` laid over it, table by table."""
    merged = dict(below)
    for key, value in above.items():
        at = merged.get(key)
        if isinstance(at, Mapping) and isinstance(value, Mapping):
            merged[key] = _over(at, value)
        else:
            merged[key] = value
    return merged


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Agreement(Part):
    """What a person accepts before joining; a new version asks everybody anew."""

    version: Annotated[int, Field(ge=1)]
    text: Annotated[str, Field(min_length=1, max_length=8_000)]


class RoomPolicy(Part):
    """What is fixed about one room. Staff change `topic`, `slow_mode`, `turns` and `hold` as it runs."""

    room: RoomId
    title: Annotated[str, Field(max_length=100)] = ""
    topic: Annotated[str, Field(max_length=200)] = ""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "en"
    country: Country | None = None
    capacity: Count = 15
    agreement: Agreement | None = None
    reactions: tuple[Annotated[str, Field(min_length=1, max_length=16)], ...] = ()
    profile: str = "default"
    burst: Annotated[int, Field(ge=1)] | None = None
    rate_seconds: Seconds | None = None
    slow_mode: Seconds = 0
    hold: Hold = Hold.NONE
    turns: bool = False
    phases: tuple[Phase, ...] = ()
    answer_seconds: Seconds = 180
    nudge_peers: bool = False
    needs_staff: bool = False
    grace_seconds: Seconds = 120
    unstaffed_slow_mode: Annotated[int, Field(ge=0, le=3_600)] = 30
    unstaffed_close_seconds: Seconds = 1_800


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms that the configuration names, and what holds for every other."""

    defaults: RoomPolicy
    named: Mapping[str, RoomPolicy]

    @property
    def seed(self) -> tuple[RoomPolicy, ...]:
        """The rooms that a fresh store starts with, in the file's order."""
        return tuple(self.named.values())

    def policy(self, room: str) -> RoomPolicy:
        """What holds in `room`; one that the file does not name gets the defaults."""
        parent = parent_of(room)
        if parent is not None:
            return self.policy(parent).model_copy(update={"room": room, **_PRIVATE})
        found = self.named.get(room)
        return found or self.defaults.model_copy(update={"room": room, "title": room})


_PRIVATE: Final = {
    "title": "", "topic": "", "capacity": 0, "agreement": None, "slow_mode": 0, "turns": False, "phases": (),
    "nudge_peers": False, "needs_staff": False, "hold": Hold.NONE,
}  # fmt: skip
"""What a side room does not have of its room."""


def load_rooms(config: Path) -> Rooms:
    """Read `rooms.toml` in `config`; without the file there are only the defaults."""
    path = config / "rooms.toml"
    content = read_toml(path) if path.exists() else {}
    shared, tables = content.pop("defaults", {}), content.pop("rooms", {})
    wrong = [f"{path}: {key}: only [defaults] and [rooms.<id>] stand here" for key in content]
    policies = {}
    if not isinstance(shared, dict) or not isinstance(tables, dict):
        wrong.append(f"{path}: defaults and rooms are tables: [defaults], [rooms.<id>]")
        shared, tables = {}, {}
    for room, table in {_DEFAULTS: {}, **tables}.items():
        place = f"{path}: {room}" if room == _DEFAULTS else f"{path}: rooms.{room}"
        try:
            policies[room] = RoomPolicy.model_validate(
                _over(_over({"title": room}, shared), {**table, "room": room})
            )
        except TypeError:
            wrong.append(f"{place}: must be a table")
        except ValidationError as error:
            wrong += faults(error, partial(_within, place))
    if wrong:
        raise ConfigError(wrong)
    return Rooms(policies.pop(_DEFAULTS), policies)


_DEFAULTS: Final = "defaults"


def _within(place: str, keys: tuple[str, ...]) -> str:
    return ".".join((place, *keys))
