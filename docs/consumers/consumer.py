"""A consumer of forgewire's events: acts once per event id, and acknowledges.

In come the messages of one durable pull consumer; out goes one line of JSON per commit to check out, to
standard output or into a command. README.md beside this file says what each part guards against.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections import deque
from pathlib import Path
from urllib.parse import unquote

import nats
from blake3 import blake3
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

# How long one request for a message waits; a stop is noticed after it at the latest.
PULL = 1.0
# What becomes of a message.
DONE, UNREADABLE, FAILED = "done", "unreadable", "failed"


class Unreadable(Exception):
    """The message can never be read, however often it comes."""


def arguments():
    parser = argparse.ArgumentParser(description="Acts once per event of a forgewire stream.")
    add = parser.add_argument
    add("durable", help="durable consumer to read with")
    add("filter", help="subjects that the durable lets through")
    add("--nats", default=os.environ.get("NATS_URL") or "nats://127.0.0.1:4222", help="URL of the NATS server")
    add("--stream", default="FORGE", help="stream that the events are in")
    add("--create", action="store_true", help="make the durable if it is missing")
    add("--run", metavar="COMMAND", help="shell command that acts, with the line on standard input")
    add("--path", metavar="PREFIX", help="leave out pushes that surely touch no file under this path")
    add("--payload", action="store_true", help="put the forge's payload into the line, where there is one")
    add("--ids", type=Path, metavar="FILE", help="file that remembers which ids were acted on")
    add("--remember", type=int, default=100_000, metavar="COUNT", help="how many ids are remembered")
    add("--retry", type=float, default=30.0, metavar="SECONDS", help="wait after an action that failed")
    add("--max", type=int, metavar="COUNT", help="end after this many messages that need not come again")
    add("--idle", type=float, metavar="SECONDS", help="end after this long without a message")
    return parser.parse_args()


async def main():
    options = arguments()
    client = await nats.connect(options.nats, max_reconnect_attempts=-1, error_cb=connection_error)
    # Until here nothing has begun, and a stop may be an abrupt end.
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        jetstream = client.jetstream()
        ack_wait = await bind(jetstream, options)
        messages = await jetstream.pull_subscribe_bind(consumer=options.durable, stream=options.stream)
        acted = Acted(options.ids or ids_file(options), options.remember)
        await work(messages, Worker(options, jetstream, acted, ack_wait), stop)
    finally:
        # What was told last must still reach the server, if there is one.
        try:
            await client.flush(timeout=PULL * 3)
        except Exception as error:
            note(f"connection: {error!r}")
        await client.close()


async def connection_error(error):
    note(f"connection: {error!r}")


async def bind(jetstream, options):
    """Finds the durable, and makes it only where that was asked for. Gives its ack_wait in seconds."""
    try:
        # This asks for the one right that an administrator must grant besides reading and acknowledging.
        info = await jetstream.consumer_info(options.stream, options.durable)
    except NotFoundError:
        if not options.create:
            raise SystemExit(f"no durable {options.durable} of {options.stream}") from None
        info = await jetstream.add_consumer(options.stream, durable_for(options))
    # Another filter would mean acting on what nobody named here.
    if info.config.filter_subject != options.filter:
        raise SystemExit(f"durable {options.durable} has the filter {info.config.filter_subject!r}")
    if info.config.ack_policy != AckPolicy.EXPLICIT:
        raise SystemExit(f"durable {options.durable} wants no acks")
    return info.config.ack_wait


def durable_for(options):
    return ConsumerConfig(
        name=options.durable,
        durable_name=options.durable,
        filter_subject=options.filter,
        # Of every branch the newest, then whatever comes: not a month of builds.
        deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=60,
        max_deliver=10,
        max_ack_pending=100,
    )


async def work(messages, worker, stop):
    options = worker.options
    settled, last = 0, time.monotonic()
    while not stop.is_set() and (options.max is None or settled < options.max):
        try:
            # One message at a time: the clock of ack_wait runs for those that wait in a buffer, too.
            fetched = await messages.fetch(1, timeout=PULL)
        except asyncio.TimeoutError:
            fetched = []
        except Exception as error:
            note(f"cannot read, trying again: {error!r}")
            fetched = []
            await asyncio.sleep(PULL)
        for message in fetched:
            settled += await worker.handle(message)
            last = time.monotonic()
        if options.idle is not None and time.monotonic() - last >= options.idle:
            break


class Worker:
    def __init__(self, options, jetstream, acted, ack_wait):
        self.options, self.jetstream, self.acted, self.ack_wait = options, jetstream, acted, ack_wait

    async def handle(self, message):
        """Acts where it must, and tells the server. True when the message need not come again."""
        verdict, why = await self.verdict(message)
        note(f"{message.subject}: {verdict}: {why}")
        try:
            if verdict == DONE:
                # Waits until the server has it: only then is a redelivery out of the question.
                await message.ack_sync(timeout=5)
            elif verdict == UNREADABLE:
                await message.term()
            else:
                await message.nak(delay=self.options.retry)
        except Exception as error:
            # It comes again, and will be known by its id.
            note(f"{message.subject}: the server did not hear it: {error!r}")
            return False
        return verdict != FAILED

    async def verdict(self, message):
        """An error here is one of the file of ids: without it nothing may be done or acknowledged."""
        try:
            attributes, event = read(message)
            known = event["id"] in self.acted
            if "body_ref" in event and not known:
                event = await self.whole(event)
            line = None if "body_ref" in event else self.line(message.subject, attributes, event)
            if known:
                return DONE, "acted on before"
            if line is None:
                return DONE, "nothing to do"
            if self.options.payload:
                await self.add_payload(line, event)
        except Unreadable as error:
            return UNREADABLE, error
        except Away as error:
            return FAILED, f"comes again: {error!r}"
        try:
            await self.act(json.dumps(line) + "\n", message)
        except (OSError, ActionFailed) as error:
            return FAILED, f"comes again: {error!r}"
        self.acted.add(event["id"])
        return DONE, "acted"

    async def whole(self, event):
        """The event that was too large for a message."""
        body = parsed(await self.object(event["body_ref"]))
        if body["id"] != event["id"]:
            raise Unreadable("another event's body")
        return body

    async def add_payload(self, line, event):
        """The forge's payload, wherever it is, if it is JSON."""
        if "raw" in event:
            line["payload"] = event["raw"]
        elif "raw_ref" in event:
            try:
                line["payload"] = from_json(await self.object(event["raw_ref"]))
            except (ValueError, RecursionError) as error:
                note(f"{event['id']}: a payload that is no JSON: {error!r}")

    async def object(self, reference):
        """Reads what a reference names, and compares: others may be allowed to write to the object store."""
        try:
            bucket, name = reference["bucket"], reference["object"]
            size, digest = reference["bytes"], reference["digest"]
        except (KeyError, TypeError) as error:
            raise Unreadable(f"not a reference: {error!r}") from error
        try:
            store = await self.jetstream.object_store(bucket)
            content = (await store.get(name)).data
        except Exception as error:
            raise Away(f"object {name} of {bucket}: {error!r}") from error
        if len(content) != size or digest != f"blake3={blake3(content).hexdigest()}":
            raise Unreadable(f"object {name} of {bucket} has other bytes")
        return content

    def line(self, subject, attributes, event):
        try:
            found = commit(event, self.options.path)
            repository = event.get("repository") or {}
            return found and {
                "id": event["id"],
                "subject": subject,
                "type": attributes.get("type"),
                "about": attributes.get("subject"),
                "event": event["event"],
                "action": event["action"],
                "repository": repository.get("full_name"),
                "ref": (event.get("ref") or {}).get("name"),
                "clone_url": repository.get("clone_url"),
                "commit": found,
            }
        except (AttributeError, KeyError, TypeError) as error:
            raise Unreadable(f"not an event: {error!r}") from error

    async def act(self, line, message):
        """Acts, and says that it is still at it, for as long as it takes."""
        beat = asyncio.create_task(self.beat(message))
        try:
            await act(self.options.run, line)
        finally:
            beat.cancel()

    async def beat(self, message):
        while True:
            await asyncio.sleep(self.ack_wait / 3)
            try:
                await message.in_progress()
            except Exception as error:
                # Not heard is no harm: at worst it comes again and is known.
                note(f"{message.subject}: {error!r}")


