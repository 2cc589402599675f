import { command } from './command.ts';

export const start = command({
  name: 'start',
  summary: 'Runs connectors, with the REST interface',
  operands: [{ name: 'FILE.yaml', doc: 'configuration; without one, all defaults', optional: true }],
  options: {
    demo: { kind: 'flag', doc: 'Also runs a small exchange that makes up trades, and a connector for it' },
    listen: { kind: 'text', value: 'HOST:PORT', doc: 'Address of the REST interface (default 127.0.0.1:8083)' },
    broker: { kind: 'text', value: 'ADDRESS', doc: 'embedded:DIR or kafka://HOST:PORT (default embedded:./data)' },
    data: { kind: 'text', value: 'DIR', doc: 'Folder of the embedded broker: --data DIR is --broker embedded:DIR' },
    'log-level': { kind: 'text', choices: ['debug', 'info', 'warn', 'error'], doc: 'Least level that is logged' },
  },
  examples: [
    'tributary start --demo',
    'tributary start feed.yaml',
    'tributary start feed.yaml --broker kafka://localhost:9092',
  ],
  async run({ options, operands, io }) {
    const { startFromYaml } = await import('../app/start.ts');
    return startFromYaml({ file: operands[0], ...options, logLevel: options['log-level'] }, io);
  },
});
