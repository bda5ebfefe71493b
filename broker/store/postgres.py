"""The one file that imports asyncpg: pools, transactions seen as a tenant, notices, and errors in our own tree."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import asyncpg

from access.delegation import view_of
from broker.errors import Conflict, Forbidden, Invalid, Unavailable, UnknownTenant
from broker.ports import Transaction
from broker.store.listening import Listening
from broker.store.lookout import Lookout

_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection told that it ends, used before its end was seen
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)
_UNDO_SECONDS = 1.0
_COLLISIONS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError)


class PostgresDatabase:
    """A pool of connections as one database role. `system` roles see every tenant, the others one per transaction."""

    def __init__(self, pool: asyncpg.Pool, listening: Listening, lookout: Lookout | None, *, system: bool) -> None:
        self._pool = pool
        self._listening = listening
        self._lookout = lookout
        self._system = system
        self._tenants: dict[str, int] = {}

    @asynccontextmanager
    async def transaction(self, tenant: str | None = None) -> AsyncIterator[Transaction]:
        """See `broker.ports.Database.transaction`."""
        with _translated():
            async with self._watched() as end_of_watch, self._pool.acquire(timeout=10) as connection:
                transaction = connection.transaction()
                try:
                    await transaction.start()
                    await self._become(connection, tenant)
                    yield connection
                except BaseException:
                    await _undo(connection, transaction)
                    raise
                # Of a commit that was given up nobody could say whether it came about: it has a statement's time.
                end_of_watch()
                await transaction.commit()

    def _watched(self) -> AbstractAsyncContextManager[Callable[[], None]]:
        return self._lookout.watched() if self._lookout else contextlib.nullcontext(lambda: None)

    async def _become(self, connection: Any, tenant: str | None) -> None:
        if tenant is None:
            if not self._system:
                raise Forbidden("this role reads and writes only as a tenant")
            return
        giver, reader = view_of(tenant)
        if reader is not None:
            await self._become_guest(connection, giver, reader)
            return
        number = await self._number(connection, giver)
        await connection.execute(f"set local cityos.tenant_id = {number:d}")

    async def _become_guest(self, connection: Any, giver: str, reader: str) -> None:
        """From now on a role that reads what `giver` delegates to `reader`, and has rights on nothing else."""
        refused = Forbidden(f"the token is bound to the tenant {reader!r} and cannot be used in {giver!r}")
        try:
            given, taken = await self._number(connection, giver), await self._number(connection, reader)
        except UnknownTenant as error:
            raise refused from error
        if await connection.fetchval("select delegated_types($1, $2)", given, taken) is None:
            raise refused
        await connection.execute(
            f"set local cityos.tenant_id = {given:d}; set local cityos.reader_id = {taken:d};"
            " set local role cityos_guest"
        )

    async def _number(self, connection: Any, tenant: str) -> int:
        number = self._tenants.get(tenant)
        if number is None:
            number = await connection.fetchval("select id from tenant where name = $1", tenant)
            if number is None:
                raise UnknownTenant(f"there is no tenant named {tenant!r}")
            self._tenants[tenant] = number
        return number

    @asynccontextmanager
    async def notices(self, channel: str) -> AsyncIterator[asyncio.Event]:
        """See `broker.ports.Database.notices`. All share one connection."""
        async with self._listening.on(channel) as event:
            yield event

    async def close(self) -> None:
        """Close the pool, giving statements under way five seconds."""
        if self._lookout is not None:
            self._lookout.close()
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()


async def open_database(
    url: str,
    *,
    system: bool = False,
    size: int = 8,
    statement_seconds: float = 60,
    silent_seconds: float | None = None,
) -> PostgresDatabase:
    """Connect as the role in `url`. Raises `Unavailable` when the server does not answer.

    A statement that takes longer than `statement_seconds` is cancelled and counts as no answer. Who has waited for
    `silent_seconds`, for a connection or a statement, waits on only if the server accepts another connection: where
    somebody waits for us, a server that stands still must not cost them a long statement's time.
    """
    with _translated():
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            timeout=10,
            command_timeout=statement_seconds,
            reset=_leave_clean,
            server_settings={"timezone": "UTC"},
        )

    lookout = Lookout(partial(_answers, url), silent_seconds) if silent_seconds is not None else None
    return PostgresDatabase(pool, Listening(lambda: asyncpg.connect(url, timeout=10), _GONE), lookout, system=system)


async def _answers(url: str) -> bool:
    """Whether the server says anything to one who connects, be it that there is no room."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
        await connection.close(timeout=1)
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    except asyncpg.PostgresError:
        pass
    return True


async def _leave_clean(_connection: Any) -> None:
    """Nothing to reset: settings are local to a transaction, and no session state is ever set on these pools."""


async def _undo(connection: Any, transaction: Any) -> None:
    """Roll back, or end the connection where that fails or is not soon done: nothing of the transaction stays."""
    try:
        async with asyncio.timeout(_UNDO_SECONDS):
            await transaction.rollback()
    except BaseException as error:
        with contextlib.suppress(asyncpg.InterfaceError):  # it is the pool's again: it has ended
            connection.terminate()
        if not isinstance(error, Exception):
            raise


@contextlib.contextmanager
def _translated() -> Any:
    try:
        yield
    except _COLLISIONS as error:
        raise Conflict(f"changed by somebody else at the same time: {error}") from error
    except asyncpg.CheckViolationError as error:
        if error.constraint_name is not None:
            raise
        # Only a partition's bounds have no name: the month was made while this transaction was on its way into
        # the default partition, and the next attempt finds it.
        raise Conflict(f"the table was divided at the same time: {error}") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise Forbidden(f"the database's own rules refuse this: {error}") from error
    except asyncpg.InvalidRegularExpressionError as error:
        raise Invalid(f"not a regular expression that can be used: {error}") from error
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
        raise Invalid("text must not hold the character U+0000") from error
    except asyncpg.DataError as error:
        # Class 22: a value that no column, path or function takes, such as a number out of range.
        raise Invalid(f"the database cannot work with a value in this: {error}") from error
    except _GONE as error:
        raise Unavailable(f"the database does not answer: {error or type(error).__name__}") from error
