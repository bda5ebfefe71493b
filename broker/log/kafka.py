"""The log on Apache Kafka. The one file that imports aiokafka.

A record's partition is chosen by us (the same hash as in PostgreSQL), not by the client. Offsets are kept in
PostgreSQL with the effects they stand for, never committed to Kafka; its groups only share out the partitions.
Kafka's offsets may have gaps, and nothing here assumes otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError, for_code
from aiokafka.helpers import create_ssl_context

from broker.errors import Invalid, Unavailable
from broker.log.gathering import Gathering
from broker.log.kafka_consumer import KafkaConsumer
from broker.log.records import MAX_KEY_BYTES, by_partition, partitions_of
from broker.log.settings import KafkaSettings
from broker.ports import MAX_RECORD_BYTES, Consumer, NewRecord, Positions, Record
from broker.waiting import told_to_end

_BATCH_BYTES = 1_048_576
_MESSAGE_BYTES = MAX_RECORD_BYTES + MAX_KEY_BYTES + 65_536
"""What a topic must let through: a batch holds at least one record, and the batch's own header."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_log = logging.getLogger(__name__)


class KafkaLog:
    """`broker.ports.Log` on Kafka. Topics are made where they are missing, with `partitions` of each."""

    def __init__(self, *, partitions: Mapping[str, int], settings: KafkaSettings) -> None:
        self._partitions = dict(partitions)
        self._settings = settings
        self._gathering = Gathering(self._commit, settings.gathering)
        self._producer: AIOKafkaProducer | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()
        self._making = asyncio.Lock()
        self._made: set[str] = set()
        self._discarded: set[asyncio.Task[None]] = set()

    async def append(self, topic: str, records: Sequence[NewRecord]) -> None:
        """See `broker.ports.Log.append`. Concurrent calls share commits. Raises `Invalid` for an unknown topic, a
        record that is too large, or a number of partitions that is not the cluster's."""
        partitions_of(topic, self._partitions)
        await self._gathering.add(topic, records)

    async def consumer(self, topic: str, group: str, positions: Positions) -> Consumer:
        """See `broker.ports.Log.consumer`. Returns before the group has shared out its partitions."""
        await self._make(topic)
        settings = self._settings
        client = AIOKafkaConsumer(
            group_id=self._name(group),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=round(settings.session_seconds * 1000),
            heartbeat_interval_ms=round(settings.session_seconds * 1000 / 3),
            max_poll_interval_ms=round(settings.processing_seconds * 1000),
            fetch_max_wait_ms=settings.fetch_wait_ms,
            **self._client(),
        )
        await self._start(client)
        member = _Member(client, topic, self._name(topic), settings)
        consumer = KafkaConsumer(member, positions, topic=topic, group=group, settings=settings)
        client.subscribe([self._name(topic)], listener=_Listener(consumer))
        return consumer

    async def read(self, topic: str, partition: int, offset: int, *, limit: int) -> list[Record]:
        """See `broker.ports.Log.read`."""
        place = TopicPartition(self._name(topic), partition)
        found: list[Record] = []
        async with self._reader_of(topic) as reader:
            end = (await reader.end_offsets([place]))[place]
            if reader.assignment() != {place}:
                reader.assign([place])
            reader.seek(place, offset)
            while offset < end and len(found) < limit and await reader.position(place) < end:
                batches = await reader.getmany(place, timeout_ms=1000, max_records=limit - len(found))
                found += [_record(topic, message) for message in batches.get(place, ())]
        return found

    async def ends(self, topic: str) -> Mapping[int, int]:
        """See `broker.ports.Log.ends`."""
        async with self._reader_of(topic) as reader:
            ends = await reader.end_offsets(self._places(topic))
        return {place.partition: offset for place, offset in ends.items()}

    async def offsets_at(self, topic: str, at: datetime) -> Mapping[int, int]:
        """See `broker.ports.Log.offsets_at`. Kafka counts milliseconds, so a record may be up to one too early."""
        since = (at - _EPOCH) // timedelta(milliseconds=1)
        async with self._reader_of(topic) as reader:
            ends = await reader.end_offsets(self._places(topic))
            found = await reader.offsets_for_times(dict.fromkeys(ends, max(0, since)))
        return {place.partition: found[place].offset if found[place] else end for place, end in ends.items()}

    async def close(self) -> None:
        """Finish the appends under way and close the connections."""
        await self._gathering.close()
        self._discard(self._producer)
        self._discard(self._reader)
        self._producer = self._reader = None
        if self._discarded:
            await asyncio.wait(self._discarded, timeout=self._settings.request_seconds)
        for task in self._discarded:
            task.cancel()

    async def _commit(self, merged: Mapping[str, Sequence[NewRecord]]) -> None:
        for topic in merged:
            await self._make(topic)
        seconds = self._settings.append_seconds
        try:
            with _translated("append"):
                async with asyncio.timeout(seconds):
                    producer = await self._running_producer()
                    sends = [
                        self._send(producer, TopicPartition(self._name(topic), partition), records)
                        for topic in merged
                        for partition, records in by_partition(merged[topic], self._partitions[topic]).items()
                    ]
                    await _all(sends)
        except Unavailable:
            # What was sent and not answered may still arrive; a producer of a new identity cannot stumble over it.
            self._discard(self._producer)
            self._producer = None
            raise

    async def _send(self, producer: AIOKafkaProducer, place: TopicPartition, records: Sequence[NewRecord]) -> None:
        """One batch after the other, so that a later one never overtakes one that is being tried again."""
        at = 0
        while at < len(records):
            batch = producer.create_batch()
            while at < len(records):
                key, value = records[at]
                if batch.append(key=key, value=value, timestamp=None) is None:
                    break
                at += 1
            batch.close()
            await (await producer.send_batch(batch, place.topic, partition=place.partition))

    async def _running_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                acks="all",
                enable_idempotence=True,
                max_batch_size=_BATCH_BYTES,
                max_request_size=_MESSAGE_BYTES,
                **self._client() | {"request_timeout_ms": round(self._settings.append_seconds * 900)},
            )
            await self._start(producer)
            self._producer = producer
        return self._producer

    @asynccontextmanager
    async def _reader_of(self, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
        """The consumer outside any group, one user at a time; given up when it fails."""
        await self._make(topic)
        async with self._reading:
            try:
                with _translated("read"):
                    async with asyncio.timeout(self._settings.read_seconds):
                        if self._reader is None:
                            reader = AIOKafkaConsumer(auto_offset_reset="earliest", **self._client())
                            await self._start(reader)
                            self._reader = reader
                        yield self._reader
            except Unavailable:
                self._discard(self._reader)
                self._reader = None
                raise

    async def _make(self, topic: str) -> None:
        """Make the topic unless it exists; refuse one that has another number of partitions."""
        wanted = partitions_of(topic, self._partitions)
        async with self._making:
            if topic in self._made:
                return
            admin = AIOKafkaAdminClient(**self._client())
            await self._start(admin)
            try:
                with _translated("topic"):
                    async with asyncio.timeout(self._settings.request_seconds):
                        present = await _partitions_present(admin, self._name(topic))
                        if present is None:
                            await self._create(admin, topic)
            finally:
                self._discard(admin)
            if present not in (None, wanted):
                raise Invalid(
                    f"topic {self._name(topic)} has {present} partitions and is configured with {wanted}; a key must"
                    f" stay in its partition, so configure {present}",
                    field="partitions",
                )
            self._made.add(topic)

    async def _create(self, admin: AIOKafkaAdminClient, topic: str) -> None:
        settings = self._settings
        new = NewTopic(
            self._name(topic),
            num_partitions=self._partitions[topic],
            replication_factor=settings.replication_factor,
            topic_configs={
                "cleanup.policy": "delete",
                "max.message.bytes": str(_MESSAGE_BYTES),
                "message.timestamp.type": "LogAppendTime",
                "min.insync.replicas": str(settings.min_insync_replicas),
                "retention.ms": str(settings.retention_hours * 3_600_000),
            },
        )
        answer = await admin.create_topics([new], timeout_ms=round(settings.request_seconds * 1000))
        for name, code, *explanation in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(f"topic {name} cannot be made: {explanation}")

    async def _start(self, client: Any) -> None:
        """Start a client, and leave nothing of it behind when it does not start."""
        try:
            with _translated("connect"):
                async with asyncio.timeout(self._settings.request_seconds):
                    await client.start()
        except BaseException:
            self._discard(client)
            raise

    def _discard(self, client: Any) -> None:
        if client is None:
            return
        task = asyncio.create_task(_stop(client))
        self._discarded.add(task)
        task.add_done_callback(self._discarded.discard)

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self._name(topic), partition) for partition in range(self._partitions[topic])]

    def _name(self, name: str) -> str:
        return self._settings.topic_prefix + name

    def _client(self) -> dict[str, Any]:
        settings = self._settings
        password = settings.sasl_password
        return {
            "bootstrap_servers": settings.bootstrap,
            "client_id": settings.client_id,
            "request_timeout_ms": round(settings.request_seconds * 1000),
            "security_protocol": settings.security_protocol,
            "ssl_context": _tls(settings),
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells the consumer what the group decided."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        await self._consumer.let_go()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._consumer.take_over(place.partition for place in assigned)


class _Member:
    """An aiokafka consumer in the words of `broker.log.kafka_consumer.Member`."""

    def __init__(self, client: AIOKafkaConsumer, topic: str, name: str, settings: KafkaSettings) -> None:
        self._client, self._topic, self._name, self._settings = client, topic, name, settings

    async def fetch(self, most: int, wait: float) -> list[Record]:
        with _translated("poll"):
            try:
                async with asyncio.timeout(wait + 0.05):  # while members change, the client waits for ever
                    batches = await self._client.getmany(timeout_ms=round(wait * 1000), max_records=most)
            except TimeoutError:
                return []
        return [_record(self._topic, message) for messages in batches.values() for message in messages]

    async def ends(self, partitions: Iterable[int]) -> Mapping[int, int]:
        with _translated("poll"):
            async with asyncio.timeout(self._settings.request_seconds):
                ends = await self._client.end_offsets([self._place(partition) for partition in partitions])
        return {place.partition: offset for place, offset in ends.items()}

    def seek(self, partition: int, offset: int) -> None:
        with _translated("poll"):
            self._client.seek(self._place(partition), offset)

    async def leave(self) -> None:
        stopping = asyncio.create_task(_stop(self._client))
        try:
            done, _ = await asyncio.wait({stopping}, timeout=self._settings.request_seconds * 2)
        finally:
            stopping.cancel()
        if not done:
            raise Unavailable("Kafka does not answer (leave)")

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self._name, partition)


