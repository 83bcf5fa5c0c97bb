// A consumer of forgewire's events: acts once per event id, and acknowledges.
//
// In come the messages of one durable pull consumer; out goes one line of JSON per commit to check out, to
// standard output or into a command. README.md beside this file says what each part guards against.

import { spawn } from "node:child_process";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import {
  AckPolicy,
  type Consumer,
  type ConsumerConfig,
  DeliverPolicy,
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { connect, nanos, type NatsConnection } from "@nats-io/transport-node";
import { blake3 } from "@noble/hashes/blake3";
import { bytesToHex } from "@noble/hashes/utils";

// How long one request for a message waits, in milliseconds; a stop is noticed after it at the latest.
const PULL = 1_000;

const USAGE = `Acts once per event of a forgewire stream.

usage: node consumer.js DURABLE FILTER [options]

  DURABLE          durable consumer to read with
  FILTER           subjects that the durable lets through
  --nats URL       URL of the NATS server [NATS_URL, nats://127.0.0.1:4222]
  --stream NAME    stream that the events are in [FORGE]
  --create         make the durable if it is missing
  --run COMMAND    shell command that acts, with the line on standard input
  --path PREFIX    leave out pushes that surely touch no file under this path
  --payload        put the forge's payload into the line, where there is one
  --ids FILE       file that remembers which ids were acted on
  --remember COUNT how many ids are remembered [100000]
  --retry SECONDS  wait after an action that failed [30]
  --max COUNT      end after this many messages that need not come again
  --idle SECONDS   end after this long without a message
`;

interface Options {
  durable: string;
  filter: string;
  nats: string;
  stream: string;
  create: boolean;
  run: string | undefined;
  path: string | undefined;
  payload: boolean;
  ids: string;
  remember: number;
  retry: number;
  max: number;
  idle: number;
}

// What a body has in every event, and what this program reads of the rest. Anything can be missing in a
// body that somebody else wrote: what reads it is ready for a TypeError.
interface Event {
  version: number;
  id: string;
  event: string;
  action: string;
  delivery: { authenticated: boolean };
  repository?: { full_name?: string; clone_url?: string };
  ref?: { kind: string; name: string };
  data: Partial<Push> & {
    after?: string;
    commit?: string;
    pull_request?: { head: { sha?: string; fork?: boolean } };
  };
  raw?: unknown;
  raw_ref?: ObjectRef;
  // Where only this and the first four are there, it says where the rest is.
  body_ref?: ObjectRef;
}

interface ObjectRef {
  bucket: string;
  object: string;
  bytes: number;
  digest: string;
}

interface Push {
  commits: { added?: string[]; removed?: string[]; modified?: string[] }[];
  commits_complete: boolean;
  forced?: boolean;
  files_known: boolean;
}

/** The message can never be read, however often it comes. */
class Unreadable extends Error {}

/** The object store did not give what is in it. */
class Away extends Error {}

/** What ends the program with a line and without a trace. */
class Fatal extends Error {}

type Verdict = ["done" | "unreadable" | "failed", string];

function options(): Options {
  const text = { type: "string" } as const;
  const names = { nats: text, stream: text, run: text, path: text, ids: text } as const;
  const numbers = { remember: text, retry: text, max: text, idle: text } as const;
  const flags = { create: { type: "boolean" }, payload: { type: "boolean" }, help: { type: "boolean" } } as const;
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { ...names, ...numbers, ...flags } });
  const [durable, filter, ...rest] = positionals;
  if (values.help || durable === undefined || filter === undefined || rest.length > 0) throw new Fatal(USAGE);
  const number = (name: keyof typeof numbers, otherwise: number): number => {
    const number = Number(values[name] ?? otherwise);
    if (!(number >= 0)) throw new Fatal(`--${name} takes a number`);
    return number;
  };
  const stream = values.stream ?? "FORGE";
  return {
    durable,
    filter,
    nats: values.nats ?? (process.env["NATS_URL"] || "nats://127.0.0.1:4222"),
    stream,
    create: values.create ?? false,
    run: values.run,
    path: values.path,
    payload: values.payload ?? false,
    ids: values.ids ?? idsFile(`${stream}-${durable}.ids`),
    remember: number("remember", 100_000),
    retry: number("retry", 30) * 1_000,
    max: number("max", Infinity),
    idle: number("idle", Infinity) * 1_000,
  };
}

