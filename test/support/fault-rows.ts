/**
 * The faults that the program must survive, and the tests that show it does: docs/reliability.md is made of this
 * (`npm run reliability`). A row says what is promised now; what is not there yet stands in `missing`.
 *
 * Modes: A best effort; B at least once from receipt; C exactly once; D resumable source; E two connections to one feed;
 * G gateway at least once; H gateway with the newest value; – where the mode makes no difference.
 */
export interface FaultRow {
  readonly number: number;
  readonly fault: string;
  readonly promise: string;
  readonly modes: string;
  readonly tests: readonly FaultTest[];
  /** What is not there and could be. */
  readonly missing?: string;
  /** Where the promise ends, by decision or by nature. */
  readonly limit?: string;
}

export interface FaultTest {
  /** The file that is run. */
  readonly file: string;
  /** A test, or a group of tests, as its title is written in the source, placeholders included. */
  readonly title: string;
  /** The file in which the title stands, where several run it. */
  readonly source?: string;
  /** What stands in the titles of this file's own run of it. */
  readonly within?: string;
}

const of =
  (folder: string) =>
  (name: string, title: string): FaultTest => ({ file: `${folder}/${name}.test.ts`, title });
const faults = of('test/faults');
const integration = of('test/integration');
const e2e = of('test/e2e');
const src = of('src');

function contract(part: string, title: string): FaultTest[] {
  const source = `test/contract/broker/${part}.ts`;
  return ['embedded', 'kafka'].map((broker) => ({
    ...{ file: `test/contract/${broker}.test.ts`, title, source },
    within: `${broker}: `,
  }));
}

function feeds(title: string): FaultTest[] {
  const source = 'test/support/feed-tests.ts';
  return [
    { file: 'test/integration/feeds.test.ts', title, source, within: 'recorded feeds into the embedded broker' },
    { file: 'test/integration/feeds-kafka.test.ts', title, source, within: 'recorded feeds into Kafka' },
  ];
}

const cutFeeds = feeds(
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is written there
  '${name}, ${cutCount} cuts by ${cutBy}: ${promise} (seed ${testSeed})',
);
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: titles as they are written in the tests
const soaks = [
  faults(
    'soak',
    'into the embedded broker for ${durationMs / 1000} s: drops and restarts lose, double and reorder nothing (TEST_SEED=${testSeed})',
  ),
  faults(
    'soak',
    'into Kafka for ${durationMs / 1000} s: drops, restarts and kills of the broker lose, double and reorder nothing (TEST_SEED=${testSeed})',
  ),
];

const movedCoordinator = faults(
  'broker-kafka-cluster',
  'exactly once: the coordinator, which leads a partition of the topic too, is killed ${when}: each record is there once, none of a transaction alone',
);

const perMode = faults(
  'feed-modes',
  '${mode.name}: over each fault of a connection nothing is lost, doubled or out of order that is not counted (TEST_SEED=${testSeed})',
);

