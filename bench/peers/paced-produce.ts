/**
 * The floor of an acknowledgement by Kafka: a request with a few records that was encoded before, once a millisecond, and its
 * answer. Arguments: bootstrap address, topic, requests, records in each, bytes of a record.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { pace } from './pace.ts';
import { produceRequest } from './produce-request.ts';

const [bootstrap, topic, requests, records, size] = process.argv.slice(2) as [string, string, string, string, string];
const [host, port] = bootstrap.split(':') as [string, string];
const overhead = 200; // a batch's header and its records'
const request = produceRequest(topic, Number(size), Number(size) * Number(records) + overhead);
const socket = connect({ host, port: Number(port), noDelay: true });
await once(socket, 'connect');
await pace(Number(requests), request.count, async () => {
  socket.write(request.frame);
  let answer = (await once(socket, 'data'))[0] as Buffer;
  while (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0))
    answer = Buffer.concat([answer, (await once(socket, 'data'))[0] as Buffer]);
  request.check(answer);
});
socket.destroy();
