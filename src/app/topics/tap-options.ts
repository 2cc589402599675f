import { TributaryError } from '../../base/errors.ts';
import type { TapFrom } from './topic-access.ts';

/** `earliest`, `latest`, an offset, `-10` (the last ten of each partition) or a time (ISO 8601). */
export function parseFrom(text: string): TapFrom {
  if (text === 'earliest' || text === 'latest') return text;
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return { offset: Number(text) };
  if (/^-\d+$/.test(text) && Number.isSafeInteger(Number(text))) return { last: -Number(text) };
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const timestampMs = Date.parse(text);
    if (!Number.isNaN(timestampMs)) return { timestampMs };
  }
  throw new TributaryError(
    'USAGE',
    `Cannot read from "${text}": must be earliest, latest, an offset, -N for the last N, or a time such as 2026-01-31T12:00:00Z`,
  );
}

/** The text that `parseFrom` reads. */
export function showFrom(from: TapFrom): string {
  if (typeof from === 'string') return from;
  if ('offset' in from) return String(from.offset);
  if ('last' in from) return `-${from.last}`;
  return new Date(from.timestampMs).toISOString();
}
