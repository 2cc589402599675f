/** Which spool a command means: that of the process that runs on this machine, or a folder that no process has open. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { SpoolAccess } from '../app/spool/spool-access.ts';
import { isError, TributaryError } from '../base/errors.ts';
import type { Values } from './command.ts';
import { credentialOptions, credentialsOf } from './credentials.ts';
import { defaultUrl } from './topic-target.ts';

const defaultFolder = './spool';

export const spoolOptions = {
  url: { kind: 'text', value: 'URL', doc: `REST address of a running Tributary (default ${defaultUrl})` },
  dir: { kind: 'text', value: 'DIR', doc: `Folder to open instead, where no process has it open (spool.dir)` },
  ...credentialOptions,
} as const;

export async function openSpool(options: Values<typeof spoolOptions>, env: NodeJS.ProcessEnv): Promise<SpoolAccess> {
  const { url, dir } = options;
  if (url !== undefined && dir !== undefined)
    throw new TributaryError('USAGE', 'Give either --url or --dir, not both.');
  if (dir !== undefined) return openFolder(dir);
  const wanted = (url ?? env['TRIBUTARY_URL'] ?? defaultUrl).replace(/\/+$/, '');
  const [{ isRunning }, { remoteSpool }] = await Promise.all([
    import('./remote-access.ts'),
    import('./remote-spool.ts'),
  ]);
  const headers = await credentialsOf(options, env);
  // It is asked most of all while Kafka is away.
  if (await isRunning(wanted, headers, '/spool')) return remoteSpool(wanted, headers);
  if (url !== undefined) throw new TributaryError('CONNECTION_FAILED', `Nothing listens at ${wanted}.`);
  if (isSpool(defaultFolder)) return openFolder(defaultFolder);
  throw new TributaryError(
    'NOT_FOUND',
    `No Tributary runs at ${wanted}, and there is no spool in ${defaultFolder}: name one with --url or --dir.`,
  );
}

async function openFolder(folder: string): Promise<SpoolAccess> {
  // Opening would make one.
  if (!isSpool(folder)) throw new TributaryError('NOT_FOUND', `There is no spool in ${folder}.`);
  const { openSpoolFolder } = await import('../app/spool/open-spool.ts');
  try {
    return await openSpoolFolder(folder);
  } catch (error) {
    if (!isError(error, 'BROKER_LOCKED')) throw error;
    throw new TributaryError(
      'BROKER_LOCKED',
      `${error.message}. To ask that process, give its --url instead of --dir.`,
    );
  }
}

function isSpool(folder: string): boolean {
  return existsSync(join(folder, 'tributary.db'));
}
