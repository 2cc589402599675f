/** A TCP proxy that does to connections what networks do: it holds them up, delays them and cuts them. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections since the start. */
  readonly connections: () => number;
  readonly openConnections: () => number;
  /** Nothing passes any more in either direction; what is sent waits here. */
  stall(): void;
  /** As `stall`, and what is sent is not even taken: it waits with the senders. For connections that are open. */
  stallReading(): void;
  /** What waited passes, in order. */
  resume(): void;
  /** Resets every connection; what waited is lost. */
  cut(): void;
  /** Holds every chunk for that long, the order is kept. */
  delay(ms: number): void;
  /** Of each connection in each direction; what is sent beyond it waits with the senders. Infinity: all that comes. */
  rate(bytesPerSecond: number): void;
}

/** One connection through the proxy. */
export interface Link {
  /** Resets both of its ends. */
  cut(): void;
}

/** Sees what passes. What `fromServer` gives is what the client gets. */
export interface Tap {
  fromClient(chunk: Buffer): void;
  fromServer(chunk: Buffer): readonly Buffer[];
}

/** What goes at a bounded rate goes in pieces of so much time. */
const pieceMs = 20;

export async function startTcpProxy(targetPort: number, tapOf?: (link: Link) => Tap): Promise<TcpProxy> {
  const links = new Set<Link>();
  const sockets = new Set<Socket>();
  let connections = 0;
  let delayMs = 0;
  let bytesPerSecond = Number.POSITIVE_INFINITY;
  let gate = Promise.resolve();
  let open = (): void => {};

  /** Writes the chunks in their order, each when it may pass. */
  const lane = (from: Socket, to: Socket): ((chunk: Buffer) => void) => {
    let last = Promise.resolve();
    const pass = async (chunk: Buffer): Promise<void> => {
      if (delayMs > 0) await sleep(delayMs);
      await gate;
      if (bytesPerSecond === Number.POSITIVE_INFINITY) {
        if (to.writable) to.write(chunk);
        return;
      }
      from.pause();
      for (let at = 0; at < chunk.length && to.writable; ) {
        const size = Math.max(1, Math.min(chunk.length - at, Math.ceil((bytesPerSecond * pieceMs) / 1000)));
        await sleep((size / bytesPerSecond) * 1000);
        if (to.writable) to.write(chunk.subarray(at, at + size));
        at += size;
      }
      from.resume();
    };
    return (chunk) => {
      last = last.then(() => pass(chunk));
    };
  };

  const server = createServer({ noDelay: true }, (client) => {
    connections++;
    const upstream = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    const link: Link = {
      cut() {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      },
    };
    links.add(link);
    const tap = tapOf?.(link);
    const toClient = lane(upstream, client);
    const toServer = lane(client, upstream);
    client.on('data', (chunk) => {
      tap?.fromClient(chunk);
      toServer(chunk);
    });
    upstream.on('data', (chunk) => {
      for (const part of tap?.fromServer(chunk) ?? [chunk]) toClient(part);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => {}); // 'close' follows
      sockets.add(one);
      one.on('close', () => {
        other.destroy();
        sockets.delete(one);
        links.delete(link);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const resume = (): void => {
    for (const socket of sockets) socket.resume();
    open();
    open = () => {};
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    openConnections: () => links.size,
    stall() {
      resume();
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    stallReading() {
      for (const socket of sockets) socket.pause();
    },
    resume,
    cut() {
      for (const link of links) link.cut();
    },
    delay(ms) {
      delayMs = ms;
    },
    rate(wanted) {
      bytesPerSecond = wanted;
    },
    async [Symbol.asyncDispose]() {
      resume();
      for (const link of links) link.cut();
      server.close();
      await once(server, 'close');
    },
  };
}
