/** The WebSocket source as a process: writes the first message of the server, or why it has failed. */
import { textsOf } from './connector-context.ts';
import { runSource } from './websocket-run.ts';

const ca = process.env['WEBSOCKET_TLS_CA'];
await using run = runSource(process.argv[2]!, {
  'websocket.reconnect.enabled': 'false',
  ...(ca === undefined ? {} : { 'websocket.tls.ca': ca }),
});
try {
  console.log(`message: ${textsOf(await run.take(1))[0]}`);
} catch (error) {
  console.log(`failure: ${(error as Error).message}`);
}
