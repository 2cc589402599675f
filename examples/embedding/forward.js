// Messages of one WebSocket server to another: a source and a sink, each made of a plain map of options.
// node forward.js ws://from/ ws://to/
import { createSink, createSource } from '@tributary/tributary';

const [, , from, to] = process.argv;
await using sink = createSink({ extension: 'websocket', 'websocket.url': to });
await using source = createSource({
  extension: 'websocket',
  'websocket.url': from,
  'websocket.reconnect.delay.ms': 500,
});

// Both are opened for a moment: what does not stand is told before anything starts.
await Promise.all([sink.validateConnectivity(), source.validateConnectivity()]);

await sink.start();
// A message is asked for once the one before it has been delivered.
await source.start((message) => sink.publish(message));

process.once('SIGINT', () => source.stop());
await source.finished;
