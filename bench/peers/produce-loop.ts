/**
 * The floor of writing to Kafka: one batch that was encoded before is sent again and again with acks=all, as many in flight
 * as we have; nothing is encoded, and of an answer only its error code is looked at. Arguments: bootstrap address, topic,
 * records, bytes of each, bytes of a batch.
 */
import { connect } from 'node:net';
import { tell } from './child.ts';
import { produceRequest } from './produce-request.ts';

const [bootstrap, topic, count, size, batchBytes] = process.argv.slice(2) as [string, string, string, string, string];
const [host, port] = bootstrap.split(':') as [string, string];
const inFlight = 5;
const request = produceRequest(topic, Number(size), Number(batchBytes));

let sent = 0;
let seen = 0;
let rest = Buffer.alloc(0);
const socket = connect(Number(port), host);
socket.on('error', () => process.exit(1));
socket.on('data', (bytes) => {
  rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
  while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
    request.check(rest.subarray(0, 4 + rest.readInt32BE(0)));
    rest = rest.subarray(4 + rest.readInt32BE(0));
    seen += request.count;
    if (sent < Number(count)) send();
  }
});
for (let i = 0; i < inFlight; i++) send();
tell(() => seen);

function send(): void {
  sent += request.count;
  socket.write(request.frame);
}
