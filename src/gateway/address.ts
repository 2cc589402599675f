import { TributaryError } from '../base/errors.ts';

/** `key` names the option in an error. CONFIG_INVALID: it is not HOST:PORT, or [HOST]:PORT. */
export function splitAddress(address: string, key: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  if (match === null) throw new TributaryError('CONFIG_INVALID', `${key} "${address}" must be host:port`);
  return { host: match[1] ?? match[2]!, port: Number(match[3]) };
}
