/**
 * Very many clients of a gateway in a process of their own: each follows a topic, keeps a ledger of the offsets and the position
 * that it was told last, and comes back there when it has lost the gateway: when it was told to, or after a while of its own.
 */
import { WebSocket } from 'ws';
import type { CrowdOrder, CrowdReport } from './crowd.ts';

interface Frame {
  readonly type: string;
  readonly pos?: string;
  readonly afterMs?: number;
  readonly resume?: Readonly<Record<string, string>>;
  readonly records?: readonly { readonly offset: number; readonly timestamp: number }[];
}

const firstDelayMs = 100;
const maxDelayMs = 1000;

class Follower {
  next = 0;
  isBack = false;
  times = 0;
  #pos: string | undefined;
  #delayMs = firstDelayMs;
  #afterMs: number | undefined;

  constructor() {
    this.#connect();
  }

  #connect(): void {
    const socket = new WebSocket(order.url, 'tributary.v1.json', { perMessageDeflate: false });
    socket.on('open', () => {
      const from = this.#pos === undefined ? 'earliest' : { pos: this.#pos };
      socket.send(JSON.stringify({ type: 'sub', id: 1, topics: [order.topic], from }));
    });
    socket.on('message', (data) => {
      for (const line of String(data).split('\n')) this.#heard(JSON.parse(line) as Frame);
    });
    socket.on('unexpected-response', (_, { statusCode }) => {
      seen.refused.push(statusCode ?? 0);
      socket.terminate();
    });
    socket.on('error', () => {}); // its close follows
    socket.on('close', () => this.#lost());
  }

  #lost(): void {
    this.isBack = false;
    const inMs = this.#afterMs ?? this.#delayMs * (0.5 + Math.random());
    this.#afterMs = undefined;
    this.#delayMs = Math.min(maxDelayMs, this.#delayMs * 2);
    setTimeout(() => this.#connect(), inMs);
  }

  #heard({ type, pos, afterMs, resume, records = [] }: Frame): void {
    switch (type) {
      case 'ok':
        this.#pos ??= pos;
        this.isBack = true;
        this.times++;
        this.#delayMs = firstDelayMs;
        seen.comeBacks++;
        break;
      case 'data':
        for (const { offset, timestamp } of records) {
          if (offset < this.next) seen.doubled++;
          else seen.lost += offset - this.next;
          this.next = Math.max(this.next, offset + 1);
          seen.lateMs.push(Date.now() - timestamp);
        }
        this.#pos = pos ?? this.#pos;
        break;
      case 'bye':
        this.#afterMs = afterMs;
        this.#pos = resume?.['1'] ?? this.#pos;
        seen.toldMs.push(afterMs!);
        break;
      case 'gap':
      case 'error':
        seen.failures++;
        break;
      default:
    }
  }
}

function nothingSeen() {
  const numbers = { comeBacks: 0, failures: 0, lost: 0, doubled: 0 };
  return { ...numbers, refused: [] as number[], toldMs: [] as number[], lateMs: [] as number[] };
}

let order: Extract<CrowdOrder, { kind: 'begin' }>;
let seen = nothingSeen();
const crowd: Follower[] = [];

process.on('disconnect', () => process.exit());
process.on('message', (message: CrowdOrder) => {
  if (message.kind === 'begin') {
    order = message;
    for (let client = 0; client < order.clients; client++) crowd.push(new Follower());
    return;
  }
  const timer = setInterval(() => {
    if (!crowd.every(({ next, isBack, times }) => isBack && times >= message.times && next >= message.next)) return;
    clearInterval(timer);
    const { toldMs, lateMs, ...numbers } = seen;
    lateMs.sort((a, b) => a - b);
    toldMs.sort((a, b) => a - b);
    const report: CrowdReport = {
      ...numbers,
      toldMs,
      beyond: crowd.filter(({ next }) => next > message.next).length,
      p50Ms: lateMs[lateMs.length >> 1] ?? 0,
      p99Ms: lateMs[Math.floor(lateMs.length * 0.99)] ?? 0,
    };
    seen = nothingSeen();
    process.send!(report);
  }, 5);
});
