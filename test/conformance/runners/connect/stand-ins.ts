/** The two servers that recorded conversations talk to: a WebSocket one and one of server-sent events. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer } from 'ws';

export interface StandIns extends AsyncDisposable {
  /** What is written in a conversation, and where that server really listens. */
  readonly addresses: ReadonlyMap<string, string>;
}

const written = { webSocket: '127.0.0.1:9901', events: '127.0.0.1:9902' };

/** `ports` `recorded`: those of the conversation, or any others where they are taken. */
export async function startStandIns(ports: 'recorded' | 'any'): Promise<StandIns> {
  const webSocket = webSocketStandIn();
  const events = eventStandIn();
  const sockets = new Set<Socket>();
  for (const server of [webSocket, events]) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
  }
  const listens = async (server: Server, address: string): Promise<string> => {
    const port = ports === 'any' ? 0 : Number(address.split(':')[1]);
    await listen(server, port).catch(() => listen(server, 0)); // taken: the conversation is rewritten
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const addresses = new Map([
    [written.webSocket, await listens(webSocket, written.webSocket)],
    [written.events, await listens(events, written.events)],
  ]);
  return {
    addresses,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([webSocket, events].map((server) => once(server.close(), 'close')));
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

function webSocketStandIn(): Server {
  const server = createServer((_request, response) => plain(response, 404));
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    const path = pathOf(request.url);
    if (path !== '/three' && path !== '/quiet') {
      const status = path === '/deny' ? '401 Unauthorized' : '404 Not Found';
      socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (peer) => {
      peer.on('error', () => {}); // a client that goes away is no news here
      if (path === '/three') for (const n of [1, 2, 3]) peer.send(`{"n":${n}}`);
    });
  });
  return server;
}

function eventStandIn(): Server {
  return createServer((request, response) => {
    const path = pathOf(request.url);
    if (path !== '/three' && path !== '/quiet') return plain(response, 404);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const event = (n: number): string => `event: tick\nid: ${n}\ndata: {"n":${n}}\n\n`;
    response.write(path === '/quiet' ? ': hello\n\n' : [1, 2, 3].map(event).join(''));
  });
}

function plain(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end('not here\n');
}

function pathOf(url: string | undefined): string {
  return (url ?? '').split('?')[0]!;
}