function idsFile(name: string): string {
  const folder = join(process.env["XDG_STATE_HOME"] || join(homedir(), ".local/state"), "forgewire-consumer");
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}

async function main(): Promise<void> {
  const given = options();
  const client = await connect({ servers: given.nats, maxReconnectAttempts: -1 });
  // Until here nothing has begun, and a stop may be an abrupt end.
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort());
  try {
    const [consumer, ackWait] = await bind(client, given);
    const objects = new Objm(jetstream(client));
    const worker = new Worker(given, objects, new Acted(given.ids, given.remember), ackWait);
    await work(consumer, worker, stop.signal);
  } finally {
    // What was told last must still reach the server, if there is one.
    await Promise.race([client.flush(), pause(PULL * 3, undefined, { ref: false })]);
    await client.close();
  }
}

/** Finds the durable, and makes it only where that was asked for. Gives its ack_wait in milliseconds, too. */
async function bind(client: NatsConnection, given: Options): Promise<[Consumer, number]> {
  // Without a look at the account, for which a consumer needs no right.
  const manager = await jetstreamManager(client, { checkAPI: false });
  const find = () => manager.consumers.info(given.stream, given.durable);
  // This asks for the one right that an administrator must grant besides reading and acknowledging.
  const { config } = await find().catch(async (error: unknown) => {
    const missing = error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound;
    if (!missing || !given.create) throw new Fatal(`durable ${given.durable} of ${given.stream}: ${error}`);
    return await manager.consumers.add(given.stream, durableFor(given));
  });
  // Another filter would mean acting on what nobody named here.
  if (config.filter_subject !== given.filter) {
    throw new Fatal(`durable ${given.durable} has the filter ${config.filter_subject}`);
  }
  if (config.ack_policy !== AckPolicy.Explicit) throw new Fatal(`durable ${given.durable} wants no acks`);
  const consumer = await jetstream(client).consumers.get(given.stream, given.durable);
  return [consumer, (config.ack_wait ?? nanos(30_000)) / 1e6];
}

function durableFor(given: Options): Partial<ConsumerConfig> {
  return {
    durable_name: given.durable,
    filter_subject: given.filter,
    // Of every branch the newest, then whatever comes: not a month of builds.
    deliver_policy: DeliverPolicy.LastPerSubject,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(60_000),
    max_deliver: 10,
    max_ack_pending: 100,
  };
}

async function work(consumer: Consumer, worker: Worker, stop: AbortSignal): Promise<void> {
  const { max, idle } = worker.given;
  let [settled, last] = [0, performance.now()];
  while (!stop.aborted && settled < max && performance.now() - last < idle) {
    try {
      // One message at a time: the clock of ack_wait runs for those that wait in a buffer, too.
      const message = await consumer.next({ expires: PULL });
      if (message === null) continue;
      if (await worker.handle(message)) settled += 1;
      last = performance.now();
    } catch (error) {
      if (error instanceof Fatal) throw error;
      note(`cannot read, trying again: ${error}`);
      await pause(PULL);
    }
  }
}

class Worker {
  constructor(
    readonly given: Options,
    readonly objects: Objm,
    readonly acted: Acted,
    readonly ackWait: number,
  ) {}

  /** Acts where it must, and tells the server. True when the message need not come again. */
  async handle(message: JsMsg): Promise<boolean> {
    const [verdict, why] = await this.verdict(message);
    note(`${message.subject}: ${verdict}: ${why}`);
    try {
      if (verdict === "done") {
        // Waits until the server has it: only then is a redelivery out of the question.
        if (!(await message.ackAck({ timeout: 5_000 }))) throw new Error("not acknowledged");
      } else if (verdict === "unreadable") {
        message.term();
      } else {
        message.nak(this.given.retry);
      }
    } catch (error) {
      // It comes again, and will be known by its id.
      note(`${message.subject}: the server did not hear it: ${error}`);
      return false;
    }
    return verdict !== "failed";
  }

