import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import { OwnFrames } from './own-frames.ts';
import { SpareMemory } from './spare-memory.ts';

/** A socket whose written bytes are kept, with the library's listener on it. */
function setUp(timeoutMs = 60_000, spare = new SpareMemory()) {
  const written: Buffer[] = [];
  const toLibrary: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(Buffer.from(chunk));
      done();
    },
  });
  socket.on('data', (bytes: Buffer) => toLibrary.push(Buffer.from(bytes)));
  const frames = new OwnFrames(socket as unknown as Socket, 'me', timeoutMs, spare);
  const heard: (string | undefined)[] = [];
  after(() => frames.end()); // what was not answered would keep the process for its timeout
  const ask = (...parts: readonly Buffer[]): void =>
    frames.send(0, 11, parts, (error, answer) => heard.push(error?.message ?? answer?.toString()));
  const receive = (bytes: Buffer): boolean => socket.emit('data', bytes);
  return { socket, frames, ask, receive, heard, written, library: () => Buffer.concat(toLibrary) };
}

/** What a broker answers: size, correlation id, no tagged fields, the text. */
function answer(id: number, text: string): Buffer {
  const bytes = Buffer.alloc(9 + Buffer.byteLength(text));
  bytes.writeInt32BE(bytes.length - 4, 0);
  bytes.writeInt32BE(id, 4);
  bytes.write(text, 9);
  return bytes;
}

const first = 2 ** 30;

test('a request is its header and its parts, one after the other, the small ones in one piece', () => {
  const { ask, written } = setUp();
  const large = Buffer.alloc(10_000, 7);
  ask(Buffer.from('a'), Buffer.from('b'), large, Buffer.from('c'));
  const all = Buffer.concat(written);
  equal(all.readInt32BE(0), all.length - 4);
  deepEqual([all.readInt16BE(4), all.readInt16BE(6), all.readInt32BE(8)], [0, 11, first]);
  equal(all.toString('latin1', 12, 19), '\0\x02me\0ab');
  ok(all.subarray(19, 10_019).equals(large));
  equal(all.toString('latin1', 10_019), 'c');
});

test('answers of our own requests come to those who asked, all other bytes to the library, however they are cut', () => {
  const stream = Buffer.concat([
    answer(1, 'theirs'),
    answer(first + 1, 'second'),
    answer(first, ''),
    answer(2, ''),
    answer(3, 'x'.repeat(300)),
    answer(first + 2, 'y'.repeat(200)),
    Buffer.from([0, 0, 0, 1, 64]), // too short to be an answer
    answer(4, 'last'),
  ]);
  const theirs = Buffer.concat([
    answer(1, 'theirs'),
    answer(2, ''),
    answer(3, 'x'.repeat(300)),
    Buffer.from([0, 0, 0, 1, 64]),
    answer(4, 'last'),
  ]);
  const check = (cuts: readonly number[]): void => {
    const { ask, receive, heard, library } = setUp();
    for (let i = 0; i < 3; i++) ask(Buffer.from('?'));
    let from = 0;
    for (const to of [...cuts, stream.length]) {
      receive(stream.subarray(from, to));
      from = to;
    }
    deepEqual(heard, ['second', '', 'y'.repeat(200)]);
    ok(library().equals(theirs), `cut at ${cuts.join(', ')}`);
  };
  check([]);
  for (let at = 1; at < stream.length; at++) check([at]);
  check(Array.from({ length: stream.length - 1 }, (_, index) => index + 1));
});

test('when the connection ends each request without an answer fails once, and so does a later one', async () => {
  const { frames, ask, receive, heard } = setUp();
  ask(Buffer.from('?'));
  ask(Buffer.from('?'));
  receive(answer(first, 'yes'));
  frames.end();
  frames.end();
  deepEqual(heard, ['yes', 'Connection closed']);
  ask(Buffer.from('?'));
  await new Promise(process.nextTick);
  deepEqual(heard, ['yes', 'Connection closed', 'Connection closed']);
});

test('a request whose time is over fails and ends the connection', async () => {
  const { socket, ask, heard } = setUp(1);
  ask(Buffer.from('?'));
  await once(socket, 'close');
  deepEqual(heard, ['Request timed out']);
});

test('the memory of a large answer is used again once nobody looks at it, and not before', () => {
  const { frames, receive } = setUp();
  const heard: Buffer[] = [];
  const large = answer(first, 'x'.repeat(300_000));
  const ask = (): void => frames.send(0, 11, [], (_, bytes) => heard.push(bytes!));
  const come = (index: number): void => {
    large.writeInt32BE(first + index, 4);
    for (let at = 0; at < large.length; at += 65_536) receive(Buffer.from(large.subarray(at, at + 65_536)));
  };
  for (let index = 0; index < 4; index++) ask();
  come(0);
  come(1);
  equal(heard[0]!.buffer === heard[1]!.buffer, false);
  frames.recycle(heard[0]!.subarray(100));
  frames.recycle(heard[0]!);
  come(2);
  equal(heard[2]!.buffer === heard[0]!.buffer, true);
  come(3);
  equal(heard[3]!.buffer === heard[2]!.buffer, false);
  for (const bytes of heard) equal(bytes.toString(), 'x'.repeat(300_000));
});

test('connections of one client use the memory of each other', () => {
  const spare = new SpareMemory();
  const large = answer(first, 'x'.repeat(300_000));
  const [one, other] = [1, 2].map(() => {
    const { frames, receive } = setUp(60_000, spare);
    const heard: Buffer[] = [];
    frames.send(0, 11, [], (_, bytes) => heard.push(bytes!));
    const come = (): void => {
      for (let at = 0; at < large.length; at += 65_536) receive(Buffer.from(large.subarray(at, at + 65_536)));
    };
    return { frames, heard, come };
  });
  one!.come();
  one!.frames.recycle(one!.heard[0]!);
  other!.come();
  equal(other!.heard[0]!.buffer, one!.heard[0]!.buffer);
  equal(other!.heard[0]!.toString(), 'x'.repeat(300_000));
});
