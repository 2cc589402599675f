/** How `ws` speaks to the gateway's clients. */
import type { ServerOptions, WebSocket } from 'ws';

export interface SocketLimits {
  readonly maxPayload: number;
  readonly maxFragments: number;
  readonly compression: boolean;
}

/** Pings are left to `answerPings`. */
export function socketOptions({ maxPayload, maxFragments, compression }: SocketLimits) {
  return {
    noServer: true,
    clientTracking: false,
    autoPong: false,
    maxPayload,
    maxFragments,
    perMessageDeflate: compression
      ? { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 512 }
      : false,
  } satisfies ServerOptions;
}

/** `ws` gives 1008 where a message has too many fragments, and is the only one to close without a reason. */
export function closeFragmentsAsTooLarge(socket: WebSocket): void {
  const close = socket.close.bind(socket);
  socket.close = (code, reason) => close(code === 1008 && reason === undefined ? 1009 : code, reason);
}

/** One pong at a time, for the newest ping: a flood of pings fills no buffer. */
export function answerPings(socket: WebSocket): void {
  let isSending = false;
  let waiting: Buffer | undefined;
  const send = (data: Buffer): void => {
    isSending = true;
    socket.pong(data, false, () => {
      isSending = false;
      if (waiting === undefined || socket.readyState !== socket.OPEN) return;
      const next = waiting;
      waiting = undefined;
      send(next);
    });
  };
  socket.on('ping', (data) => {
    if (isSending) waiting = data;
    else if (socket.readyState === socket.OPEN) send(data);
  });
}
