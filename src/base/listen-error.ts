import { TributaryError } from './errors.ts';

/**
 * One clear sentence out of what listening failed with: the address, the reason, and the option that changes it as a user
 * would write it. Without a cause: its text would say the same once more, behind the sentence. What is no
 * failure of listening is given back as it is.
 */
export function listenError(error: unknown, host: string, port: number, option: string): unknown {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'EADDRINUSE':
      return new TributaryError(
        'ADDRESS_IN_USE',
        `Cannot listen on ${address}: port ${port} is in use by another program. Choose another one with ${option}`,
      );
    case 'EACCES':
      return usage(`Cannot listen on ${address}: this user may not. Change it with ${option}`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return usage(`Cannot listen on ${address}: this machine has no such address. Change it with ${option}`);
    default:
      return error;
  }
}

function usage(text: string): TributaryError {
  return new TributaryError('USAGE', text);
}
