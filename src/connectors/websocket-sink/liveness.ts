/** Finds a server that is silently gone: pings, and what comes back. */
import type { WebSocket } from 'ws';
import type { Clock } from '../../base/clock.ts';

export interface LivenessOptions {
  /** 0: no pings. */
  readonly pingIntervalMs: number;
  /** 0: no bound. */
  readonly idleTimeoutMs: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Told once why the connection is given up; it is cut then. */
  readonly onDead: (reason: string) => void;
}

/** Watches until the socket closes. While messages wait for the network no silence is held against the server. */
export function watchLiveness(
  socket: WebSocket,
  { pingIntervalMs, idleTimeoutMs, clock, onDead }: LivenessOptions,
): void {
  let heardAtMs = clock.monotonicMs();
  let isPinged = false;
  const heard = (): void => {
    heardAtMs = clock.monotonicMs();
    isPinged = false;
  };
  const give = (reason: string): void => {
    onDead(reason);
    socket.terminate();
  };
  socket.on('message', heard).on('pong', heard).on('ping', heard);
  const timers: NodeJS.Timeout[] = [];
  if (pingIntervalMs > 0) {
    const ping = (): void => {
      if (socket.bufferedAmount > 0) return;
      if (isPinged) {
        give(`nothing heard for ${pingIntervalMs} ms after a ping`);
        return;
      }
      isPinged = true;
      socket.ping();
    };
    timers.push(setInterval(ping, pingIntervalMs));
  }
  if (idleTimeoutMs > 0) {
    const look = (): void => {
      if (clock.monotonicMs() - heardAtMs >= idleTimeoutMs && socket.bufferedAmount === 0)
        give(`nothing heard for ${idleTimeoutMs} ms`);
    };
    timers.push(setInterval(look, Math.max(1, Math.ceil(idleTimeoutMs / 4))));
  }
  socket.once('close', () => {
    for (const timer of timers) clearInterval(timer);
  });
}
