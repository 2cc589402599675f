import { TributaryError } from '../../base/errors.ts';
import { parseRecordInput } from './record-json.ts';
import type { RecordInput } from './topic-access.ts';

export interface LineFormat {
  /** Lines are JSON objects; else each line is a value. */
  readonly json: boolean;
  readonly keySeparator?: string;
}

const maxLineBytes = 64 * 1024 * 1024;

/** Lines of a stream as records: what one chunk brings is one batch, so that nothing waits for more. Empty lines of JSON are skipped. */
export async function* readRecords(
  input: AsyncIterable<Uint8Array | string>,
  format: LineFormat,
): AsyncGenerator<readonly RecordInput[], void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  let lineNumber = 0;
  const parse = (line: string): RecordInput[] => {
    lineNumber++;
    return parseLine(line.endsWith('\r') ? line.slice(0, -1) : line, lineNumber, format);
  };
  for await (const chunk of input) {
    const pieces = (rest + decode(decoder, chunk, lineNumber)).split('\n');
    rest = pieces.pop()!;
    if (rest.length > maxLineBytes) throw atLine(lineNumber + 1, `it is longer than ${maxLineBytes} bytes`);
    const records = pieces.flatMap(parse);
    if (records.length > 0) yield records;
  }
  if (rest !== '') yield parse(rest);
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk: Uint8Array | string, lineNumber: number): string {
  if (typeof chunk === 'string') return chunk;
  try {
    return decoder.decode(chunk, { stream: true });
  } catch {
    throw atLine(lineNumber + 1, 'it is no UTF-8; bytes can be given as JSON with "valueEncoding":"base64"');
  }
}

function parseLine(line: string, lineNumber: number, { json, keySeparator }: LineFormat): RecordInput[] {
  if (json) {
    if (line.trim() === '') return [];
    try {
      return [parseRecordInput(line)];
    } catch (error) {
      throw atLine(lineNumber, error instanceof Error ? error.message : String(error));
    }
  }
  const at = keySeparator === undefined ? -1 : line.indexOf(keySeparator);
  return at < 0 ? [{ value: line }] : [{ key: line.slice(0, at), value: line.slice(at + keySeparator!.length) }];
}

function atLine(lineNumber: number, problem: string): TributaryError {
  return new TributaryError('USAGE', `Line ${lineNumber} of the input: ${problem}`);
}
