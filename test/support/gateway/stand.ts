/**
 * Gateways for tests of limits, faults and security: over an embedded broker in a folder of its own, on a clock that can be
 * moved, spoken to byte by byte.
 */

import { openBroker } from '../../../src/app/broker-factory.ts';
import { sleep } from '../../../src/base/abort.ts';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import type { Broker, NewTopic, Producer } from '../../../src/broker/broker.ts';
import { readGatewaySettings } from '../../../src/gateway/read-settings.ts';
import { type Gateway, startGateway } from '../../../src/gateway/server.ts';
import type { GatewaySettings } from '../../../src/gateway/settings.ts';
import { exposition } from '../../../src/telemetry/exposition.ts';
import { type LogEntry, recordingLog, silentLog } from '../../../src/telemetry/log.ts';
import { MetricRegistry } from '../../../src/telemetry/metrics.ts';
import { type StoppableBroker, stoppableBroker } from '../../conformance/runners/gateway/stoppable-broker.ts';
import { type Opened, RawWebSocket } from '../../conformance/runners/gateway/web-socket.ts';
import { tempFolder } from '../temp-folder.ts';
import { NativeClient } from './native-client.ts';

export interface GatewayStand extends AsyncDisposable {
  readonly broker: Broker;
  topic(name: string, more?: Omit<NewTopic, 'name'>): Promise<void>;
  /** Appends values; gives the offset of the first. */
  produce(topic: string, values: readonly string[], partition?: number): Promise<number>;
  /** `config`: the section `gateway`; `producer`: beside it; `over`: another broker than this one. */
  gateway(config?: Readonly<Record<string, unknown>>, producer?: object, over?: Broker): Promise<Served>;
}

export interface Served extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly address: string;
  readonly url: string;
  readonly log: readonly LogEntry[];
  /** Takes the broker away, from this gateway alone. */
  readonly stoppable: StoppableBroker;
  /** What the gateway takes for the time, from now on so many milliseconds later. */
  advance(ms: number): void;
  open(path: string, protocols?: readonly string[], headers?: Readonly<Record<string, string>>): Promise<Opened>;
  /** A client of the native protocol, welcomed. */
  native(options?: NativeOptions): Promise<NativeClient>;
  /** Value of a series, `readers{kind="shared"}`; 0 where there is none. */
  metric(series: string): number;
  /** Looks at a series until it is as it should be. */
  until(series: string, isIt: (value: number) => boolean): Promise<void>;
  exposition(): string;
}

export interface NativeOptions {
  readonly form?: 'json' | 'bin';
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `address` undefined: an embedded broker. */
export async function gatewayStand(address?: string): Promise<GatewayStand> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await tempFolder('gateway-stand'));
  const broker = opened.use(
    await openBroker({
      address: address ?? `embedded:${folder.path}`,
      kafka: {} as never,
      providers: { env: {}, folder: '.' },
      log: silentLog,
      metrics: new MetricRegistry().root(),
    }),
  );
  let producer: Producer | undefined;
  const running = opened.move();
  return {
    broker,
    topic: async (name, more = {}) => void (await broker.createTopic({ name, ...more })),
    async produce(topic, values, partition = 0) {
      producer ??= await broker.producer();
      const records = values.map((value) => ({ key: null, value: Buffer.from(value), headers: [], timestampMs: null }));
      return (await producer.send(topic, partition, records)).baseOffset;
    },
    gateway: (config, more, over = broker) => serve(over, config, more),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

export function settingsOf(config: Readonly<Record<string, unknown>> = {}): GatewaySettings {
  return readGatewaySettings({
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    drain: { spreadMs: 0, timeoutMs: 2000 },
    ...config,
  });
}

async function serve(
  broker: Broker,
  config: Readonly<Record<string, unknown>> = {},
  producer: object = {},
): Promise<Served> {
  const stoppable = stoppableBroker(broker);
  const registry = new MetricRegistry();
  const log: LogEntry[] = [];
  const clock = movableClock();
  const gateway = await startGateway({
    settings: settingsOf(config),
    broker: stoppable.broker,
    producer,
    registry,
    clock,
    random: Math.random,
    log: recordingLog(log),
    hasAdmin: true,
    topicRefreshMs: 300,
  });
  const { address } = gateway;
  const open: Served['open'] = (path, protocols = [], headers = {}) =>
    RawWebSocket.open(address, path, protocols, headers);
  const metric = (series: string): number => {
    const start = `tributary_gateway_${series} `;
    const line = shown()
      .split('\n')
      .find((candidate) => candidate.startsWith(start));
    return line === undefined ? 0 : Number(line.slice(start.length));
  };
  const shown = (): string => exposition(registry.families.values());
  return {
    gateway,
    address,
    url: gateway.url,
    log,
    stoppable,
    advance: (ms) => clock.advance(ms),
    open,
    async native({ form = 'json', token, headers = {} } = {}) {
      const bearer: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      const { status, client } = await open('/v1/ws', [`tributary.v1.${form}`], { ...bearer, ...headers });
      if (status !== 101) throw new Error(`the handshake was answered with ${status}`);
      const native = new NativeClient(client);
      await native.next('welcome');
      return native;
    },
    metric,
    async until(series, isIt) {
      const deadline = performance.now() + 60_000;
      while (!isIt(metric(series))) {
        if (performance.now() > deadline) throw new Error(`${series} is ${metric(series)}`);
        await sleep(10);
      }
    },
    exposition: shown,
    [Symbol.asyncDispose]: () => gateway.drain(),
  };
}

function movableClock(): Clock & { advance(ms: number): void } {
  let ahead = 0;
  return {
    nowMs: () => systemClock.nowMs() + ahead,
    monotonicMs: () => systemClock.monotonicMs() + ahead,
    advance: (ms) => {
      ahead += ms;
    },
  };
}
