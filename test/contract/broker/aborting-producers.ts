/** A signal ends the waiting for what a producer does. What was on its way goes on, in its order. */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import type { CallOptions } from '../../../src/broker/broker.ts';
import { type BrokerFixture, holds, record, sendValues, topicName, valuesOf } from './fixture.ts';

const aborted = { code: 'ABORTED' };

export function abortedProducerTests({ name, skip, broker: open, stallable, answersAlone }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  it('a producer asked with a signal that was aborted before does nothing, and can be used on', async () => {
    const broker = await open();
    const topic = topicName('abort-before');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer({ transactionalId: topicName('id') });
    const never = { signal: AbortSignal.abort() };
    await rejects(producer.begin(never), aborted);
    await producer.begin();
    await rejects(producer.send(topic, 0, [record('never')], never), aborted);
    await sendValues(producer, topic, ['a']);
    await rejects(producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 7 }], undefined, never), aborted);
    await rejects(producer.flush(never), aborted);
    await rejects(producer.abort(never), aborted);
    await rejects(producer.commit(never), aborted);
    await producer.commit();
    await holds(broker, topic, ['a']);
    deepEqual(await broker.committedOffsets(groupId), []);
  });

  it('closing with a signal that was aborted before closes all the same', async () => {
    const broker = await open();
    const topic = topicName('abort-close');
    await broker.createTopic({ name: topic });
    const producer = await broker.producer();
    await rejects(producer.close({ signal: AbortSignal.abort() }), aborted);
    await rejects(sendValues(producer, topic, ['late']), { code: 'BROKER_CLOSED' });
    await producer.close();
  });

  it('a send that nobody waits for any more keeps its place in the order', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('abort-send');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer();
    await sendValues(producer, topic, ['before']);
    cutOff.stall();
    const stop = new AbortController();
    const wanted: string[] = ['before'];
    const outcomes: Promise<string>[] = [];
    // More than may be in flight at once: some are on their way, the others wait inside.
    for (let i = 0; i < 20; i++) {
      wanted.push(`value-${i}`);
      const options = i % 3 === 0 ? { signal: stop.signal } : undefined;
      outcomes.push(outcomeOf(producer.send(topic, 0, [record(`value-${i}`)], options)));
      if (i % 2 === 0) await turn();
    }
    const flushing = outcomeOf(producer.flush({ signal: stop.signal }));
    await turn();
    stop.abort();
    equal(await flushing, 'ABORTED');
    for (const [i, outcome] of outcomes.entries()) if (i % 3 === 0) equal(await outcome, 'ABORTED');
    cutOff.resume();
    await producer.flush();
    for (const [i, outcome] of outcomes.entries()) if (i % 3 !== 0) equal(await outcome, 'done');
    await sendValues(producer, topic, ['after']);
    deepEqual(await valuesOf(other, topic), [...wanted, 'after']);
  });

  it('a transaction that nobody waits for any more is over before the next one begins', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('abort-transaction');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer({ transactionalId: topicName('id') });
    const whileStalled = (what: string, call: (options: CallOptions) => Promise<void>): Promise<void> =>
      abandoned(cutOff, answersAlone.includes(what), call);

    await producer.begin();
    const first = producer.send(topic, 0, [record('offsets')]);
    await first;
    await whileStalled('sendOffsets', (options) =>
      producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 7 }], undefined, options),
    );
    await producer.commit();
    // The same client knows of the commit and waits for its markers; to another one Kafka may not show it yet.
    deepEqual(await broker.committedOffsets(groupId), [{ topic, partition: 0, offset: 7 }]);

    await producer.begin();
    await sendValues(producer, topic, ['committed']);
    await whileStalled('commit', (options) => producer.commit(options));

    await producer.begin();
    await sendValues(producer, topic, ['aborted']);
    await whileStalled('abort', (options) => producer.abort(options));

    await producer.begin();
    await sendValues(producer, topic, ['last']);
    await producer.commit();
    await holds(other, topic, ['offsets', 'committed', 'last']);
  });

  it('a send behind the end of its transaction is refused', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('abort-behind');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer({ transactionalId: topicName('id') });
    await producer.begin();
    await sendValues(producer, topic, ['in time']);
    cutOff.stall();
    const committing = producer.commit();
    await turn();
    await rejects(sendValues(producer, topic, ['too late']), { code: 'TRANSACTION_INVALID_STATE' });
    cutOff.resume();
    await committing;
    await holds(other, topic, ['in time']);
  });

  it('a transaction that is aborted while its first send is on its way leaves nothing open', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('abort-first');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer({ transactionalId: topicName('id') });
    await producer.begin();
    cutOff.stall();
    const sent = outcomeOf(producer.send(topic, 0, [record('never')]));
    await turn();
    const aborting = producer.abort();
    await turn();
    cutOff.resume();
    await aborting;
    await sent;
    await producer.begin();
    await sendValues(producer, topic, ['kept']);
    await producer.commit();
    await holds(other, topic, ['kept']);
  });

  it('a producer that nobody waits for closes with everything stored', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('abort-closing');
    await broker.createTopic({ name: topic });
    const producer = await broker.producer();
    await sendValues(producer, topic, ['a']);
    cutOff.stall();
    const sent = sendValues(producer, topic, ['b']);
    const stop = new AbortController();
    const closing = outcomeOf(producer.close({ signal: stop.signal }));
    await turn();
    stop.abort();
    equal(await closing, 'ABORTED');
    cutOff.resume();
    await sent;
    await producer.close();
    deepEqual(await valuesOf(other, topic), ['a', 'b']);
  });

  it('a member that nobody waits for leaves its group', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('abort-member');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic });
    const member = await broker.group({ groupId, topics: [topic], fetch: false });
    await member.commit([{ topic, partition: 0, offset: 0 }]);
    await abandoned(cutOff, answersAlone.includes('member.close'), (options) => member.close(options));
    await member.close();
    await other.deleteGroup(groupId); // refused while it has members
  });
}

/** Calls while nobody answers, and stops waiting for it. */
async function abandoned(
  cutOff: { stall(): void; resume(): void },
  isAnsweredAlone: boolean,
  call: (options: CallOptions) => Promise<void>,
): Promise<void> {
  cutOff.stall();
  const stop = new AbortController();
  const outcome = outcomeOf(call({ signal: stop.signal }));
  await turn();
  stop.abort();
  equal(await outcome, isAnsweredAlone ? 'done' : 'ABORTED');
  cutOff.resume();
}

function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'done',
    (error: { readonly code?: string }) => error.code ?? String(error),
  );
}

/** Until what was asked for is on its way, or at least made. */
async function turn(): Promise<void> {
  for (let count = 0; count < 5; count++) await new Promise((next) => setImmediate(next));
}
