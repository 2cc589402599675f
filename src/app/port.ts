import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { TributaryError } from '../base/errors.ts';
import type { ListenAddress } from './config/options.ts';

/**
 * The address with a port that is free now (a port of 0 becomes a real one). Asked before anything else is opened, so that a
 * taken port leaves nothing behind. ADDRESS_IN_USE names the port and the option that changes it.
 */
export async function freeAddress({ host, port }: ListenAddress, option: string): Promise<ListenAddress> {
  const server = createServer();
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, { host, port }, option);
  }
  const found = (server.address() as AddressInfo).port;
  server.close();
  await once(server, 'close');
  return { host, port: found };
}

/** One clear sentence out of what listening failed with; the words are those of rest/listen.ts. */
function listenError(error: unknown, { host, port }: ListenAddress, option: string): unknown {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new TributaryError(
        'ADDRESS_IN_USE',
        `Cannot listen on ${address}: port ${port} is in use by another program. Choose another one with ${option}`,
      );
    case 'EACCES':
      return new TributaryError('USAGE', `Cannot listen on ${address}: this user may not. Change it with ${option}`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new TributaryError(
        'USAGE',
        `Cannot listen on ${address}: this machine has no such address. Change it with ${option}`,
      );
    default:
      return error;
  }
}
