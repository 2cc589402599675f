import { readFileSync } from 'node:fs';

/** Of this program, from its package.json: it lies two folders up in a checkout and in what is published alike. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
