import { command } from '../command.ts';
import { connectionOptions, openClient } from './connection.ts';

export const apply = command({
  name: 'apply',
  summary: 'Creates connectors from files, or brings those there are to what the files say',
  operands: [],
  options: {
    file: {
      kind: 'texts',
      short: 'f',
      value: 'FILE',
      doc: 'Connectors: .json, .properties, .yaml, or - for JSON from standard input',
    },
    'dry-run': { kind: 'flag', doc: 'Has the worker check them, says what would change, and changes nothing' },
    ...connectionOptions,
  },
  examples: ['tributary apply -f trades.json', 'tributary apply -f feed.yaml --dry-run'],
  async run({ options, io }) {
    const client = await openClient(options, io.env);
    const { applyFiles } = await import('./apply-files.ts');
    return applyFiles(client, options.file, options['dry-run'], io);
  },
});
