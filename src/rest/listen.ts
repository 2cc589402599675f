import type { FastifyInstance } from 'fastify';
import { TributaryError } from '../base/errors.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Name of the option that changes the port, as a user would write it. */
  readonly option: string;
}

/** Listens and gives the URL. ADDRESS_IN_USE names the port and the option that changes it. */
export async function listen(server: FastifyInstance, { host, port, option }: ListenOptions): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    if (code === 'EADDRINUSE') {
      throw new TributaryError(
        'ADDRESS_IN_USE',
        `Cannot listen on ${address}: port ${port} is in use by another program. Choose another one with ${option}`,
        { cause: error },
      );
    }
    if (code === 'EADDRNOTAVAIL' || code === 'EACCES' || code === 'ENOTFOUND') {
      const why = code === 'EACCES' ? 'this user may not' : 'this machine has no such address';
      throw new TributaryError('USAGE', `Cannot listen on ${address}: ${why}. Change it with ${option}`, {
        cause: error,
      });
    }
    throw error;
  }
}
