/** Recordings of real exchange feeds: one JSON object a line, in the order in which it crossed the wire. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

export interface Recording {
  readonly name: string;
  /** What the client sent after opening, in order. */
  readonly subscriptions: readonly string[];
  /** What the server sent, in order. */
  readonly messages: readonly RecordedMessage[];
}

export interface RecordedMessage {
  readonly data: Buffer;
  readonly binary: boolean;
}

interface Line {
  readonly dir: 'open' | 'send' | 'recv';
  readonly data?: string;
  readonly enc?: 'base64';
}

/** Folder of the recordings: TRIBUTARY_FEEDS, or the one beside the project where it is kept. */
const folder = process.env['TRIBUTARY_FEEDS'] ?? resolve(import.meta.dirname, '../../../shared/feeds');

/**
 * Why the tests that need recordings are skipped, or false. With FEEDS_REQUIRED=1 missing recordings are a failure.
 */
export function feedsMissing(): string | false {
  if (existsSync(folder) && globSync(join(folder, '*.jsonl')).length > 0) return false;
  const sentence = 'No recordings of feeds here: name their folder with TRIBUTARY_FEEDS';
  if (process.env['FEEDS_REQUIRED'] === '1') throw new Error(sentence);
  return sentence;
}

export function readRecordings(): Recording[] {
  return globSync(join(folder, '*.jsonl')).sort().map(readRecording);
}

function readRecording(path: string): Recording {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
  return {
    name: basename(path, '.jsonl'),
    subscriptions: lines.filter(({ dir }) => dir === 'send').map(({ data }) => data ?? ''),
    messages: lines
      .filter(({ dir }) => dir === 'recv')
      .map(({ data = '', enc }) => ({ data: Buffer.from(data, enc ?? 'utf8'), binary: enc === 'base64' })),
  };
}
