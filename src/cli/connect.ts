import { TributaryError } from '../base/errors.ts';
import { command } from './command.ts';

export const connect = command({
  name: 'connect',
  summary: "Runs connectors from Kafka Connect's own files",
  operands: [
    {
      name: 'WORKER.properties',
      doc: "Kafka Connect's worker file; none, where CONNECT_… variables say it all",
      optional: true,
    },
    { name: 'CONNECTOR', doc: 'connector files, .properties or .json', optional: true, many: true },
  ],
  options: {
    listen: { kind: 'text', value: 'HOST:PORT', doc: 'Address of the REST interface, in place of "listeners"' },
    broker: {
      kind: 'text',
      value: 'ADDRESS',
      doc: 'Broker, in place of "bootstrap.servers": embedded:DIR or kafka://HOST:PORT',
    },
    'log-level': { kind: 'text', choices: ['debug', 'info', 'warn', 'error'], doc: 'Least level that is logged' },
  },
  examples: [
    'tributary connect worker.properties trades.properties',
    'tributary connect worker.properties trades.json --broker embedded:./data',
  ],
  async run({ options, operands, io }) {
    const { startFromConnect } = await import('../app/start.ts');
    const [worker, ...connectors] = operands;
    if (worker === undefined && io.env['CONNECT_BOOTSTRAP_SERVERS'] === undefined) {
      throw new TributaryError(
        'USAGE',
        '"tributary connect" needs WORKER.properties: Kafka Connect\'s worker file, or CONNECT_BOOTSTRAP_SERVERS and its like in the environment. See "tributary connect --help".',
      );
    }
    return startFromConnect({ worker, connectors, ...options, logLevel: options['log-level'] }, io);
  },
});
