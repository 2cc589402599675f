/** Plays one case, step by step, in the words of the cases' README. Throws where an expectation does not hold. */
import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { partitionForKey } from '../../../../src/record/partitioner.ts';
import type { Case, Mint, RecordText, Step } from './case-file.ts';
import { openStream, type StreamAnswer, type StreamItem } from './event-stream.ts';
import { mismatch, show } from './match.ts';
import type { Ready, StoredRecord } from './stand.ts';
import { RawWebSocket, type Unit } from './web-socket.ts';

type Json = Record<string, unknown>;
type Headers = Readonly<Record<string, string>>;

const defaultWaitMs = 5000;

export async function playCase(played: Case, ready: Ready): Promise<void> {
  const player = new Player(ready, played.given.mint ?? {});
  try {
    await player.steps(played.steps);
  } finally {
    player.leave();
  }
}

class Player {
  readonly #ready: Ready;
  readonly #saved = new Map<string, unknown>();
  readonly #clients = new Map<string, RawWebSocket>();
  readonly #streams = new Map<string, StreamAnswer>();
  readonly #taken = new Map<string, number>();
  #exit: Promise<void> | undefined;

  constructor(ready: Ready, mints: Readonly<Record<string, Mint>>) {
    this.#ready = ready;
    this.#saved.set('host', ready.gateway.address);
    for (const [name, mint] of Object.entries(mints)) this.#saved.set(name, mintToken(mint));
  }

  async steps(steps: readonly Step[]): Promise<void> {
    for (const [at, raw] of steps.entries()) {
      const step = this.#filled(raw) as Json;
      try {
        await this.#step(step);
      } catch (error) {
        throw new Error(`step ${at + 1} (${Object.keys(raw)[0]}): ${(error as Error).message}`, { cause: error });
      }
    }
  }

  leave(): void {
    for (const client of this.#clients.values()) client.destroy();
    for (const stream of this.#streams.values()) stream.close();
  }

  async #step(step: Json): Promise<void> {
    const name = Object.keys(actions).find((action) => action in step);
    if (name === undefined) throw new Error(`there is no step of ${Object.keys(step).join(', ')}`);
    await actions[name]!.call(this, step[name] as never, step);
  }

  #filled(value: unknown): unknown {
    if (typeof value === 'string') {
      return value.replace(/\$\{([^}]+)\}/g, (whole, name: string) =>
        this.#saved.has(name) ? String(this.#saved.get(name)) : whole,
      );
    }
    if (Array.isArray(value)) return value.map((entry) => this.#filled(entry));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, this.#filled(entry)]));
  }

  // What the actions below use.

  get ready(): Ready {
    return this.#ready;
  }

  client(as: unknown): RawWebSocket {
    const client = this.#clients.get(String(as));
    if (client === undefined) throw new Error(`there is no connection ${show(as)}`);
    return client;
  }

  setClient(as: unknown, client: RawWebSocket): void {
    this.#clients.get(String(as))?.destroy();
    this.#clients.set(String(as), client);
  }

  stream(as: unknown): StreamAnswer {
    const stream = this.#streams.get(String(as));
    if (stream === undefined) throw new Error(`there is no stream ${show(as)}`);
    return stream;
  }

  setStream(as: unknown, stream: StreamAnswer): void {
    this.#streams.set(String(as), stream);
  }

  save(names: unknown, from: Json): void {
    for (const [name, member] of Object.entries((names ?? {}) as Record<string, string>)) {
      this.#saved.set(name, from[member.replace(/^\$/, '')]);
    }
  }

  set(name: string, value: unknown): void {
    this.#saved.set(name, value);
  }

  /** Next unit, as a case counts them: pings and empty data pass unless they are asked for. */
  async unit(as: unknown, withinMs: number, wanted: { ping: boolean; empty: boolean }): Promise<Unit> {
    const client = this.client(as);
    return client.units.until(
      withinMs,
      () => `a message (closed with ${show(client.closes.items)}, waiting ${show(client.units.items.slice(0, 3))})`,
      (units) => {
        while (units.length > 0 && isPassedOver(units[0]!, wanted)) units.shift();
        return units.shift();
      },
    );
  }

