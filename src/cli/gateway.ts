import { command } from './command.ts';

export const gateway = command({
  name: 'gateway',
  summary: 'Serves topics to live clients over WebSocket, Server-Sent Events and HTTP',
  operands: [{ name: 'FILE.yaml', doc: 'configuration, with a section "gateway"', optional: true }],
  options: {
    from: { kind: 'text', value: 'DIR', doc: "Folder of kafka-websocket's own .properties files, in place of FILE" },
    listen: { kind: 'text', value: 'HOST:PORT', doc: 'Address of the gateway (default 127.0.0.1:7080)' },
    broker: { kind: 'text', value: 'ADDRESS', doc: 'embedded:DIR or kafka://HOST:PORT (default embedded:./data)' },
    processes: {
      kind: 'number',
      value: 'N',
      doc: 'Processes that serve the address together, on a Kafka (default 1)',
    },
    'log-level': { kind: 'text', choices: ['debug', 'info', 'warn', 'error'], doc: 'Least level that is logged' },
  },
  examples: [
    'tributary gateway gateway.yaml',
    'tributary gateway --broker kafka://localhost:9092',
    'tributary gateway --broker kafka://localhost:9092 --processes 4',
    'tributary gateway --from conf/',
  ],
  async run({ options, operands, io }) {
    const { startGatewayAlone } = await import('../app/gateway-start.ts');
    return startGatewayAlone({ file: operands[0], ...options, logLevel: options['log-level'] }, io);
  },
});
