/** Exchanges that are answered otherwise on purpose: the table of test/conformance/connect/deviations.md. */
import { readFileSync } from 'node:fs';
import { matches } from './compare.ts';
import type { Played } from './play.ts';

export interface Deviations {
  readonly all: readonly Deviation[];
  /** Why this answer is another one, where it is the one that is listed. */
  reasonFor(played: Played): string | undefined;
}

export interface Deviation {
  readonly case: string;
  readonly status: number;
  /** Members that the answer has, at least. */
  readonly body: unknown;
  readonly reason: string;
}

const file = new URL('../../connect/deviations.md', import.meta.url);

export function readDeviations(): Deviations {
  const rows = readFileSync(file, 'utf8').matchAll(/^\| `([^`]+)` \| (\d{3}) `([^`]*)` \| (.+) \|$/gm);
  const all = [...rows].map(([, name = '', status, body = '', reason = '']) => ({
    case: name,
    status: Number(status),
    body: JSON.parse(body) as unknown,
    reason,
  }));
  return {
    all,
    reasonFor: ({ exchange, answer }) =>
      all.find(
        (deviation) =>
          deviation.case === exchange.case &&
          deviation.status === answer?.status &&
          matches(deviation.body, answer.body),
      )?.reason,
  };
}

export interface RecordDeviation {
  /** A case of records.jsonl; `*` stands for each converter. */
  readonly case: string;
  /** What ours gives: events of a block, or members of the end of a stream that differ. */
  readonly ours: unknown;
  readonly why: string;
}

/** The rows of the second table: of records.jsonl. */
export function readRecordDeviations(): readonly RecordDeviation[] {
  const rows = readFileSync(file, 'utf8').matchAll(/^\| `([^`]+)` \| `([^`]*)` \| (.+) \|$/gm);
  return [...rows].map(([, id = '', ours = '', why = '']) => ({ case: id, ours: JSON.parse(ours) as unknown, why }));
}
