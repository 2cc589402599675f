import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { describeError, TributaryError } from '../base/errors.ts';

/** The text itself where it is PEM, else the file of that path. CONFIG_INVALID names the path. */
export function pemOrFile(what: string, value: string, folder: string): Buffer {
  if (value.includes('-----BEGIN ')) return Buffer.from(value);
  const path = isAbsolute(value) ? value : join(folder, value);
  try {
    return readFileSync(path);
  } catch (error) {
    throw new TributaryError('CONFIG_INVALID', `Cannot read "${path}" for ${what}: ${describeError(error)}`);
  }
}
