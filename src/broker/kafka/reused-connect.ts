/**
 * The client library opens its sockets itself and has no option for how they read. A plain socket then allocates 64 KiB outside
 * the heap for each read, and V8 marks its whole heap again for every thirty megabytes of that: more than half of what reading
 * a topic costs. So for the moment of the library's `connect`, which makes its socket at once, `createConnection` of node:net
 * is one that reads into the same memory again and again. Sockets of TLS stay as they are.
 */
import { syncBuiltinESMExports } from 'node:module';
import net, { type NetConnectOpts } from 'node:net';
import { ReusedRead } from '../../net/reused-read.ts';

export interface Connecting {
  readonly connected: Promise<unknown>;
  /** Undefined where the socket reads as sockets do. */
  readonly read: ReusedRead | undefined;
}

export function connectReusing(connect: () => Promise<unknown>): Connecting {
  const { createConnection } = net;
  const read = new ReusedRead();
  const reusing = (options: NetConnectOpts): net.Socket => {
    read.socket = createConnection({ ...options, onread: read.onread });
    return read.socket;
  };
  net.createConnection = reusing as typeof createConnection;
  syncBuiltinESMExports();
  try {
    const connected = connect();
    return { connected, read: read.socket === undefined ? undefined : read };
  } finally {
    net.createConnection = createConnection;
    syncBuiltinESMExports();
  }
}
