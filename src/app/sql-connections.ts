/** `tributary sql check --connect`: opens the connections of a script for a moment. */
import { existsSync } from 'node:fs';
import { TributaryError } from '../base/errors.ts';
import { type Io, interruptSignal, writeLine } from '../cli/io.ts';
import { tryConnections } from '../sql/runtime/try-connections.ts';
import { silentLog } from '../telemetry/log.ts';
import { checkScript } from './sql-files.ts';
import { defaultBroker, quietLog } from './sql-run.ts';
import { openSqlWorld } from './sql-world.ts';

/** True where every connection stands. */
export async function showConnections(script: string, broker: string | undefined, io: Io): Promise<boolean> {
  const plan = checkScript(script);
  const { secrets } = await quietLog(script, io);
  const address = broker ?? defaultBroker;
  await using opened = await openSqlWorld({
    broker: address,
    env: io.env,
    log: silentLog, // what goes wrong is the answer
    print() {},
    status() {},
  });
  // A check makes no folder: where there is none yet, there are no topics.
  const folder = /^embedded:(.+)$/.exec(address)?.[1];
  const isMissing = folder !== undefined && !existsSync(folder);
  const nowhere = (): Promise<never> =>
    Promise.reject(new TributaryError('UNKNOWN_TOPIC', `There are no topics yet: nothing is stored in "${folder}"`));
  const world = isMissing ? { ...opened.world, broker: nowhere } : opened.world;
  let isGood = true;
  for await (const { stream, found, problem } of tryConnections(plan, world, interruptSignal())) {
    if (problem !== undefined) isGood = false;
    writeLine(io.stdout, secrets.text(`  ${stream}: ${problem === undefined ? `ok, ${found}` : `FAILED, ${problem}`}`));
  }
  return isGood;
}
