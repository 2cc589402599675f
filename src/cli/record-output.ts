/** How commands that print records show them. */
export const recordOutput = {
  kind: 'text',
  short: 'o',
  value: 'text|value|json',
  choices: ['text', 'value', 'json'],
  doc: 'value: nothing but the values, a line each; json: NDJSON with everything',
} as const;

export interface ShownRecord {
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
}

/** Its time, place, key where it has one, and value. */
export function recordLine({ timestamp, key, value }: ShownRecord, place: string): string {
  const time = new Date(timestamp).toISOString().slice(0, 23).replace('T', ' ');
  return [time, place, ...(key === null ? [] : [key]), value ?? '(tombstone)'].join('  ');
}