  /** An item of a stream; comments and the like before it pass. */
  async item<K extends StreamItem['kind']>(
    as: unknown,
    kind: K,
    withinMs: number,
    fits: (item: Extract<StreamItem, { kind: K }>) => boolean = () => true,
  ): Promise<Extract<StreamItem, { kind: K }>> {
    const { items } = this.stream(as);
    const key = String(as);
    return items.until(
      withinMs,
      () => `${kind} (there was ${show(items.items.slice(0, 5))})`,
      (all) => {
        for (let at = kind === 'event' || kind === 'line' ? (this.#taken.get(key) ?? 0) : 0; at < all.length; at++) {
          const item = all[at]!;
          if (item.kind !== kind || !fits(item as never)) continue;
          if (kind === 'event' || kind === 'line') this.#taken.set(key, at + 1);
          return item as Extract<StreamItem, { kind: K }>;
        }
        return undefined;
      },
    );
  }

  signal(): void {
    this.#ready.spoil();
    this.#exit = this.#ready.gateway.drain();
  }

  async exit(): Promise<void> {
    if (this.#exit === undefined) throw new Error('nobody told the gateway to end');
    await this.#exit;
  }
}

type Action = (this: Player, argument: never, step: Json) => Promise<void> | void;

const actions: Readonly<Record<string, Action>> = {
  async connect(
    this: Player,
    { url, protocols, headers = {} }: { url: string; protocols: string[]; headers?: Headers },
    step,
  ) {
    const {
      status,
      headers: answered,
      body,
      client,
    } = await RawWebSocket.open(this.ready.gateway.address, url, protocols, headers);
    const wanted = step['expect_status'] ?? 101;
    if (status !== wanted) throw new Error(`status ${status}, wanted ${String(wanted)}: ${body}`);
    if ('expect_protocol' in step) {
      const protocol = answered.get('sec-websocket-protocol') ?? null;
      if (protocol !== step['expect_protocol'])
        throw new Error(`subprotocol ${show(protocol)}, wanted ${show(step['expect_protocol'])}`);
    }
    checkHeaders(answered, step);
    if ('expect_json' in step) fit(JSON.parse(body), step['expect_json']);
    if (status === 101) this.setClient(step['as'], client);
  },

  send(this: Player, argument: Json) {
    const client = this.client(argument['as']);
    if ('raw_hex' in argument) {
      client.raw(Buffer.from(String(argument['raw_hex']), 'hex'));
    } else if ('ping' in argument) {
      client.send(9, Buffer.from(String(argument['ping'])));
    } else if ('fragments' in argument) {
      const parts = (argument['fragments'] as Json[]).map(payloadOf);
      for (const [at, { opcode, bytes }] of parts.entries())
        client.send(at === 0 ? opcode : 0, bytes, at === parts.length - 1);
    } else {
      const { opcode, bytes } = payloadOf(argument);
      client.send(opcode, bytes);
    }
  },

  async expect(this: Player, argument: Json) {
    const asksFor = { ping: isPing(argument['json']), empty: isEmptyData(argument['json'] ?? argument['bin']) };
    const unit = await this.unit(argument['as'], waitOf(argument), asksFor);
    const json = checkUnit(unit, argument);
    this.save(argument['save'], json);
  },

  async expect_set(this: Player, argument: Json) {
    const wanted = [...((argument['json'] ?? argument['bin']) as unknown[])];
    while (wanted.length > 0) {
      const unit = await this.unit(argument['as'], waitOf(argument), { ping: false, empty: false });
      const at = wanted.findIndex((one) => mismatch(jsonOf(unit), one) === undefined);
      if (at === -1) throw new Error(`${show(jsonOf(unit))} is none of ${show(wanted)}`);
      if ('bin' in argument && !(unit.kind === 'frame' && unit.isBinary))
        throw new Error('the frame is text, wanted binary');
      wanted.splice(at, 1);
    }
  },

  async expect_split(this: Player, argument: Json) {
    const names = argument['as'] as string[];
    const wanted = [...(argument['json'] as unknown[])];
    const counts = new Map(names.map((name) => [name, 0]));
    const deadline = performance.now() + waitOf(argument);
    while (wanted.length > 0) {
      const name = names.find((one) =>
        this.client(one).units.items.some((unit) => !isPassedOver(unit, { ping: false, empty: false })),
      );
      if (name === undefined) {
        if (performance.now() > deadline) throw new Error(`${show(wanted)} did not come`);
        await pause(10);
        continue;
      }
      const unit = await this.unit(name, 0, { ping: false, empty: false });
      const at = wanted.findIndex((one) => mismatch(jsonOf(unit), one) === undefined);
      if (at === -1) throw new Error(`${show(jsonOf(unit))} is none of ${show(wanted)}`);
      wanted.splice(at, 1);
      counts.set(name, counts.get(name)! + 1);
    }
    const least = Number(argument['each_at_least'] ?? 0);
    for (const [name, count] of counts)
      if (count < least) throw new Error(`${name} got ${count} of them, wanted ${least}`);
  },

  async expect_records(this: Player, argument: Json) {
    const wanted = argument['records'] as unknown[];
    const { units } = this.client(argument['as']);
    const records: unknown[] = [];
    let last: Json = {};
    let pos: unknown;
    const collect = (all: Unit[]): void => {
      for (let at = 0; at < all.length; ) {
        const unit = all[at]!;
        if (unit.kind !== 'frame' || unit.json['type'] !== 'data' || unit.json['id'] !== argument['sub']) {
          at++;
          continue;
        }
        if (argument['bin'] === true && !unit.isBinary) throw new Error('a data frame is text, wanted binary');
        all.splice(at, 1);
        last = unit.json;
        pos = last['pos'] ?? pos;
        records.push(...(last['records'] as unknown[]));
      }
    };
    await units.until(
      waitOf(argument),
      () => `${wanted.length} records (there are ${show(records)}, waiting ${show(units.items.slice(0, 3))})`,
      (all) => {
        collect(all);
        return records.length >= wanted.length && (!('save_pos' in argument) || last['pos'] !== undefined)
          ? true
          : undefined;
      },
    );
    if ('exact_for_ms' in argument) {
      await pause(Number(argument['exact_for_ms']));
      collect(units.items);
    }
    checkOrder(records, wanted, argument['order'] === 'partition' ? partitionOf : () => '');
    if ('save_pos' in argument) this.set(String(argument['save_pos']), pos);
    if ('save_seq' in argument) this.set(String(argument['save_seq']), last['seq']);
  },

  async expect_none(this: Player, argument: Json) {
    await pause(Number(argument['for_ms']));
    const client = this.client(argument['as']);
    const unit = client.units.items.find((one) => !isPassedOver(one, { ping: false, empty: false }));
    if (unit !== undefined) throw new Error(`there came ${show(jsonOf(unit))}`);
    if (client.closes.items.length > 0) throw new Error(`the connection closed with ${show(client.closes.items)}`);
  },

  async expect_eventually(this: Player, argument: Json) {
    const { units } = this.client(argument['as']);
    await units.until(
      waitOf(argument),
      () => show(argument['json']),
      (all) => {
        while (all.length > 0) if (mismatch(jsonOf(all.shift()!), argument['json']) === undefined) return true;
        return undefined;
      },
    );
  },

  async expect_close(this: Player, argument: Json) {
    const client = this.client(argument['as']);
    const code = await client.closes.until(
      waitOf(argument),
      () => `a close (waiting ${show(client.units.items.slice(-3))})`,
      (codes) => codes[0],
    );
    if (code !== argument['code']) throw new Error(`closed with ${code}, wanted ${show(argument['code'])}`);
  },

  async expect_pong(this: Player, argument: Json) {
    const { pongs } = this.client(argument['as']);
    const data = await pongs.until(
      waitOf(argument),
      () => 'a pong',
      (all) => all.shift(),
    );
    if (data.toString() !== argument['data'])
      throw new Error(`pong ${show(data.toString())}, wanted ${show(argument['data'])}`);
  },

  close(this: Player, argument: Json) {
    this.client(argument['as']).close(Number(argument['code']));
  },

  pause(this: Player, argument: Json) {
    this.client(argument['as']).pause();
  },

  resume(this: Player, argument: Json) {
    this.client(argument['as']).resume();
  },

  mute(this: Player, argument: Json) {
    this.client(argument['as']).mute();
  },

  async expect_topic(this: Player, argument: Json) {
    const wanted = argument['records'] as Json[];
    const topic = String(argument['topic']);
    const deadline = performance.now() + waitOf(argument, 10_000);
    let stored: StoredRecord[] = [];
    for (;;) {
      stored = await this.ready.topics.all(topic);
      if (stored.length >= wanted.length || performance.now() > deadline) break;
      await pause(20);
    }
    // One more than wanted may be on its way.
    if (wanted.length === 0) await pause(200);
    if (wanted.length === 0) stored = await this.ready.topics.all(topic);
    const partitions = (await this.ready.topics.broker.describeTopic(topic)).partitions.length;
    const groupOf = { key: keyOf, undefined: partitionOf, true: () => '' }[String(argument['ordered'])];
    checkOrder(
      stored.map((record) => textOf(record)),
      wanted.map((record) => storedPattern(record, partitions)),
      groupOf ?? 'any',
    );
  },

  async produce(this: Player, { topic, records }: { topic: string; records: RecordText[] }) {
    await this.ready.topics.produce(topic, records);
  },

  async produce_many(this: Player, argument: Json) {
    const {
      topic,
      count,
      value_length: length,
      keys,
    } = argument as { topic: string; count: number; value_length: number; keys?: number };
    await this.ready.topics.produceMany(topic, count, length, keys);
  },

  async wait_ms(this: Player, ms: number) {
    await pause(ms);
  },

  async parallel(this: Player, branches: Step[][]) {
    await Promise.all(branches.map((steps) => this.steps(steps)));
  },

  async http(this: Player, argument: Json, step) {
    const { gateway } = this.ready;
    const address = argument['listener'] === 'admin' ? gateway.adminUrl!.replace(/^http:\/\//, '') : gateway.address;
    const { status, headers, body } = await httpRequest(address, argument);
    const wanted = step['expect_status'];
    const allowed = Array.isArray(wanted) ? wanted : [wanted];
    if (wanted !== undefined && !allowed.includes(status))
      throw new Error(`status ${status}, wanted ${show(wanted)}: ${body.slice(0, 300)}`);
    checkHeaders(headers, step);
    if ('expect_json' in step) fit(JSON.parse(body), step['expect_json']);
    if ('expect_ndjson' in step) {
      const lines = body.split('\n').filter((line) => line !== '');
      fit(
        lines.map((line) => JSON.parse(line) as unknown),
        step['expect_ndjson'],
      );
    }
    const texts = [step['expect_body_contains'] ?? []].flat() as string[];
    for (const text of texts) if (!body.includes(text)) throw new Error(`the body lacks ${show(text)}`);
    if ('save' in step) this.save(step['save'], JSON.parse(body) as Json);
  },

  async tcp(this: Player, argument: Json, step) {
    const { status, headers } = await rawRequest(this.ready.gateway.address, payloadOf(argument).bytes, waitOf(step));
    if ('expect_status' in step && status !== step['expect_status'])
      throw new Error(`status ${status}, wanted ${show(step['expect_status'])}`);
    checkHeaders(headers, step);
  },

  async sse(this: Player, { path, headers = {} }: { path: string; headers?: Record<string, string> }, step) {
    const stream = await openStream(this.ready.gateway.address, path, headers);
    this.setStream(step['as'], stream);
    if ('expect_status' in step && stream.status !== step['expect_status']) {
      throw new Error(`status ${stream.status}, wanted ${show(step['expect_status'])}: ${stream.body}`);
    }
    checkHeaders(stream.headers, step);
    if ('expect_json' in step) fit(JSON.parse(stream.body), step['expect_json']);
  },

  sse_close(this: Player, argument: Json) {
    this.stream(argument['as']).close();
  },

  async expect_event(this: Player, argument: Json) {
    const item = await this.item(argument['as'], 'event', waitOf(argument));
    const wanted = argument['event'] ?? 'message';
    if (item.event !== wanted) throw new Error(`event ${show(item)}, wanted ${show(wanted)}`);
    if ('data' in argument) fit(JSON.parse(item.data), argument['data']);
    if ('data_text' in argument && item.data !== argument['data_text'])
      throw new Error(`data ${show(item.data)}, wanted ${show(argument['data_text'])}`);
    if ('id' in argument) fit(item.id, argument['id']);
    if ('id_json' in argument) fit(JSON.parse(item.id ?? ''), argument['id_json']);
    this.save(argument['save'], { ...item });
  },

  async expect_events_set(this: Player, argument: Json) {
    const wanted = [...(argument['data'] as unknown[])];
    let lastId: string | undefined;
    while (wanted.length > 0) {
      const item = await this.item(argument['as'], 'event', waitOf(argument));
      const at = wanted.findIndex((one) => mismatch(JSON.parse(item.data), one) === undefined);
      if (at === -1) throw new Error(`${item.data} is none of ${show(wanted)}`);
      wanted.splice(at, 1);
      lastId = item.id;
    }
    if ('save_last_id' in argument) this.set(String(argument['save_last_id']), lastId);
  },

  async expect_comment(this: Player, argument: Json) {
    await this.item(argument['as'], 'comment', waitOf(argument), ({ text }) => text === argument['text']);
  },

  async expect_retry(this: Player, argument: Json) {
    const { ms } = await this.item(argument['as'], 'retry', waitOf(argument));
    if (ms !== argument['ms']) throw new Error(`retry ${ms}, wanted ${show(argument['ms'])}`);
  },

  async expect_line(this: Player, argument: Json) {
    const { json } = await this.item(
      argument['as'],
      'line',
      waitOf(argument),
      (item) => (item.json as Json)['type'] !== 'ping',
    );
    fit(json, argument['json']);
  },

  async expect_end(this: Player, argument: Json) {
    await this.item(argument['as'], 'end', waitOf(argument));
  },

  async expect_accounted(this: Player, argument: Json) {
    const { units } = this.client(argument['as']);
    const { sub, topic, partition, from, to } = argument as {
      sub: number;
      topic: string;
      partition: number;
      from: number;
      to: number;
    };
    let next = from;
    let gaps = 0;
    await units.until(
      waitOf(argument),
      () => `all of ${from} to ${to} (at ${next}, waiting ${show(units.items.slice(0, 2))})`,
      (all) => {
        for (; next < to && all.length > 0; ) {
          const unit = all.shift()!;
          const json = jsonOf(unit) as Json;
          if (json['id'] !== sub) continue;
          if (json['type'] === 'gap' && json['topic'] === topic && json['partition'] === partition) {
            if (json['from'] !== next) throw new Error(`a gap begins at ${show(json['from'])}, wanted ${next}`);
            if ('gap_reason' in argument && json['reason'] !== argument['gap_reason'])
              throw new Error(`gap ${show(json)}`);
            next = Number(json['to']);
            gaps++;
          } else if (json['type'] === 'data') {
            for (const record of json['records'] as Json[]) {
              if (record['topic'] !== topic || record['partition'] !== partition) continue;
              if (record['offset'] !== next) throw new Error(`offset ${show(record['offset'])}, wanted ${next}`);
              next++;
            }
          }
        }
        return next >= to ? true : undefined;
      },
    );
    if (gaps < Number(argument['min_gaps'] ?? 0))
      throw new Error(`${gaps} gaps, wanted at least ${show(argument['min_gaps'])}`);
    if (gaps > Number(argument['max_gaps'] ?? Number.POSITIVE_INFINITY))
      throw new Error(`${gaps} gaps, wanted at most ${show(argument['max_gaps'])}`);
  },

  async expect_last_per_key(this: Player, argument: Json) {
    const { units } = this.client(argument['as']);
    const wanted = argument['keys'] as Record<string, unknown> | number;
    const last = new Map<string, number>();
    const stored = new Map<string, number>();
    const topicOf = new Set<string>();
    const isComplete = (): boolean => stored.size > 0 && [...stored].every(([key, value]) => last.get(key) === value);
    const read = (all: Unit[]): void => {
      for (; all.length > 0; ) {
        const json = jsonOf(all.shift()!) as Json;
        if (json['type'] !== 'data' || json['id'] !== argument['sub']) continue;
        for (const record of json['records'] as Json[]) {
          topicOf.add(String(record['topic']));
          const key = String(record['key']);
          const value = Number.parseInt(String(record['value']), 10);
          if (value <= (last.get(key) ?? -1)) throw new Error(`${key} fell from ${last.get(key)} to ${value}`);
          last.set(key, value);
        }
      }
    };
    const deadline = performance.now() + waitOf(argument);
    while (!isComplete()) {
      if (performance.now() > deadline)
        throw new Error(`the newest of ${show([...stored])} did not come: ${show([...last])} of ${show(wanted)}`);
      read(units.items);
      for (const topic of topicOf) {
        for (const { key, value } of await this.ready.topics.all(topic)) {
          stored.set(
            String(key === null ? null : Buffer.from(key)),
            Number.parseInt(String(Buffer.from(value ?? '')), 10),
          );
        }
      }
      await pause(20);
    }
  },

  async add_partitions(this: Player, { topic, total }: { topic: string; total: number }) {
    await this.ready.topics.broker.addPartitions(topic, total);
  },

  async delete_topic(this: Player, argument: { topic: string } | string) {
    await this.ready.topics.delete(typeof argument === 'string' ? argument : argument.topic);
  },

  broker(this: Player, what: 'stop' | 'start') {
    this.ready.stoppable[what]();
  },

  signal(this: Player) {
    this.signal();
  },

  async expect_exit(this: Player) {
    await this.exit();
  },
};

function checkUnit(unit: Unit, argument: Json): Json {
  if ('text' in argument) {
    const text = unit.kind === 'text' ? unit.text : show(jsonOf(unit));
    if (unit.kind !== 'text' || text !== argument['text']) throw new Error(`${text}, wanted ${show(argument['text'])}`);
    return {};
  }
  if ('hex' in argument) {
    const hex = unit.kind === 'binary' ? unit.bytes.toString('hex') : show(jsonOf(unit));
    if (hex !== argument['hex']) throw new Error(`${hex}, wanted ${show(argument['hex'])}`);
    return {};
  }
  const json = jsonOf(unit) as Json;
  fit(json, argument['json'] ?? argument['bin']);
  if ('bin' in argument && !(unit.kind === 'frame' && unit.isBinary))
    throw new Error('the frame is text, wanted binary');
  return json;
}

function jsonOf(unit: Unit): unknown {
  switch (unit.kind) {
    case 'frame':
      return unit.json;
    case 'text':
      try {
        return JSON.parse(unit.text) as unknown;
      } catch {
        return unit.text;
      }
    case 'binary':
      return unit.bytes.toString('hex');
  }
}

function isPassedOver(unit: Unit, wanted: { ping: boolean; empty: boolean }): boolean {
  if (unit.kind !== 'frame') return false;
  const { type, records } = unit.json;
  if (type === 'ping') return !wanted.ping;
  return type === 'data' && (records as unknown[]).length === 0 && !wanted.empty;
}

function isPing(json: unknown): boolean {
  return typeof json === 'object' && json !== null && (json as Json)['type'] === 'ping';
}

function isEmptyData(json: unknown): boolean {
  const records = typeof json === 'object' && json !== null ? (json as Json)['records'] : undefined;
  return Array.isArray(records) && records.length === 0;
}

/** Every group's records in their order; 'any': in any order at all. Neither more nor fewer than wanted. */
function checkOrder(
  actual: readonly unknown[],
  wanted: readonly unknown[],
  groupOf: ((record: Json) => string) | 'any',
): void {
  if (actual.length !== wanted.length)
    throw new Error(`${actual.length} records, wanted ${wanted.length}: ${show(actual)}`);
  const left = [...actual];
  for (const [at, one] of wanted.entries()) {
    // The first that is left of the wanted record's group; a wanted record that names no group fits the first of any.
    const found =
      groupOf === 'any'
        ? left.findIndex((record) => mismatch(record, one) === undefined)
        : left.findIndex((record, index) => {
            const group = groupOf(record as Json);
            const isFirst = left.findIndex((other) => groupOf(other as Json) === group) === index;
            return isFirst && mismatch(record, one) === undefined;
          });
    if (found === -1)
      throw new Error(`record ${at + 1}: ${mismatch(left[0], one) ?? 'out of order'}; there is ${show(left)}`);
    left.splice(found, 1);
  }
}

function partitionOf(record: Json): string {
  return `${String(record['topic'])}/${String(record['partition'])}`;
}

function keyOf(record: Json): string {
  return String(record['key'] ?? record['key_base64'] ?? null);
}

/** A stored record as the cases write them. */
function textOf({ partition, offset, timestampMs, key, value, headers }: StoredRecord): Json {
  return {
    partition,
    offset,
    timestamp: timestampMs,
    ...rendered('key', key),
    ...rendered('value', value),
    value_length: value?.length,
    headers: headers.map((header) => ({ name: header.key, ...rendered('value', header.value) })),
  };
}

function rendered(name: string, bytes: Uint8Array | null): Json {
  if (bytes === null) return { [name]: null };
  return { [name]: Buffer.from(bytes).toString(), [`${name}_base64`]: Buffer.from(bytes).toString('base64') };
}

function storedPattern({ partition_of_key: key, ...record }: Json, partitions: number): Json {
  return key === undefined ? record : { ...record, partition: partitionForKey(Buffer.from(String(key)), partitions) };
}

function payloadOf(argument: Json): { opcode: number; bytes: Buffer } {
  let opcode = 1;
  let bytes: Buffer;
  if ('text' in argument) bytes = Buffer.from(String(argument['text']));
  else if ('text_hex' in argument) bytes = Buffer.from(String(argument['text_hex']), 'hex');
  else if ('text_repeat' in argument) {
    const {
      prefix = '',
      unit,
      count,
      suffix = '',
    } = argument['text_repeat'] as { prefix?: string; unit: string; count: number; suffix?: string };
    bytes = Buffer.from(prefix + unit.repeat(count) + suffix);
  } else {
    opcode = 2;
    bytes =
      'hex' in argument
        ? Buffer.from(String(argument['hex']), 'hex')
        : Buffer.from(String(argument['base64']), 'base64');
  }
  if (!('pad' in argument)) return { opcode, bytes };
  const { byte, count } = argument['pad'] as { byte: number | string; count: number };
  const filler = typeof byte === 'number' ? byte : Number.parseInt(byte, 16);
  return { opcode, bytes: Buffer.concat([bytes, Buffer.alloc(count, filler)]) };
}

function checkHeaders(headers: ReadonlyMap<string, string>, step: Json): void {
  for (const [name, wanted] of Object.entries((step['expect_headers'] ?? {}) as Record<string, unknown>)) {
    const found = headers.get(name.toLowerCase());
    const shown = name.toLowerCase() === 'content-type' ? found?.split(';')[0] : found;
    if (wanted === null ? found !== undefined : mismatch(shown, wanted) !== undefined) {
      throw new Error(`header ${name} is ${show(found)}, wanted ${show(wanted)}`);
    }
  }
}

function fit(actual: unknown, expected: unknown): void {
  const found = mismatch(actual, expected);
  if (found !== undefined) throw new Error(`${found}; there is ${show(actual)}`);
}

function waitOf(argument: Json, fallback = defaultWaitMs): number {
  return Number(argument['within_ms'] ?? fallback);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

function httpRequest(address: string, argument: Json): Promise<Answer> {
  const {
    method = 'GET',
    path,
    headers = {},
    body,
    body_base64: base64,
    body_repeat: repeat,
  } = argument as {
    method?: string;
    path: string;
    headers?: Record<string, string>;
    body?: string;
    body_base64?: string;
    body_repeat?: { unit: string; count: number };
  };
  const bytes =
    base64 !== undefined
      ? Buffer.from(base64, 'base64')
      : repeat !== undefined
        ? Buffer.from(repeat.unit.repeat(repeat.count))
        : Buffer.from(body ?? '');
  return new Promise((resolve, reject) => {
    const [host, port] = address.split(/:(?=\d+$)/);
    const length: Record<string, string> =
      bytes.length > 0 || method !== 'GET' ? { 'content-length': String(bytes.length) } : {};
    const asked = request(
      { host, port, method, path, headers: { ...length, ...headers }, agent: false },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: new Map(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
            body: Buffer.concat(parts).toString(),
          }),
        );
      },
    );
    // A refused body may be cut off: what was answered before counts.
    asked.on('error', (error) => setImmediate(() => reject(error)));
    asked.end(bytes);
  });
}

function rawRequest(address: string, bytes: Uint8Array, withinMs: number): Promise<Answer> {
  const [host = '', port] = address.split(/:(?=\d+$)/);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host, () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${withinMs} ms`)), withinMs);
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end === -1) return;
      clearTimeout(timer);
      const [first = '', ...lines] = text.slice(0, end).split('\r\n');
      const headers = new Map(
        lines.map((line) => [line.split(':')[0]!.toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const),
      );
      socket.destroy();
      resolve({ status: Number(first.split(' ')[1]), headers, body: '' });
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection closed without an answer')));
  });
}

/** A token of the HMAC kind. */
function mintToken({ alg, secret, claims, exp_in_s: seconds }: Mint): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const text = `${encode({ alg, typ: 'JWT' })}.${encode({ ...claims, exp })}`;
  const signature = createHmac(`sha${alg.slice(2)}`, secret)
    .update(text)
    .digest('base64url');
  return `${text}.${signature}`;
}
