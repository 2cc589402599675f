/** What a script needs of the world where no worker runs it: connectors, a broker that is opened when it is wanted, a log. */
import { type Clock, systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { Connector } from '../connectors/contract.ts';
import { webSocketSink } from '../connectors/websocket-sink/connector.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import type { CheckpointSettings } from '../sql/runtime/checkpoints.ts';
import type { World } from '../sql/runtime/run.ts';
import type { Log } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { checkBrokerAddress, openBroker } from './broker-factory.ts';
import { brokerWhenWanted } from './broker-when-wanted.ts';
import { loadConnectors } from './connectors.ts';

export interface SqlWorldOptions {
  /** `embedded:DIR` or `kafka://HOST:PORT,…`, or one that is open already and stays so. */
  readonly broker: string | Broker;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly clock?: Clock;
  readonly print: (line: string) => void;
  /** What a stream says of its connection; undefined: all is well. */
  readonly status: (stream: string, detail: string | undefined) => void;
  readonly checkpoints?: CheckpointSettings;
  readonly maxState?: number;
}

export interface SqlWorld extends AsyncDisposable {
  readonly world: World;
  readonly connectors: readonly Connector[];
}

/** Disposing it closes the broker that it opened. */
export async function openSqlWorld(options: SqlWorldOptions): Promise<SqlWorld> {
  const { env, log, clock = systemClock, print, status, checkpoints, maxState } = options;
  const connectors = await loadConnectors();
  const metrics = new MetricRegistry().root();
  const address = options.broker;
  const opened = brokerWhenWanted(async () =>
    openBroker({
      address: checkBrokerAddress(address as string),
      kafka: {},
      providers: { env, folder: '.' },
      log,
      metrics,
    }),
  );
  const broker = typeof address === 'string' ? opened.broker : (): Promise<Broker> => Promise.resolve(address);
  const world: World = {
    clock,
    random: Math.random,
    log,
    metrics,
    print,
    source(extension) {
      const found = connectors.find(({ name }) => name === extension);
      if (found?.kind !== 'source')
        throw new TributaryError('CONFIG_INVALID', `No source for extension "${extension}"`);
      return found;
    },
    sink: () => webSocketSink,
    broker,
    context: (stream, signal) => ({
      connector: stream,
      task: 0,
      clock,
      random: Math.random,
      log,
      metrics: metrics.child({ stream }),
      outbound: unrestricted, // the script is the operator's own
      signal,
      setStatus: (detail) => status(stream, detail),
    }),
    maxState,
    ...(checkpoints === undefined ? {} : { checkpoints }),
  };
  return {
    world,
    connectors,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
