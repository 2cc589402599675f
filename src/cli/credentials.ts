/** How a command shows a worker who calls, and which authorities it trusts. */
import { readFileSync } from 'node:fs';
import { describeError, TributaryError } from '../base/errors.ts';
import type { Values } from './command.ts';

export const credentialOptions = {
  user: { kind: 'text', value: 'NAME:PASSWORD', doc: 'Login; better in TRIBUTARY_USER, where no other user sees it' },
  token: { kind: 'text', value: 'TOKEN', doc: 'Bearer token; better in TRIBUTARY_TOKEN' },
  cacert: { kind: 'text', value: 'FILE', doc: 'Authorities to trust for https:// (PEM; or TRIBUTARY_CACERT)' },
} as const;

/** Headers of each request. Authorities are added for the whole process: it does nothing but this command. */
export async function credentialsOf(
  { user, token, cacert }: Values<typeof credentialOptions>,
  env: NodeJS.ProcessEnv,
): Promise<Readonly<Record<string, string>>> {
  const file = cacert ?? env['TRIBUTARY_CACERT'];
  if (file !== undefined) await trust(file);
  if (user !== undefined && token !== undefined) {
    throw new TributaryError('USAGE', 'Give either --user or --token, not both.');
  }
  const bearer = token ?? (user === undefined ? env['TRIBUTARY_TOKEN'] : undefined);
  if (bearer !== undefined) return { authorization: `Bearer ${bearer}` };
  const basic = user ?? env['TRIBUTARY_USER'];
  if (basic === undefined) return {};
  if (!basic.includes(':')) {
    throw new TributaryError('USAGE', 'Cannot use this --user (or TRIBUTARY_USER): must be NAME:PASSWORD.');
  }
  return { authorization: `Basic ${Buffer.from(basic).toString('base64')}` };
}

async function trust(file: string): Promise<void> {
  const { getCACertificates, setDefaultCACertificates } = await import('node:tls');
  try {
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(file, 'utf8')]);
  } catch (error) {
    throw new TributaryError('USAGE', `Cannot take authorities from "${file}": ${describeError(error)}`);
  }
}
