import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { describeError, TributaryError } from '../base/errors.ts';
import { certificatesOf } from './pkcs12/pkcs12.ts';

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

/** PEM texts of the authorities in a PKCS #12 store. CONFIG_INVALID says what is wrong with it. */
export function authoritiesOf(what: string, store: Buffer | undefined, password: string): Buffer | undefined {
  return store === undefined
    ? undefined
    : Buffer.from(certificatesOf(`the PKCS #12 store of ${what}`, store, password));
}
