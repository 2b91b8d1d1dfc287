"""What is asked of a store before the first session: whether it can be trusted with this server's data."""

import asyncio
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    BusyLoadingError,
    MaxConnectionsError,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    WatchError,
)

from chat.store.address import StoreRefused
from chat.store.keys import IDENTITY

# Of what is stored. A change that older code would misread raises it, with the step that lifts old data.
SCHEMA = 1
OLDEST = (7, 0)
ANSWER_WITHIN = 10.0
REPLICA = "the store is a read-only replica: give the primary's address"


class StoreAway(StoreRefused):
    """The store does not answer, or not yet; nothing is wrong with what it holds."""


MEANINGS: tuple[tuple[tuple[type[Exception], ...], type[StoreRefused], str], ...] = (
    (
        (AuthenticationError, AuthenticationWrongNumberOfArgsError, AuthorizationError),
        StoreRefused,
        "the store refuses the user or password in its address: mend --store",
    ),
    (
        (NoPermissionError,),
        StoreRefused,
        "the store's user may not do what is needed: ACL SETUSER <user> ~hearth:* &hearth:* +@all",
    ),
    (
        (ssl.SSLError,),
        StoreRefused,
        "the store's certificate is not trusted: name its authority, as in rediss://HOST?ssl_ca_certs=/ca.pem",
    ),
    ((ReadOnlyError,), StoreRefused, REPLICA),
    ((BusyLoadingError,), StoreAway, "the store is still loading its data: try again in a moment"),
    ((MaxConnectionsError,), StoreAway, "the store has no free connections: raise its maxclients"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """What a store says of itself."""

    name: str
    version: tuple[int, ...]
    mode: str
    role: str
    run_id: str
    policy: str
    keeps_log: bool

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose data a store holds, in which form, and since which break."""

    schema: str = ""
    fingerprint: str = ""
    epoch: str = ""
    run_id: str = ""

    @classmethod
    def of(cls, fields: Mapping[Any, Any]) -> "Identity":
        """The identity as stored; bytes or text."""
        words = {text(name): text(value) for name, value in fields.items()}
        return cls(*(words.get(name, "") for name in ("schema", "fingerprint", "epoch", "run_id")))

    def fields(self) -> Mapping[Any, Any]:
        """The identity as it is stored."""
        return {
            "schema": self.schema,
            "fingerprint": self.fingerprint,
            "epoch": self.epoch,
            "run_id": self.run_id,
        }


def new_epoch() -> str:
    """A word that no store has used before."""
    return secrets.token_hex(8)


def text(value: object) -> str:
    """A reply's word, whichever way the client decodes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_server(info: Mapping[str, Any]) -> Server:
    """What INFO tells of the things that matter here."""
    # Valkey names its own version apart, and beside it the Redis version that it stands in for.
    name, version = "Redis", info.get("redis_version", "0")
    if "valkey_version" in info:
        name, version = "Valkey", info["valkey_version"]
    numbers = tuple(int(part) for part in str(version).split(".") if part.isdecimal())
    return Server(
        name=name,
        version=numbers,
        mode=str(info.get("server_mode", info.get("redis_mode", "standalone"))),
        role=str(info.get("role", "master")),
        run_id=str(info.get("run_id", "")),
        policy=str(info.get("maxmemory_policy", "")),
        keeps_log=str(info.get("aof_enabled", "0")) == "1",
    )


def refuse_server(server: Server, *, durable: bool) -> str | None:
    """Why this server can't be the store, or None."""
    if server.mode == "sentinel":
        return "the store is a Sentinel, which is not available yet: give the primary's own address"
    if server.mode == "cluster":
        return "the store is a cluster node, which is not available yet: give one with cluster-enabled no"
    if server.version < OLDEST:
        return f"the store is {server}; Redis 7.0 or Valkey is needed: upgrade it, or give another --store"
    if server.role not in ("master", "primary"):
        return REPLICA
    if server.policy != "noeviction":
        return (
            f"the store's maxmemory-policy is {server.policy or 'unknown'}, so that it throws data away when"
            " memory is short: set it to noeviction, by CONFIG SET and in the server's own file"
        )
    if durable and not server.keeps_log:
        return (
            "the store is declared durable but keeps no append-only file: set appendonly yes and appendfsync"
            " always there, or take the declaration back"
        )
    return None


def refuse_identity(identity: Identity, *, fingerprint: str) -> str | None:
    """Why this server can't work with data of this identity, or None."""
    if identity.schema and not identity.schema.isdecimal():
        return "the store's data has no readable schema version: is it another program's?"
    if identity.schema and int(identity.schema) > SCHEMA:
        return (
            f"the store's data was written by a newer Hearth (schema {identity.schema}; this one knows"
            f" {SCHEMA}): run that version again, or restore a backup from before it"
        )
    if identity.fingerprint and identity.fingerprint != fingerprint:
        return (
            f"the store belongs to another token key ({identity.fingerprint}; ours is {fingerprint}):"
            " copy that server's key into --data, or give the store that belongs to this key"
        )
    return None


def next_identity(
    identity: Identity, *, fingerprint: str, run_id: str, embedded_epoch: str | None, durable: bool
) -> Identity:
    """The identity that holds from now on.

    The embedded store knows itself whether anything was lost. Of another one only its run is known: a new run
    may have lost what was not synced, unless its operator vouches for it.
    """
    if embedded_epoch is not None:
        epoch = embedded_epoch
    elif identity.epoch and (durable or identity.run_id == run_id != ""):
        epoch = identity.epoch
    else:
        epoch = new_epoch()
    return Identity(str(SCHEMA), fingerprint, epoch, run_id)


async def check_store(client: Redis, *, fingerprint: str, embedded_epoch: str | None, durable: bool) -> str:
    """Check the store, claim it where it is new, and return its epoch. Raises StoreRefused.

    To be called at the start and after every loss of the connection. `embedded_epoch` is the embedded store's
    own, None for another; `durable` says that an external one syncs each write and never fails over.
    """
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            server = await ask_server(client)
            if why := refuse_server(server, durable=durable):
                raise StoreRefused(why)
            while True:
                try:
                    return await _claim(
                        client,
                        server,
                        fingerprint=fingerprint,
                        embedded_epoch=embedded_epoch,
                        durable=durable,
                    )
                except WatchError:
                    # Another node claims it at this moment; what it wrote holds for us too.
                    continue
    except (RedisError, OSError, TimeoutError) as error:
        raise explain(error) from error


async def look_at_store(client: Redis, *, fingerprint: str, durable: bool) -> tuple[Server, Identity]:
    """Check the store without claiming or changing anything; an empty fingerprint is no key yet.

    Raises StoreRefused.
    """
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            server, identity = await ask_server(client), await read_identity(client)
    except (RedisError, OSError, TimeoutError) as error:
        raise explain(error) from error
    if why := refuse_server(server, durable=durable):
        raise StoreRefused(why)
    if why := refuse_identity(identity, fingerprint=fingerprint or identity.fingerprint):
        raise StoreRefused(why)
    return server, identity


def explain(error: BaseException) -> StoreRefused:
    """What a failed call of the store means for who runs the server; the error's own text is not shown."""
    chain = [error]
    while (deeper := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(deeper)
    # The client wraps what the server said at the handshake: the first that says more than "failed" counts.
    for kinds, refusal, why in MEANINGS:
        if any(isinstance(link, kinds) for link in chain):
            return refusal(why)
    if isinstance(error, ResponseError):
        return StoreRefused(f"the store refuses a needed command ({error_word(error)})")
    return StoreAway(
        f"the store does not answer ({type(error).__name__}): start it, or mend its address in --store"
    )


async def ask_server(client: Redis) -> Server:
    """What the store says of itself."""
    return read_server(await client.info())


async def read_identity(client: Redis) -> Identity:
    """The store's identity as it stands; empty where nobody claimed it."""
    return Identity.of(await client.hgetall(IDENTITY))


async def _claim(
    client: Redis, server: Server, *, fingerprint: str, embedded_epoch: str | None, durable: bool
) -> str:
    """Compare the identity and write the next one, in one step. Raises WatchError if another was faster."""
    async with client.pipeline(transaction=True) as steps:
        await steps.watch(IDENTITY)
        identity = Identity.of(await steps.hgetall(IDENTITY))
        if why := refuse_identity(identity, fingerprint=fingerprint):
            raise StoreRefused(why)
        following = next_identity(
            identity,
            fingerprint=fingerprint,
            run_id=server.run_id,
            embedded_epoch=embedded_epoch,
            durable=durable,
        )
        if following != identity:
            steps.multi()  # type: ignore[no-untyped-call]  # redis-py types all but this of a pipeline
            steps.hset(IDENTITY, mapping=following.fields())
            await steps.execute()
        return following.epoch


def error_word(error: Exception) -> str:
    """An error's own first word, as WRONGTYPE; never its text, which may quote what was sent."""
    word = str(error).partition(" ")[0]
    return word if word.isupper() else type(error).__name__
