/** `response.http.headers.config` of Kafka Connect: `set X-Frame-Options: DENY, "add Cache-Control: no-cache, no-store"`. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { TributaryError } from '../../base/errors.ts';

export interface ResponseHeader {
  readonly action: 'set' | 'add' | 'setDate' | 'addDate';
  readonly name: string;
  /** Of dates: milliseconds from now. */
  readonly value: string;
}

/** CONFIG_INVALID says what an entry must look like. */
export function parseResponseHeaders(text: string): readonly ResponseHeader[] {
  return entriesOf(text).map((entry) => {
    const match = /^(set|add|setDate|addDate)\s+([^:\s]+)\s*:\s*(.*)$/s.exec(entry);
    if (match === null) throw invalid(entry, 'must be "[set|add|setDate|addDate] NAME: VALUE"');
    const [, action, name, value] = match as unknown as [string, ResponseHeader['action'], string, string];
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      throw invalid(entry, 'its name or value cannot stand in a header');
    }
    if (action.endsWith('Date') && !/^-?\d{1,15}$/.test(value)) throw invalid(entry, 'must be milliseconds from now');
    return { action, name, value };
  });
}

export function applyHeaders(
  headers: readonly ResponseHeader[],
  nowMs: number,
  put: (name: string, value: string, replace: boolean) => void,
): void {
  for (const { action, name, value } of headers) {
    const text = action.endsWith('Date') ? new Date(nowMs + Number(value)).toUTCString() : value;
    put(name, text, action.startsWith('set'));
  }
}

/** Parted by commas; an entry with a comma in it stands in double quotes. */
function entriesOf(text: string): string[] {
  return [...text.matchAll(/\s*(?:"([^"]*)"|([^,]*))\s*(?:,|$)/g)]
    .map(([, quoted, bare]) => (quoted ?? bare ?? '').trim())
    .filter((entry) => entry !== '');
}

function invalid(entry: string, problem: string): TributaryError {
  return new TributaryError('CONFIG_INVALID', `cannot use ${JSON.stringify(entry)}: ${problem}`);
}