class Away(Exception):
    """The object store did not give what is in it."""


class ActionFailed(Exception):
    """The command ended with another exit code than 0."""


async def act(command, line):
    if command is None:
        sys.stdout.write(line)
        sys.stdout.flush()
        return
    # A session of its own: a Ctrl-C is for us, and what has begun is finished.
    child = await asyncio.create_subprocess_shell(command, stdin=asyncio.subprocess.PIPE, start_new_session=True)
    # A command that does not read what it is told is no fault here; its exit code counts.
    await child.communicate(line.encode())
    if child.returncode != 0:
        raise ActionFailed(f"exit code {child.returncode}")


def read(message):
    """The CloudEvents attributes of a message, and the event in its body."""
    headers = {name.lower(): value for name, value in (message.headers or {}).items()}
    if headers.get("content-type", "").lower() != "application/json":
        raise Unreadable(f"content-type {headers.get('content-type')!r}")
    # Decoded once: %2525 is %25. A value of a kibibyte can end inside a character.
    attributes = {
        name[len("ce-") :]: unquote(value, errors="replace")
        for name, value in headers.items()
        if name.startswith("ce-")
    }
    if attributes.get("specversion") != "1.0":
        raise Unreadable(f"specversion {attributes.get('specversion')!r}")
    event = parsed(message.data)
    # One id for the server, for CloudEvents and for the body, or somebody else wrote this.
    identity = event.get("id")
    if not isinstance(identity, str) or attributes.get("id") != identity:
        raise Unreadable(f"ce-id {attributes.get('id')!r} is not the body's id {identity!r}")
    # It becomes a line of a file.
    if not identity or not all("!" <= character <= "~" for character in identity):
        raise Unreadable(f"id {identity!r}")
    return attributes, event


