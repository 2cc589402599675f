/** `tributary sql check --connect`: opens the connections of a script for a moment. */
import { type Io, interruptSignal, writeLine } from '../cli/io.ts';
import { tryConnections } from '../sql/runtime/try-connections.ts';
import { silentLog } from '../telemetry/log.ts';
import { onlyWhereStored } from './broker-when-wanted.ts';
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
  const world = { ...opened.world, broker: onlyWhereStored(address, opened.world.broker) };
  let isGood = true;
  for await (const { stream, found, problem } of tryConnections(plan, world, interruptSignal())) {
    if (problem !== undefined) isGood = false;
    writeLine(io.stdout, secrets.text(`  ${stream}: ${problem === undefined ? `ok, ${found}` : `FAILED, ${problem}`}`));
  }
  return isGood;
}
