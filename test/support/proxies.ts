/** Proxies for tests: HTTP CONNECT and SOCKS5, both with a user and a password where wanted. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { after, type Clock } from '../../src/base/clock.ts';

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Destinations asked for, as host:port. */
  readonly asked: readonly string[];
  readonly openSockets: () => number;
}

export interface ProxyOptions {
  readonly credentials?: { readonly user: string; readonly password: string };
  /** Answers nothing. */
  readonly hangs?: boolean;
  /** Ends what it has joined once nothing has passed for so long, by its own clock. */
  readonly idle?: { readonly ms: number; readonly clock: Clock };
}

export function startHttpProxy({ credentials, hangs = false, idle }: ProxyOptions = {}): Promise<Proxy> {
  return start((socket, asked) => {
    let head = '';
    const onData = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end === -1 || hangs) return;
      socket.off('data', onData);
      const target = /^CONNECT (\S+) /.exec(head)?.[1] ?? '';
      asked.push(target);
      const given = /^proxy-authorization: Basic (\S+)/im.exec(head)?.[1] ?? '';
      const { user = '', password = '' } = credentials ?? {};
      if (credentials !== undefined && Buffer.from(given, 'base64').toString() !== `${user}:${password}`) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      const [host = '', port] = target.split(':');
      join(socket, host, Number(port), 'HTTP/1.1 200 Connection established\r\n\r\n', idle);
    };
    socket.on('data', onData);
  });
}

/** RFC 1928 and 1929, as far as a client of ours goes. */
export function startSocksProxy({ credentials }: ProxyOptions = {}): Promise<Proxy> {
  return start((socket, asked) => {
    let step: 'greeting' | 'password' | 'request' = 'greeting';
    const onData = (chunk: Buffer): void => {
      if (step === 'greeting') {
        const method = credentials === undefined ? 0 : 2;
        socket.write(Buffer.from([5, chunk.subarray(2).includes(method) ? method : 0xff]));
        step = credentials === undefined ? 'request' : 'password';
      } else if (step === 'password') {
        const userLength = chunk[1]!;
        const user = chunk.toString('utf8', 2, 2 + userLength);
        const password = chunk.toString('utf8', 3 + userLength);
        const right = user === credentials?.user && password === credentials.password;
        socket.write(Buffer.from([1, right ? 0 : 1]));
        step = 'request';
      } else {
        socket.off('data', onData);
        const isName = chunk[3] === 3;
        const host = isName ? chunk.toString('latin1', 5, 5 + chunk[4]!) : [...chunk.subarray(4, 8)].join('.');
        const port = chunk.readUInt16BE(isName ? 5 + chunk[4]! : 8);
        asked.push(`${host}:${port}`);
        join(socket, host, port, Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      }
    };
    socket.on('data', onData);
  });
}

async function start(serve: (socket: Socket, asked: string[]) => void): Promise<Proxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // a client that goes away is no news here
    socket.on('close', () => sockets.delete(socket));
    serve(socket, asked);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    openSockets: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function join(
  client: Socket,
  host: string,
  port: number,
  answer: string | Uint8Array,
  idle?: ProxyOptions['idle'],
): void {
  const upstream = connect(port, host === 'feed.test' ? '127.0.0.1' : host);
  upstream.on('error', () => client.destroy());
  upstream.on('connect', () => {
    client.write(answer);
    client.pipe(upstream).pipe(client);
    if (idle !== undefined) endWhenIdle(client, upstream, idle);
  });
  upstream.on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
}

function endWhenIdle(client: Socket, upstream: Socket, { ms, clock }: NonNullable<ProxyOptions['idle']>): void {
  const end = (): void => {
    client.end();
    upstream.end();
  };
  let callOff = after(clock, ms, end);
  const passed = (): void => {
    callOff();
    callOff = after(clock, ms, end);
  };
  for (const socket of [client, upstream]) socket.on('data', passed);
  client.on('close', () => callOff());
}
