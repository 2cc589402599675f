// Loaded before each file of tests: a process that lives on when its tests are over, because one of them failed and left
// something open, would hold up the whole run for ever. It has a while, then it says what is open, and fails.
import { after } from 'node:test';

const patienceMs = Number(process.env.TEST_END_MS ?? 60_000);

after(() => {
  setTimeout(() => {
    console.error(`The tests are over, and this is still open: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit(1);
  }, patienceMs).unref();
});