  /** A `Fatal` here is one of the file of ids: without it nothing may be done or acknowledged. */
  private async verdict(message: JsMsg): Promise<Verdict> {
    let event: Event, line: Line | undefined;
    try {
      const [attributes, body] = read(message);
      const known = this.acted.has(body.id);
      event = known ? body : await this.whole(body);
      if (event.body_ref === undefined) line = lineOf(message.subject, attributes, event, this.given.path);
      if (known) return ["done", "acted on before"];
      if (line === undefined) return ["done", "nothing to do"];
      if (this.given.payload) line.payload = await this.payload(event);
    } catch (error) {
      return error instanceof Away ? ["failed", `comes again: ${error}`] : ["unreadable", `${error}`];
    }
    // Says that it is still at it, for as long as it takes. Not heard is no harm.
    const beat = setInterval(() => message.working(), this.ackWait / 3);
    try {
      await act(this.given.run, `${JSON.stringify(line)}\n`);
    } catch (error) {
      return ["failed", `comes again: ${error}`];
    } finally {
      clearInterval(beat);
    }
    this.acted.add(event.id);
    return ["done", "acted"];
  }

  /** The event, also one that was too large for a message. */
  private async whole(event: Event): Promise<Event> {
    if (event.body_ref === undefined) return event;
    const body = parsed(await this.object(event.body_ref));
    if (body.id !== event.id) throw new Unreadable("another event's body");
    return body;
  }

  /** The forge's payload, wherever it is, if it is JSON. */
  private async payload(event: Event): Promise<unknown> {
    if (event.raw_ref === undefined) return event.raw;
    const bytes = await this.object(event.raw_ref);
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (error) {
      note(`${event.id}: a payload that is no JSON: ${error}`);
      return undefined;
    }
  }

  /** Reads what a reference names, and compares: others may be allowed to write to the object store. */
  private async object({ bucket, object, bytes, digest }: ObjectRef): Promise<Uint8Array> {
    let content: Uint8Array | null;
    try {
      content = await (await this.objects.open(bucket)).getBlob(object);
    } catch (error) {
      throw new Away(`object ${object} of ${bucket}: ${error}`);
    }
    if (content === null) throw new Away(`object ${object} of ${bucket} is not there`);
    if (content.length !== bytes || digest !== `blake3=${bytesToHex(blake3(content))}`) {
      throw new Unreadable(`object ${object} of ${bucket} has other bytes`);
    }
    return content;
  }
}

/** The body of a message as an event, or as what says where it is. */
function parsed(bytes: Uint8Array): Event {
  const event = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Event;
  if (event.version !== 1) throw new Unreadable("not an event of version 1 of the contract");
  return event;
}

function act(command: string | undefined, line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (command === undefined) {
      process.stdout.write(line, (error) => (error ? reject(error) : resolve()));
      return;
    }
    // A process group of its own: a Ctrl-C is for us, and what has begun is finished.
    const child = spawn("sh", ["-c", command], { stdio: ["pipe", "inherit", "inherit"], detached: true });
    child.on("error", reject);
    child.on("exit", (code, by) => (code === 0 ? resolve() : reject(new Error(`exit code ${code ?? by}`))));
    // A command that does not read what it is told is no fault here; its exit code counts.
    child.stdin.on("error", () => {});
    child.stdin.end(line);
  });
}

/** The CloudEvents attributes of a message, and the event in its body. */
function read(message: JsMsg): [Map<string, string>, Event] {
  const headers = new Map<string, string>();
  for (const [name, values] of message.headers ?? []) headers.set(name.toLowerCase(), values[0] ?? "");
  const mediaType = headers.get("content-type") ?? "";
  if (mediaType.toLowerCase() !== "application/json") throw new Unreadable(`content-type ${mediaType}`);
  const attributes = new Map<string, string>();
  for (const [name, value] of headers) {
    if (name.startsWith("ce-")) attributes.set(name.slice("ce-".length), decoded(value));
  }
  const version = attributes.get("specversion");
  if (version !== "1.0") throw new Unreadable(`specversion ${version}`);
  const event = parsed(message.data);
  // One id for the server, for CloudEvents and for the body, or somebody else wrote this.
  if (attributes.get("id") !== event.id) throw new Unreadable(`ce-id is not the body's id ${event.id}`);
  // It becomes a line of a file.
  if (!/^[!-~]+$/.test(event.id)) throw new Unreadable("an id with other than visible characters");
  return [attributes, event];
}

