import { packageVersion } from '../app/version.ts';
import { command } from './command.ts';
import { writeLine } from './io.ts';

export const version = command({
  name: 'version',
  summary: 'Shows which version this is, and the Node it runs on',
  operands: [],
  options: {},
  examples: [],
  async run({ io }) {
    writeLine(io.stdout, `tributary ${packageVersion()} (Node ${process.versions.node})`);
    return 0;
  },
});
