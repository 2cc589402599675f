/** The messages in an answer to the question for missing ones. */
import { isUtf8 } from 'node:buffer';
import type { HttpAnswer } from '../../net/http-request.ts';
import { type Pointer, readPointer } from './json-pointer.ts';
import { skipBlanks, skipValue } from './json-scan.ts';

export type AnsweredMessages =
  | { readonly kind: 'messages'; readonly messages: readonly Uint8Array[] }
  | { readonly kind: 'unusable'; readonly problem: string };

const jsonLines = /^application\/(x-)?(ndjson|jsonl|json-?lines)\b/i;

/**
 * The elements of the array at the pointer, or of the whole answer: strings by their text, others as they are written. Without a
 * pointer the lines of an answer whose type says that it is made of lines.
 */
export function messagesOf(
  { body, headers }: Pick<HttpAnswer, 'body' | 'headers'>,
  pointer: Pointer | null,
): AnsweredMessages {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    return unusable(`it is compressed ("${encoding.slice(0, 20)}"), which was not asked for`);
  if (!isUtf8(body)) return unusable('it is not UTF-8');
  if (pointer === null && jsonLines.test(headers['content-type'] ?? ''))
    return { kind: 'messages', messages: lines(body) };
  try {
    JSON.parse(body.toString('utf8'));
  } catch {
    return unusable('it is not JSON');
  }
  const array = pointer === null ? body : readPointer(body, pointer);
  const where = pointer === null ? 'it' : `"${pointer.text}" of it`;
  const from = array === null ? 0 : skipBlanks(array, 0);
  if (array === null || array[from] !== 0x5b) return unusable(`${where} is no array`);
  return { kind: 'messages', messages: elements(array, from) };
}

/** Of an array in text that is JSON for sure. */
function elements(bytes: Uint8Array, from: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = skipBlanks(bytes, from + 1);
  while (bytes[at] !== 0x5d) {
    const end = skipValue(bytes, at);
    const element = bytes.subarray(at, end);
    found.push(bytes[at] === 0x22 ? Buffer.from(JSON.parse(Buffer.from(element).toString('utf8')) as string) : element);
    at = skipBlanks(bytes, end);
    if (bytes[at] === 0x2c) at = skipBlanks(bytes, at + 1);
  }
  return found;
}

function lines(body: Buffer): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < body.length; ) {
    const newline = body.indexOf(0x0a, at);
    const end = newline < 0 ? body.length : newline;
    const line = body.subarray(at, end > at && body[end - 1] === 0x0d ? end - 1 : end);
    if (skipBlanks(line, 0) < line.length) found.push(line);
    at = end + 1;
  }
  return found;
}

function unusable(problem: string): AnsweredMessages {
  return { kind: 'unusable', problem };
}