/** Decodes a header value, once: `%2525` is `%25`. */
function decoded(value: string): string {
  const bytes: number[] = [];
  for (const [part, hex] of value.matchAll(/%([0-9A-Fa-f]{2})|[^]/gu)) {
    if (hex === undefined) bytes.push(...Buffer.from(part));
    else bytes.push(parseInt(hex, 16));
  }
  // Not decodeURIComponent, which throws where a value of a kibibyte ends inside a character.
  return Buffer.from(bytes).toString("utf8");
}

/** What an action is told. */
type Line = Record<string, unknown>;

function lineOf(subject: string, attributes: Map<string, string>, event: Event, path?: string): Line | undefined {
  const found = commit(event, path);
  if (found === undefined) return undefined;
  return {
    id: event.id,
    subject,
    type: attributes.get("type") ?? null,
    about: attributes.get("subject") ?? null,
    event: event.event,
    action: event.action,
    repository: event.repository?.full_name ?? null,
    ref: event.ref?.name ?? null,
    clone_url: event.repository?.clone_url ?? null,
    commit: found,
  };
}

/** The commit to check out, if this event asks for that. */
function commit(event: Event, path?: string): string | undefined {
  // Sources can be configured to take what nobody signed.
  if (event.delivery.authenticated !== true) return undefined;
  const { data } = event;
  switch (event.event) {
    case "push":
      // A deleted branch has no commit after it.
      return path === undefined || mayTouch(data as Push, path) ? data.after : undefined;
    case "tag":
      return data.commit ?? data.after;
    case "pull_request": {
      if (!["opened", "reopened", "synchronized"].includes(event.action)) return undefined;
      const { head } = data.pull_request!;
      // Anybody can open one from a fork: that is no reason to run its code.
      return head.fork === false ? head.sha : undefined;
    }
    default:
      // Also every event that is newer than this program.
      return undefined;
  }
}

/** Whether a push may touch files under the path: also when it is not known. */
function mayTouch(push: Push, path: string): boolean {
  if (!(push.commits_complete && push.files_known) || push.forced) return true;
  // No commits at all: it was moved back, or to where another branch is.
  if (push.commits.length === 0) return true;
  const files = push.commits.flatMap((one) => [one.added, one.removed, one.modified].flatMap((list) => list ?? []));
  return files.some((file) => file.startsWith(path));
}

/** The ids that were acted on, in a file: one a line, the newest last. */
class Acted {
  private known = new Set<string>();
  // What stands in the file, in its order.
  private lines: string[];
  private file: number | undefined;
  private readonly most: number;

  constructor(
    private readonly path: string,
    most: number,
  ) {
    this.most = Math.max(most, 1);
    // A crash can leave half a line at the end: that message was not acknowledged.
    this.lines = contents(path).split("\n").slice(0, -1);
    this.rewrite();
  }

  has(id: string): boolean {
    return this.known.has(id);
  }

  /** Returns when it is on disk: only then may the message be acknowledged. */
  add(id: string): void {
    try {
      writeFileSync(this.file!, `${id}\n`);
      fsyncSync(this.file!);
      this.known.add(id);
      this.lines.push(id);
      if (this.lines.length > this.most * 2) this.rewrite();
    } catch (error) {
      throw new Fatal(`cannot remember an id: ${error}`);
    }
  }

  /** Forgets the oldest. At every moment there is a whole file. */
  private rewrite(): void {
    this.lines = this.lines.slice(-this.most);
    this.known = new Set(this.lines);
    if (this.file !== undefined) closeSync(this.file);
    this.file = openSync(`${this.path}.new`, "w");
    writeFileSync(this.file, this.lines.map((id) => `${id}\n`).join(""));
    fsyncSync(this.file);
    renameSync(`${this.path}.new`, this.path);
    const folder = openSync(dirname(this.path), "r");
    fsyncSync(folder);
    closeSync(folder);
  }
}

function contents(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  await main();
} catch (error) {
  note(error instanceof Fatal ? error.message : `${error}`);
  process.exitCode = 1;
}
