/** A client library's world without network or time: sockets that a test opens and speaks through, a clock that it turns. */
import type { Socket } from '../../../clients/js/src/api.ts';
import type { Surroundings } from '../../../clients/js/src/client.ts';

export class ScriptedSocket implements Socket {
  static made: ScriptedSocket[] = [];
  readonly url: string;
  readonly protocols: string[];
  binaryType = 'blob';
  onopen: ((event: never) => unknown) | null = null;
  onmessage: ((event: never) => unknown) | null = null;
  onclose: ((event: never) => unknown) | null = null;
  onerror: ((event: never) => unknown) | null = null;
  /** What was sent and not looked at yet. */
  sent: Record<string, unknown>[] = [];
  closedWith: number | undefined;

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
    ScriptedSocket.made.push(this);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }

  close(code?: number): void {
    this.closedWith = code;
  }

  open(welcome: Readonly<Record<string, unknown>> = {}): void {
    this.onopen?.({} as never);
    const limits = { message: 100_000, subs: 64, topics: 64, window: 10_000, inflight: 1000, auth: 10_000 };
    this.say({ type: 'welcome', session: 's', principal: null, expires: null, pingMs: 25_000, limits, ...welcome });
  }

  say(...frames: readonly object[]): void {
    this.onmessage?.({ data: frames.map((frame) => JSON.stringify(frame)).join('\n') } as never);
  }

  sayBytes(bytes: Uint8Array): void {
    const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    this.onmessage?.({ data } as never);
  }

  lose(code: number): void {
    this.onclose?.({ code } as never);
  }

  take(): Record<string, unknown>[] {
    return this.sent.splice(0);
  }
}

export interface TurnedClock extends Surroundings {
  turn(ms: number): void;
  /** Timers that are set. */
  readonly pending: number;
}

export function turnedClock(): TurnedClock {
  let now = 1000;
  const timers = new Set<{ readonly atMs: number; readonly then: () => void }>();
  return {
    nowMs: () => now,
    wallMs: () => 1_700_000_000_000 + now,
    random: () => 1,
    later(ms, then) {
      const timer = { atMs: now + ms, then };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    turn(ms) {
      const until = now + ms;
      for (;;) {
        const [due] = [...timers].filter(({ atMs }) => atMs <= until).sort((a, b) => a.atMs - b.atMs);
        if (due === undefined) break;
        timers.delete(due);
        now = Math.max(now, due.atMs);
        due.then();
      }
      now = until;
    },
    get pending() {
      return timers.size;
    },
  };
}
