import { once } from 'node:events';
import { createServer } from 'node:net';

const [from, to] = [15_000, 32_000];
/** Processes whose numbers differ by less have no port in common. */
const processes = 50;
const own = (to - from) / processes;
const ownFrom = from + (process.pid % processes) * own;
let turn = Math.floor(Math.random() * own);

/**
 * Ports of 127.0.0.1 that were free a moment ago. They lie below the range the system takes for outgoing connections
 * (32768 and above on Linux): a client that dials a stopped server again and again could otherwise be given that very
 * port as its own and connect to itself, and the server could not come back. A port that was given is free until its server
 * listens, and while that is killed: a process gives each of its own in turn, and others that run beside it have others.
 */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries === own) throw new Error(`Cannot find ${count} free ports from ${ownFrom} to ${ownFrom + own - 1}`);
    const port = ownFrom + turn;
    turn = (turn + 1) % own;
    if (await isFree(port)) found.push(port);
  }
  return found;
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
