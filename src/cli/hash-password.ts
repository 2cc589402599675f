import { text } from 'node:stream/consumers';
import { TributaryError } from '../base/errors.ts';
import { command } from './command.ts';
import { writeLine } from './io.ts';

export const hashPassword = command({
  name: 'hash-password',
  summary: 'Makes of a password, read from standard input, the hash that "rest.users.NAME.password" takes',
  operands: [],
  options: {},
  examples: ['tributary hash-password < password.txt'],
  async run({ io }) {
    const password = (await text(io.stdin)).replace(/\r?\n$/, '');
    if (password === '') throw new TributaryError('USAGE', 'There was no password on standard input.');
    const { hashed } = await import('../app/hash-password.ts');
    writeLine(io.stdout, await hashed(password));
    return 0;
  },
});
