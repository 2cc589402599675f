import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports of 127.0.0.1 that were free a moment ago. They lie below the range the system takes for outgoing connections
 * (32768 and above on Linux): a client that dials a stopped server again and again could otherwise be given that very
 * port as its own and connect to itself, and the server could not come back.
 */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false; // taken: that is the answer
  }
  server.close();
  await once(server, 'close');
  return true;
}