def _record(topic: str, message: Any) -> Record:
    at = _EPOCH + timedelta(milliseconds=message.timestamp)
    return Record(topic, message.partition, message.offset, message.key or b"", message.value or b"", at)


async def _partitions_present(admin: AIOKafkaAdminClient, name: str) -> int | None:
    """How many partitions the topic has; None if there is none. Asks for all, because asking for one may make it."""
    topics = {topic["topic"]: topic for topic in await admin.describe_topics()}
    return len(topics[name]["partitions"]) if name in topics else None


async def _all(sends: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait for every one, then raise the first error: nothing of this commit is under way afterwards."""
    for outcome in await asyncio.gather(*sends, return_exceptions=True):
        if outcome is not None:
            raise outcome


async def _stop(client: Any) -> None:
    """Stop a client of any kind, in a task of its own.

    A consumer whose broker is away cancels its own way out (aiokafka's issue 647). A caller would take that for the end
    of its own task and never come back; and the connections, which it then leaves, are closed here.
    """
    try:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
    except asyncio.CancelledError:
        if not isinstance(client, AIOKafkaConsumer) or told_to_end():
            raise
        await client._client.close()
    except Exception as error:
        _log.info("%s did not stop in good order: %r", type(client).__name__, error)


def _tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    if not settings.security_protocol.endswith("SSL"):
        return None
    context: ssl.SSLContext = create_ssl_context(cafile=settings.ca_file)
    return context


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except MessageSizeTooLargeError as error:
        raise Invalid(
            f"the cluster refuses a record of this size: its max.message.bytes must be {_MESSAGE_BYTES} at least",
            field="value",
        ) from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(f"Kafka does not answer ({what}): {error!r}") from error
