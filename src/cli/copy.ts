import { command } from './command.ts';

export const copy = command({
  name: 'copy',
  summary: 'Writes every message of a WebSocket or an event stream (SSE) to a topic, until Ctrl-C',
  operands: [
    { name: 'URL', doc: 'ws:// or wss:// address of a WebSocket, http:// or https:// address of an event stream' },
    { name: 'TOPIC', doc: 'the topic to write to; it is made where it is missing' },
  ],
  options: {
    send: { kind: 'texts', value: 'TEXT', doc: 'Message to send when a WebSocket opens, such as a subscription' },
    header: { kind: 'texts', value: 'NAME:VALUE', doc: 'Header of the request that opens the connection' },
    set: { kind: 'texts', value: 'KEY=VALUE', doc: 'Any other option of the connector' },
    broker: { kind: 'text', value: 'ADDRESS', doc: 'embedded:DIR or kafka://HOST:PORT (default embedded:./data)' },
    config: { kind: 'text', value: 'FILE', doc: 'YAML file whose broker (with its SASL and TLS) is used' },
  },
  examples: [
    `tributary copy wss://stream.example.com/ws trades --send '{"op":"subscribe","channel":"trades"}'`,
    'tributary copy https://stream.wikimedia.org/v2/stream/recentchange edits',
  ],
  async run({ options, operands, io }) {
    const { startCopy } = await import('../app/copy.ts');
    return startCopy({ url: operands[0]!, topic: operands[1]!, ...options }, io);
  },
});
