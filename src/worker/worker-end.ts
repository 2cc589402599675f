/** The end of a worker whose broker may be away: what could not be written then, and how long that is tried. */
import { sleep } from '../base/abort.ts';
import { describeError } from '../base/errors.ts';
import type { Table } from './table.ts';

export interface WorkerEnd {
  /** Why nothing could be written to the broker in the end: statuses and offsets there are older than that. */
  readonly brokerAway: string | undefined;
  /** Tasks (`connector-task`) that had received more than they could write. */
  readonly unwritten: readonly string[];
}

const lookMs = 50;
/** A broker that has refused or failed writes for so long is away; one that says nothing is given all the time there is. */
const awayMs = 300;

/** Undefined once the tables are closed; why they were given up, where they cannot be. What they had to write is given up, too. */
export async function closedInTime(
  closing: Promise<unknown>,
  tables: readonly Table[],
  maxMs: number,
): Promise<string | undefined> {
  const over = new AbortController();
  const closed = closing.then(() => undefined, describeError);
  const reason = await Promise.race([closed, brokersAbsence(tables, maxMs, over.signal)]);
  over.abort();
  if (reason !== undefined) for (const table of tables) table.abandon();
  return reason;
}

async function brokersAbsence(tables: readonly Table[], maxMs: number, signal: AbortSignal): Promise<string> {
  let trouble: string | undefined;
  for (let waitedMs = 0, troubledMs = 0; waitedMs < maxMs && !signal.aborted; waitedMs += lookMs) {
    trouble = tables.find((table) => table.trouble !== undefined)?.trouble;
    troubledMs = trouble === undefined ? 0 : troubledMs + lookMs;
    if (troubledMs > awayMs) break;
    await sleep(lookMs, signal);
  }
  return trouble ?? `no answer within ${Math.round(maxMs)} ms`;
}
