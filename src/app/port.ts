import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { listenError } from '../base/listen-error.ts';
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
    throw listenError(error, host, port, option);
  }
  const found = (server.address() as AddressInfo).port;
  server.close();
  await once(server, 'close');
  return { host, port: found };
}
