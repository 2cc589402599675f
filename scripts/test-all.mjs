// Runs test files with Node's runner, the given ones first: its command line would run them in order of their names, and the
// longest ones, begun last, would be waited for alone. `test-all.mjs LIMIT_MS FILE…`
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const [limit, ...files] = process.argv.slice(2);
/** Most of a file's time is waiting: for a Kafka to start, for a broker that was killed. */
const concurrency = 3;

const stopping = new AbortController();
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
for (const [signal, code] of Object.entries(signals)) {
  process.once(signal, () => {
    process.exitCode = code;
    stopping.abort();
  });
}
const tests = run({ files, concurrency, timeout: Number(limit), signal: stopping.signal });
tests.on('test:summary', ({ file, success }) => {
  if (file === undefined && !success) process.exitCode ??= 1;
});
tests.compose(spec).pipe(process.stdout);
