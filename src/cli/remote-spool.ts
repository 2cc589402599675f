/** The spool of a running process, through its REST interface. */
import type { InspectOptions, SpoolAccess, SpoolEntry, SpoolLog } from '../app/spool/spool-access.ts';
import { describeError, TributaryError } from '../base/errors.ts';
import { type Credentials, readLines, request } from './remote-call.ts';

export function remoteSpool(url: string, credentials: Credentials): SpoolAccess {
  return {
    list: async () => (await (await request(`${url}/spool`, {}, credentials)).json()) as SpoolLog[],
    inspect: (connector, options, signal) => inspect(url, credentials, connector, options, signal),
    async [Symbol.asyncDispose]() {},
  };
}

async function* inspect(
  url: string,
  credentials: Credentials,
  connector: string,
  options: InspectOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly SpoolEntry[]> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) query.set(name, String(value));
  try {
    const answer = await request(`${url}/spool/${encodeURIComponent(connector)}?${query}`, { signal }, credentials);
    yield* readLines<SpoolEntry>(answer);
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof TributaryError) throw error;
    throw new TributaryError('CONNECTION_FAILED', `${url} has ended: ${describeError(error)}`);
  }
}