export const faultRows: readonly FaultRow[] = [
  {
    number: 1,
    fault: 'The server resets the connection in the middle of a frame',
    promise:
      'The torn message is thrown away and counted, a new connection follows behind `websocket.reconnect.interval.ms`, at the first attempt; what had come is there once, in order',
    modes: 'A B C',
    tests: [
      perMode,
      integration('websocket-malformed', 'a message torn by ${end} is thrown away and counted'),
      ...cutFeeds,
    ],
    limit:
      'The wait before the first new attempt is five seconds by default, and up to a quarter more at random: whoever wants to be back within a second sets it lower.',
  },
  {
    number: 2,
    fault: 'The connection ends without a close frame',
    promise: 'The same',
    modes: 'A B C',
    tests: [
      perMode,
      integration('websocket-refusals', 'endings without a close frame'),
      integration('websocket-malformed', 'a message torn by ${end} is thrown away and counted'),
      ...cutFeeds,
    ],
  },
  {
    number: 3,
    fault: 'Close 1000, 1001, 1006, 1008, 1011, 1012, 1013, 4xxx',
    promise:
      'A policy for each code: a refusal fails the task with its reason and is not tried again by itself; the others are tried again as told, backed off',
    modes: 'A B C',
    tests: [
      perMode,
      integration('websocket-refusals', 'close codes'),
      src('worker/worker', 'a task that was refused for good stays failed until somebody restarts it'),
    ],
  },
  {
    number: 4,
    fault: 'The peer is silent and its connection half open',
    promise: 'Found within the ping interval and the pong timeout, 25 s by default, while we read from the connection',
    modes: 'A B C',
    tests: [
      perMode,
      integration('websocket-liveness', 'a half-open connection is found in at most 25 s by default'),
      integration(
        'websocket-liveness',
        'a peer that says nothing after a ping is given up, and the next connection works',
      ),
      integration('websocket-liveness', 'a paused socket does not count as a silent peer'),
    ],
    limit:
      'While our own full queue holds the connection back, nothing is read from it, and no pong can be seen: silence then counts for nothing, as giving the connection up would lose what waits in it. A peer that is gone is found by the keep-alive of TCP, or 25 s after the queue has room again; nothing could be taken from it before.',
  },
  {
    number: 5,
    fault: 'Connected, but no data comes',
    promise: 'The idle timeout subscribes anew over a new connection, and is counted',
    modes: '–',
    tests: [
      integration('websocket-liveness', 'no message for the idle timeout subscribes anew over a new connection'),
      integration('sse-connection', 'nothing at all comes: the stream is opened again, behind the last event'),
    ],
  },
  {
    number: 6,
    fault: 'The handshake is answered by 301, 302, 401, 403, 404, 429, 500, 503',
    promise: 'Redirects are followed within a bound, Retry-After is kept, a refused login does not loop',
    modes: '–',
    tests: [
      integration('websocket-refusals', 'answers to the upgrade'),
      integration('websocket-refusals', 'redirects'),
      integration('sse-connection', 'answers'),
      integration('sse-connection', 'redirects'),
    ],
  },
  {
    number: 7,
    fault: 'The handshake takes longer than the reconnect timer',
    promise: 'One socket at any time',
    modes: '–',
    tests: [
      integration('websocket-liveness', 'a slow upgrade is waited for, with one socket only'),
      src(
        'connectors/websocket-source/state',
        'whatever happens, a socket is only asked for when there is none, and every wait has a bound',
      ),
    ],
  },
  {
    number: 8,
    fault: 'The name changes its address, is unknown, or one of two addresses is dead',
    promise: 'Looked up at each attempt, the next address is tried, and each is checked against what is allowed',
    modes: '–',
    tests: [
      faults(
        'feed-faults',
        'a name is looked up at every attempt: unknown at first, then with a dead address before the live one',
      ),
      integration('outbound', 'WebSocket: a name that is public at first and inner at the reconnect is not followed'),
    ],
  },
  {
    number: 9,
    fault: 'A subscription is answered by an error, not at all, or out of order',
    promise:
      'Told apart by `websocket.subscription.confirmation.pattern` and `…refusal.pattern`: what is refused, or not confirmed in time, is a counted failure with its reason in the status, and asked for again, backed off (or fails the task, or is borne with for the other subscriptions). Without patterns the answer is a message like any other, nothing ends the source; silence is found by the idle timeout',
    modes: '–',
    tests: [
      faults(
        'feed-faults',
        'a subscription that is answered with an error, late or never leaves the connection and what comes over it',
      ),
      faults(
        'feed-faults',
        'a subscription that is refused is a counted failure with the reason in the status, and is tried again',
      ),
      faults(
        'feed-faults',
        'a subscription that is refused behind the confirmations of another one, which were two, is refused all the same',
      ),
      faults('feed-faults', 'a subscription that nobody confirms in time is sent again over a new connection'),
      faults(
        'feed-faults',
        'a subscription that is refused fails the task, or is borne with for the others, as it was told',
      ),
    ],
    limit:
      'Without the patterns the source does not know what an answer means: an error in it fails nothing. Confirmations are counted, and not told apart: where a server confirms one subscription by two messages that both fit the pattern, one that it never answers is not missed. Refusals are looked for until the timeout.',
  },
  {
    number: 10,
    fault: 'The server leaves messages out',
    promise:
      'Missing numbers are counted, logged and shown in the status: of event streams in their ids, of WebSocket messages where `websocket.sequence.pointer` says. With `sse.gap.topic` or `websocket.gap.topic` a gap record comes before the message that showed the hole. Numbers of WebSocket messages are followed over restarts. With `websocket.backfill.url` what is missing is asked for, and stands before the message that showed the hole; what the server does not have is a gap, exactly',
    modes: 'A B C D',
    tests: [
      faults(
        'feed-order',
        'a message that is left out: a gap record before the next one, counted, logged, and in the status',
      ),
      faults(
        'feed-backfill',
        'a server that leaves out one of ${oneOf}, and ${kills} kills: all of it is there, exactly once in that mode, and no gap is told (seed ${testSeed})',
      ),
      integration('websocket-backfill', 'a server that gives of what is missing: ${name}'),
      integration(
        'websocket-backfill',
        'a server that does not answer in time holds the feed no longer; the next holes are not asked about for a while',
      ),
      integration(
        'websocket-backfill',
        'a server that always answers with ${status} holds the feed for one hole; the next one is a gap at once',
      ),
      integration('websocket-backfill', 'two connections: a hole that neither fills is filled behind the others'),
      src('connectors/websocket-source/repair', 'what is asked for next'),
      src(
        'connectors/websocket-source/number-positions',
        'what is missing behind a restart is a gap, from the last number of each channel on',
      ),
      src('connectors/websocket-source/sequence', 'one connection'),
      src('connectors/websocket-source/sequence', 'a server that counts anew'),
      integration('sse-connection', 'numbers that are missing after a reconnect are counted'),
      integration(
        'sse-connection',
        'events that the server leaves out are a record before the one that showed it, counted, logged, and in the status (${value})',
      ),
    ],
    limit:
      'Without exactly-once, and without a spool of that mode, a kill leaves an offset that is older than what was written: the gap that the next run tells is too long by that, or what is asked for again is written again. Behind a hole for which the server that is asked has failed, others are gaps at once, for up to a minute, or as long as `Retry-After` says (an hour at most); then one is asked about again, and the feed is held for it as for the first. What two connections have both missed is filled behind what came meanwhile. Ids of events tell of gaps where they are whole numbers that have counted by one for ten events, three behind a reconnect.',
  },
  {
    number: 11,
    fault: 'The server repeats messages after a reconnect',
    promise:
      'With `websocket.dedupe.window` they are dropped and counted, known by number, id, or all their bytes; by number also over a restart. Event streams are resumed behind the last event, so that a server which keeps to the standard repeats none',
    modes: 'A B D',
    tests: [
      faults(
        'feed-order',
        'messages that are repeated after a reconnect are dropped and counted; those that were missed are a gap',
      ),
      faults(
        'feed-order',
        'over a restart: what is missed between two runs is a gap of the next one, what is repeated to it is dropped',
      ),
      faults('feed-order', 'messages without numbers are known again by their ${by}'),
      src('connectors/websocket-source/id-window', 'an id is known until as many others have come as the window holds'),
      integration('sse-connection', 'a reconnect goes on behind the last event'),
    ],
    limit:
      'The offset has check sums of the newest 256 messages of a channel, 1 024 in all: what is repeated to a new run from further back, or known by an id or its bytes alone, is written again.',
  },
  {
    number: 12,
    fault: 'A server of event streams restarts, does not know the last id, changes `retry:`, answers 204',
    promise: 'Everything the server still holds arrives; an id that it refuses is a counted gap; 204 ends the stream',
    modes: 'C D',
    tests: [
      integration('sse-connection', 'resuming'),
      integration('sse-connection', 'the wait that the server asks for is kept'),
      integration('sse-connection', '204 ends the stream for good, the task stays and says so'),
      e2e('sse', 'nchan is killed and comes back, we are killed and come back: each event is there once'),
    ],
    limit:
      'A server that does not know the id, answers with 200 all the same and begins anywhere is found out by ids that are whole numbers and count by one; other ids tell nothing.',
  },
  {
    number: 13,
    fault: 'Event streams cut at every byte, with CR, LF, CRLF, a byte order mark, a line of 10 MB',
    promise: 'The same events; beyond the bound a typed end or a counted drop, never a crash',
    modes: '–',
    tests: [
      src('wire/sse/event-stream-parser', 'any stream, cut anywhere, is read as the standard says'),
      src('wire/sse/event-stream-parser', 'whatever comes, what is kept stays within the bound'),
      integration('sse-stream', 'chunks cut at every byte give the same events'),
      integration('sse-stream', 'events that are too long'),
      integration('sse-stream', 'ten megabytes of data in one event arrive'),
    ],
  },
  {
    number: 14,
    fault: 'Frames cut at every byte, long fragments, very many fragments, every form of length',
    promise: 'The same messages',
    modes: '–',
    tests: [
      src(
        'connectors/websocket-source/frame-reader',
        'whatever the cuts and wherever the handler stops, the messages are the same',
      ),
      integration('websocket-malformed', 'frames that come byte by byte are read as if they came whole'),
      integration('websocket-malformed', 'a hundred thousand fragments make one message'),
      ...feeds('${name}: every message arrives once, in order (seed ${testSeed})'),
    ],
  },
  {
    number: 15,
    fault: 'Bad UTF-8, reserved bits, masked frames, frames too large, a compressed bomb',
    promise: 'Answered with 1007, 1002 or 1009, counted, memory bounded, and a new connection follows',
    modes: '–',
    tests: [
      integration(
        'websocket-malformed',
        'a breach of the protocol is answered, counted and followed by a new connection',
      ),
      integration('websocket-deflate', 'compressed data that is wrong'),
    ],
  },
  {
    number: 16,
    fault: 'The cases of Autobahn',
    promise:
      'Client and server pass them. Not strict: 6.4.1 to 6.4.4 of the client (text in fragments is checked once it is whole). Of the server 2.10 and 2.11: of pings that come together the newest is answered, as RFC 6455 allows',
    modes: '–',
    tests: [
      integration('autobahn', 'the client passes the cases of Autobahn: ${part.name}'),
      integration('autobahn', "a server with the gateway's settings passes the cases of Autobahn: ${part.name}"),
      integration(
        'websocket-malformed',
        'a breach of the protocol is answered, counted and followed by a new connection',
      ),
      integration('websocket-deflate', 'messages that ws compresses arrive as they were'),
    ],
    missing:
      'All 517 cases (`npm run test:long`, four parts for each side) have not come to their end in one run yet: beside other work the long messages of the compressed ones (12, 13) alone take longer than twenty minutes.',
    limit: 'In `npm test` a choice of some ninety cases. Without Python 2.7 they are skipped.',
  },
  {
    number: 17,
    fault: 'A leader of Kafka moves, or its broker is killed',
    promise: 'Nothing acknowledged is lost, doubled or out of order',
    modes: 'A B C',
    tests: [
      faults('broker-kafka-cluster', 'the leader of a partition is killed under load, comes back, and leads again'),
      faults('broker-kafka', 'kill -9 of the broker under load, and its return'),
      movedCoordinator,
      faults('sql-recovery', 'the broker is killed under load: rows wait for it, and each comes out once'),
      faults(
        'gateway-kafka',
        'broker restart, leader change: invisible, but for delay, to subscribers, groups and publishers',
      ),
    ],
  },
  {
    number: 18,
    fault: 'All of Kafka is away for long',
    promise:
      'With a spool all that was received is kept on this machine, and goes to Kafka in order once it is back; without one the feed is held back by its bounded queue. No hole, nothing twice, the order is kept',
    modes: 'A B C',
    tests: [
      faults(
        'worker-kafka',
        'Kafka is killed under load and comes back, then SIGTERM: no hole, nothing twice, the order kept',
      ),
      faults(
        'spool-kafka',
        'Kafka is killed and comes back, then both are: all that was received is there, in order, and once',
      ),
      faults(
        'spool-kafka',
        'two workers of one group, Kafka away for longer than their session: both go on receiving, and no message is missing or doubled',
      ),
      faults(
        'spool-kafka',
        'Kafka is away at the stop, at the next start, and at the one behind its kill -9: what is received all the time is there once, and only what has no spool is at risk',
      ),
      e2e(
        'spool-without-kafka',
        'a worker that has never seen its Kafka receives what its file wants spooled, shows it, and refuses changes',
      ),
      src('worker/cluster/ownership', 'work that outlasts a silence goes on through it; the group answers ${answer}'),
    ],
    missing:
      'The tests take Kafka away for seconds, and look at no memory, processor time or rate: 20 million messages are written and caught up in compressed time by the benchmark `recovery --broker outage`, which holds those against what is wanted (bench/README.md). A worker of several that starts while Kafka is away waits for it, unless `spool.start.without.kafka` is `true`. One that is cut off alone asks the others and ends its tasks; where it can ask none it goes on with its spool while another has its work, so that the topic holds that time twice. Without a spool a live feed may itself drop what it sends while its socket is held back.',
  },
  {
    number: 19,
    fault: 'Kafka is slow, or acknowledgements are lost behind the append',
    promise: 'Nothing twice, nothing out of order',
    modes: 'A B C',
    tests: [
      faults('broker-kafka-network', '${name} (TEST_SEED=${testSeed})'),
      faults(
        'broker-kafka-network',
        'exactly once at ten kilobytes a second: nothing is lost, doubled or out of order',
      ),
      integration('exactly-once', 'a commit that took place though nobody heard of it is not made again'),
      integration('exactly-once', 'a transaction that breaks before its commit is sent again, and seen once'),
      faults('broker-embedded-time', 'over a slow disk sends wait, share batches, and keep their order'),
      faults(
        'broker-embedded-time',
        'where a batch ${name}, each record is there once and in order (TEST_SEED=${testSeed})',
      ),
    ],
  },
  {
    number: 20,
    fault: 'Kafka refuses records: too large, not allowed, invalid, no such topic',
    promise: 'A dead letter, a counted skip or a failed task, as the configuration says; neighbours go on in order',
    modes: 'A B C',
    tests: [
      src('worker/source-task', 'with tolerance it is skipped and counted, and its neighbours arrive in order'),
      src(
        'worker/source-task',
        'a topic with a lower bound gets batches that it takes, and refuses only what no batch can hold',
      ),
      src(
        'worker/batch-preparation',
        'a record that no batch can hold becomes a dead letter with its beginning and its size',
      ),
      integration('kafka-authorization', 'whoever may do nothing is told so by each call, and sees no topic'),
    ],
  },
  {
    number: 21,
    fault: 'The coordinator moves, a producer is fenced, a commit times out and takes place late',
    promise: 'Nothing twice, nothing torn: what became of a commit is read from the stored offset',
    modes: 'C D',
    tests: [
      integration('exactly-once', 'a transaction that breaks before its commit is sent again, and seen once'),
      integration('exactly-once', 'a commit that took place though nobody heard of it is not made again'),
      integration('exactly-once', 'a transaction that was open for too long is made again'),
      movedCoordinator,
      ...contract(
        'transactions',
        'a second producer with the same id fences the first, whose open transaction is aborted',
      ),
      ...contract(
        'aborting-producers',
        'a transaction that nobody waits for any more is over before the next one begins',
      ),
    ],
  },
  {
    number: 22,
    fault: 'kill -9 at random moments',
    promise:
      'What was acknowledged is there once, in order; the next start says what was lost by the kill. With a spool all that was synced there reaches Kafka, once where it is exactly-once',
    modes: 'A B C D',
    tests: [
      faults(
        'spool-kafka',
        'Kafka is killed and comes back, then both are: all that was received is there, in order, and once',
      ),
      faults(
        'spool-kafka',
        'killed with kill -9 at ${kills} moments, Kafka being there: all that was synced arrives, in order, and once where it is exactly-once (TEST_SEED=${testSeed})',
      ),
      faults(
        'broker-embedded',
        'killed with kill -9 at ${kills} moments under load: all that was acknowledged is there, once, in order (TEST_SEED=${testSeed})',
      ),
      faults(
        'worker-kafka',
        'the program is killed under load: what was acknowledged is there, nothing twice, and the next start goes on',
      ),
      e2e('stopping', 'kill -9 under load: the next start says so, and neither doubles nor loses what the topic had'),
      faults(
        'exactly-once',
        'embedded: killed with kill -9 at ${kills} moments, each event is there once (seed ${testSeed})',
      ),
      faults(
        'exactly-once',
        'kafka: killed with kill -9 at ${kills} moments, each event is there once (seed ${testSeed})',
      ),
      faults(
        'sql-recovery',
        'embedded: killed with kill -9 at ${kills} moments, the output is that of an undisturbed run (seed ${testSeed})',
      ),
      e2e('sql-parts', 'three workers, one killed under load, give what one gives that nobody disturbs'),
      e2e(
        'cluster',
        'workers share connectors, answer for each other, and take over from one that leaves, is killed, or is stopped',
      ),
      e2e(
        'cluster',
        'behind a worker that leaves and one that is killed the topics hold what the feeds have sent: no hole in a connection, nothing twice but what no offset was stored for',
      ),
    ],
    limit:
      'Without a spool, what a WebSocket had given and no broker had acknowledged is lost by a kill, and said to be. The first record behind a kill is there 1.4 to 1.8 s after the start on a quiet machine with Kafka, which no test asks for (bench/README.md).',
  },
  {
    number: 23,
    fault: 'SIGTERM under load',
    promise: 'Ends within 5 s with exit code 0, everything received is written, nothing twice',
    modes: 'A B C',
    tests: [
      e2e(
        'stopping',
        'SIGTERM under load: ends within 5 s with exit code 0, and the topic has no hole and nothing twice',
      ),
      faults(
        'worker-process',
        'SIGTERM at ${rounds} moments of the start: it ends, and the next start finds all whole (TEST_SEED=${testSeed})',
      ),
    ],
  },
  {
    number: 24,
    fault: 'The disk is full, its last block torn, a bit flipped',
    promise:
      'A retriable error and writing goes on when there is room; damage is refused, or skipped and counted, never silence. Connectors without a spool do not notice its disk',
    modes: 'A B C',
    tests: [
      faults(
        'spool-disk',
        'a full disk holds back the connector that is spooled and no other, and it goes on by itself when there is room',
      ),
      faults(
        'spool-disk',
        'a disk that cannot be written fails the connector that is spooled, with the reason, and no other',
      ),
      faults(
        'spool-disk',
        'a block that the disk has damaged is named, passed over and counted, and what is beside it arrives in order',
      ),
      src('worker/spool/task-log', 'damage that is met again counts once, and what lies behind it by itself'),
      src(
        'broker/embedded/damaged-index',
        'an end in the index that is ${what}, costs its batch at most, and that is told',
      ),
      src(
        'broker/embedded/damaged-index',
        'what lies below the first offset is taken away, whatever its entries say of its end',
      ),
      faults(
        'broker-embedded-disk',
        'a full filesystem refuses what has no room, keeps what was acknowledged, and takes more when it has room',
      ),
      faults(
        'broker-embedded-disk',
        'a broker that is closed and opened while its filesystem is full keeps everything',
      ),
      faults(
        'broker-embedded-damage',
        'damage at ${rounds} random places is told or skipped and counted (TEST_SEED=${testSeed})',
      ),
    ],
  },
  {
    number: 25,
    fault: 'The power fails: what was not synced is gone',
    promise:
      'An acknowledgement stands behind a sync (SQLite with synchronous=FULL; acks=all): lost is what was received behind the last one, and metrics say how much that is',
    modes: 'A B C',
    tests: [
      faults('power-cut', 'what is lost is what was received behind the last sync, and metrics say how much that is'),
      faults(
        'power-cut',
        'the power fails at ${cuts} moments under load, and any page that was not synced may be there: what was acknowledged is whole (TEST_SEED=${testSeed})',
      ),
      src(
        'broker/embedded/embedded',
        'a write-ahead log that was damaged after the writing is reported, and one whose acknowledged end is gone',
      ),
    ],
    limit: "Kafka's own disks are not cut off: its brokers keep what others of them have.",
  },
  {
    number: 26,
    fault: 'The clock jumps by an hour',
    promise:
      'Nothing ends early: durations are monotonic. The jump is counted (`tributary_clock_jumps_total`) and logged (`clock_jumped`) within a quarter of a second, with the times on both sides of it',
    modes: '–',
    tests: [
      faults('feed-faults', 'a wall clock that jumps by ${jumpMs / 3_600_000} h ends no connection'),
      faults(
        'broker-embedded-time',
        'a clock that jumps by ${jumpMs / hourMs} h ends nothing early, and offsets go on',
      ),
      faults('gateway-faults', 'clock jumps: the wall clock decides about tokens alone'),
      src(
        'app/time-watch',
        'a wall clock that jumps by ${jumpMs / 1000} s is told of once, with the time before and behind the jump',
      ),
    ],
    limit:
      'Records carry no mark of their own: a jump is known up to a quarter of a second behind it, when records of that time may be in the topic already. The log tells between which times their timestamps are not in order. Steps of less than a quarter of a second are not told.',
  },
  {
    number: 27,
    fault: 'The process stands still: a stall, SIGSTOP and SIGCONT',
    promise:
      'It goes on over the same connection where the server kept it, without a hole; never two connections, and no timeout is held against a server that we did not hear. A second or more is counted (`tributary_stalls_total`, `tributary_stalled_seconds_total`) and logged (`process_stalled`)',
    modes: 'A B',
    tests: [
      faults(
        'worker-process',
        'stopped like a machine that sleeps, and woken: it goes on over the same connection, without a hole',
      ),
      src(
        'connectors/websocket-source/state',
        'a deadline that is noticed far too late was missed by us, not by the peer',
      ),
      src('app/time-watch', 'a process that stood still says so, and for how long'),
      e2e(
        'cluster',
        'workers share connectors, answer for each other, and take over from one that leaves, is killed, or is stopped',
      ),
      e2e(
        'cluster-fencing',
        'a worker with a spool that stands still while another one takes its task over: once woken it ends the task at once, and stores no position',
      ),
    ],
    limit:
      'A minute by `npm run test:long`, seconds in `npm test`. A deadline that is noticed less than a second late counts as missed by the server.',
  },
  {
    number: 28,
    fault: 'One connector of many misbehaves, or the process may hold no more memory or open no more files',
    promise:
      'The others get everything, in order, over the connection they had; who gets none says why and tries again',
    modes: 'A B',
    tests: [
      faults(
        'feed-faults',
        'one of twenty connectors whose feed sends what is far too large does not hold up the others',
      ),
      faults(
        'open-files',
        'where files run out, connectors keep the connections they have, and the others say why and try again',
      ),
      faults(
        'memory-limit',
        'under a limit of ${mebibytes} MiB a feed of frames of 10 MB, which are ${what}, does not hold up the others',
      ),
      src('worker/worker', 'a connector that fails again and again, and one whose topic hangs, do not hold up a third'),
    ],
    limit:
      'In 128 MiB, of which an idle process uses 110, there is room for messages of 1 MiB (`websocket.message.max.bytes`); frames of 10 MB that are taken want 256. A hundred connectors in 128 MiB are too many: now and then the kernel ends the process where their metrics are read often; in full they have 192. That others are slowed down by less than a factor of two is asked for in `npm run test:long` only.',
  },
  {
    number: 29,
    fault: 'The configuration changes under load',
    promise:
      'Of a WebSocket: subscriptions are added over the connection there is, or taken out where `websocket.unsubscription.replace` says how; a message that is replaced by another one, and another topic, and what concerns the connection alone (a token, headers, TLS, timers; also where it stands in a file and only the file changes), is changed by a new connection before the old one ends, without a gap, and with a window nothing twice. Any other change starts the task anew: what had come is there once and in order, with one connection at a time',
    modes: 'A B',
    tests: [
      faults('feed-changes', 'subscriptions are added and taken out over the connection there is'),
      faults(
        'feed-changes',
        'another topic is written to from one message to the next, and over a new connection before the old one ends: no gap, nothing twice',
      ),
      faults(
        'feed-changes',
        'a secret in a file is rotated: the next connection has it, made before the old one ends; a file that is gone changes nothing',
      ),
      faults(
        'feed-changes',
        'a subscription message that is replaced by another one is replaced over the next connection: no gap, nothing twice',
      ),
      faults(
        'feed-changes',
        'a token, and whatever concerns the connection alone, is changed by a new connection before the old one ends: no gap, nothing twice',
      ),
      faults('feed-changes', 'what concerns more than connections starts the task anew, with one connection at a time'),
      faults(
        'feed-faults',
        'a configuration that is changed under load: what had come is there once and in order, with one connection at a time',
      ),
    ],
    limit:
      'A change of the URL, the queue, or what is read from messages, and any change of an event stream, closes the connection before the next one is made. Event streams go on behind the last event; what a WebSocket sends between them is a told gap where messages have numbers, and is asked for where `websocket.backfill.url` says. What stands behind a reference is looked at every ten seconds.',
  },
  {
    number: 30,
    fault: 'Two instances of the same connector',
    promise:
      'Exactly once: the older one is fenced, says so, and nothing of it is seen. At least once: it is fenced with the first batch of the newer one, and what no offset was stored for is there twice. A worker that is cut off closes its sockets by itself and writes nothing late; with a spool it does so when another worker tells it that it is cut off alone, and what it had received arrives later. Two connections on purpose (`websocket.redundant.url`) make one stream without a gap, nothing twice',
    modes: 'C E',
    tests: [
      faults(
        'feed-order',
        'two servers of one feed: each may fail, or leave out messages, and the union has each message once',
      ),
      faults('feed-order', 'one of two servers refuses for good: the feed goes on, and the status says so'),
      src('connectors/websocket-source/sequence', 'two connections to one feed'),
      src(
        'connectors/websocket-source/intake',
        'a message that a full queue refused is taken when the other server brings it, known by ${by.kind}',
      ),
      integration('exactly-once', 'a task that was replaced is fenced and says so, and what it had is not seen'),
      e2e(
        'cluster-fencing',
        'two copies of a task of a stream with ids, exactly once: one of them writes, and each event is there once',
      ),
      e2e(
        'cluster-fencing',
        'two copies of each task, at least once: the older one is refused, and of what both wrote only the beginning is there twice',
      ),
      e2e(
        'cluster-fencing',
        'a worker that is cut off from Kafka closes its sockets by itself, and what it held is not written behind the work of others',
      ),
      e2e(
        'cluster-fencing',
        'a worker with a spool that is cut off alone hears so from another one: it closes its sockets, and what it had received arrives later',
      ),
      e2e(
        'cluster-fencing',
        'a position that the network holds back until another worker has started the task is refused by Kafka',
      ),
      src(
        'worker/spool/spool-offsets',
        'without a group that could say whose the task is, the run that was replaced has failed',
      ),
      integration(
        'shared-rest',
        'two that lead: Kafka refuses the write of the older one, its answer says so, and asked again it passes the request on',
      ),
    ],
    limit:
      'A process that is stopped closes nothing while it is: its sockets stay open beside those of whoever has taken over, until it goes on.',
  },
  {
    number: 31,
    fault: 'The server ends each connection at a known age',
    promise:
      'With `websocket.connection.max.age.ms` the next connection is made, subscribed and read before the older one is closed: no gap, and with a window nothing twice. Without it the close is answered at once, and a new connection follows',
    modes: 'A B E',
    tests: [
      faults('feed-order', 'a server that ends each connection at a known age: the next one is made before, ${way}'),
      faults('feed-order', 'a successor that carries nothing is given up, and the connection there is goes on'),
      integration('websocket-refusals', '${code} is answered at once, and a new connection follows'),
      ...soaks,
    ],
  },
  {
    number: 32,
    fault: 'TLS: expired, wrong host, unknown or changed authority, TLS 1.1 only, a client certificate missing',
    promise: 'The reason is named; certificates in files are read again for each connection',
    modes: '–',
    tests: [
      integration('websocket-tls', 'a server is not trusted'),
      integration('websocket-tls', 'a client certificate'),
      integration('websocket-tls', 'a certificate that is changed on disk counts from the next connection on'),
    ],
  },
  {
    number: 33,
    fault: 'A proxy is down, wants a password, never answers, or ends what is idle for 60 s',
    promise:
      'The reason is named without the password, the attempt has a bound, and is made again. Pings go out every 15 s by default, so that a connection without messages is not idle; without them its end is a counted reconnect',
    modes: '–',
    tests: [
      integration('websocket-proxy', 'through ${kind}'),
      integration(
        'websocket-proxy',
        'a proxy that never answers ends with the connection timeout and leaves no socket',
      ),
      integration('websocket-proxy', 'a proxy that ends what is idle for 60 s'),
    ],
  },
  {
    number: 34,
    fault: 'A client of the gateway stops reading',
    promise: 'Others go on; memory is bounded; the slow one waits, is conflated, or is closed, as it asked for',
    modes: 'G H',
    tests: [
      faults(
        'gateway-slow-client',
        'one of very many clients stops reading: the others get theirs as fast as before, it costs no more than limits.queue, and is conflated, or waits and is closed 4408',
      ),
      integration(
        'gateway-limits',
        'limits.stallMs: a socket that takes no byte while data waits is closed whatever the policy, and others go on',
      ),
      integration('gateway-limits', 'limits.memory: at 100 % the connections with the largest queues are closed 1013'),
      integration(
        'gateway-limits',
        'conflate: a newer record takes the place of an unsent one of its key, and is counted',
      ),
      integration(
        'gateway-limits',
        'drop: the oldest unsent records are thrown away, a gap slow stands before the next, and every offset is accounted for',
      ),
    ],
    limit: 'A hundred clients in `npm test`, a thousand in `npm run test:long`.',
  },
  {
    number: 35,
    fault: 'The gateway restarts under its clients',
    promise: 'Each client is told its position and goes on there: nothing lost, nothing twice',
    modes: 'G',
    tests: [
      faults(
        'gateway-storm',
        'a storm: all clients of a gateway that goes, by a farewell and by kill -9, are back behind what they had, none refused, each offset once, and the log is read once for all of them',
      ),
      integration(
        'client-library',
        '${form}: over restarts and cut connections under load nothing is lost and nothing comes twice',
      ),
      integration('client-library', 'a storm: 150 clients that are ${way} at once are all back, behind what they had'),
      e2e('gateway', 'a client is told farewell with its position at SIGTERM, and goes on there with the next start'),
    ],
    limit: 'Five hundred clients in `npm test`, ten thousand in `npm run test:long`.',
    missing:
      'With ten thousand, clients and gateway on two cores with much other work, two handshakes were refused; on a machine of its own it has not been run since.',
  },
  {
    number: 36,
    fault: 'Gateway: an offset out of range, a partition added, a topic deleted, a rebalance',
    promise: 'A typed frame to the client, which can go on',
    modes: 'G',
    tests: [
      faults('gateway-faults', 'offset reset by retention: gap retention, of a slow reader and of one that comes back'),
      faults('gateway-faults', 'partitions added: repeated ok; read from their beginning'),
      faults(
        'gateway-faults',
        'topic deleted: gap deleted; with no topic left error not_found; v2 stays open; SSE gets event: gap, then event: error',
      ),
      faults(
        'gateway-kafka',
        'topic recreated on Kafka: gap recreated, then from earliest; deleted: gap deleted and not_found',
      ),
      faults(
        'gateway-kafka',
        'a rebalance of a group: a member at another gateway takes its share and leaves it again; each record comes, none twice that was acknowledged before, and nobody hears of it',
      ),
      { file: 'test/conformance/gateway.test.ts', title: 'every case of the gateway passes on the embedded broker' },
      { file: 'test/conformance/gateway-kafka.test.ts', title: 'every case of the gateway passes on a real Kafka' },
    ],
  },
  {
    number: 37,
    fault: 'A long time with random faults',
    promise: 'What had reached us is there once and in order; memory and open files stay where they are',
    modes: 'A B',
    tests: soaks,
    missing:
      'The ten minutes have not come to their end yet: the first run waited for ever for a connection of which nobody told the server of the test. That is mended, and only the short form has been run since.',
    limit:
      'Each fault once in `npm test`, ten minutes for each broker in `npm run test:long`, where a straight line through the readings of memory and open files must not rise; not a day.',
  },
  {
    number: 38,
    fault: 'Random input: frames, event streams, answers of Kafka, record batches, SQL',
    promise: 'A typed error, never a crash or a hang',
    modes: '–',
    tests: [
      src(
        'connectors/websocket-source/frame-reader',
        'any bytes end in messages or in a fault, never in another error',
      ),
      src('wire/sse/event-stream-parser', 'any stream, cut anywhere, is read as the standard says'),
      src('record/batch', 'damaged bytes give a typed error or the same records, and never hang'),
      src('broker/kafka/api/fetch', 'an answer that ends early or is damaged is a typed error'),
      src('sql/parse/parse', 'no input crashes or hangs the parser (seed ${testSeed})'),
      src('sql/parse/parse', 'a script that was damaged parses or is refused in time (seed ${testSeed})'),
      integration('gateway-fuzz', '${perReader} broken inputs: ${name} (seed ${testSeed})'),
      integration('parser-fuzz', '${inputs} broken inputs: ${name} (TEST_SEED=${testSeed})'),
    ],
    limit:
      'The broken inputs of the last test are ten thousand in `npm test` and ten million by `npm run test:long`, two million for each of its readers. Of the answers of Kafka those to Fetch and Produce, which we read ourselves, are tried; the others are read by its client library.',
  },
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: titles as they are written in the tests
