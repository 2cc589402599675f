/** A TCP proxy in front of a Kafka that knows where its requests and answers begin, so that it can lose a single answer. */
import { freePorts } from './free-ports.ts';
import { type KafkaServer, startKafka } from './kafka.ts';
import { type Link, startTcpProxy, type Tap, type TcpProxy } from './tcp-proxy.ts';

/** The number of a request, as the Kafka protocol counts them. */
export const apiKeys = { produce: 0, fetch: 1, metadata: 3, offsetCommit: 8, joinGroup: 11 } as const;

/** What becomes of an answer: `lose` keeps the connection, `cut` resets it. Either way the broker has done what was asked. */
export type Verdict = 'pass' | 'lose' | 'cut';

export interface KafkaProxy extends TcpProxy {
  /** Requests that went to the broker, by their number. */
  readonly requests: ReadonlyMap<number, number>;
  /** Asked for every answer. */
  judge: (apiKey: number) => Verdict;
}

export async function startKafkaProxy(targetPort: number): Promise<KafkaProxy> {
  const requests = new Map<number, number>();
  let judge: KafkaProxy['judge'] = () => 'pass';
  const tapOf = (link: Link): Tap => {
    const asked = new Map<number, number>();
    const fromClient = frames();
    const fromServer = frames();
    return {
      fromClient(chunk) {
        for (const frame of fromClient(chunk)) {
          const apiKey = frame.readInt16BE(4);
          asked.set(frame.readInt32BE(8), apiKey);
          requests.set(apiKey, (requests.get(apiKey) ?? 0) + 1);
        }
      },
      fromServer(chunk) {
        const passing: Buffer[] = [];
        for (const frame of fromServer(chunk)) {
          const correlationId = frame.readInt32BE(4);
          const verdict = judge(asked.get(correlationId) ?? -1);
          asked.delete(correlationId);
          if (verdict === 'pass') passing.push(frame);
          if (verdict !== 'cut') continue;
          link.cut();
          return [];
        }
        return passing;
      },
    };
  };
  const proxy = await startTcpProxy(targetPort, tapOf);
  return {
    ...proxy,
    requests,
    get judge() {
      return judge;
    },
    set judge(wanted) {
      judge = wanted;
    },
  };
}

export interface ProxiedKafka extends AsyncDisposable {
  readonly kafka: KafkaServer;
  readonly proxy: KafkaProxy;
  /** Whoever starts here stays behind the proxy: the broker names the proxy as its address. */
  readonly bootstrap: string;
}

/** A Kafka with two listeners: its own (`kafka.bootstrap`), and one behind a proxy. */
export async function startProxiedKafka(properties: Readonly<Record<string, string>> = {}): Promise<ProxiedKafka> {
  const [direct, behind, controller] = (await freePorts(3)) as [number, number, number];
  const proxy = await startKafkaProxy(behind);
  const own = `PLAINTEXT://127.0.0.1:${direct}`;
  const control = `CONTROLLER://127.0.0.1:${controller}`;
  try {
    const kafka = await startKafka(
      {
        listeners: `${own},PROXIED://127.0.0.1:${behind},${control}`,
        'advertised.listeners': `${own},PROXIED://127.0.0.1:${proxy.port},${control}`,
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
        'inter.broker.listener.name': 'PLAINTEXT',
        'controller.quorum.voters': `1@127.0.0.1:${controller}`,
        ...properties,
      },
      { readyPort: direct },
    );
    return {
      kafka,
      proxy,
      bootstrap: `127.0.0.1:${proxy.port}`,
      async [Symbol.asyncDispose]() {
        await proxy[Symbol.asyncDispose]();
        await kafka[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await proxy[Symbol.asyncDispose]();
    throw error;
  }
}

/** Cuts a stream into whole messages, their length before them. */
function frames(): (chunk: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole: Buffer[] = [];
    for (;;) {
      const end = rest.length < 4 ? Number.POSITIVE_INFINITY : 4 + rest.readInt32BE(0);
      if (rest.length < end) return whole;
      whole.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  };
}
