/**
 * What one would write with `ws` and `kafkajs`: an idempotent producer with acks=all; while a batch is on its way the next
 * one grows, and while much waits the socket is paused. Arguments: URL, bootstrap address, topic.
 */
import { Kafka, logLevel } from 'kafkajs';
import { WebSocket } from 'ws';
import { tell } from './child.ts';

const [url, bootstrap, topic] = process.argv.slice(2) as [string, string, string];
/** kafkajs does not split what it is given: a batch must stay below a megabyte. */
const mostMessages = 4000;
const pauseAbove = 4 * mostMessages;

const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();
let waiting: { value: Buffer }[] = [];
let seen = 0;
let isSending = false;

const socket = new WebSocket(url, { perMessageDeflate: false });
socket.on('error', () => {}); // the feed has ended
socket.on('message', (data: Buffer) => {
  waiting.push({ value: data });
  if (waiting.length > pauseAbove) socket.pause();
  if (!isSending) void send();
});
tell(() => seen);

async function send(): Promise<void> {
  isSending = true;
  while (waiting.length > 0) {
    const messages = waiting.slice(0, mostMessages);
    waiting = waiting.slice(mostMessages);
    await producer.send({ topic, acks: -1, messages });
    seen += messages.length;
    if (socket.isPaused && waiting.length < pauseAbove) socket.resume();
  }
  isSending = false;
}
