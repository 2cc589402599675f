/** Finds a server that is silently gone: pings, and what comes back. */
import type { Socket } from 'node:net';
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

/** A server that takes nothing of what waits to be sent is gone after so long, where no idle timeout says it. */
const stallMs = 60_000;
/** A server that is behind with reading has so many intervals to answer a ping. */
const busyIntervals = 4;

/**
 * Watches until the socket closes. While messages wait for the network a server is given longer: it may be silent as long as
 * it reads, and read nothing for as long as the idle timeout says, or one minute.
 */
export function watchLiveness(
  socket: WebSocket,
  transport: Socket,
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
  const quietMs = idleTimeoutMs > 0 ? idleTimeoutMs : stallMs;
  // Node counts from the last byte that came or went, of a message that is half sent, too.
  transport.setTimeout(quietMs, () => {
    if (socket.bufferedAmount > 0) give(`nothing taken for ${quietMs} ms`);
  });
  if (pingIntervalMs > 0) {
    let isHandedOver = false;
    let wasBusy = false;
    let silent = 0;
    const handedOver = (): void => {
      isHandedOver = true;
    };
    const ping = (): void => {
      const isBusy = socket.bufferedAmount > 0;
      if (!isPinged) {
        isPinged = true;
        isHandedOver = false;
        wasBusy = isBusy;
        silent = 0;
        socket.ping('', true, handedOver);
        return;
      }
      if (!isHandedOver) return;
      wasBusy ||= isBusy;
      silent++;
      if (silent >= (wasBusy ? busyIntervals : 1)) give(`nothing heard for ${silent * pingIntervalMs} ms after a ping`);
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
