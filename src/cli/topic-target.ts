/** Which topics a command means: those of the process that runs on this machine, or of a broker it opens itself. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TopicAccess } from '../app/topics/topic-access.ts';
import { isError, TributaryError } from '../base/errors.ts';
import type { Values } from './command.ts';
import { credentialOptions, credentialsOf } from './credentials.ts';

export const defaultUrl = 'http://127.0.0.1:8083';
const defaultFolder = './data';

export const targetOptions = {
  url: { kind: 'text', value: 'URL', doc: `REST address of a running Tributary (default ${defaultUrl})` },
  broker: { kind: 'text', value: 'ADDRESS', doc: 'Broker to open instead: embedded:DIR or kafka://HOST:PORT' },
  config: { kind: 'text', value: 'FILE', doc: 'YAML file whose broker (with its SASL and TLS) is opened instead' },
  ...credentialOptions,
} as const;

export const outputOption = {
  output: { kind: 'text', short: 'o', value: 'text|json', choices: ['text', 'json'], doc: 'json: for programs' },
} as const;

export async function openTopics(options: Values<typeof targetOptions>, env: NodeJS.ProcessEnv): Promise<TopicAccess> {
  const { url, broker, config } = options;
  if (broker !== undefined || config !== undefined) return openBroker(broker, config, env);
  const wanted = (url ?? env['TRIBUTARY_URL'] ?? defaultUrl).replace(/\/+$/, '');
  const { isRunning, remoteAccess } = await import('./remote-access.ts');
  const headers = await credentialsOf(options, env);
  if (await isRunning(wanted, headers)) return remoteAccess(wanted, headers);
  if (url !== undefined) throw new TributaryError('CONNECTION_FAILED', `Nothing listens at ${wanted}.`);
  if (existsSync(join(defaultFolder, 'tributary.db'))) return openBroker(`embedded:${defaultFolder}`, undefined, env);
  throw new TributaryError(
    'NOT_FOUND',
    `No Tributary runs at ${wanted}, and there is no broker in ${defaultFolder}: start one ("tributary start --demo"), or name one with --url or --broker.`,
  );
}

async function openBroker(
  address: string | undefined,
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<TopicAccess> {
  const { openTopicsOfBroker } = await import('../app/topics/open-broker.ts');
  try {
    return await openTopicsOfBroker(address, file, env);
  } catch (error) {
    if (!isError(error, 'BROKER_LOCKED')) throw error;
    throw new TributaryError(
      'BROKER_LOCKED',
      `${error.message}. To ask that process, leave out --broker or give its --url.`,
    );
  }
}
