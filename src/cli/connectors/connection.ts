/** What every command about connectors shares: which worker it asks, as whom, and in which form it prints. */
import { isError, TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import type { ConnectClient } from '../../rest/client.ts';
import type { Values } from '../command.ts';
import { credentialOptions, credentialsOf } from '../credentials.ts';
import { type Io, writeLine } from '../io.ts';
import { defaultUrl } from '../topic-target.ts';

export const connectionOptions = {
  url: { kind: 'text', value: 'URL', doc: `REST address of the worker (default ${defaultUrl}, or TRIBUTARY_URL)` },
  ...credentialOptions,
} as const;

export const formOption = {
  output: { kind: 'text', short: 'o', choices: ['text', 'json', 'yaml'], doc: 'json, yaml: the answer, for programs' },
} as const;

export async function openClient(
  options: Values<typeof connectionOptions>,
  env: NodeJS.ProcessEnv,
): Promise<ConnectClient> {
  const { connectClient } = await import('../../rest/client.ts');
  const url = options.url ?? env['TRIBUTARY_URL'] ?? defaultUrl;
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new TributaryError(
      'USAGE',
      `Cannot use "${url}" for "--url": must be http://HOST:PORT or https://HOST:PORT.`,
    );
  }
  return connectClient(url, { headers: await credentialsOf(options, env) });
}

/** Prints an answer: as it came, or the text that was made of it. */
export async function show(io: Io, form: string | undefined, answer: unknown, text: () => string): Promise<void> {
  if (form === 'json') writeLine(io.stdout, JSON.stringify(answer, null, 2));
  else if (form === 'yaml') {
    const { stringify } = await import('yaml');
    io.stdout.write(stringify(answer));
  } else writeLine(io.stdout, text());
}

/** A connector that is not there is most often misspelled: says which one is near. */
export async function named<T>(client: ConnectClient, name: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isError(error, 'NOT_FOUND')) throw error;
    const known = await client.names().catch(() => [] as readonly string[]);
    if (known.includes(name)) throw error;
    const there = known.length === 0 ? ' There are none.' : ' "tributary get connectors" shows those there are.';
    throw new TributaryError('NOT_FOUND', `Connector "${name}" does not exist.${suggest(name, known) || there}`);
  }
}

/** The names that were given, or every connector's with `--all`. */
export async function chosen(
  client: ConnectClient,
  names: readonly string[],
  all: boolean,
): Promise<readonly string[]> {
  if (all && names.length > 0) throw new TributaryError('USAGE', 'Give either names or --all, not both.');
  if (!all && names.length === 0) throw new TributaryError('USAGE', 'Which connector? Give its name, or --all.');
  return all ? [...(await client.names())].sort() : names;
}

/** Does it for each, whatever becomes of the others; the exit code is 1 where one failed. */
export async function forEach(
  names: readonly string[],
  io: Io,
  act: (name: string) => Promise<string>,
): Promise<number> {
  let failed = 0;
  for (const name of names) {
    try {
      writeLine(io.stdout, await act(name));
    } catch (error) {
      if (!(error instanceof TributaryError) || error.code === 'CONNECTION_FAILED') throw error;
      failed++;
      writeLine(io.stderr, error.message);
    }
  }
  return failed === 0 ? 0 : 1;
}
