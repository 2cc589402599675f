/** The closing record of a checkpoint: everything but the state, and which pieces make that. */
import type { Checkpoint } from './checkpoint.ts';
import { closingKey, damaged, type Entries } from './checkpoint-topic.ts';

export const formatVersion = 3;
/** All of the state was written each time, in pieces that were numbered. */
export const wholeStateVersion = 2;

export interface CheckpointSummary extends Checkpoint {
  readonly version: typeof formatVersion;
  /** Hashes of the pieces that hold, in their order, the hashes of the pieces of the state. */
  readonly index: readonly string[];
  readonly pieces: number;
  readonly bytes: number;
}

export interface WholeStateSummary extends Checkpoint {
  readonly version: typeof wholeStateVersion;
  readonly pieces: number;
  readonly bytes: number;
  readonly sha256: string;
}

export type AnySummary = CheckpointSummary | WholeStateSummary;

/** What the closing record says; undefined where there is no checkpoint. BATCH_CORRUPT where it says nothing of use. */
export function summaryOf(entries: Entries, part: number): AnySummary | undefined {
  const closing = entries.get(closingKey(part));
  if (closing === undefined) return undefined;
  let summary: Record<string, unknown>;
  try {
    summary = JSON.parse(Buffer.from(closing).toString()) as Record<string, unknown>;
  } catch (error) {
    throw damaged('its closing record is no JSON', error);
  }
  const { version, id, statements, positions, index, pieces } = summary;
  if (typeof version === 'number' && version !== formatVersion && version !== wholeStateVersion)
    throw damaged(
      `its format is ${version}, and this version of Tributary reads formats ${wholeStateVersion} and ${formatVersion}`,
    );
  const hasState = version === formatVersion ? Array.isArray(index) : Number.isInteger(pieces);
  if (typeof id !== 'string' || !Array.isArray(statements) || !Array.isArray(positions) || !hasState)
    throw damaged('its closing record is not whole');
  return summary as unknown as AnySummary;
}