def parsed(body):
    """The body of a message as an event, or as what says where it is."""
    try:
        event = from_json(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error!r}") from error
    if not isinstance(event, dict) or type(event.get("version")) is not int or event["version"] != 1:
        raise Unreadable("not an event of version 1 of the contract")
    if not isinstance(event.get("id"), str):
        raise Unreadable("an event without an id")
    return event


def from_json(text):
    # Python refuses to read very long numbers; those are in the forge's own payload.
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits))


def commit(event, path):
    """The commit to check out, if this event asks for that."""
    # Sources can be configured to take what nobody signed.
    if event["delivery"]["authenticated"] is not True:
        return None
    data = event["data"]
    if event["event"] == "push":
        # A deleted branch has no commit after it.
        return data.get("after") if path is None or may_touch(data, path) else None
    if event["event"] == "tag":
        return data.get("commit") or data.get("after")
    if event["event"] == "pull_request" and event["action"] in ("opened", "reopened", "synchronized"):
        head = data["pull_request"]["head"]
        # Anybody can open one from a fork: that is no reason to run its code.
        return head.get("sha") if head.get("fork") is False else None
    # Also every event and action that is newer than this program.
    return None


def may_touch(push, path):
    """Whether a push may touch files under the path: also when it is not known."""
    if not (push["commits_complete"] and push["files_known"]) or push.get("forced"):
        return True
    # No commits at all: it was moved back, or to where another branch is.
    if not push["commits"]:
        return True
    kinds = ("added", "removed", "modified")
    return any(file.startswith(path) for one in push["commits"] for kind in kinds for file in one.get(kind) or ())


class Acted:
    """The ids that were acted on, in a file: one a line, the newest last."""

    def __init__(self, path, most):
        self.path, self.most, self.file = path, max(most, 1), None
        text = path.read_text("ascii") if path.exists() else ""
        # A crash can leave half a line at the end: that message was not acknowledged.
        self.lines = deque(text[: text.rfind("\n") + 1].splitlines())
        self.rewrite()

    def __contains__(self, identity):
        return identity in self.known

    def add(self, identity):
        """Returns when it is on disk: only then may the message be acknowledged."""
        self.file.write(f"{identity}\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.known.add(identity)
        self.lines.append(identity)
        if len(self.lines) > self.most * 2:
            self.rewrite()

    def rewrite(self):
        """Forgets the oldest. At every moment there is a whole file."""
        while len(self.lines) > self.most:
            self.lines.popleft()
        self.known = set(self.lines)
        new = self.path.with_suffix(".new")
        if self.file:
            self.file.close()
        self.file = new.open("w", encoding="ascii")
        self.file.writelines(f"{identity}\n" for identity in self.lines)
        self.file.flush()
        os.fsync(self.file.fileno())
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def ids_file(options):
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    folder = Path(state) / "forgewire-consumer"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{options.stream}-{options.durable}.ids"


def note(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
