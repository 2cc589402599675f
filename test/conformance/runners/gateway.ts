/** Cases of the gateway's protocols, played against gateways on a fresh broker. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readCases } from './gateway/case-file.ts';
import { playCase } from './gateway/play.ts';
import { openStand } from './gateway/stand.ts';
import type { Tally } from './runner.ts';

export const usage = 'gateway DIR [--broker kafka://HOST:PORT] [--only TEXT]';

/** Most of a case's time is spent waiting for what must not happen. */
const concurrency = 8;

export async function run(args: readonly string[], print: (line: string) => void): Promise<Tally> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { broker: { type: 'string' }, only: { type: 'string' } },
    allowPositionals: true,
  });
  const [name] = positionals;
  if (name === undefined || positionals.length > 1) throw new Error(`Usage: npm run conformance -- ${usage}`);
  const folder = [process.env['INIT_CWD'] ?? '', process.cwd()].map((base) => resolve(base, name)).find(existsSync);
  if (folder === undefined) throw new Error(`Cannot read "${name}": there is no such folder`);
  await using stand = await openStand(values.broker);
  const cases = readCases(folder).filter(({ id }) => id.includes(values.only ?? ''));
  let passed = 0;
  let failed = 0;
  await Promise.all(Array.from({ length: concurrency }, () => playAll()));
  return { passed, failed };

  async function playAll(): Promise<void> {
    for (let one = cases.shift(); one !== undefined; one = cases.shift()) {
      try {
        await playCase(one, await stand.prepare(one));
        passed++;
      } catch (error) {
        failed++;
        print(`FAIL ${one.id} ${one.note}\n     ${(error as Error).message}`);
      }
    }
  }
}
